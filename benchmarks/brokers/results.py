"""What a run has found: samples, and reasons for what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.brokers import figures


@dataclass(slots=True)
class Results:
    """Samples of all rounds, by broker and then by what was measured."""

    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    # Lines for the reader.
    reasons: list[str] = field(default_factory=list)

    def add(self, broker: str, name: str, values: Sequence[float]) -> None:
        """Take samples of what is named."""
        self.samples.setdefault(broker, {}).setdefault(name, []).extend(values)

    def miss(self, what: str, reason: str) -> None:
        """Note why something is not measured."""
        if (line := f"{what}: {reason}") not in self.reasons:
            self.reasons.append(line)

    def figures(self) -> dict[str, dict[str, float]]:
        """Return the figures by broker."""
        return {broker: figures.from_samples(samples) for broker, samples in self.samples.items()}
