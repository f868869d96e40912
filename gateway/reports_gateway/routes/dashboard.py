"""The dashboard, the reference of the HTTP API, and the files that these pages load."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Self

from fastapi import APIRouter, Header, HTTPException, Request, Response
from fastapi.responses import JSONResponse

router = APIRouter(tags=["dashboard"])

_FOLDER = Path(__file__).parents[1] / "static"
_PAGE = "index.html"
_REFERENCE = "docs.html"

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What is served, and as what: the tables of the machine know some of these by other names."""

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Kept, and asked for again each time: after an upgrade no page runs with modules of two releases.
    "Cache-Control": "no-cache",
}

_REFERENCE_HEADERS = _HEADERS | {
    # Its library sets styles on elements. It runs no script that is not a file here.
    "Content-Security-Policy": _HEADERS["Content-Security-Policy"].replace(
        "style-src 'self'", "style-src 'self' 'unsafe-inline'"
    )
}

_INDEX = {
    "batches": "/v1/reports/batch",
    "reports": "/v1/reports",
    "docs": "/docs",
    "openapi": "/openapi.json",
    "alive": "/healthz",
    "ready": "/readyz",
}


@dataclass(frozen=True, slots=True)
class _File:
    """One file of the dashboard, as it is sent."""

    content: bytes
    media_type: str
    etag: str

    @classmethod
    def read(cls, path: Path) -> Self:
        content = path.read_bytes()
        return cls(content, _MEDIA_TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:32]}"')

    def response(self, if_none_match: str, **headers: str) -> Response:
        """Return the content, or 304 when the client has it."""
        sent = {**_HEADERS, "ETag": self.etag, **headers}
        known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        if self.etag in known or "*" in known:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=sent)
        return Response(self.content, media_type=self.media_type, headers=sent)


# All that can be asked for, by its path. No path of a request ever reaches the file system.
_FILES = {
    path.relative_to(_FOLDER).as_posix(): _File.read(path)
    for path in sorted(_FOLDER.rglob("*"))
    if path.suffix in _MEDIA_TYPES
}

_PAGE_OR_INDEX: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK: {
        "description": "The dashboard for browsers, an index for programs.",
        "content": {"text/html": {"schema": {"type": "string"}}},
    }
}

IfNoneMatch = Annotated[str, Header(alias="If-None-Match", include_in_schema=False)]


@router.get("/", response_model=dict[str, str], responses=_PAGE_OR_INDEX)
async def index(request: Request, if_none_match: IfNoneMatch = "") -> Response:
    """Answer the dashboard to who accepts HTML, and name the places to start from to anyone else."""
    if "text/html" in request.headers.get("accept", ""):
        return _FILES[_PAGE].response(if_none_match, Vary="Accept")
    return JSONResponse(_INDEX, headers={"Vary": "Accept"})


@router.get("/docs", include_in_schema=False)
async def docs(if_none_match: IfNoneMatch = "") -> Response:
    """Return the reference of the HTTP API, in which each call can be tried."""
    return _FILES[_REFERENCE].response(if_none_match, **_REFERENCE_HEADERS)


@router.get("/static/{path:path}", include_in_schema=False)
async def static(path: str, if_none_match: IfNoneMatch = "") -> Response:
    """Return a file that the dashboard loads."""
    file = _FILES.get(path)
    if file is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "The dashboard has no such file.")
    return file.response(if_none_match)
