"""The methods of HTTP that every route has: HEAD where there is GET, and OPTIONS."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from fastapi import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS_ALONE = "fna.reports.headers_alone"


class HeadRequests:
    """Answer HEAD as GET without a body (RFC 9110, 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET", _HEADERS_ALONE: True}, receive, without_body)


class StreamedResponse(StreamingResponse):
    """A stream, which does not begin for a HEAD request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _HEADERS_ALONE in scope:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            await super().__call__(scope, receive, send)


def of_path(request: Request, routes: Iterable[BaseRoute]) -> list[str]:
    """Return the methods that the path of the request has on any of the routes."""
    found = {
        method
        for route in routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    if "GET" in found:
        found.add("HEAD")
    return sorted(found | {"OPTIONS"})


def options(methods: list[str]) -> Response:
    """Return the answer to OPTIONS."""
    return Response(status_code=HTTPStatus.NO_CONTENT, headers={"Allow": ", ".join(methods)})
