"""The documents that mutations start from."""

from __future__ import annotations

from pathlib import Path

from tests.support import hostile, office

ROOT = Path(__file__).resolve().parents[1]
_SAMPLES = ROOT / "services/reports_dev/samples"
_FILINGS = ROOT.parent / "shared/filings"


def documents() -> list[bytes]:
    """Return what is made for tests and the samples, and the filings where they are beside the repository."""
    files = [path for folder in (_SAMPLES, _FILINGS, _FILINGS / "hostile") for path in sorted(folder.glob("*.*"))]
    read = [path.read_bytes() for path in files if path.suffix not in {".csv", ".json", ".md"}]
    return read + made()


def made() -> list[bytes]:
    """Return small documents of every kind, many of them hostile."""
    word = office.docx_of([hostile.PROSE, "Risk Factors", "Sales\t1,200\t900", hostile.PROSE])
    return [*hostile.small(), word]
