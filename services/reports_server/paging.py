"""Page sizes and page tokens."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import UTC, datetime
from uuid import UUID

from fna.reports.v1.batch_status_service_pb2 import (
    ListBatchesRequest,
    ListBatchItemsRequest,
    ListBatchResultsRequest,
)
from fna.reports.v1.report_service_pb2 import ListReportsRequest
from reports_core.domain.errors import PageTokenInvalid

PagedRequest = ListBatchesRequest | ListBatchItemsRequest | ListBatchResultsRequest | ListReportsRequest

MAX_PAGE_SIZE = 1000
_MAX_POSITION = 2**31 - 1


def page_size(requested: int, default: int, most: int = MAX_PAGE_SIZE) -> int:
    """Return how many rows a page has; 0 means the default, more than `most` is read as that."""
    return min(requested or default, most)


def encode(request: PagedRequest, *position: object) -> str:
    """Return the token that continues a listing after `position`."""
    payload = json.dumps([_arguments(request), *map(str, position)])
    return base64.urlsafe_b64encode(payload.encode()).decode()


def time_and_id(request: PagedRequest) -> tuple[datetime, UUID] | None:
    """Return the position in a listing by time, None for the first page. Raises PageTokenInvalid."""
    parts = _decode(request)
    if parts is None:
        return None
    try:
        created_at, identifier = parts
        # A time that no calendar in UTC has would fail in the database.
        return datetime.fromisoformat(created_at).astimezone(UTC), UUID(identifier)
    except (ValueError, OverflowError):
        raise PageTokenInvalid from None


def position(request: PagedRequest) -> int:
    """Return the position in a listing by number, -1 for the first page. Raises PageTokenInvalid."""
    parts = _decode(request)
    if parts is None:
        return -1
    try:
        (last,) = map(int, parts)
    except ValueError:
        raise PageTokenInvalid from None
    if not 0 <= last <= _MAX_POSITION:
        raise PageTokenInvalid
    return last


def _decode(request: PagedRequest) -> list[str] | None:
    if not request.page_token:
        return None
    try:
        arguments, *parts = json.loads(base64.urlsafe_b64decode(request.page_token.encode("ascii")))
    except (binascii.Error, UnicodeError, ValueError, TypeError):
        raise PageTokenInvalid from None
    if arguments != _arguments(request):
        raise PageTokenInvalid
    return [str(part) for part in parts]


def _arguments(request: PagedRequest) -> str:
    """Return what the arguments are that a token belongs to: all but the two that may change between pages."""
    copy = type(request).FromString(request.SerializeToString())
    copy.ClearField("page_size")
    copy.ClearField("page_token")
    return hashlib.sha256(copy.SerializeToString(deterministic=True)).hexdigest()[:16]
