"""The document store at a location."""

from __future__ import annotations

from pathlib import Path

from reports_core.locations import Location
from reports_core.storage.documents import DocumentStore
from reports_core.storage.local_documents import LocalDocuments
from reports_core.storage.remote_documents import RemoteDocuments


def document_store(where: Location) -> DocumentStore:
    """Return the store; reaches nothing yet."""
    return LocalDocuments(where) if isinstance(where, Path) else RemoteDocuments(where)
