"""One request to an OpenAI-compatible endpoint: bounded in time and bytes, and every failure told apart."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx

from reports_worker.model import prompt
from reports_worker.model.errors import InvalidAnswer, MayPass, Overloaded, Refused, TimedOut, Unreachable
from reports_worker.model.settings import ModelSettings

_MAX_ANSWER_BYTES = 1024 * 1024
_CONNECT_SECONDS = 10.0
_MAX_REASON = 200
_PASSING = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model wrote, and the tokens that the endpoint counted; None where it did not."""

    text: str
    prompt_tokens: int | None
    completion_tokens: int | None


class Chat:
    """The chat completions of one model; safe for threads. `close` it in the end."""

    def __init__(self, settings: ModelSettings) -> None:
        self._settings = settings
        key = settings.model_api_key
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key else {},
            follow_redirects=False,
        )

    def close(self) -> None:
        self._client.close()

    def complete(self, messages: Sequence[dict[str, str]], seconds: float) -> Completion:
        """Return the model's answer to the messages, which takes at most about `seconds`.

        Raises MayPass, Refused and InvalidAnswer.
        """
        deadline = time.monotonic() + seconds
        timeout = httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
        url = f"{self._settings.model_url}/chat/completions"
        try:
            with self._client.stream("POST", url, json=self._body(messages), timeout=timeout) as response:
                content = _read(response, deadline)
        except httpx.TimeoutException:
            raise _timed_out(seconds) from None
        except httpx.TransportError as error:
            raise Unreachable(
                f"it cannot be reached at {self._settings.model_url} ({type(error).__name__}); see that it runs, and "
                "that FNA_REPORTS_MODEL_URL is right"
            ) from None
        if response.status_code != HTTPStatus.OK:
            raise _refusal(response, content)
        return _completion(content)

    def _body(self, messages: Sequence[dict[str, str]]) -> dict[str, Any]:
        return {
            "model": self._settings.model_name,
            "messages": list(messages),
            "temperature": 0,
            "max_tokens": self._settings.model_answer_tokens,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "review", "strict": True, "schema": prompt.SCHEMA},
            },
        }


def _read(response: httpx.Response, deadline: float) -> bytes:
    """Return the body; httpx itself limits only the time between two pieces of it."""
    content = bytearray()
    for piece in response.iter_bytes():
        content += piece
        if len(content) > _MAX_ANSWER_BYTES:
            raise InvalidAnswer(f"its answer has more than {_MAX_ANSWER_BYTES:,} bytes")
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the whole answer took too long")
    return bytes(content)


def _timed_out(seconds: float) -> TimedOut:
    return TimedOut(f"it did not answer within {seconds:.3g} s; raise FNA_REPORTS_MODEL_TIMEOUT_SECONDS")


def _refusal(response: httpx.Response, content: bytes) -> MayPass | Refused:
    status = response.status_code
    reason = _reason(content)
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Overloaded(f"it answers with status {status}{reason}", _retry_after(response.headers.get("retry-after")))
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Refused(f"it refuses the key (status {status}); correct FNA_REPORTS_MODEL_API_KEY")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Refused(f"it redirects (status {status}); set FNA_REPORTS_MODEL_URL to where it leads")
    return Refused(
        f"it refuses the request with status {status}{reason}; check FNA_REPORTS_MODEL_URL, FNA_REPORTS_MODEL_NAME, "
        "and that it knows structured output"
    )


def _reason(content: bytes) -> str:
    """Return what the endpoint says of an error, in a few words."""
    try:
        error = json.loads(content)["error"]
        text = error["message"] if isinstance(error, dict) else error
    except (ValueError, KeyError, TypeError):
        return ""
    return f" ({' '.join(str(text).split())[:_MAX_REASON]})"


def _retry_after(value: str | None) -> float | None:
    """Return the seconds of a `Retry-After` header, which gives them or a date; None for none."""
    if not value:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _completion(content: bytes) -> Completion:
    try:
        document = json.loads(content)
        choice = document["choices"][0]
        text = choice["message"]["content"]
        usage = document.get("usage") or {}
        finished = choice.get("finish_reason")
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise InvalidAnswer("its answer is no chat completion; is FNA_REPORTS_MODEL_URL right?") from None
    if finished == "length":
        raise InvalidAnswer("its answer is cut off; raise FNA_REPORTS_MODEL_ANSWER_TOKENS")
    if not isinstance(text, str):
        raise InvalidAnswer("it gives no answer")
    return Completion(text, _count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))


def _count(usage: Any, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and value >= 0 else None
