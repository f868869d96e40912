"""Connections of clients: the heads of requests are bounded, and what is no HTTP is answered with a problem."""

from __future__ import annotations

from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from reports_gateway import problems

MAX_TARGET_BYTES = 16 * 1024
"""Longest path and query: a hundred ids of a filter are 5 KB."""

MAX_HEAD_BYTES = 64 * 1024
"""Longest head of a request, the first line and all headers."""


class _Refused(Exception):
    """The head of a request is too long; ends the parsing."""


class Connection(HttpToolsProtocol):
    """uvicorn's connection, which has no limits of its own."""

    _in_head = False
    _head_bytes = 0
    _unfinished_bytes = 0
    """What came since the last header that is complete."""
    _refusal: tuple[HTTPStatus, str, str] | None = None

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes, self._unfinished_bytes = True, 0, 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_TARGET_BYTES:
            self._refusal = (
                HTTPStatus.REQUEST_URI_TOO_LONG,
                "URI_TOO_LONG",
                f"The path and query are longer than {MAX_TARGET_BYTES} bytes; ask for less at a time.",
            )
            raise _Refused

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head_bytes += len(name) + len(value)
        self._unfinished_bytes = 0
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse_head()
            raise _Refused

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        before = self._in_head
        super().data_received(data)
        # The parser keeps an unfinished header by itself until it is complete, however long it becomes.
        if before and self._in_head and not self.transport.is_closing():
            self._unfinished_bytes += len(data)
            if self._head_bytes + self._unfinished_bytes > MAX_HEAD_BYTES:
                self._refuse_head()
                self.send_400_response("")

    def send_400_response(self, msg: str) -> None:
        """Answer what could not be parsed, and close."""
        status, reason, detail = self._refusal or (
            HTTPStatus.BAD_REQUEST,
            "INVALID_REQUEST",
            "This is no HTTP request that can be read; use an HTTP library to send it.",
        )
        body = problems.problem(status, code="INVALID_ARGUMENT", reason=reason, detail=detail)
        content = body.model_dump_json(exclude_none=True).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            f"content-type: {problems.MEDIA_TYPE}\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + content)
        self.transport.close()

    def _refuse_head(self) -> None:
        self._refusal = (
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "HEADERS_TOO_LARGE",
            f"The headers are longer than {MAX_HEAD_BYTES} bytes; send fewer or shorter ones.",
        )
