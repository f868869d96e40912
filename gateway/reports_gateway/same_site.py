"""Requests of other sites' pages, which may not change anything here."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from reports_gateway import problems
from reports_gateway.problems import problem

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class SameSite:
    """Keep a web page of another site from making a visitor's browser submit something here.

    JSON is read whatever its media type says, so a browser would send such a request without asking first. Pages of
    `origins` may, of `*` all may.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in _SAFE and self._is_foreign(Headers(scope=scope)):
            detail = "Another site's page may not do this; call from this site, or from a program."
            found = problem(HTTPStatus.FORBIDDEN, code="PERMISSION_DENIED", reason="CROSS_SITE_REFUSED", detail=detail)
            await problems.response(found, instance=scope["path"])(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_foreign(self, headers: Headers) -> bool:
        if headers.get("sec-fetch-site") != "cross-site":
            return False
        return "*" not in self._origins and headers.get("origin") not in self._origins
