"""One server for all processes of a test run, started when the first of them asks for it."""

import secrets
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener

from reports_dev.errors import DevelopmentError

_URL = "url"
_STOP = "stop"


class SharedServer:
    """Lives in the process that outlives all others of the run; tests that do not need the server never start it.

    `start` gives its URL while it runs.
    """

    def __init__(self, start: Callable[[], AbstractContextManager[str]]) -> None:
        self._start = start
        self._running = ExitStack()
        self._url = ""
        self._key = secrets.token_bytes(16)
        self._listener = Listener(("127.0.0.1", 0), backlog=64, authkey=self._key)
        self._thread = threading.Thread(target=self._serve, name="shared server", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where `ask_for_url` finds it, in a form that fits an environment variable."""
        return f"{self._listener.address[1]}:{self._key.hex()}"

    def close(self) -> None:
        """Stop the server, if it was started."""
        _ask(self.address, _STOP)
        self._thread.join()
        self._listener.close()
        self._running.close()

    def _serve(self) -> None:
        question = _URL
        while question != _STOP:
            try:
                connection = self._listener.accept()
            except (AuthenticationError, EOFError, ConnectionError):
                continue  # somebody else on this machine tries ports
            with connection:
                question = self._answer(connection)

    def _answer(self, connection: Connection) -> str:
        question: str = connection.recv()
        url, error = "", ""
        try:
            url = self._started() if question == _URL else ""
        except DevelopmentError as failure:
            error = str(failure)
        connection.send((url, error))
        return question

    def _started(self) -> str:
        if not self._url:
            self._url = self._running.enter_context(self._start())
        return self._url


def ask_for_url(address: str) -> str:
    """Return the server's URL, from any process of the run; starts the server if nobody has."""
    return _ask(address, _URL)


def _ask(address: str, question: str) -> str:
    port, key = address.split(":")
    with Client(("127.0.0.1", int(port)), authkey=bytes.fromhex(key)) as connection:
        connection.send(question)
        url: str
        error: str
        url, error = connection.recv()
    if error:
        raise DevelopmentError(error)
    return url
