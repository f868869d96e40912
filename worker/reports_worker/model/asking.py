"""Asking the model within one report's budget and time, unless the answer is known."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from reports_worker.model import answers
from reports_worker.model.answers import Summary
from reports_worker.model.completions import Completion
from reports_worker.model.endpoint import Endpoint
from reports_worker.model.errors import Unreachable
from reports_worker.model.kept import Answered, KeptAnswers
from reports_worker.model.prompt import Request
from reports_worker.model.retrying import Retrying
from reports_worker.model.tokens import Budget

logger = logging.getLogger(__name__)

A = TypeVar("A", bound=Summary)

PAUSE_SECONDS = 30.0
"""How long an endpoint that cannot be reached is left alone: the next reports need not wait for it as well."""


class Line:
    """The way to one endpoint, which is left alone for a while when nobody is there."""

    def __init__(self, endpoint: Endpoint, retrying: Retrying, clock: Callable[[], float] = time.monotonic) -> None:
        self._endpoint = endpoint
        self._retrying = retrying
        self._clock = clock
        self._dead: tuple[float, str] | None = None

    async def complete(self, request: Request, deadline: float) -> Completion:
        """Return the model's answer; raises a ModelError, at once while the endpoint is left alone."""
        if self._dead and self._clock() < self._dead[0]:
            raise Unreachable(self._dead[1])
        try:
            completion = await self._retrying.run(lambda seconds: self._endpoint.complete(request, seconds), deadline)
        except Unreachable as error:
            self._dead = (self._clock() + PAUSE_SECONDS, str(error))
            raise
        self._dead = None
        return completion


class Asking:
    """What one report asks: spends its budget and counts its tokens.

    A kept answer spends what it did when it was given, so that a repetition gets as far as the first time.
    """

    def __init__(self, line: Line, kept: KeptAnswers, budget: Budget, deadline: float, *context: str) -> None:
        self._line = line
        self._kept = kept
        self._budget = budget
        self._deadline = deadline
        self._context = context
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.cuts_off = False
        """Whether the endpoint seems to have read less than it was sent."""

    def affords(self, request: Request, reserve: int = 0) -> bool:
        """Tell whether the budget allows a request, and as much again as is to be kept in reserve."""
        return self._budget.allows(request.tokens + reserve)

    async def ask(self, request: Request, kind: type[A]) -> A:
        """Return the answer to a request, which is charged for even when it cannot be used. Raises ModelError."""
        key = request.sha256(*self._context)
        if known := self._kept.get(key, kind):
            answer, counted = known
        else:
            answer, counted = await self._ask_the_model(request, kind)
            self._kept.put(key, answer, counted)
        self._count(request, counted)
        return answer

    async def _ask_the_model(self, request: Request, kind: type[A]) -> tuple[A, Answered]:
        self._budget.spend(request.tokens)
        completion = await self._line.complete(request, self._deadline)
        answer = answers.read(kind, completion.content)
        self._budget.spend(-request.tokens)
        return answer, Answered(
            prompt_tokens=completion.prompt_tokens or request.prompt_tokens,
            completion_tokens=completion.completion_tokens or request.answer_tokens,
        )

    def _count(self, request: Request, counted: Answered) -> None:
        self.prompt_tokens += counted.prompt_tokens
        self.completion_tokens += counted.completion_tokens
        least = request.least_prompt_tokens
        self.cuts_off = self.cuts_off or counted.prompt_tokens < least
        # Some endpoints count only what they have not read before: for nothing one could ask for ever.
        self._budget.spend(max(counted.prompt_tokens, least) + counted.completion_tokens)
