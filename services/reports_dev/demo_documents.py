"""The documents that a demo analyses: the samples of the project, or the user's files and folders."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fna.reports.cli.documents import SUFFIXES, NoDocumentsError, guess_report_type
from fna.reports.v1.report_pb2 import ReportType

_SAMPLES = Path(__file__).with_name("samples")
# All of the user's documents: the name of a file does not tell whose report it is.
_COMPANY_OF_USER = "FNA Reports demo"


@dataclass(frozen=True, slots=True)
class DemoDocument:
    """A file, and what is known about the report in it."""

    path: Path
    company: str
    report_type: ReportType.ValueType
    title: str = ""
    fiscal_period: str = ""
    filing_date: str = ""


def samples() -> list[DemoDocument]:
    """Return the sample reports of the project."""
    return [
        DemoDocument(
            path=_SAMPLES / entry["file"],
            company=entry["company"],
            report_type=ReportType.Value(f"REPORT_TYPE_{entry['report_type']}"),
            title=entry["title"],
            fiscal_period=entry["fiscal_period"],
            filing_date=entry["filing_date"],
        )
        for entry in json.loads((_SAMPLES / "manifest.json").read_text(encoding="utf-8"))
    ]


def documents_of_user(paths: Sequence[Path]) -> list[DemoDocument]:
    """Return files as named and the documents at the top of folders, sorted; one that is named twice counts once.

    Raises: `NoDocumentsError`.
    """
    found = dict.fromkeys(file for path in paths for file in _files_at(path))
    return [DemoDocument(file, _COMPANY_OF_USER, guess_report_type(file)) for file in found]


def _files_at(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise NoDocumentsError(f"{path}: there is no such file or folder")
    found = sorted(file for file in path.iterdir() if _is_document(file))
    if not found:
        raise NoDocumentsError(f"{path}: the top of the folder has no document ({', '.join(SUFFIXES)})")
    yield from found


def _is_document(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()
