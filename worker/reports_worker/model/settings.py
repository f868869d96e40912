"""Settings of the optional language model."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from reports_core.settings import ProcessSettings


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain or not value.isprintable():
        raise ValueError("must look like https://host/v1, without user, query and fragment")
    return value.rstrip("/")


def _header_value(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if not (value.isascii() and value.isprintable()):
        raise ValueError("must be printable ASCII; is there a line break or a quotation mark of a word processor in it")
    return secret


class ModelSettings(ProcessSettings):
    """What a process that asks a language model reads from the environment and `.env`."""

    model_url: Annotated[str, AfterValidator(_base_url)] | None = None
    """Base URL of an OpenAI-compatible endpoint, such as `http://127.0.0.1:11434/v1`; not set means no model."""
    model_name: str = Field(default="", max_length=255, validate_default=True)
    """The model, as the endpoint calls it."""
    model_api_key: Annotated[SecretStr, AfterValidator(_header_value)] | None = None
    """Sent as a bearer token; not set means that the endpoint wants none."""
    model_timeout_seconds: float = Field(default=30, gt=0, le=3600)
    """Longest time for one request."""
    model_deadline_seconds: float = Field(default=45, gt=0, le=3600)
    """Longest time for all requests of one report, waits included."""
    model_retries: int = Field(default=2, ge=0, le=10)
    """How often a request is repeated whose failure may pass."""
    model_token_budget: int = Field(default=32_000, ge=2_000, le=10_000_000)
    """Most tokens for one report, read and written."""
    model_context_tokens: int = Field(default=8_192, ge=2_000, le=10_000_000)
    """Most tokens for one request, read and written; not more than the model's context."""
    model_answer_tokens: int = Field(default=1_000, ge=200, le=100_000)
    """Most tokens that the model may write for one request."""

    @field_validator("model_name")
    @classmethod
    def _names_the_model(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("model_url") and not value.strip():
            raise ValueError("FNA_REPORTS_MODEL_URL is set, so name the model, as the endpoint calls it")
        return value.strip()

    @field_validator("model_answer_tokens")
    @classmethod
    def _leaves_room(cls, value: int, info: ValidationInfo) -> int:
        least = min(info.data.get("model_context_tokens", value * 2), info.data.get("model_token_budget", value * 2))
        if value * 2 > least:
            raise ValueError("must be at most half of the tokens of a request and of a report")
        return value
