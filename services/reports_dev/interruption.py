"""SIGTERM as an exception, so that it ends a command in the same order as Ctrl-C."""

import signal


class Terminated(BaseException):
    """Somebody sent SIGTERM; raised in the main thread, whatever that is doing."""


def raise_on_sigterm() -> None:
    """From now on, have SIGTERM raise Terminated."""
    signal.signal(signal.SIGTERM, _raise)


def _raise(*_: object) -> None:
    raise Terminated
