"""Reading a chat completion: the text that the model wrote, and the tokens that were counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError, WrapValidator
from pydantic_core.core_schema import ValidatorFunctionWrapHandler

from reports_worker.model.errors import InvalidAnswer


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model wrote; the tokens are None where the endpoint does not count them."""

    content: str
    prompt_tokens: int | None
    completion_tokens: int | None


def _none_when_invalid(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    """Do without a count that is none; an answer is not worse for it."""
    try:
        return validate(value)
    except ValidationError:
        return None


_Count = Annotated[int | None, Field(gt=0, le=100_000_000), WrapValidator(_none_when_invalid)]


class _Usage(BaseModel):
    prompt_tokens: _Count = None
    completion_tokens: _Count = None


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Body(BaseModel):
    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: Annotated[_Usage | None, WrapValidator(_none_when_invalid)] = None


def read(body: bytes) -> Completion:
    """Return the completion that `body` is the JSON of. Raises InvalidAnswer."""
    try:
        answer = _Body.model_validate_json(body)
    except ValidationError:
        raise InvalidAnswer(
            "The model's endpoint answered something else than a chat completion. Check that FNA_REPORTS_MODEL_URL is "
            "the base URL of an OpenAI-compatible endpoint, which usually ends in /v1."
        ) from None
    choice, usage = answer.choices[0], answer.usage or _Usage()
    if choice.finish_reason == "length":
        raise InvalidAnswer(
            "The model's answer was cut off. Raise FNA_REPORTS_MODEL_ANSWER_TOKENS, or use a model that writes less "
            "before it answers."
        )
    if choice.message.refusal or choice.finish_reason == "content_filter":
        raise InvalidAnswer("The model declined to answer. Use another model for reports of this kind.")
    if not choice.message.content:
        raise InvalidAnswer("The model's answer is empty. Use another model, or raise FNA_REPORTS_MODEL_ANSWER_TOKENS.")
    return Completion(choice.message.content, usage.prompt_tokens, usage.completion_tokens)
