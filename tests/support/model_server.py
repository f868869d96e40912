"""An OpenAI-compatible endpoint on loopback that answers as a test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, cast

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def excerpts(self) -> str:
        """What the user's message says."""
        text: str = self.body["messages"][1]["content"]
        return text


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back; `pieces` are sent one by one, each when its turn comes."""

    status: int = 200
    body: bytes = b""
    headers: Headers = field(default_factory=dict)
    wait: Callable[[], object] | None = None
    """Called before each byte after the first ten."""


def completion(
    summary: str = "It grew.", *findings: tuple[str, str], usage: Mapping[str, int] | None = None, **choice: object
) -> Reply:
    """Return an answer of the right form: a summary, and findings as statement and quote."""
    content = json.dumps(
        {"summary": summary, "findings": [{"statement": said, "quote": quote} for said, quote in findings]}
    )
    return said(content, usage=usage, **choice)


def said(content: str | None, *, usage: Mapping[str, int] | None = None, **choice: object) -> Reply:
    """Return a chat completion whose message is `content`."""
    document: dict[str, Any] = {
        "choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop", **choice}]
    }
    if usage is not None:
        document["usage"] = usage
    return Reply(body=json.dumps(document).encode())


def error(status: int, message: str = "no", **headers: str) -> Reply:
    """Return an error as such endpoints write it."""
    body = json.dumps({"error": {"message": message, "type": "x"}}).encode()
    return Reply(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


class ModelServer:
    """Runs while entered. Gives `replies` one by one, and the last one again and again."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[Asked] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        cast("Any", self._server).model = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def reply(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        reply = cast("Any", self.server).model.reply(asked)
        try:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self._send(reply)
        except ConnectionError:
            # The client has had enough.
            self.close_connection = True

    def _send(self, reply: Reply) -> None:
        if reply.wait is None:
            self.wfile.write(reply.body)
            return
        for byte in reply.body:
            reply.wait()
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is that of the base
        """Say nothing."""
