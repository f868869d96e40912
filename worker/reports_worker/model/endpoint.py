"""One request to an OpenAI-compatible endpoint: bounded in time and bytes, and never anywhere else."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx

from reports_worker.model import completions, refusals
from reports_worker.model.completions import Completion
from reports_worker.model.errors import InvalidAnswer, TimedOut, Unreachable
from reports_worker.model.prompt import Request
from reports_worker.model.settings import ModelSettings

MOST_BYTES = 1024 * 1024
_CONNECT_SECONDS = 5.0

_OPTIONAL = ("temperature", "seed", "max_tokens", "max_completion_tokens")
"""Parameters that some models refuse, and that an answer can do without."""


@dataclass(frozen=True, slots=True)
class Response:
    """What an endpoint answered, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Endpoint:
    """An endpoint and the model there, as the settings name them.

    It learns which parameters the model refuses, and sends them no more.
    """

    def __init__(self, url: str, settings: ModelSettings) -> None:
        self._url = f"{url}/chat/completions"
        self._model = settings.model_name
        self._key = settings.model_api_key.get_secret_value() if settings.model_api_key else ""
        self._unsupported: frozenset[str] = frozenset()

    async def complete(self, request: Request, seconds: float) -> Completion:
        """Return the model's answer to a request, which may take so long.

        Raises a ModelError that says what the endpoint did instead.
        """
        while True:
            payload = self._payload(request)
            response = await self._post_in_time(payload, seconds)
            if response.status == httpx.codes.OK:
                return completions.read(response.body)
            unsupported = refusals.unsupported(response.status, response.body, [*_OPTIONAL], payload)
            if unsupported is None:
                raise refusals.error(response.status, response.headers, response.body, self._key)
            self._unsupported |= {unsupported}

    def _payload(self, request: Request) -> dict[str, Any]:
        # Endpoints of others know the older name only, and newer models of OpenAI the other one only.
        newer = "max_tokens" in self._unsupported
        optional = {
            "temperature": 0,
            "seed": 1,
            "max_completion_tokens" if newer else "max_tokens": request.answer_tokens,
        }
        return {
            "model": self._model,
            "messages": [{"role": "system", "content": request.system}, {"role": "user", "content": request.user}],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": request.schema_name, "strict": True, "schema": request.schema},
            },
            **{name: value for name, value in optional.items() if name not in self._unsupported},
        }

    async def _post_in_time(self, payload: dict[str, Any], seconds: float) -> Response:
        try:
            async with asyncio.timeout(seconds):
                return await self._post(payload, seconds)
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout):
            raise TimedOut(
                f"The model's endpoint did not answer within {round(seconds, 1):g} s. Use a faster model, or raise "
                "FNA_REPORTS_MODEL_TIMEOUT_SECONDS and FNA_REPORTS_MODEL_DEADLINE_SECONDS."
            ) from None
        except (httpx.HTTPError, OSError) as error:
            # Its text may name hosts, which are nobody's business who reads a report.
            raise Unreachable(
                f"The model's endpoint cannot be reached ({type(error).__name__}). Check that it runs, and "
                "FNA_REPORTS_MODEL_URL."
            ) from error

    async def _post(self, payload: dict[str, Any], seconds: float) -> Response:
        # Whatever is compressed could be larger than what was read of it.
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        timeout = httpx.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
        async with (
            httpx.AsyncClient(timeout=timeout, verify=self._tls, follow_redirects=False) as client,
            client.stream("POST", self._url, json=payload, headers=headers) as response,
        ):
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise InvalidAnswer(
                        f"The model's endpoint answered more than {MOST_BYTES:,} bytes, of which nothing was used. "
                        "Check that FNA_REPORTS_MODEL_URL is that of an OpenAI-compatible endpoint."
                    )
            return Response(response.status_code, response.headers, bytes(body))

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Certificates that are trusted, read once."""
        return httpx.create_ssl_context()
