"""Probes and figures for operators."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import grpc.aio
from fastapi import APIRouter, Request, Response
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from prometheus_client import CONTENT_TYPE_LATEST

from reports_gateway.documented import only_errors
from reports_gateway.problems import ProblemError, problem

router = APIRouter(tags=["probes"])

_PROBE_SECONDS = 2.0


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """Answer as long as the gateway itself runs."""
    return {"status": "alive"}


@router.get("/readyz", responses=only_errors("NOT_READY"))
async def ready(request: Request) -> dict[str, str]:
    """Answer 200 when every service behind the gateway serves, else 503."""
    channels = request.app.state.services.channels
    names = list(channels)
    found = await asyncio.gather(*(_health(channels[name], name) for name in names))
    health = dict(zip(names, found, strict=True))
    waiting = [name for name, status in health.items() if status != "SERVING"]
    if waiting:
        detail = f"Not serving: {', '.join(waiting)}."
        status = HTTPStatus.SERVICE_UNAVAILABLE
        raise ProblemError(
            problem(status, code="UNAVAILABLE", reason="NOT_READY", detail=detail, metadata=health),
            {"Retry-After": "1"},
        )
    return health


@router.get("/metrics", include_in_schema=False)
def metrics(request: Request) -> Response:
    """Answer the gateway's figures in Prometheus' text format."""
    return Response(request.app.state.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _health(channel: grpc.aio.Channel, service: str) -> str:
    """Return the name of the service's health, or of the status code that asking for it ended with."""
    try:
        check = HealthStub(channel).Check  # type: ignore[attr-defined]  # the package's types leave the methods out
        answer: HealthCheckResponse = await check(HealthCheckRequest(service=service), timeout=_PROBE_SECONDS)
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return HealthCheckResponse.ServingStatus.Name(answer.status)
