"""Small documents for the tests of the processors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from reports_core.domain.analysis import ReportAnalysis
from reports_worker.processors import analyse

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "services/reports_dev/samples"

PROSE = (
    "The company sold more machines than in the year before, and its customers paid sooner. "
    "The plant in the valley ran without interruption, and the people who work there were trained on new lathes. "
)


class Sample(TypedDict):
    """One entry of the manifest."""

    file: str
    company: str
    report_type: str
    fiscal_period: str
    filing_date: str
    title: str


def samples() -> list[Sample]:
    entries: list[Sample] = json.loads((SAMPLES / "manifest.json").read_text(encoding="utf-8"))
    return entries


def analysed(content: str | bytes, report_type: str = "OTHER") -> ReportAnalysis:
    """Analyse `content`; nobody follows the steps."""
    raw = content.encode() if isinstance(content, str) else content
    return analyse(raw, report_type, lambda step, fraction: None).analysis


def sample(name: str) -> ReportAnalysis:
    """Analyse the sample whose file's name starts with `name`."""
    (entry,) = (entry for entry in samples() if entry["file"].startswith(name))
    return analysed((SAMPLES / entry["file"]).read_bytes(), entry["report_type"])


def page(body: str, head: str = "") -> str:
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>"


def pdf(pages: Sequence[Sequence[str]], trailer: str = "", extra: str = "") -> bytes:
    """Return a PDF with a line of text for each string; `extra` objects start with number 5."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        extra or "null",
    ]
    kids: list[str] = []
    for lines in pages:
        shown = "".join(f"BT /F 10 Tf 40 {740 - 12 * row} Td ({line}) Tj ET\n" for row, line in enumerate(lines))
        content = f"q 100 0 0 100 40 40 cm /X Do Q\n{shown}"
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}endstream")
        resources = "<< /Font << /F 3 0 R >> /XObject << /X 4 0 R >> >>"
        box = "/MediaBox [0 0 612 792]"
        objects.append(f"<< /Type /Page /Parent 2 0 R {box} /Resources {resources} /Contents {len(objects)} 0 R >>")
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(kids)}] >>"
    return _file(objects, trailer)


def _file(objects: Sequence[str], trailer: str) -> bytes:
    written = bytearray(b"%PDF-1.4\n")
    offsets: list[int] = []
    for number, definition in enumerate(objects, 1):
        offsets.append(len(written))
        written += f"{number} 0 obj\n{definition}\nendobj\n".encode("latin-1")
    start = len(written)
    written += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    written += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    written += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(written)
