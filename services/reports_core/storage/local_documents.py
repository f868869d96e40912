"""Documents in a folder of this machine, or one that several machines have mounted."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reports_core.storage.documents import DocumentStore, DocumentsUnavailable, NewDocument

_PREFIX = ".upload-"
_ABANDONED_SECONDS = 24 * 3600.0
_SWEEP_SECONDS = 3600.0


class LocalDocuments(DocumentStore):
    """A folder, which is made when it is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._swept_at: float | None = None

    def __str__(self) -> str:
        return f"the document folder {self._folder}"

    def open(self) -> NewDocument:
        with _explained(self):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            return _LocalDocument(self, self._folder)

    def _content(self, name: str) -> bytes:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise DocumentsUnavailable(f"{self} cannot be read: {error.strerror}") from error

    def _sweep(self) -> None:
        """Delete what killed processes left behind; an upload in progress is written to more often than that."""
        now = time.monotonic()
        if self._swept_at is not None and now - self._swept_at < _SWEEP_SECONDS:
            return
        self._swept_at = now
        oldest = time.time() - _ABANDONED_SECONDS
        for path in self._folder.glob(f"{_PREFIX}*"):
            # Another process sweeps too, or has just kept its document.
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()


class _LocalDocument(NewDocument):
    """A file in the folder itself, so that a rename makes it visible at once and whole."""

    def __init__(self, store: LocalDocuments, folder: Path) -> None:
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=_PREFIX)
        super().__init__(os.fdopen(descriptor, "wb"))
        self._store = store
        self._folder = folder
        self._temporary = Path(name)

    def discard(self) -> None:
        # What is still buffered has nowhere to go on a full disk.
        with contextlib.suppress(OSError):
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def keep(self) -> None:
        # Also when the same content is there already: this heals one that was damaged.
        target = self._folder / self.name
        with _explained(self._store):
            self._file.flush()
            os.fsync(self._file.fileno())
            target.parent.mkdir(exist_ok=True)
            # Readable for a worker that runs as another user of the folder's group; mkstemp makes it private.
            self._temporary.chmod(0o640)
            self._temporary.replace(target)
            _sync_folder(target.parent)
            _sync_folder(self._folder)

    def _append(self, chunk: bytes) -> None:
        with _explained(self._store):
            self._file.write(chunk)


@contextmanager
def _explained(store: LocalDocuments) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DocumentsUnavailable(f"{store} cannot be written to: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    """Make the new name durable too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
