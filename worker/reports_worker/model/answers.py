"""The model's answers as values: checked against their form, cleaned and bounded."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from reports_worker.model.errors import InvalidAnswer

MOST_SUMMARY = 2_000
MOST_STATEMENT = 500
_MOST_QUOTE = 4_000
_MOST_FINDINGS = 20
"""Of one answer; more than it was asked for, but no flood."""

_BLANKS = re.compile(r"\s+")


def clean(text: str, most: int) -> str:
    """Return `text` on one line, without what no reader sees, a terminal obeys or PostgreSQL refuses, and cut off."""
    line = _BLANKS.sub(" ", text[: 4 * most])
    line = "".join(character for character in line if unicodedata.category(character) not in {"Cc", "Cf", "Co", "Cs"})
    line = line.strip()
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


_NotBlank = StringConstraints(min_length=1)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Finding(_Answer):
    """A statement, and the quote that is said to prove it."""

    statement: Annotated[str, AfterValidator(lambda text: clean(text, MOST_STATEMENT)), _NotBlank]
    quote: Annotated[str, AfterValidator(lambda text: clean(text, _MOST_QUOTE))]


class Summary(_Answer):
    """What the model says of several summaries."""

    summary: Annotated[str, AfterValidator(lambda text: clean(text, MOST_SUMMARY)), _NotBlank]


class Review(Summary):
    """What the model says of a part of the narrative."""

    findings: Annotated[list[Finding], AfterValidator(lambda findings: findings[:_MOST_FINDINGS])]


A = TypeVar("A", bound=Summary)


def read(kind: type[A], content: str) -> A:
    """Return the answer that `content` is the JSON of. Raises InvalidAnswer."""
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the answer"
        wrong = f"{clean(place, 60)}: {clean(first['msg'], 100)}"
        raise InvalidAnswer(
            f"The model did not answer in the form that was asked for ({wrong}). Use a model and an endpoint "
            "that keep to a JSON schema (response_format)."
        ) from None
