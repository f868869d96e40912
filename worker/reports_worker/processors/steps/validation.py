"""VALIDATION: what kind of content it is, and whether it can be analysed at all."""

from __future__ import annotations

from reports_worker.processors import documents
from reports_worker.processors.documents import Content


def run(content: bytes) -> Content:
    """Return the content with its kind, which follows from the content alone. Raises DocumentError."""
    return documents.validate(content)
