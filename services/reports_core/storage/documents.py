"""The content of reports as files named by their digest; a partial file is never visible under its name."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self


class DocumentStoreError(Exception):
    """The folder cannot be written to; the text says why. Nothing was stored, the call may be repeated."""


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DocumentStoreError(f"the document folder {folder} cannot be written to: {error.strerror}") from error


class DocumentStore:
    """A folder that services and workers share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> NewDocument:
        """Return a document to write to; the folder is made when it is missing."""
        with _explained(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            return NewDocument(self._folder)

    def read(self, content_sha256: str) -> bytes:
        """Return the whole content. Raises FileNotFoundError."""
        return _path(self._folder, content_sha256).read_bytes()


class NewDocument:
    """A document that is being written; it exists under its digest once `keep` has returned, or not at all.

    Use it as a context manager: what was not kept is deleted.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".upload-")
        self._file = os.fdopen(descriptor, "wb")
        self._temporary = Path(name)
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

    def discard(self) -> None:
        """Delete what was not kept."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Append a piece of the content. Raises DocumentStoreError."""
        with _explained(self._folder):
            self._file.write(chunk)
        self._digest.update(chunk)
        self.size_bytes += len(chunk)
        if len(self.head) < _HEAD_BYTES:
            self.head += chunk[: _HEAD_BYTES - len(self.head)]

    def keep(self) -> None:
        """Make the document durable and visible under its digest; the same content is stored once.

        Raises DocumentStoreError.
        """
        target = _path(self._folder, self.sha256)
        with _explained(self._folder):
            self._file.flush()
            os.fsync(self._file.fileno())
            target.parent.mkdir(exist_ok=True)
            # Readable for a worker that runs as another user of the folder's group; mkstemp makes it private.
            self._temporary.chmod(0o640)
            self._temporary.replace(target)
            _sync_folder(target.parent)
            _sync_folder(self._folder)


_HEAD_BYTES = 16384


def _path(folder: Path, content_sha256: str) -> Path:
    return folder / content_sha256[:2] / content_sha256


def _sync_folder(folder: Path) -> None:
    """Make the new name durable too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
