"""The documents that mutations start from."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_SAMPLES = ROOT / "services/reports_dev/samples"
_FILINGS = ROOT.parent / "shared/filings"


def documents() -> list[bytes]:
    """Return the samples, and the real and the hostile filings where they are beside the repository."""
    files = [path for folder in (_SAMPLES, _FILINGS, _FILINGS / "hostile") for path in sorted(folder.glob("*.*"))]
    return [path.read_bytes() for path in files if path.suffix not in {".csv", ".json", ".md"}]
