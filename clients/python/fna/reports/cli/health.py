"""What the server answers to the standard health check; needs grpcio-health-checking."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from fna.reports._status import error_of
from fna.reports.cli.findings import Finding, fail, ok, warn
from fna.reports.cli.problems import advice_on
from fna.reports.client import ReportsClient
from fna.reports.errors import AccessDeniedError
from fna.reports.v1 import batch_status_service_pb2, batch_submission_service_pb2, report_service_pb2

_SERVICES = tuple(
    service.full_name
    for file in (batch_submission_service_pb2, batch_status_service_pb2, report_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
)
_ROUND_TRIPS = 5
_ABSENT = "ABSENT"


def health(client: ReportsClient, within: timedelta) -> Iterator[Finding]:
    """Yield whether the services serve, and how long a round trip takes."""
    check = _Check(client, within)
    try:
        yield _serving({service.rpartition(".")[2]: check(service) for service in _SERVICES})
        yield ok("latency", f"{_round_trip(check) * 1000:.1f} ms for a round trip")
    except grpc.RpcError as failure:
        error = error_of(failure)
        other = "Is it a server of FNA Reports, and does nothing on the way change the calls?"
        advice = advice_on(error) if isinstance(error, AccessDeniedError) else other
        yield fail("health", f"the health check ends with {error.code.name}: {error.message}", advice)


class _Check:
    """Asks for the status of a service by its name; the empty name is the server as a whole."""

    def __init__(self, client: ReportsClient, within: timedelta) -> None:
        self._client = client
        self._stub: Any = health_pb2_grpc.HealthStub(client.channel)  # whose methods its types do not know
        self._seconds = within.total_seconds()

    def __call__(self, service: str) -> str:
        request = health_pb2.HealthCheckRequest(service=service)
        try:
            answer = self._stub.Check(request, timeout=self._seconds, metadata=self._client.metadata())
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return _ABSENT
            raise
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


def _serving(statuses: dict[str, str]) -> Finding:
    absent = [service for service, status in statuses.items() if status == _ABSENT]
    others = [f"{service} is {status}" for service, status in statuses.items() if status not in (_ABSENT, "SERVING")]
    if others:
        remedy = "A server that stops says so: call another one, or wait until it is started again."
        return fail("health", ", ".join(others), remedy)
    if absent:
        remedy = "Start it with these services too (--services), or name the server that has them with --server."
        return warn("health", f"this server does not run {', '.join(absent)}", remedy)
    return ok("health", f"{', '.join(statuses)} serve")


def _round_trip(check: _Check) -> float:
    """Return the median of a few round trips in seconds, without the database."""
    seconds = []
    for _ in range(_ROUND_TRIPS):
        began = time.perf_counter()
        check("")
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)
