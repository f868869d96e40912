"""The review of one report by the model: whatever goes wrong with it is a warning, and nothing else."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from reports_core.domain.analysis import ModelFinding, ModelReview
from reports_worker.model import parts, prompt, quotes, waiting
from reports_worker.model.answers import Review, Summary
from reports_worker.model.asking import Asking, Line
from reports_worker.model.endpoint import Endpoint
from reports_worker.model.errors import InvalidAnswer, ModelError
from reports_worker.model.kept import KeptAnswers
from reports_worker.model.parts import Part
from reports_worker.model.retrying import Retrying
from reports_worker.model.settings import ModelSettings
from reports_worker.model.tokens import Budget
from reports_worker.processor import Passage

logger = logging.getLogger(__name__)

_MOST_FINDINGS = 50
_MOST_SUMMARY = 2_000
_SUMMARY_TOKENS = 200
"""What a part's summary takes in the request for that of the whole."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review, None when the model gave no usable answer, and what the reader should know about it."""

    review: ModelReview | None
    warnings: tuple[str, ...]


class Reviewer:
    """Has narratives reviewed by the model that the settings name; made once in a process, for one report at a time."""

    def __init__(
        self,
        url: str,
        settings: ModelSettings,
        engine: Engine,
        *,
        retrying: Retrying | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._kept = KeptAnswers(engine)
        retrying = retrying or Retrying(settings.model_retries, settings.model_timeout_seconds)
        self._line = Line(Endpoint(url, settings), retrying, clock)
        # What an answer depends on besides the request. The same name may be another model elsewhere.
        self._context = (url, settings.model_name)

    def review(self, narrative: Sequence[Passage], on_wait: Callable[[], None]) -> Reviewed:
        """Return the model's review of a report's sections, at the latest when the time for it is over.

        `on_wait` is called about four times a second; what it raises ends the review at once and passes. Nothing else
        is raised.
        """
        return waiting.wait_for(self._review(narrative), on_wait)

    async def _review(self, narrative: Sequence[Passage]) -> Reviewed:
        asking = Asking(
            self._line,
            self._kept,
            Budget(self._settings.model_token_budget),
            self._clock() + self._settings.model_deadline_seconds,
            *self._context,
        )
        try:
            return await _Reading(asking, self._settings).read(narrative)
        except Exception as error:
            # The report is analysed already: a mistake of ours here must not take that away.
            logger.exception("the review by the model failed")
            warning = (
                f"The narrative was not reviewed by the model: that failed unexpectedly ({type(error).__name__}). "
                "The worker's log has the details; report it to the operator."
            )
            return Reviewed(None, (warning,))


def reviewer(settings: ModelSettings, engine: Engine) -> Reviewer | None:
    """Return who reviews reports, None when the settings name no model; its answers are kept in the database."""
    return Reviewer(settings.model_url, settings, engine) if settings.model_url else None


class _Reading:
    """The model's reading of one report, part by part."""

    def __init__(self, asking: Asking, settings: ModelSettings) -> None:
        self._asking = asking
        self._settings = settings
        self._answered: list[tuple[Part, Review]] = []
        self._troubles: list[ModelError] = []
        self._beyond_budget = False

    async def read(self, narrative: Sequence[Passage]) -> Reviewed:
        settings = self._settings
        most = min(settings.model_context_tokens, settings.model_token_budget)
        divided = parts.divide(narrative, prompt.room(most, settings.model_answer_tokens))
        await self._ask_for(divided)
        if not self._answered:
            return Reviewed(None, (*self._coverage(divided),))
        summary, summary_warnings = await self._summary()
        findings, unfounded = self._findings()
        review = ModelReview(
            model=settings.model_name,
            summary=summary,
            findings=findings,
            prompt_tokens=self._asking.prompt_tokens,
            completion_tokens=self._asking.completion_tokens,
        )
        return Reviewed(review, (*self._coverage(divided), *summary_warnings, *_unfounded(unfounded), *self._cut_off()))

    async def _ask_for(self, divided: Sequence[Part]) -> None:
        for number, part in enumerate(divided):
            request = prompt.review(part, self._settings.model_answer_tokens)
            if not self._asking.affords(request, self._reserve(number + 1)):
                self._beyond_budget = True
                return
            try:
                self._answered.append((part, await self._asking.ask(request, Review)))
            except InvalidAnswer as error:
                self._troubles.append(error)
            except ModelError as error:
                self._troubles.append(error)
                return

    def _reserve(self, answers: int) -> int:
        """Return what the summary of so many parts takes; one needs none of its own."""
        if answers == 1:
            return 0
        return prompt.summary([], self._settings.model_answer_tokens).tokens + answers * _SUMMARY_TOKENS

    async def _summary(self) -> tuple[str, list[str]]:
        summaries = [answer.summary for _, answer in self._answered]
        if len(summaries) == 1:
            return summaries[0], []
        request = prompt.summary(summaries, self._settings.model_answer_tokens)
        if not self._asking.affords(request):
            cause = "That is beyond the report's tokens: raise FNA_REPORTS_MODEL_TOKEN_BUDGET."
        else:
            try:
                return (await self._asking.ask(request, Summary)).summary, []
            except ModelError as error:
                cause = str(error)
        joined = " ".join(summaries)[:_MOST_SUMMARY]
        return joined, [f"The model's summaries of {len(summaries)} parts were not made one: {cause}"]

    def _findings(self) -> tuple[tuple[ModelFinding, ...], int]:
        """Return the findings whose quotes stand in the text, each passage once, and how many others there are."""
        founded: dict[str, ModelFinding] = {}
        unfounded = 0
        for part, answer in self._answered:
            texts = [(excerpt, quotes.fold(excerpt.text)) for excerpt in part.excerpts]
            for finding in answer.findings:
                found = next(_founded(finding.statement, finding.quote, texts), None)
                if found:
                    founded.setdefault(found.quote, found)
                else:
                    unfounded += 1
        return tuple(founded.values())[:_MOST_FINDINGS], unfounded

    def _coverage(self, divided: Sequence[Part]) -> Iterator[str]:
        """Say how much of the narrative was not reviewed, and why."""
        share = parts.share([part for part, _ in self._answered], divided)
        extent = f"only {share:.0%} of the narrative was" if self._answered else "The narrative was not"
        for trouble in dict.fromkeys(map(str, self._troubles)):
            yield f"{extent[0].upper()}{extent[1:]} reviewed by the model: {trouble}"
        if self._beyond_budget:
            yield (
                f"{extent[0].upper()}{extent[1:]} reviewed by the model: the rest is beyond its "
                f"{self._settings.model_token_budget:,} tokens for a report. Raise FNA_REPORTS_MODEL_TOKEN_BUDGET."
            )

    def _cut_off(self) -> Iterator[str]:
        if self._asking.cuts_off:
            yield (
                "The model's endpoint seems to read only the beginning of a request. Raise the context of the model "
                "there, or lower FNA_REPORTS_MODEL_CONTEXT_TOKENS."
            )


def _founded(statement: str, quote: str, texts: Sequence[tuple[Passage, quotes.Folded]]) -> Iterator[ModelFinding]:
    for excerpt, text in texts:
        passage = quotes.find(text, quote)
        if passage:
            yield ModelFinding(statement, passage, excerpt.section_type, excerpt.heading)


def _unfounded(number: int) -> Iterator[str]:
    if number:
        findings = "1 finding of the model was" if number == 1 else f"{number} findings of the model were"
        yield f"{findings} left out: the text does not have what was quoted."
