"""How much is measured, and for how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes of all scenarios; times are seconds."""

    rounds: int = 5
    """How often each way is measured, in turn."""
    seconds: float = 5.0
    """Of each way in each round."""
    warm_up_seconds: float = 3.0


FULL = Plan()

QUICK = Plan(rounds=3, seconds=1.5, warm_up_seconds=1.0)
"""Shows that everything works; its figures say little."""
