"""The review of one report: what is sent, and what of the answers is kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from reports_core.domain.analysis import ModelFinding, ModelReview
from reports_worker.model import answers, parts, prompt, quotes, tokens
from reports_worker.model.answers import Answers
from reports_worker.model.chat import Chat, Completion
from reports_worker.model.errors import InvalidAnswer, ModelError
from reports_worker.model.parts import Part
from reports_worker.model.prompt import Answer
from reports_worker.model.quotes import Folded
from reports_worker.model.retrying import Clock, OnWait, Patience
from reports_worker.model.settings import ModelSettings
from reports_worker.model.tokens import Budget
from reports_worker.processor import Passage

_MAX_SUMMARY = 2_000
_MAX_STATEMENT = 500
_MAX_FINDINGS = 50
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The review, None when the model gave no usable answer, and what a reader has to know about it."""

    review: ModelReview | None
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Gathered:
    """What has come so far."""

    read: list[Part] = field(default_factory=list)
    summaries: list[str] = field(default_factory=list)
    findings: list[ModelFinding] = field(default_factory=list)
    unfounded: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error: ModelError | None = None


class Reviewer:
    """Asks the model that the settings name; safe for threads. `close` it in the end."""

    def __init__(self, settings: ModelSettings, kept: Answers, clock: Clock | None = None) -> None:
        self._settings = settings
        self._kept = kept
        self._chat = Chat(settings)
        self._clock = clock or Clock()

    def close(self) -> None:
        self._chat.close()

    def review(self, narrative: Sequence[Passage], on_wait: OnWait) -> Reviewed:
        """Return the model's review of a narrative: of as much as the budget allows, the most important sections first.

        Whatever goes wrong with the model is a warning. What `on_wait` raises passes.
        """
        settings = self._settings
        patience = Patience(settings.model_deadline_seconds, settings.model_retries, on_wait, self._clock)
        budget = Budget(settings.model_token_budget)
        divided = parts.divide(narrative, self._room())
        gathered = _Gathered()
        for part in divided:
            asked = prompt.messages(part)
            needed = tokens.estimate(prompt.size(asked)) + settings.model_answer_tokens
            if not budget.allows(needed):
                break
            try:
                completion = self._completion(asked, patience)
                answer = prompt.parse(completion.text)
            except ModelError as error:
                gathered.error = error
                # Another part may do better, where the failure was this answer's; else each would fail in turn.
                if isinstance(error, InvalidAnswer):
                    budget.spend(needed)
                    continue
                break
            budget.spend(_spent(completion, needed))
            _gather(gathered, part, completion, answer)
        return Reviewed(self._review(gathered), tuple(self._warnings(gathered, divided)))

    def _room(self) -> int:
        """Return the tokens of a part, beside the instructions and the answer."""
        settings = self._settings
        instructions = tokens.estimate(prompt.size(prompt.messages(Part(()))))
        most = min(settings.model_context_tokens, settings.model_token_budget)
        return max(most - settings.model_answer_tokens - instructions, 1)

    def _completion(self, asked: Sequence[dict[str, str]], patience: Patience) -> Completion:
        key = answers.key(self._settings.model_name, self._settings.model_answer_tokens, asked)
        known = self._kept.get(key)
        if known is not None:
            return known
        completion = patience.insist(
            lambda seconds: self._chat.complete(asked, seconds), self._settings.model_timeout_seconds
        )
        prompt.parse(completion.text)
        self._kept.put(key, completion)
        return completion

    def _review(self, gathered: _Gathered) -> ModelReview | None:
        if not gathered.read:
            return None
        return ModelReview(
            model=self._settings.model_name,
            summary=" ".join(filter(None, gathered.summaries))[:_MAX_SUMMARY],
            findings=tuple(gathered.findings[:_MAX_FINDINGS]),
            prompt_tokens=gathered.prompt_tokens,
            completion_tokens=gathered.completion_tokens,
        )

    def _warnings(self, gathered: _Gathered, divided: Sequence[Part]) -> list[str]:
        name = f"The model {self._settings.model_name}"
        warnings = []
        share = parts.share(gathered.read, divided)
        if gathered.error is not None:
            read = f"read only {share:.0%} of the narrative" if gathered.read else "did not review the narrative"
            warnings.append(f"{name} {read}: {gathered.error}.")
        elif len(gathered.read) < len(divided):
            warnings.append(
                f"{name} read only {share:.0%} of the narrative: its budget of {self._settings.model_token_budget:,} "
                "tokens for a report is spent. Raise FNA_REPORTS_MODEL_TOKEN_BUDGET."
            )
        if gathered.unfounded:
            warnings.append(
                f"{gathered.unfounded} findings of the model were left out: what they quote does not stand in the "
                "report."
            )
        return warnings


def _spent(completion: Completion, needed: int) -> int:
    if completion.prompt_tokens is None or completion.completion_tokens is None:
        return needed
    return completion.prompt_tokens + completion.completion_tokens


def _gather(gathered: _Gathered, part: Part, completion: Completion, answer: Answer) -> None:
    """Add an answer: its summary, and the findings whose quotes stand in what was sent."""
    gathered.read.append(part)
    gathered.prompt_tokens += completion.prompt_tokens or 0
    gathered.completion_tokens += completion.completion_tokens or 0
    gathered.summaries.append(_shown(answer.summary))
    folded = [(excerpt, quotes.fold(excerpt.text)) for excerpt in part.excerpts]
    for given in answer.findings[: prompt.MOST_FINDINGS]:
        finding = _founded(given, folded)
        if finding is None:
            gathered.unfounded += 1
        elif finding.statement and finding not in gathered.findings:
            gathered.findings.append(finding)


def _founded(given: prompt.Finding, folded: Sequence[tuple[Passage, Folded]]) -> ModelFinding | None:
    for excerpt, text in folded:
        quote = quotes.find(text, given.quote)
        if quote is not None:
            return ModelFinding(_shown(given.statement)[:_MAX_STATEMENT], quote, excerpt.section_type, excerpt.heading)
    return None


def _shown(text: str) -> str:
    """Return the text on one line, without what a terminal or a database would not take."""
    return " ".join(_UNSEEN.sub(" ", text).split())
