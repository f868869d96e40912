"""The folders and remote places that a `source_uri` may point into."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fsspec import AbstractFileSystem

from reports_core.domain.errors import InvalidRequest
from reports_core.locations import Location, RemoteUrl
from reports_core.storage.remote_place import RemotePlace

_FIELD = "report.source_uri"
_READ_BYTES = 1024 * 1024
# The same answer for a file that exists and one that does not: outside of the roots nobody learns which.
_OUTSIDE = "is not under a storage root of the server"
_NO_FILE = "there is no such file"


class Sources:
    """Reads what a URI names, and refuses what is not under a root that the operator named."""

    def __init__(self, roots: Sequence[Location]) -> None:
        self._folders = [root.resolve() for root in roots if isinstance(root, Path)]
        self._urls = [root for root in roots if isinstance(root, RemoteUrl)]

    def read(self, source_uri: str) -> Iterator[bytes]:
        """Yield the content in pieces, the first one only after the URI was checked.

        Raises InvalidRequest, and DocumentsUnavailable when a remote place cannot be read.
        """
        if not self._folders and not self._urls:
            raise InvalidRequest(
                _FIELD, "this server reads no files; upload the content, or have FNA_REPORTS_SOURCE_ROOTS set"
            )
        if self._folders and urlsplit(source_uri).scheme == "file":
            return _file(self._path(source_uri))
        return _remote_file(*self._remote(source_uri))

    def _path(self, source_uri: str) -> Path:
        """Return the file of a `file:` URI, links resolved."""
        parts = urlsplit(source_uri)
        if parts.netloc not in {"", "localhost"}:
            raise InvalidRequest(_FIELD, "must be a file:/// URI under a storage root of the server")
        path = _resolved(unquote(parts.path))
        if path is None or not any(path.is_relative_to(root) for root in self._folders):
            raise InvalidRequest(_FIELD, _OUTSIDE)
        if not path.is_file():
            raise InvalidRequest(_FIELD, _NO_FILE)
        return path

    def _remote(self, source_uri: str) -> tuple[RemoteUrl, str]:
        """Return the root that a URI is under, and the path below it."""
        if source_uri.partition("://")[0] not in {root.protocol for root in self._urls}:
            raise InvalidRequest(_FIELD, f"must be a {self._expected()} URI under a storage root of the server")
        # Percent signs are decoded first, so that they hide nothing of what the next lines look at.
        uri = unquote(source_uri)
        for root in self._urls:
            below = uri.removeprefix(f"{root.value}/")
            if below != uri and _is_plain(below):
                return root, below
        raise InvalidRequest(_FIELD, _OUTSIDE)

    def _expected(self) -> str:
        kinds = [f"{root.protocol}://" for root in self._urls]
        return " or ".join(dict.fromkeys(["file:///"] * bool(self._folders) + kinds))


def _resolved(text: str) -> Path | None:
    try:
        return Path(text).resolve()
    except (OSError, ValueError):
        return None


def _is_plain(below: str) -> bool:
    """Tell whether a path leads down and nowhere else, whatever a file system makes of it."""
    return not any(part in {"", ".", ".."} for part in below.split("/")) and not set(below) & set("?\\\0")


def _file(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as source:
            while piece := source.read(_READ_BYTES):
                yield piece
    except OSError as error:
        raise InvalidRequest(_FIELD, f"cannot be read: {error.strerror}") from None


def _remote_file(root: RemoteUrl, below: str) -> Iterator[bytes]:
    # A connection of its own: calls are few, and one that hangs stops no other.
    place = RemotePlace("the storage root", root)

    def opened(files: AbstractFileSystem, path: str) -> AbstractFileSystem:
        return files.open(f"{path}/{below}", "rb", block_size=_READ_BYTES)

    try:
        source = place.run("read", opened)
        with contextlib.closing(source):
            while piece := place.run("read", lambda *_: source.read(_READ_BYTES)):
                yield piece
    except FileNotFoundError:
        raise InvalidRequest(_FIELD, _NO_FILE) from None
