"""Forms of multipart/form-data (RFC 7578), read part by part while they arrive.

Starlette's own reader returns a form when all of it has come, and keeps its files on disk until then.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from reports_gateway.problems import ProblemError, invalid_field, stalled
from reports_gateway.request_body import FORM

MAX_TEXT_BYTES = 64 * 1024
"""The longest text field."""

MAX_TEXTS_BYTES = 4 * 1024 * 1024
"""All text fields together, with what it takes to keep them: files are passed on, these wait for the end."""

_FIELD_BYTES = 100
"""What it takes to keep a field, however short it is."""

IDLE_SECONDS = 60.0
"""How long a client may send nothing in the middle of a form."""


@dataclass(slots=True)
class Part:
    """One part of a form; its content is read from the form."""

    name: str
    file_name: str | None
    """Not set for a text field."""
    content_type: str


@dataclass(slots=True)
class _Headers:
    """The headers of the part that the parser is in."""

    name: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)
    known: dict[bytes, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class _End:
    """The end of a part."""


def is_form(request: Request) -> bool:
    """Tell whether the body says that it is a form."""
    return request.headers.get("content-type", "").lower().startswith(FORM)


class FormReader:
    """The parts of a request's form, in their order; raises a problem when the form is damaged or stalls."""

    def __init__(self, request: Request) -> None:
        self._pieces = request.stream()
        self._found: deque[Part | bytes | _End] = deque()
        self._headers = _Headers()
        self._ended = False
        self._in_part = False
        self._texts_bytes = 0
        _, parameters = parse_options_header(request.headers["content-type"])
        try:
            self._parser = MultipartParser(
                parameters[b"boundary"],
                {
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": lambda: self._found.append(_End()),
                    "on_end": self._on_end,
                },
            )
        except KeyError:
            raise _damaged("its Content-Type has no boundary; let your HTTP library write that header") from None
        except FormParserError as error:
            raise _damaged(str(error)) from None

    async def parts(self) -> AsyncIterator[Part]:
        """Yield the parts; what was not read of one is skipped."""
        while True:
            if self._in_part:
                async for _ in self.content():
                    pass
            found = await self._next()
            if found is None:
                return
            if isinstance(found, Part):
                self._in_part = True
                yield found

    async def content(self) -> AsyncIterator[bytes]:
        """Yield what comes of the present part, in pieces as they arrive."""
        while self._in_part:
            found = await self._next()
            if isinstance(found, bytes):
                yield found
            else:
                self._in_part = False

    async def text(self, part: Part) -> str:
        """Return the content of a text field; raise a problem that names it when it is no text or too long."""
        content = bytearray()
        self._texts_bytes += len(part.name) + _FIELD_BYTES
        async for piece in self.content():
            content += piece
            if len(content) > MAX_TEXT_BYTES:
                raise invalid_field(part.name, f"is longer than {MAX_TEXT_BYTES} bytes")
        self._texts_bytes += len(content)
        if self._texts_bytes > MAX_TEXTS_BYTES:
            raise invalid_field(part.name, "is one text field too many; send files in several forms")
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise invalid_field(part.name, "is not text in UTF-8") from None

    async def skip(self, limit: int) -> bool:
        """Read on without looking; tell whether the form ended within `limit` bytes."""
        while (piece := await self._piece()) is not None:
            limit -= len(piece)
            if limit < 0:
                return False
        return True

    async def _next(self) -> Part | bytes | _End | None:
        """Return what the parser finds next, nothing at the end of the form."""
        while not self._found:
            piece = await self._piece()
            if piece is None:
                if not self._ended:
                    raise _damaged("it ends before its last boundary; send it again")
                return None
            try:
                self._parser.write(piece)
            except FormParserError as error:
                raise _damaged(str(error)) from None
        return self._found.popleft()

    async def _piece(self) -> bytes | None:
        """Return what comes next of the body, nothing at its end."""
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                return await anext(self._pieces, None)
        except TimeoutError:
            raise stalled(IDLE_SECONDS) from None

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._headers.name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._headers.value += data[start:end]

    def _on_header_end(self) -> None:
        headers = self._headers
        self._headers = _Headers(known={**headers.known, bytes(headers.name).lower(): bytes(headers.value)})

    def _on_headers_finished(self) -> None:
        known = self._headers.known
        self._headers = _Headers()
        _, options = parse_options_header(known.get(b"content-disposition"))
        if b"name" not in options:
            raise _damaged('a part has no name; write Content-Disposition: form-data; name="file"')
        file_name = options.get(b"filename")
        self._found.append(
            Part(
                name=_decoded(options[b"name"]),
                file_name=None if file_name is None else _decoded(file_name),
                content_type=_decoded(known.get(b"content-type", b"")),
            )
        )

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._found.append(data[start:end])

    def _on_end(self) -> None:
        self._ended = True


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _damaged(why: str) -> ProblemError:
    return invalid_field("body", f"is not a readable form: {why}")
