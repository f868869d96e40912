"""EDGAR full submissions: one text file that holds a filing's documents one after another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

from reports_worker.processors import errors, forms

_MAX_DOCUMENTS = 1_000

_DOCUMENT = re.compile(r"(?:^[ \t]*|</TEXT>|</DOCUMENT>)<DOCUMENT>[ \t]*$", re.MULTILINE)
_TYPE = re.compile(r"^[ \t]*<TYPE>[ \t]*(\S+)", re.MULTILINE)
_TEXT_START = re.compile(r"^[ \t]*<TEXT>[ \t]*\n?", re.MULTILINE)
_TEXT_END = re.compile(r"^[ \t]*</TEXT>", re.MULTILINE)
_HEADER_END = re.compile(r"^</(?:SEC|IMS)-HEADER>", re.MULTILINE)
# Lines of such a part have no small letters, so prose ends one that its last line does not.
_UUENCODED = re.compile(r"^begin [0-7]{3} [^\n]*+\n(?:[ -`]{1,62}\n)++(?:end\b[^\n]*+)?+", re.MULTILINE)
_NOT_TEXT = re.compile(r"\A\s*(?:begin [0-7]{3} |<PDF>)")
_DATA_TYPES = re.compile(r"\A(?:GRAPHIC|ZIP|EXCEL|XML|JSON|PDF|COVER|EX-(?:27|10[0-9])(?:\.|\Z))", re.IGNORECASE)
_EXHIBIT = re.compile(r"\AEX-(?P<number>\d{1,3})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One document of a submission."""

    type: str
    """As the submission says: `10-K`, `EX-99.1`. Empty when the file is no submission."""
    text: str

    @property
    def exhibit(self) -> bool:
        return _EXHIBIT.match(self.type) is not None

    @property
    def is_told(self) -> bool:
        """False for exhibits that are not the company's account of itself."""
        exhibit = _EXHIBIT.match(self.type)
        return exhibit is None or int(exhibit["number"] or 0) in forms.NARRATIVE_EXHIBITS


@dataclass(frozen=True, slots=True)
class Submission:
    """The documents that hold a report's narrative, and the types of the exhibits left out."""

    parts: tuple[Part, ...]
    left_out: tuple[str, ...]


def split(text: str) -> Submission:
    """Return the narrative documents of `text`, whose lines end with a line feed alone.

    A text that is no submission is its own only part.

    Graphics, data files and uuencoded documents hold no text. Agreements, certifications and consents hold text
    that is not the company's account of itself: they are left out and named.
    """
    found = _DOCUMENT.finditer(text) if "<DOCUMENT>" in text else ()
    matches = list(islice(found, _MAX_DOCUMENTS + 1))
    starts = [match.end() for match in matches]
    if len(starts) > _MAX_DOCUMENTS:
        raise errors.limit_exceeded(f"more than {_MAX_DOCUMENTS:,} documents inside")
    if not starts:
        header = _HEADER_END.search(text) if "-HEADER>" in text else None
        return Submission((Part("", _without_data(text[header.end() :] if header else text)),), ())
    ends = [*(match.start() for match in matches[1:]), len(text)]
    documents = [_part(text[start:end]) for start, end in zip(starts, ends, strict=True)]
    readable = [part for part in documents if not _DATA_TYPES.match(part.type) and not _NOT_TEXT.match(part.text)]
    kept = tuple(part for part in readable if part.is_told)
    if not kept:
        return Submission(tuple(readable), ())
    return Submission(kept, tuple(part.type for part in readable if not part.is_told))


def _part(document: str) -> Part:
    kind = _TYPE.search(document)
    start = _TEXT_START.search(document)
    body = document[start.end() if start else 0 :]
    ends = [match.start() for match in _TEXT_END.finditer(body)]
    text = _unwrapped(body[: ends[-1]] if ends else body)
    return Part(kind[1].upper() if kind else "", text if _NOT_TEXT.match(text) else _without_data(text))


def _without_data(text: str) -> str:
    """Leave out what is uuencoded; to look for the word first takes a hundredth of the pattern's time."""
    return _UUENCODED.sub("", text) if "begin " in text else text


def _unwrapped(body: str) -> str:
    body = body.strip()
    for tag in ("XBRL", "XML"):
        body = body.removeprefix(f"<{tag}>").removesuffix(f"</{tag}>").strip()
    return body
