"""The documents that are named on the command line, and what their names tell about them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from fna.reports.v1.report_pb2 import (
    REPORT_TYPE_8_K,
    REPORT_TYPE_10_K,
    REPORT_TYPE_10_Q,
    REPORT_TYPE_ANNUAL,
    REPORT_TYPE_OTHER,
    ReportType,
)

SUFFIXES = (".htm", ".html", ".pdf", ".txt", ".xhtml")

_TYPES_BY_NAME = (
    (re.compile(r"10-?k(?![a-z])", re.IGNORECASE), REPORT_TYPE_10_K),
    (re.compile(r"10-?q(?![a-z])", re.IGNORECASE), REPORT_TYPE_10_Q),
    (re.compile(r"8-?k(?![a-z])", re.IGNORECASE), REPORT_TYPE_8_K),
    (re.compile(r"(annual|20-?f|40-?f)(?![a-z])", re.IGNORECASE), REPORT_TYPE_ANNUAL),
)


class NoDocumentsError(Exception):
    """A path that was named has nothing to upload; the text says which and why."""


def find_documents(paths: Sequence[Path]) -> list[Path]:
    """Return the documents in the order of the arguments: files as named, those of a folder sorted, with its folders.

    Of a folder only documents count: by `SUFFIXES`, hidden files and folders left out. A file that is named twice
    counts once.

    Raises: `NoDocumentsError`.
    """
    return list(dict.fromkeys(document for path in paths for document in _documents_at(path)))


def guess_report_type(path: Path) -> ReportType.ValueType:
    """Return the type that the beginning of a file's name tells: `10k_apple_2022.pdf` is a 10-K. Else it is OTHER."""
    return next((kind for pattern, kind in _TYPES_BY_NAME if pattern.match(path.name)), REPORT_TYPE_OTHER)


def _documents_at(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise NoDocumentsError(f"{path}: there is no such file or folder")
    found = sorted(file for file in path.rglob("*") if _is_document(file.relative_to(path), file))
    if not found:
        raise NoDocumentsError(f"{path}: the folder has no document ({', '.join(SUFFIXES)})")
    yield from found


def _is_document(name: Path, file: Path) -> bool:
    return name.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in name.parts) and file.is_file()
