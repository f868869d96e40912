"""Answers that were given before, by what was asked."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from reports_core.storage import model_answers
from reports_core.storage.transactions import transaction
from reports_worker.model import prompt
from reports_worker.model.chat import Completion

logger = logging.getLogger(__name__)


def key(model: str, answer_tokens: int, messages: Sequence[dict[str, str]]) -> str:
    """Return the SHA-256 of all that an answer depends on."""
    asked = [prompt.VERSION, model, answer_tokens, prompt.SCHEMA, list(messages)]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


class Answers:
    """The answers that all workers share; without a database none are kept, and nothing else is missing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, request_sha256: str) -> Completion | None:
        try:
            with transaction(self._engine) as conn:
                found = model_answers.get(conn, request_sha256)
        except SQLAlchemyError as error:
            logger.warning("an answer of the model cannot be looked up: %s", str(error).strip())
            return None
        return None if found is None else Completion(**found)

    def put(self, request_sha256: str, completion: Completion) -> None:
        try:
            with transaction(self._engine) as conn:
                model_answers.put(conn, request_sha256, asdict(completion))
        except SQLAlchemyError as error:
            logger.warning("an answer of the model cannot be kept: %s", str(error).strip())
