"""A user's own copy of the Loughran-McDonald master dictionary, which is never part of this product."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

_WORD = "Word"
_CATEGORIES = ("Negative", "Positive", "Uncertainty", "Litigious", "Strong_Modal", "Weak_Modal", "Constraining")
_CHECKED_ROWS = 100


@dataclass(frozen=True, slots=True)
class Word:
    """The categories that a word is a member of."""

    negative: bool
    positive: bool
    uncertainty: bool
    litigious: bool
    strong_modal: bool
    weak_modal: bool
    constraining: bool


def check(path: Path) -> Path:
    """Return `path`; raise ValueError for a file that is missing or of another form, by its first rows."""
    with _opened(path) as file:
        if not any(True for _ in itertools.islice(_rows(file, path), _CHECKED_ROWS)):
            raise ValueError(f"{path} lists no words")
    return path


def read(path: Path) -> Mapping[str, Word]:
    """Return the words, in lower case, that are members of a category; raise ValueError as `check` does."""
    with _opened(path) as file:
        words = dict(_rows(file, path))
    members = {text: word for text, word in words.items() if word != _NO_MEMBER}
    if not members:
        raise ValueError(f"{path} puts no word into a category")
    return members


_NO_MEMBER = Word(*(False for _ in _CATEGORIES))
_NO_YEARS = ["0" for _ in _CATEGORIES]


def _opened(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", newline="", errors="strict")
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error


def _rows(file: TextIO, path: Path) -> Iterator[tuple[str, Word]]:
    reader = csv.reader(file)
    try:
        header = next(reader, [])
        missing = [name for name in (_WORD, *_CATEGORIES) if name not in header]
        if missing:
            names = ", ".join(missing)
            raise ValueError(f"{path} is no Loughran-McDonald master dictionary in CSV: it has no column {names}")
        columns = [header.index(name) for name in (_WORD, *_CATEGORIES)]
        for row in reader:
            yield _entry(row, columns, f"{path}, line {reader.line_num}")
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no CSV file in UTF-8: {error}") from error


def _entry(row: Sequence[str], columns: Sequence[int], place: str) -> tuple[str, Word]:
    """Return a word; the year when it joined a category makes it a member, a negative one, when it left, does not."""
    if len(row) <= max(columns):
        raise ValueError(f"{place}: the row has only {len(row)} columns")
    text, *years = (row[column] for column in columns)
    if not text.isalpha():
        raise ValueError(f"{place}: {text!r} is no word")
    if years == _NO_YEARS:
        return text.lower(), _NO_MEMBER
    try:
        return text.lower(), Word(*(int(year) > 0 for year in years))
    except ValueError as error:
        raise ValueError(f"{place}: a category of {text!r} is neither a year nor 0") from error
