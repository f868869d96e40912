"""An OpenAI-compatible endpoint on this machine that answers as a test says, over real HTTP.

As a program, `python -m tests.support.model_endpoint PORT`, it answers until it is ended.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

_MARK = r"^#[0-9a-f]{16} "
_EXCERPT = re.compile(rf"{_MARK}excerpt of section \w+\n.*\n((?s:.*?))\n{_MARK}end", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Received:
    """A request that came."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """What the user says in it."""
        return str(self.body["messages"][1]["content"])

    @property
    def characters(self) -> int:
        """How much the model has to read."""
        return sum(len(message["content"]) for message in self.body["messages"])

    @property
    def excerpts(self) -> list[str]:
        """The text of the report in it."""
        return _EXCERPT.findall(self.text)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back; `trickles` sends the body again and again, a bit at a time and without an end."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    trickles: bool = False


Script = Answer | Callable[[Received], Answer] | None
"""None is silence, until the endpoint is closed."""


def completion(content: object, *, prompt: object = 1_000, written: object = 100, **choice: object) -> Answer:
    """Return a chat completion; content that is no text is sent as JSON."""
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    message = {"role": "assistant", "content": text}
    body = {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"} | choice],
        "usage": {"prompt_tokens": prompt, "completion_tokens": written},
    }
    return Answer(json.dumps(body).encode(), headers={"Content-Type": "application/json"})


def review(summary: str = "It grew.", *findings: tuple[str, str], **counted: int) -> Answer:
    """Return a review with findings, each a statement and its quote."""
    found = [{"statement": statement, "quote": quote} for statement, quote in findings]
    return completion({"summary": summary, "findings": found}, **counted)


def refusal(status: int, message: str = "no", headers: Mapping[str, str] | None = None, **details: str) -> Answer:
    """Return an error as OpenAI words it."""
    return Answer(json.dumps({"error": {"message": message} | details}).encode(), status, headers or {})


def dutiful(received: Received) -> Answer:
    """Answer as a model would: a summary, and for a review also the beginning of the first excerpt as a quote."""
    read = received.characters // 4
    if received.body["response_format"]["json_schema"]["name"] == "summary":
        return completion({"summary": "As a whole it grew."}, prompt=read)
    quote = " ".join(received.excerpts[0].split()[:12])
    return review("A part of it grew.", ("It says so itself.", quote), prompt=read)


class ModelEndpoint:
    """Listens on loopback while entered; answers by its script, and then as `otherwise` says."""

    def __init__(self, *script: Script, otherwise: Script = dutiful, port: int = 0) -> None:
        self.requests: list[Received] = []
        self._script = deque(script)
        self._otherwise = otherwise
        self._server = _Server(port, self._answer)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="model endpoint")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def left(self) -> threading.Event:
        """Set when a caller has left before it had its whole answer."""
        return self._server.left

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.closed.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, received: Received) -> Answer | None:
        self.requests.append(received)
        script = self._script.popleft() if self._script else self._otherwise
        return script(received) if callable(script) else script


class _Server(ThreadingHTTPServer):
    def __init__(self, port: int, answer: Callable[[Received], Answer | None]) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer = answer
        self.left = threading.Event()
        self.closed = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.server.answer(Received(self.path, dict(self.headers), json.loads(body)))
        try:
            if answer is None:
                self._keep_silent()
            else:
                self._send(answer)
        except (BrokenPipeError, ConnectionResetError):
            self.server.left.set()

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)
        while answer.trickles and not self.server.closed.wait(0.01):
            self.wfile.write(answer.body)

    def _keep_silent(self) -> None:
        self.connection.settimeout(0.02)
        while not self.server.closed.is_set():
            try:
                if not self.connection.recv(1):
                    self.server.left.set()
                    return
            except TimeoutError:
                continue

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
        """Keep quiet."""


def main() -> None:
    """Answer until a signal ends it."""
    with ModelEndpoint(port=int(sys.argv[1])) as endpoint:
        print(endpoint.url, flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
