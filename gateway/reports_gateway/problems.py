"""Errors as problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from starlette.responses import Response

from reports_gateway import request_ids

MEDIA_TYPE = "application/problem+json"

_SHOWN_ERRORS = 100
_SUMMARISED_ERRORS = 3


class FieldError(BaseModel):
    """What is wrong with one field."""

    model_config = ConfigDict(frozen=True)

    field: str
    message: str


class Problem(BaseModel):
    """An error as every route answers it; members that do not apply are left out."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str | None = None
    request_id: str | None = None
    """Identifier of the request, also in the header `X-Request-Id`; the gateway's log has it."""
    code: str
    """Name of the gRPC status code."""
    reason: str | None = None
    """Stable identifier of the cause, for programs."""
    errors: list[FieldError] | None = None
    metadata: dict[str, str | int | list[str]] | None = None
    """Facts about the cause, for example `report_ids` and `unknown_count` of REPORT_NOT_FOUND."""


class ProblemError(Exception):
    """Answer the request with this problem."""

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.headers = dict(headers or {})


def problem(
    status: HTTPStatus,
    *,
    code: str,
    reason: str | None,
    detail: str,
    errors: Iterable[FieldError] = (),
    metadata: Mapping[str, str | int | list[str]] | None = None,
) -> Problem:
    """Return a problem whose type and title follow from the reason."""
    return Problem(
        type=f"urn:problem-type:reports.fna:{reason}" if reason else "about:blank",
        title=reason.replace("_", " ").capitalize() if reason else status.phrase,
        status=status,
        detail=detail,
        code=code,
        reason=reason,
        errors=list(errors) or None,
        metadata=dict(metadata) if metadata else None,
    )


def invalid(errors: Iterable[FieldError]) -> ProblemError:
    """Return the error of a request with wrong fields; the first 100 are shown."""
    shown = list(errors)[:_SHOWN_ERRORS]
    detail = summary(shown)
    return ProblemError(
        problem(HTTPStatus.BAD_REQUEST, code="INVALID_ARGUMENT", reason="INVALID_REQUEST", detail=detail, errors=shown)
    )


def summary(errors: Sequence[FieldError]) -> str:
    """Return the first few errors in one line."""
    more = "; ..." if len(errors) > _SUMMARISED_ERRORS else ""
    return "; ".join(f"{error.field}: {error.message}" for error in errors[:_SUMMARISED_ERRORS]) + more


def invalid_field(field: str, message: str) -> ProblemError:
    return invalid([FieldError(field=field, message=message)])


def too_large(limit: int) -> ProblemError:
    return ProblemError(
        problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            code="RESOURCE_EXHAUSTED",
            reason="CONTENT_TOO_LARGE",
            detail=f"What was sent is larger than {limit} bytes; send less.",
        ),
        # What is left of the body is not read, so the connection cannot carry another request.
        {"Connection": "close"},
    )


def stalled(seconds: float) -> ProblemError:
    return ProblemError(
        problem(
            HTTPStatus.REQUEST_TIMEOUT,
            code="DEADLINE_EXCEEDED",
            reason="REQUEST_STALLED",
            detail=f"Nothing came for {seconds:g} seconds before the request was complete; send it again.",
        ),
        {"Connection": "close"},
    )


def unavailable(detail: str) -> ProblemError:
    return ProblemError(
        problem(HTTPStatus.SERVICE_UNAVAILABLE, code="UNAVAILABLE", reason=None, detail=detail), {"Retry-After": "1"}
    )


def of_validation(error: ValidationError) -> ProblemError:
    """Return the problem of what is no valid model."""
    return invalid(field_errors(error.errors(include_url=False, include_input=False)))


def field_errors(details: Iterable[ErrorDetails], *, skip: int = 0) -> list[FieldError]:
    """Name each wrong field as its sender knows it: `report_ids[3]`, `labels["region"]`.

    `skip` is the number of leading parts of a location that are not the sender's, such as `query`.
    """
    return [FieldError(field=_path(error["loc"][skip:]), message=_message(error)) for error in details]


def identified(problem: Problem, instance: str) -> Problem:
    """Return the problem with the path and the identifier of the request that had it."""
    return problem.model_copy(update={"instance": instance, "request_id": request_ids.current()})


def response(problem: Problem, *, instance: str, headers: Mapping[str, str] | None = None) -> Response:
    found = identified(problem, instance)
    id_header = {request_ids.HEADER: found.request_id} if found.request_id else {}
    return Response(
        found.model_dump_json(exclude_none=True),
        status_code=problem.status,
        headers={**(headers or {}), **id_header},
        media_type=MEDIA_TYPE,
    )


def _path(location: tuple[int | str, ...]) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f'["{part}"]' for part in location[1:]]
    return "".join([str(location[0]), *parts]) if location else "body"


def _message(error: ErrorDetails) -> str:
    match error["type"]:
        case "extra_forbidden":
            return "is unknown here; check its spelling"
        case "missing":
            return "is required"
        case "json_invalid":
            return f"is not valid JSON: {error['ctx']['error']}"
        case _:
            return error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
