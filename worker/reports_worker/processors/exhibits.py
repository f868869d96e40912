"""The documents that one file holds: a form up to its signatures, and the exhibits and releases behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MAX_LABEL = 40
_LABEL_WITHIN = 3  # paragraphs at the start of a file that is an exhibit
_SIGNED_WITHIN = 4  # paragraphs after the heading of the signatures
_MAX_OPENING = 60  # paragraphs of an exhibit or release within which its dateline stands
_MAX_LABELS = 6  # paragraphs between the label of an exhibit and its title
_RELEASE_WITHIN = 14  # paragraphs between the head of a release and its dateline
_MAX_HEADLINE = 230
_MAX_HEADLINES = 4

_SIGNATURES = re.compile(r"(?:.{0,300}\s)?(?:SIGNATURES?|Signatures?)(?: pages?)?\W{0,3}", re.DOTALL)
_SIGNED = re.compile(
    r"pursuant to the requirements? of|.{0,200}\bduly caused this|/s/|.{0,100}hereby certifies|dated?\b|by:"
    r"|.{0,200}hereunto",
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
_WIRE = r"[(/]{1,2}(?:BUSINESS WIRE|PR ?NEWSWIRE|GLOBE ?NEWSWIRE|MARKETWIRE)"
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
_MIN_RELEASE = 100


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


def divide(lines: Sequence[str]) -> Iterator[Part]:
    """Yield the parts of a file in their order; signatures belong to none."""
    first, exhibit, signed = 0, 0, False
    for position, line in enumerate(lines):
        if not exhibit and _are_signatures(lines, position):  # an agreement goes on behind its own signatures
            yield from _part(first, position, exhibit, signed)
            first, signed = position + 1, True
        elif signed or exhibit or position < _LABEL_WITHIN:
            number = _exhibit(line)
            if number and number != exhibit:
                yield from _part(first, position, exhibit, signed)
                first, exhibit, signed = position, number, False
    yield from _part(first, len(lines), exhibit, signed)


def headline(lines: Sequence[str], part: Part) -> tuple[int, int] | None:
    """Return the position and the number of the paragraphs of a release's or an exhibit's headline."""
    opening = range(part.first, min(part.end, part.first + _MAX_OPENING))
    dateline = next((at for at in opening if _is_dateline(lines[at])), None)
    if dateline is not None:
        above = range(dateline - 1, max(part.first, dateline - _RELEASE_WITHIN) - 1, -1)
        last = next((at for at in above if _may_be_headline(lines[at])), None)
        if last is not None:
            first = last
            while (
                first > part.first and last - first + 1 < _MAX_HEADLINES and _go_together(lines[first - 1], lines[last])
            ):
                first -= 1
            return first, last - first + 1
    if not part.exhibit:
        return None
    below = range(part.first + 1, min(part.end, part.first + _MAX_LABELS))
    first = next((at for at in below if _may_be_headline(lines[at])), part.first)
    last = first
    while last + 1 < part.end and last - first + 1 < _MAX_HEADLINES and _go_together(lines[first], lines[last + 1]):
        last += 1
    return first, last - first + 1


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
    return any(_SIGNED.match(following) for following in lines[position + 1 : position + 1 + _SIGNED_WITHIN])


def _is_dateline(line: str) -> bool:
    return len(line) >= _MIN_RELEASE and _DATELINE.match(line) is not None


def _may_be_headline(line: str) -> bool:
    if len(line) > _MAX_HEADLINE or _BULLET.match(line) or _HEAD_LINE.match(line) or _COMPANY.fullmatch(line):
        return False
    return _LETTERS.search(line) is not None and not line.endswith((";", ",", ":"))


def _go_together(line: str, other: str) -> bool:
    """Tell whether two paragraphs are lines of one headline in capitals."""
    return line.isupper() and other.isupper() and _may_be_headline(line) and _may_be_headline(other)
