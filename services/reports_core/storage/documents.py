"""The content of reports, kept under its digest: whole and verified, or not at all.

DocumentStoreError
├── DocumentsUnavailable
├── DocumentMissing
└── DocumentDamaged
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from types import TracebackType
from typing import BinaryIO, ClassVar, Self

_HEAD_BYTES = 16384


class DocumentStoreError(Exception):
    """The store cannot give or take a document; the text names place and remedy, `reason` is stable."""

    reason: ClassVar[str]
    retryable: ClassVar[bool]


class DocumentsUnavailable(DocumentStoreError):
    """The store is out of reach, full or denies access. Nothing was stored, the call may be repeated."""

    reason = "DOCUMENT_STORE_UNAVAILABLE"
    retryable = True


class DocumentMissing(DocumentStoreError):
    """There is no such document; a shared folder may show it later."""

    reason = "CONTENT_MISSING"
    retryable = True

    def __init__(self, content_sha256: str, place: str) -> None:
        super().__init__(
            f"There is no content {content_sha256} in {place}. Check that FNA_REPORTS_DOCUMENTS_URL is the same for "
            "services and workers, then retry the batch."
        )


class DocumentDamaged(DocumentStoreError):
    """What is stored under a digest has another one. Reading it again would give the same."""

    reason = "CONTENT_DAMAGED"
    retryable = False

    def __init__(self, content_sha256: str, place: str) -> None:
        super().__init__(
            f"What {place} holds as {content_sha256} is not what was uploaded: its digest is another one. Delete it "
            "there, upload the document again, then retry the batch."
        )


class DocumentStore(ABC):
    """A place that services and workers share."""

    @abstractmethod
    def open(self) -> NewDocument:
        """Return a document to write to. Raises DocumentsUnavailable."""

    def read(self, content_sha256: str) -> bytes:
        """Return the whole content.

        Raises DocumentMissing, DocumentsUnavailable, and DocumentDamaged for content that is not that of the digest.
        """
        try:
            content = self._content(name_of(content_sha256))
        except FileNotFoundError:
            raise DocumentMissing(content_sha256, str(self)) from None
        if hashlib.sha256(content).hexdigest() != content_sha256:
            raise DocumentDamaged(content_sha256, str(self))
        return content

    @abstractmethod
    def _content(self, name: str) -> bytes:
        """Return the content of a file of the store. Raises FileNotFoundError, DocumentsUnavailable."""

    @abstractmethod
    def __str__(self) -> str:
        """Return the place, without credentials."""


class NewDocument(ABC):
    """A document that is being written; it exists under its digest once `keep` has returned, or not at all.

    Use it as a context manager: what was not kept is deleted. It may be left while `keep` runs in another thread.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size_bytes = 0
        self.head = b""
        """The first bytes of the content, enough to tell its type."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.discard()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    @property
    def name(self) -> str:
        """What the store calls it."""
        return name_of(self.sha256)

    def write(self, chunk: bytes) -> None:
        """Append a piece of the content. Raises DocumentsUnavailable."""
        self._append(chunk)
        self._digest.update(chunk)
        self.size_bytes += len(chunk)
        if len(self.head) < _HEAD_BYTES:
            self.head += chunk[: _HEAD_BYTES - len(self.head)]

    @abstractmethod
    def keep(self) -> None:
        """Make the document durable and visible under its digest; the same content is stored once.

        Raises DocumentsUnavailable.
        """

    @abstractmethod
    def discard(self) -> None:
        """Delete what was not kept."""

    @abstractmethod
    def _append(self, chunk: bytes) -> None:
        """Write to the file. Raises DocumentsUnavailable."""


def name_of(content_sha256: str) -> str:
    """Return the path of a document within its store; all kinds of store have the same, so they can be copied."""
    return f"{content_sha256[:2]}/{content_sha256}"
