"""ZIP archives that Office documents are made of: what they hold, and their members within limits."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO
from xml.parsers import expat

from reports_worker.processors import errors

_ENTRY = b"PK\x01\x02"
_MAX_MEMBERS = 10_000
_MAX_INFLATED = 67_108_864  # bytes of all members that are read; 500 pages have 5 to 20 million
_CHUNK = 1_048_576
_MAX_DEPTH = 1_000
_MAX_ELEMENTS = 1_000_000  # of one part; 150 pages have 100,000
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})  # what Office documents may use
_ENCRYPTED = 0x1
_MIMETYPE_BYTES = 100

_RELATIONSHIPS = "_rels/.rels"
_OFFICE_KINDS = (
    (re.compile(r"xl/"), "an Excel workbook"),
    (re.compile(r"ppt/"), "a PowerPoint presentation"),
    (re.compile(r"visio/"), "a Visio drawing"),
)
_OTHER_KINDS = {
    b"application/epub+zip": "an EPUB book",
    b"application/vnd.oasis.opendocument.text": "an OpenDocument text",
    b"application/vnd.oasis.opendocument.spreadsheet": "an OpenDocument spreadsheet",
    b"application/vnd.oasis.opendocument.presentation": "an OpenDocument presentation",
}
_UNREADABLE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError, ValueError)

Name = str
"""An XML name as expat tells it: namespace, space, local name; the local name alone where there is no namespace."""
OnStart = Callable[[Name, dict[str, str]], None]
OnText = Callable[[str], None]


class Archive:
    """An Office document's parts; reading them raises DocumentError when they are damaged or too much."""

    def __init__(self, content: bytes) -> None:
        if content.count(_ENTRY) > _MAX_MEMBERS:
            raise errors.limit_exceeded(f"more than {_MAX_MEMBERS:,} files inside")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except _UNREADABLE as error:
            raise errors.corrupt("an Office document or a ZIP archive that cannot be opened") from error
        self._names = set(self._zip.namelist())
        self._left = _MAX_INFLATED

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def main_part(self) -> str:
        """Return the name of a Word document's main part; raise DocumentError for any other kind of archive."""
        if _RELATIONSHIPS not in self:
            raise errors.unsupported_type(self._kind())
        targets = self.relationships(_RELATIONSHIPS)
        main = targets.get("officeDocument", "").removeprefix("/")
        if main.startswith("word/"):
            return main
        found = (kind for folder, kind in _OFFICE_KINDS if folder.match(main))
        raise errors.unsupported_type(next(found, "an Office document of a kind that holds no report"))

    def relationships(self, name: str) -> dict[str, str]:
        """Return the targets inside the archive by the last word of their types; what is outside is not looked at."""
        targets: dict[str, str] = {}

        def start(tag: Name, attributes: dict[str, str]) -> None:
            if tag.endswith(" Relationship") and attributes.get("TargetMode") != "External":
                targets[attributes.get("Type", "").rpartition("/")[2]] = attributes.get("Target", "")

        self.parse(name, start)
        return targets

    def parse(self, name: str, start: OnStart, end: OnText | None = None, data: OnText | None = None) -> None:
        """Call back for the elements and the text of a member; one that declares entities is refused."""
        depth = count = 0

        def deeper(tag: Name, attributes: dict[str, str]) -> None:
            nonlocal depth, count
            depth += 1
            count += 1
            if depth > _MAX_DEPTH:
                raise errors.limit_exceeded(f"more than {_MAX_DEPTH:,} elements inside one another")
            if count > _MAX_ELEMENTS:
                raise errors.limit_exceeded(f"more than {_MAX_ELEMENTS:,} elements of markup")
            start(tag, attributes)

        def back(tag: Name) -> None:
            nonlocal depth
            depth -= 1
            if end is not None:
                end(tag)

        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = deeper
        parser.EndElementHandler = back
        parser.CharacterDataHandler = data
        try:
            for chunk in self._chunks(name):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
        except (expat.ExpatError, LookupError) as error:  # the second for an encoding that nobody knows
            raise errors.corrupt(f"its part {name[:100]!r} is no whole XML") from error

    def _chunks(self, name: str) -> Iterator[bytes]:
        try:
            with self._member(name) as member:
                while chunk := member.read(_CHUNK):
                    self._left -= len(chunk)
                    if self._left < 0:
                        raise errors.limit_exceeded(f"more than {_MAX_INFLATED:,} bytes when unpacked")
                    yield chunk
        except _UNREADABLE as error:
            raise errors.corrupt(f"its part {name[:100]!r} cannot be unpacked") from error

    def _member(self, name: str) -> IO[bytes]:
        if name not in self:
            raise errors.corrupt(f"it has no part {name[:100]!r}")
        info = self._zip.getinfo(name)
        if info.flag_bits & _ENCRYPTED:
            raise errors.password_protected()
        if info.compress_type not in _METHODS:
            raise errors.corrupt(f"its part {name[:100]!r} is packed as no Office document is")
        return self._zip.open(info)

    def _kind(self) -> str:
        if "mimetype" in self:
            mimetype = next(self._chunks("mimetype"), b"")[:_MIMETYPE_BYTES].strip()
            return _OTHER_KINDS.get(mimetype, "an archive of a kind that holds no report")
        return "a Java archive" if "META-INF/MANIFEST.MF" in self else "a ZIP archive"


def _refuse_doctype(*declared: object) -> None:  # noqa: ARG001 - expat tells what is declared
    raise errors.corrupt("it declares XML entities, which no Office document does")
