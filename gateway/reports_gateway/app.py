"""The gateway's ASGI application."""

from __future__ import annotations

from http import HTTPStatus

import grpc.aio
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from reports_gateway import openapi, problems
from reports_gateway.errors import problem_error
from reports_gateway.problems import Problem, ProblemError, problem
from reports_gateway.routes import batch_events, batch_results, batches, probes, reports
from reports_gateway.upstream import Services
from reports_gateway.watches import Watches

_FRAMEWORK_CODES = {
    HTTPStatus.BAD_REQUEST: ("INVALID_ARGUMENT", "INVALID_REQUEST"),
    HTTPStatus.NOT_FOUND: ("NOT_FOUND", "ROUTE_NOT_FOUND"),
    HTTPStatus.METHOD_NOT_ALLOWED: ("UNIMPLEMENTED", "METHOD_NOT_ALLOWED"),
}


def create_app(services: Services, watches: Watches) -> FastAPI:
    """Return the application; it calls `services` and keeps its open streams in `watches`."""
    app = FastAPI(
        title="FNA Reports",
        version="v1",
        description="Batches of company reports, analysed. A thin translation of the gRPC services fna.reports.v1.",
        # The pages of FastAPI load their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(_refuse_cross_site)],
        responses={"default": {"model": Problem, "description": "Any error, as problem details (RFC 9457)."}},
    )
    app.state.services = services
    app.state.watches = watches
    for module in (batches, batch_events, batch_results, reports, probes):
        app.include_router(module.router)
    _handle_errors(app)
    openapi.install(app)
    return app


def _refuse_cross_site(request: Request) -> None:
    """Keep a web page of another site from making a visitor's browser submit something here.

    JSON is read whatever its media type says, so a browser would send such a request without asking first.
    """
    if request.method != "GET" and request.headers.get("sec-fetch-site") == "cross-site":
        detail = "Another site's page may not do this; call from this site, or from a program."
        raise ProblemError(
            problem(HTTPStatus.FORBIDDEN, code="PERMISSION_DENIED", reason="CROSS_SITE_REFUSED", detail=detail)
        )


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(ProblemError)
    async def own(request: Request, error: ProblemError) -> Response:
        return problems.response(error.problem, instance=request.url.path, headers=error.headers)

    @app.exception_handler(grpc.aio.AioRpcError)
    async def upstream(request: Request, error: grpc.aio.AioRpcError) -> Response:
        return await own(request, problem_error(error))

    @app.exception_handler(RequestValidationError)
    async def validation(request: Request, error: RequestValidationError) -> Response:
        # A location starts with where the field was found: path, query or header.
        return await own(request, problems.invalid(problems.field_errors(error.errors(), skip=1)))

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        code, reason = _FRAMEWORK_CODES.get(status, ("UNKNOWN", None))
        detail = f"{request.method} {request.url.path}: {error.detail}"
        return await own(request, ProblemError(problem(status, code=code, reason=reason, detail=detail), error.headers))

    @app.exception_handler(ClientDisconnect)
    async def gone(_request: Request, _error: ClientDisconnect) -> Response:
        return Response(status_code=HTTPStatus.BAD_REQUEST)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, _error: Exception) -> Response:
        detail = "The gateway failed; its log says more."
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return await own(request, ProblemError(problem(status, code="INTERNAL", reason=None, detail=detail)))
