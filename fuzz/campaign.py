"""One run of the fuzzer, and its figures."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fuzz.mutation import mutated
from fuzz.subject import Subject

_TIMEOUT_SECONDS = 60.0
_SLOW_SECONDS = 15.0  # kept to be looked at


@dataclass(slots=True)
class Result:
    """How many documents ended how."""

    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[Path] = field(default_factory=list)
    seconds: float = 0.0
    slowest_seconds: float = 0.0
    peak_bytes: int = 0

    @property
    def executions(self) -> int:
        return self.outcomes.total()

    def table(self) -> str:
        """Return the figures for people."""
        lines = [f"{count:>9,}  {outcome}" for outcome, count in self.outcomes.most_common()]
        rate = self.executions / self.seconds if self.seconds else 0.0
        lines.append(f"{self.executions:>9,}  executions in {self.seconds:,.0f} s, {rate:,.1f}/s")
        lines.append(f"slowest {self.slowest_seconds:.2f} s, at most {self.peak_bytes / 2**20:,.0f} MB")
        lines += [f"found: {path}" for path in self.findings]
        return "\n".join(lines)


class Campaign:
    """Documents to mutate, a seed that decides how, and a folder for what is found."""

    def __init__(self, documents: Sequence[bytes], seed: int, folder: Path) -> None:
        self._documents = documents
        self._random = Random(seed)
        self._folder = folder

    def run(self, seconds: float, executions: int | None = None) -> Result:
        """Fuzz for so long, or for so many executions when that is less."""
        result = Result()
        started = time.monotonic()
        with Subject(_TIMEOUT_SECONDS) as subject:
            while time.monotonic() - started < seconds and result.executions != executions:
                content = mutated(self._documents, self._random)
                execution = subject.execute(content)
                result.outcomes[execution.outcome] += 1
                result.slowest_seconds = max(result.slowest_seconds, execution.seconds)
                result.peak_bytes = max(result.peak_bytes, execution.peak_bytes)
                if execution.is_finding or execution.seconds > _SLOW_SECONDS:
                    result.findings.append(self._kept(content, execution.outcome))
        result.seconds = time.monotonic() - started
        return result

    def _kept(self, content: bytes, outcome: str) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = "-".join(outcome.split(":", maxsplit=1)[0].split())
        path = self._folder / f"{name}-{hashlib.sha256(content).hexdigest()[:12]}"
        path.write_bytes(content)
        return path
