"""Bodies of requests, read within a limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from fastapi import Request
from pydantic import ValidationError
from starlette.types import Message

from reports_gateway.problems import invalid_field, of_validation, too_large
from reports_gateway.schemas.wire import RequestModel

B = TypeVar("B", bound=RequestModel)

JSON = "application/json"
FORM = "multipart/form-data"

MAX_JSON_BYTES = 4 * 1024 * 1024
"""10,000 report ids are 0.4 MB. A gRPC server takes 4 MiB, and no request is larger there than its JSON."""


async def bounded(request: Request, limit: int) -> Request:
    """Return the request with a body that ends in a problem when more than `limit` bytes come.

    Up to twice as many are read all the same: a client that still sends when the connection ends loses the answer.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        if request.headers.get("expect", "").lower() != "100-continue":
            await _discard(request, 2 * limit)
        raise too_large(limit)
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > limit:
            await _discard(request, limit)
            raise too_large(limit)
        return message

    return Request(request.scope, receive)


async def _discard(request: Request, most: int) -> None:
    more = True
    while more and most > 0:
        message = await request.receive()
        most -= len(message.get("body", b""))
        more = message.get("more_body", False)


def json_body(model: type[B], *, query: frozenset[str] = frozenset()) -> Callable[[Request], Awaitable[B]]:
    """Return a dependency that reads the body as `model`.

    The media type is not looked at: `curl -d` calls its JSON a form. No body and `null` are read as `{}`, so that
    what is missing is named. Query parameters other than `query` are refused: what a client put there by mistake,
    `validate_only` for example, must not be lost.
    """

    async def read(request: Request) -> B:
        refuse_query(request, query, "the JSON body")
        received = await bounded(request, MAX_JSON_BYTES)
        body = (await received.body()).strip()
        try:
            return model.model_validate_json(body if body not in {b"", b"null"} else b"{}")
        except ValidationError as error:
            raise of_validation(error) from None

    return read


def refuse_query(request: Request, known: frozenset[str], instead: str) -> None:
    """Raise a problem for a query parameter that is not `known` and would be lost."""
    for name in request.query_params.keys() - known:
        raise invalid_field(name, f"is not a query parameter of this method; send it in {instead}")


def openapi_body(schemas: Mapping[str, object], *, required: bool = True) -> dict[str, object]:
    """Return the OpenAPI description of a body that the route reads by itself, with a schema for each media type."""
    content = {
        media_type: {"schema": schema if required else {"anyOf": [schema, {"type": "null"}]}}
        for media_type, schema in schemas.items()
    }
    return {"requestBody": {"required": required, "content": content}}
