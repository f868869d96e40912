"""The resume token of `WatchBatches`: where a stream of many batches stands, as text that only the server reads."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from reports_core.domain.errors import ResumeTokenInvalid
from reports_core.storage.batches import BatchFilter
from reports_core.storage.streams import Landmark, Snapshot

_MOST_IN_PROGRESS = 16
"""Transactions in progress that a snapshot in a token names: a token has at most 1,024 characters. What a snapshot with
more of them has seen after these comes again."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How far the way from one snapshot to a later one was gone: batches in the order of their ids."""

    until: Snapshot
    batch_id: UUID
    sequence: int


@dataclass(frozen=True, slots=True)
class ResumeToken:
    """A place in the stream of one selection of batches in one database.

    `identity` says which database, and `landmark` is an event that it had when the token was issued. `begun` is set in
    the midst of the snapshots of a beginning: the last batch, by the order of ids, that was told.
    """

    identity: str
    selection: str
    since: Snapshot
    landmark: Landmark | None = None
    reached: Reached | None = None
    begun: UUID | None = None

    def encode(self) -> str:
        fields: dict[str, Any] = {"i": self.identity, "f": self.selection, "s": _write(self.since)}
        if self.landmark:
            fields |= {"x": self.landmark.xact, "m": self.landmark.mark}
        if self.reached:
            fields |= {
                "u": _write(self.reached.until),
                "b": self.reached.batch_id.hex,
                "n": self.reached.sequence,
            }
        if self.begun:
            fields["a"] = self.begun.hex
        return urlsafe_b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode()

    @classmethod
    def decode(cls, text: str) -> ResumeToken:
        """Read a token. Raises ResumeTokenInvalid."""
        try:
            fields = json.loads(urlsafe_b64decode(text))
            landmark = Landmark(_number(fields["x"]), str(fields["m"])) if "x" in fields else None
            reached = (
                Reached(Snapshot.parse(fields["u"]), UUID(fields["b"]), _number(fields["n"])) if "u" in fields else None
            )
            begun = UUID(fields["a"]) if "a" in fields else None
            return cls(str(fields["i"]), str(fields["f"]), Snapshot.parse(fields["s"]), landmark, reached, begun)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ResumeTokenInvalid from None


def selection_id(owner: str, matching: BatchFilter) -> str:
    """Return what tells one selection of batches from another."""
    conditions = [owner, sorted(matching.statuses), sorted(matching.batch_ids), sorted(matching.labels.items())]
    return hashlib.sha256(json.dumps(conditions).encode()).hexdigest()[:16]


def _number(value: object) -> int:
    """Return a transaction or a sequence. Raises ValueError when PostgreSQL could not have made it."""
    if not isinstance(value, int) or not 0 <= value < 2**63:
        raise ValueError(value)
    return value


def _write(snapshot: Snapshot) -> str:
    return str(snapshot.shortened(_MOST_IN_PROGRESS))
