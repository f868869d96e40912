"""Answers that are kept in the database; without it the model is asked again."""

from __future__ import annotations

import logging
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from reports_core.storage import model_answers
from reports_core.storage.transactions import transaction
from reports_worker.model.answers import Summary

logger = logging.getLogger(__name__)

A = TypeVar("A", bound=Summary)


class Answered(BaseModel):
    """The tokens of an answer, as they were counted when it was given."""

    model_config = ConfigDict(frozen=True, strict=True)

    prompt_tokens: int
    completion_tokens: int


class KeptAnswers:
    """Answers by the digest of their requests; the database may be away, and may know what an older release kept."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, request_sha256: str, kind: type[A]) -> tuple[A, Answered] | None:
        """Return the answer to an equal request, None when there is none to use."""
        try:
            with transaction(self._engine) as conn:
                kept = model_answers.get(conn, request_sha256)
        except SQLAlchemyError as error:
            logger.warning("kept answers of the model cannot be read: %s", _cause(error))
            return None
        if kept is None:
            return None
        try:
            return kind.model_validate(kept["content"], strict=False), Answered.model_validate(kept["tokens"])
        except (KeyError, ValidationError):
            logger.warning("the kept answer %s is of a form that this release does not know", request_sha256)
            return None

    def put(self, request_sha256: str, answer: Summary, tokens: Answered) -> None:
        """Keep an answer for the next equal request."""
        kept = {"content": answer.model_dump(), "tokens": tokens.model_dump()}
        try:
            with transaction(self._engine) as conn:
                model_answers.put(conn, request_sha256, kept)
        except SQLAlchemyError as error:
            logger.warning("an answer of the model cannot be kept: %s", _cause(error))


def _cause(error: SQLAlchemyError) -> str:
    """Return what the database said, without the statement's parameters: a log is no place for reports."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    return said.partition("\n")[0]
