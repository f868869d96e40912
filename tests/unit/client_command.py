"""Runs the command against a peer, in this process."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from fna.reports.cli import main
from tests.unit.client_peer import Peer


class Outcome(NamedTuple):
    """What one command did."""

    code: int
    out: str
    err: str


class Command:
    """Runs the command against the peer."""

    def __init__(self, peer: Peer, capture: pytest.CaptureFixture[str]) -> None:
        self.peer = peer
        self._capture = capture

    def __call__(self, *words: object) -> Outcome:
        code = main(["--server", self.peer.target, *map(str, words)])
        out, err = self._capture.readouterr()
        return Outcome(code, out, err)

    def sent(self, method: str) -> object:
        """Return the only request that came, or the first of several."""
        return self.peer.requests[method][0][0]
