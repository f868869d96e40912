"""Documents in an object store, or any other file system that fsspec reaches.

The digest is known when the last byte has come, so a document waits in a temporary file of this machine that has no
name, and is sent when it is verified. The alternative, to send it under another name at once and to move it, would
leave that object behind when the process is killed, and a move within an object store is a copy.

It is sent as fsspec's transactions do it: pieces first, then one commit that makes all visible. Object stores complete
an upload of several parts, file servers rename a temporary file.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from fsspec import AbstractFileSystem

from reports_core.locations import RemoteUrl
from reports_core.storage.documents import DocumentStore, DocumentsUnavailable, NewDocument
from reports_core.storage.remote_place import RemotePlace

_PART_BYTES = 5 * 1024 * 1024
"""The smallest part that S3 takes; a few of them are in memory at once."""
_PIECE_BYTES = 1024 * 1024


class RemoteDocuments(DocumentStore):
    """A bucket or folder that exists, and whatever prefix in it."""

    def __init__(self, url: RemoteUrl) -> None:
        self._place = RemotePlace("the document store", url)

    def __str__(self) -> str:
        return str(self._place)

    def open(self) -> NewDocument:
        with _spooling():
            return _RemoteDocument(self._place, tempfile.TemporaryFile())

    def _content(self, name: str) -> bytes:
        def read(files: AbstractFileSystem, root: str) -> bytes:
            content: bytes = files.cat_file(f"{root}/{name}")
            return content

        return self._place.run("read", read)


class _RemoteDocument(NewDocument):
    """A file without a name, which the system deletes however this process ends."""

    def __init__(self, place: RemotePlace, file: BinaryIO) -> None:
        super().__init__(file)
        self._place = place

    def discard(self) -> None:
        # What is still buffered has nowhere to go on a full disk.
        with contextlib.suppress(OSError):
            self._file.close()

    def keep(self) -> None:
        try:
            self._place.run("written to", self._store)
        except FileNotFoundError:
            raise DocumentsUnavailable(
                f"{self._place} cannot be written to: there is no such bucket or folder; make it, or correct "
                "FNA_REPORTS_DOCUMENTS_URL"
            ) from None

    def _append(self, chunk: bytes) -> None:
        with _spooling():
            self._file.write(chunk)

    def _store(self, files: AbstractFileSystem, root: str) -> None:
        path = f"{root}/{self.name}"
        if _size(files, path) == self.size_bytes:
            return
        try:
            self._send(files, path)
        except FileNotFoundError:
            # Where folders are real, this one is not there yet. Its parent is the operator's: a bucket or folder that
            # is misspelt must not be made.
            with contextlib.suppress(FileExistsError):
                files.mkdir(path.rpartition("/")[0], create_parents=False)
            self._send(files, path)

    def _send(self, files: AbstractFileSystem, path: str) -> None:
        self._file.seek(0)
        target = files.open(path, "wb", block_size=_PART_BYTES, autocommit=False)
        try:
            shutil.copyfileobj(self._file, target, _PIECE_BYTES)
            target.close()
            target.commit()
        except BaseException:
            # Closed first: an open one would be closed, and its rest sent, when it is collected.
            for step in (target.close, target.discard):
                # The store may be away; what is told is the error before this one.
                with contextlib.suppress(Exception):
                    step()
            raise


def _size(files: AbstractFileSystem, path: str) -> int | None:
    # Some keep listings, in which what another process has stored meanwhile is missing.
    files.invalidate_cache()
    try:
        size: int | None = files.info(path)["size"]
    except FileNotFoundError:
        return None
    return size


@contextmanager
def _spooling() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DocumentsUnavailable(
            f"the folder for temporary files, {tempfile.gettempdir()}, cannot be written to: {error.strerror}; make "
            "room there, or set TMPDIR to another one"
        ) from error
