"""Entity tags of batches: HTTP's form of the contract's `etag`."""

from __future__ import annotations

import hashlib
import re
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Header, Response
from pydantic import BaseModel

from reports_gateway.problems import invalid_field
from reports_gateway.request_body import JSON

IfNoneMatch = Annotated[
    str | None,
    Header(alias="If-None-Match", description="The `ETag` of an earlier answer; 304 when nothing changed since."),
]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="The `ETag` of the batch as last read; 412 when the batch changed since."),
]

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    HTTPStatus.NOT_MODIFIED: {"description": "Nothing changed since the answer with that `ETag`."}
}

# The version, and a digest of the answer, which also shows what is no change of the batch, such as a report's step.
_TAG = re.compile(r'(?:W/)?"([^"\s-]+)(?:-[0-9a-f]{16})?"')
_TAGS = re.compile(r'(?:W/)?("[^"]*")')


def tag(version: str, content: bytes) -> str:
    """Return the entity tag of an answer about a batch of this version."""
    return f'"{version}-{hashlib.sha256(content).hexdigest()[:16]}"'


def answer(found: BaseModel, version: str, if_none_match: str | None, accept_encoding: str | None) -> Response:
    """Return the batch as JSON with its entity tag, or 304 when the caller has this answer.

    What is compressed on the way out has another tag than the same content as it is.
    """
    content = found.model_dump_json(by_alias=True).encode()
    compressed = b"gzip" if "gzip" in (accept_encoding or "") else b""
    headers = {"ETag": tag(version, content + compressed), "Cache-Control": "no-cache"}
    if if_none_match and (headers["ETag"] in _TAGS.findall(if_none_match) or if_none_match.strip() == "*"):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, media_type=JSON, headers=headers)


def expected(if_match: str | None, given: str) -> str:
    """Return the version that a request expects by its header, its body (`given`) or both; empty for any.

    Raises ProblemError when the header is no tag of ours, or another one than the body has.
    """
    if if_match is None or if_match.strip() == "*":
        return given
    found = _TAG.fullmatch(if_match.strip())
    if found is None:
        raise invalid_field("If-Match", "is no ETag of a batch; send the one of its last answer, in its quotes, or *")
    if given not in {"", found[1]}:
        raise invalid_field("etag", "is not the one of If-Match; send only one of the two")
    return found[1]
