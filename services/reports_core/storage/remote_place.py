"""A place in a remote file system, with what goes wrong there explained."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import cached_property
from threading import Thread
from typing import TypeVar

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from reports_core.locations import RemoteUrl
from reports_core.storage.documents import DocumentsUnavailable

T = TypeVar("T")

_PATIENCE_SECONDS = 120.0
_CAUSE_CHARACTERS = 300


class RemotePlace:
    """Connects at the first use: in a worker that is after the fork, which no connection survives."""

    def __init__(self, name: str, url: RemoteUrl) -> None:
        self._name = name
        self._url = url

    def __str__(self) -> str:
        return f"{self._name} {self._url}"

    def run(self, verb: str, action: Callable[[AbstractFileSystem, str], T]) -> T:
        """Return what an action makes of the file system and of the path of this place in it.

        Raises FileNotFoundError as it comes, and DocumentsUnavailable for all else that goes wrong, also when there is
        no answer for long; the action may then still go on.
        """
        outcome: Future[T] = Future()

        # In a thread, since what a file system raises is of any type: an exception that a signal handler of this
        # thread raises, such as a time limit of Celery, must not be taken for one of those.
        def work() -> None:
            try:
                outcome.set_result(action(*self._file_system))
            except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for it
                outcome.set_exception(error)

        Thread(target=work, name=self._name, daemon=True).start()
        wait([outcome], _PATIENCE_SECONDS)
        if not outcome.done():
            raise DocumentsUnavailable(f"{self} cannot be {verb}: no answer for {_PATIENCE_SECONDS:g} s; {_REMEDY}")
        error = outcome.exception()
        if error is None:
            return outcome.result()
        if isinstance(error, FileNotFoundError):
            raise error
        raise DocumentsUnavailable(f"{self} cannot be {verb}: {self._cause(error)}; {_remedy(error)}") from error

    def _cause(self, error: BaseException) -> str:
        text = " ".join(self._url.conceal(str(error)).split())
        return text[:_CAUSE_CHARACTERS] if text else type(error).__name__

    @cached_property
    def _file_system(self) -> tuple[AbstractFileSystem, str]:
        file_system, path = url_to_fs(self._url.value, skip_instance_cache=True)
        return file_system, path.rstrip("/")


_REMEDY = "check that it can be reached from here, and the credentials for it"


def _remedy(error: BaseException) -> str:
    if isinstance(error, PermissionError):
        return "give this process credentials that may read and write there"
    return _REMEDY
