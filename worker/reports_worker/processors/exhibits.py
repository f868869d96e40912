"""The documents that one file holds: a form up to its signatures, and the exhibits and releases behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MAX_LABEL = 40
_LABEL_WITHIN = 3  # paragraphs at the start of a file that is an exhibit
_SIGNED_WITHIN = 4  # paragraphs after the heading of the signatures
_MAX_SIGNERS = 60  # paragraphs of names behind it, before a release
_MAX_LABELS = 25  # paragraphs between the label of an exhibit and its text
_MIN_HEADLINE = 15
_MAX_HEADLINE = 230
_MAX_HEADLINES = 4
_PROSE = 100  # characters

_SIGNATURES = re.compile(r"(?:.{0,300}\s)?(?:SIGNATURES?|Signatures?)(?: pages?)?\W{0,3}", re.DOTALL)
_TEXT_BEFORE = re.compile(r".{20,}\s(?:SIGNATURES?|Signatures?)\b", re.DOTALL)
_SIGNED = re.compile(
    r"pursuant to the requirements? of|.{0,200}\bduly caused this|/s/|.{0,100}hereby certifies|dated?\b|by:"
    r"|.{0,200}hereunto|this (?:report|form) has been signed",
    re.IGNORECASE | re.DOTALL,
)
_DULY_CAUSED = re.compile(
    r"pursuant to the requirements? of .{0,400}\b(?:duly caused|signed)", re.IGNORECASE | re.DOTALL
)
_EXHIBIT = re.compile(
    r"ex(?:hibit)?[\s.-]+(?:no\.?\s?)?\(?(?P<number>\d{1,3})\)?(?:[.(-]\d+\)?)*[a-z]?\W{0,4}", re.IGNORECASE
)
_PLACE = r"[A-Z][A-Za-z.'’-]{1,20}(?: [A-Z][A-Za-z.'’-]{1,20}){0,3}"
_CAPITALS = r"[A-Z][A-Z.'’-]{1,20}(?: [A-Z][A-Z.'’-]{1,20}){0,3}"
_STATE = r"(?:, ?\(?(?:[A-Z][A-Za-z]{1,12}\.?|[A-Z]\.[A-Z]\.)(?: [A-Z][a-z]+)?\)?){0,2}"
_DATE = r"[(\[]?[A-Z][a-z]{2,8}\.? \d{1,2},? \d{4}[)\]]?"
_WIRE = r"[(/]{1,2}(?i:BUSINESS WIRE|PR ?NEWSWIRE|GLOBE ?NEWSWIRE|MARKETWIRE)"
_DASH = r" ?[–—―-]{1,2} ?"
_DATELINE = re.compile(
    rf"(?:{_PLACE}{_STATE},? ?{_DATE},? ?(?:{_DASH}|{_WIRE}|:)|{_PLACE}{_STATE},?(?: |{_DASH}){_WIRE}"
    rf"|{_CAPITALS}{_STATE}{_DASH}[A-Z“\"(])"
)
_HEAD_LINE = re.compile(
    r"(?:for )?(?:immediate )?release\b|(?:news|press|earnings|media) release|contacts?\b|media\b|investors?\b.*@|.*@"
    r"|phone|fax|tel|www\.|https?:|p\.?o\.? box|\(?\d{3}\)?[ .-]\d{3}|page \d|date[d:]?\b|exhibits?\b|news\W*$"
    r"|(?:january|february|march|april|may|june|july|august|september|october|november|december)\s+\d{1,2},?\s+\d{4}\W*$"
    r"|\d{1,2}/\d{1,2}/\d{2,4}",
    re.IGNORECASE,
)
_BULLET = re.compile(r"[•●▪■◦‣∙·*]|[-–—]\s")
_COMPANY = re.compile(
    r".{2,50}\b(?:inc|incorporated|corp|corporation|ltd|limited|plc|llc|company|n\.?v|s\.?a|a\.?g)\W*", re.IGNORECASE
)
_LETTERS = re.compile(r"[A-Za-z]{3}")


@dataclass(frozen=True, slots=True)
class Part:
    """One document of a file: the form, an exhibit, or what follows signatures."""

    first: int
    end: int
    """The position behind the last paragraph, that of the signatures' heading where it has one."""
    exhibit: int = 0
    """The number of the exhibit; 0 for the form and what follows it."""
    signed: bool = False
    """True for what follows signatures without being an exhibit."""


@dataclass(frozen=True, slots=True)
class Headline:
    """Where the headline of a release or the title of an exhibit stands."""

    position: int
    paragraphs: int
    text: str
    rest: str = ""
    """What follows it in the same paragraph."""


def divide(lines: Sequence[str]) -> Iterator[Part]:
    """Yield the parts of a file in their order; signatures belong to none."""
    first, exhibit, signed = 0, 0, False
    for position, line in enumerate(lines):
        if not exhibit and _are_signatures(lines, position):  # an agreement goes on behind its own signatures
            end = position + 1 if _TEXT_BEFORE.match(line) else position
            yield from _part(first, end, exhibit, signed)
            first, signed = position + 1, True
        elif signed or exhibit or position < _LABEL_WITHIN:
            number = _exhibit(line)
            if number and number != exhibit:
                yield from _part(first, position, exhibit, signed)
                first, exhibit, signed = position, number, False
    yield from _part(first, len(lines), exhibit, signed)


def headline(lines: Sequence[str], part: Part) -> Headline | None:
    """Return the headline of a release, which stands above its dateline, or the title below an exhibit's label."""
    first = part.first + 1 if part.exhibit else part.first
    opening = range(first, min(part.end, first + (_MAX_SIGNERS if part.signed else _MAX_LABELS)))
    prose = next((at for at in opening if _is_prose(lines[at], part)), None)
    above = _above(lines, first, prose) if prose is not None else None
    if above is None and part.exhibit:
        above = _below_label(lines, part, prose if prose is not None else opening.stop)
    if above is None and prose is not None:
        above = _run_in(lines[prose], prose)
    return above or (_joined(lines, part.first, part.first) if part.exhibit else None)


def _below_label(lines: Sequence[str], part: Part, end: int) -> Headline | None:
    first = next((at for at in range(part.first + 1, end) if _may_be_headline(lines[at])), None)
    if first is None:
        return None
    last = first
    while last + 1 < end and last - first + 1 < _MAX_HEADLINES and _go_together(lines[first], lines[last + 1]):
        last += 1
    return _joined(lines, first, last)


def _above(lines: Sequence[str], first: int, dateline: int) -> Headline | None:
    if not _DATELINE.match(lines[dateline]):
        return None
    above = range(dateline - 1, first - 1, -1)
    last = next((at for at in above if _may_be_headline(lines[at])), None)
    if last is None:
        return None
    start = last
    while start > first and last - start + 1 < _MAX_HEADLINES and _go_together(lines[start - 1], lines[last]):
        start -= 1
    return _joined(lines, start, last)


def _run_in(line: str, position: int) -> Headline | None:
    """Return the headline that a dateline follows in the same paragraph."""
    dateline = _DATELINE.search(line, _MIN_HEADLINE, _MAX_HEADLINE)
    if dateline is None:
        return None
    return Headline(position, 1, line[: dateline.start()].strip(), line[dateline.start() :])


def _joined(lines: Sequence[str], first: int, last: int) -> Headline:
    text = " ".join(" ".join(lines[first : last + 1]).split())
    return Headline(first, last - first + 1, text)


def _is_prose(line: str, part: Part) -> bool:
    """Tell whether the text of a part begins here; what stands behind signatures must be a release to have one."""
    if len(line) < _PROSE or _HEAD_LINE.match(line) or _BULLET.match(line):
        return False
    return not part.signed or _DATELINE.match(line) is not None


def _part(first: int, end: int, exhibit: int, signed: bool) -> Iterator[Part]:
    if first < end:
        yield Part(first, end, exhibit, signed)


def _exhibit(line: str) -> int:
    match = _EXHIBIT.fullmatch(line) if len(line) < _MAX_LABEL else None
    return int(match["number"]) if match else 0


def _are_signatures(lines: Sequence[str], position: int) -> bool:
    line = lines[position]
    if _DULY_CAUSED.match(line):
        return True
    if _SIGNATURES.fullmatch(line) is None:
        return False
    followers = lines[position + 1 : position + 1 + _SIGNED_WITHIN]
    return any(_SIGNED.match(following) or _exhibit(following) for following in followers)


def _may_be_headline(line: str) -> bool:
    if len(line) > _MAX_HEADLINE or _BULLET.match(line) or _HEAD_LINE.match(line) or _COMPANY.fullmatch(line):
        return False
    return _LETTERS.search(line) is not None and not line.endswith((";", ",", ":"))


def _go_together(line: str, other: str) -> bool:
    """Tell whether two paragraphs are lines of one headline in capitals."""
    return line.isupper() and other.isupper() and _may_be_headline(line) and _may_be_headline(other)
