"""The gateway's ASGI application."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import grpc.aio
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from reports_gateway import methods, openapi, problems, request_ids
from reports_gateway.errors import problem_error
from reports_gateway.metrics import MeasuredRequests, Metrics
from reports_gateway.problems import ProblemError, problem
from reports_gateway.routes import batch_events, batch_results, batches, dashboard, probes, reports, webhooks
from reports_gateway.same_site import SameSite
from reports_gateway.upstream import Services
from reports_gateway.watches import Watches

_FRAMEWORK_CODES = {
    HTTPStatus.BAD_REQUEST: ("INVALID_ARGUMENT", "INVALID_REQUEST"),
    HTTPStatus.NOT_FOUND: ("NOT_FOUND", "ROUTE_NOT_FOUND"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("UNIMPLEMENTED", "METHOD_NOT_ALLOWED"),
}

_DESCRIPTION = """\
Batches of company reports, analysed. A thin translation of the gRPC services `fna.reports.v1`.

- **JSON**: field names as in the contract, enum values without their prefix (`COMPLETED`), times as RFC 3339 in UTC,
  `null` for what is not set yet. A field or query parameter that is not known is refused.
- **Errors**: `application/problem+json` (RFC 9457) with `code` (the name of the gRPC status), `reason` (stable, for
  programs), `errors` (each wrong field and what to do) and `request_id`, which is also in `X-Request-Id`.
- **Repeating**: `Idempotency-Key` makes a submission safe to send again. `Retry-After` says how long to wait.
- **Changes**: `ETag` with `If-None-Match` (304) and `If-Match` (412).
- **Following a batch**: `GET /v1/reports/batch/{batch_id}/events` streams server-sent events, resumes at
  `Last-Event-ID` or `after_sequence`, and with `wait=20s` answers one page for who cannot stream. `webhook_url` has
  its end sent to you.
"""

_ROUTERS = [module.router for module in (batches, batch_events, batch_results, reports, webhooks, probes, dashboard)]

_LEAST_COMPRESSED_BYTES = 1024


def create_app(services: Services, watches: Watches, cors_origins: Sequence[str] = ()) -> FastAPI:
    """Return the application; it calls `services` and keeps its open streams in `watches`.

    Pages of `cors_origins` may call it from a browser, of `*` any page.
    """
    app = FastAPI(
        title="FNA Reports",
        version="v1",
        description=_DESCRIPTION,
        # The pages of FastAPI load their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=openapi.operation_id,
    )
    app.state.services = services
    app.state.watches = watches
    app.state.metrics = metrics = Metrics(watches)
    for router in _ROUTERS:
        app.include_router(router)
    _handle_errors(app)
    openapi.install(app)
    # The one that is added last is outside.
    app.add_middleware(SameSite, origins=cors_origins)
    app.add_middleware(MeasuredRequests, metrics=metrics)
    app.add_middleware(GZipMiddleware, minimum_size=_LEAST_COMPRESSED_BYTES)  # which leaves event streams alone
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=cors_origins,
            allow_methods=["GET", "POST", "PUT"],
            allow_headers=["*"],
            expose_headers=["ETag", "Location", "Retry-After", request_ids.HEADER],
        )
    app.add_middleware(methods.HeadRequests)
    app.add_middleware(request_ids.RequestIds)
    return app


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(ProblemError)
    async def own(request: Request, error: ProblemError) -> Response:
        return problems.response(error.problem, instance=request.url.path, headers=error.headers)

    @app.exception_handler(grpc.aio.AioRpcError)
    async def upstream(request: Request, error: grpc.aio.AioRpcError) -> Response:
        app.state.metrics.upstream_error(error.code().name)
        return await own(request, problem_error(error))

    @app.exception_handler(RequestValidationError)
    async def validation(request: Request, error: RequestValidationError) -> Response:
        # A location starts with where the field was found: path, query or header.
        return await own(request, problems.invalid(problems.field_errors(error.errors(), skip=1)))

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        headers = error.headers
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            # The router names those of one route, where there may be several of this path.
            allowed = methods.of_path(request, (route for router in _ROUTERS for route in router.routes))
            if request.method == "OPTIONS":
                return methods.options(allowed)
            headers = {"Allow": ", ".join(allowed)}
        code, reason = _FRAMEWORK_CODES.get(status, ("UNKNOWN", None))
        detail = f"{request.method} {request.url.path}: {error.detail}"
        return await own(request, ProblemError(problem(status, code=code, reason=reason, detail=detail), headers))

    @app.exception_handler(ClientDisconnect)
    async def gone(_request: Request, _error: ClientDisconnect) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, _error: Exception) -> Response:
        detail = "The gateway failed; its log says more."
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return await own(request, ProblemError(problem(status, code="INTERNAL", reason=None, detail=detail)))
