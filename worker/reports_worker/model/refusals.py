"""What an endpoint means with a status that is no success."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic_core import from_json

from reports_worker.model.answers import clean
from reports_worker.model.errors import ModelError, Overloaded, Refused

_MOST_SAID = 200
_SECONDS = re.compile(r"\s*(\d{1,9}(?:\.\d{1,9})?)\s*")
_MAY_PASS = frozenset({408, 409, 425, 429})
_WILL_NOT_PASS = frozenset({501, 505})


def unsupported(status: int, body: bytes, optional: Sequence[str], sent: Container[str]) -> str | None:
    """Return which optional parameter of those that were sent the model refuses, None when that is not the matter."""
    if status not in {400, 422}:
        return None
    problem = _problem(body)
    message = problem["message"]
    named = [name for name in optional if name == problem["param"] or f"'{name}'" in message or f'"{name}"' in message]
    return next((name for name in named if name in sent), None)


def error(status: int, headers: Mapping[str, str], body: bytes, key: str) -> ModelError:
    """Return the error for a status that is not 200. What the endpoint says is quoted, but never with the key in it."""
    problem = _problem(body)
    said = problem["message"].replace(key, "***") if key else problem["message"]
    status_text = f"status {status}: {clean(said, _MOST_SAID)}" if said else f"status {status}"
    if status in _MAY_PASS or (status >= 500 and status not in _WILL_NOT_PASS):
        return _passing(status, status_text, headers, problem)
    match status:
        case 401 | 403:
            # What it says often repeats a part of the key.
            return Refused(f"The model's endpoint refuses the key (status {status}). Check FNA_REPORTS_MODEL_API_KEY.")
        case 404:
            return Refused(
                f"The model's endpoint does not know the model or the path ({status_text}). Check "
                "FNA_REPORTS_MODEL_NAME, and FNA_REPORTS_MODEL_URL, which usually ends in /v1."
            )
        case _ if 300 <= status < 400:
            return Refused(
                f"The model's endpoint sends elsewhere (status {status}), where nothing is sent to. Set "
                "FNA_REPORTS_MODEL_URL to the address that it means."
            )
    return _about_the_request(status_text, problem)


def _passing(status: int, status_text: str, headers: Mapping[str, str], problem: dict[str, str]) -> ModelError:
    if problem["code"] == "insufficient_quota":
        return Refused("The account of the model has nothing left to spend (status 429). Add to its quota.")
    wait = retry_after(headers, datetime.now(UTC))
    again = "" if wait is None else f", to be asked again in {round(wait, 1):g} s"
    if status == 429:
        return Overloaded(
            f"The model's endpoint takes no more requests for now ({status_text}{again}). Raise its limits, or start "
            "workers with a lower concurrency.",
            wait,
        )
    return Overloaded(f"The model's endpoint fails ({status_text}{again}). See its log.", wait)


def _about_the_request(status_text: str, problem: dict[str, str]) -> ModelError:
    about = " ".join(problem.values()).lower()
    if "context" in about and ("length" in about or "size" in about or "exceed" in about):
        return Refused(
            f"A request is longer than the model takes ({status_text}). Lower FNA_REPORTS_MODEL_CONTEXT_TOKENS."
        )
    if any(word in about for word in ("response_format", "json_schema", "structured output", "grammar")):
        return Refused(
            f"The model's endpoint refuses structured output ({status_text}). Use a model and an endpoint that take a "
            "JSON schema (response_format)."
        )
    return Refused(
        f"The model's endpoint refuses the request ({status_text}). Check FNA_REPORTS_MODEL_URL and "
        "FNA_REPORTS_MODEL_NAME."
    )


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that the endpoint asks to wait, as a number or until a date; None when it names no time."""
    value = headers.get("retry-after", "")
    if seconds := _SECONDS.fullmatch(value):
        return float(seconds[1])
    try:
        then = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    # One without a zone is in UTC, as every date of HTTP.
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds())


def _problem(body: bytes) -> dict[str, str]:
    """Return message, param, code and type of an error in any of the forms that endpoints have; empty where unknown."""
    try:
        found: Any = from_json(body)
    except ValueError:
        found = None
    if isinstance(found, dict):
        found = found.get("error") or found.get("detail") or found
    if isinstance(found, str):
        found = {"message": found}
    known = found if isinstance(found, dict) else {}
    return {name: value if isinstance(value := known.get(name), str) else "" for name in _FIELDS}


_FIELDS = ("message", "param", "code", "type")
