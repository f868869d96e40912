"""Figures of the gateway for Prometheus."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reports_gateway.watches import Watches

_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """What one gateway counts. Every label has a bounded number of values: no path or method of a client is one."""

    def __init__(self, watches: Watches) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._seconds = Histogram(
            "fna_reports_gateway_request_seconds",
            "Time from a request to the beginning of its answer, by route template, method and status.",
            ("route", "method", "status"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._upstream_errors = Counter(
            "fna_reports_gateway_upstream_errors",
            "Calls of the services that ended with an error, by gRPC status code.",
            ("code",),
            registry=self._registry,
        )
        Gauge(
            "fna_reports_gateway_open_watches",
            "Watches that are open: event streams, and polls that wait.",
            registry=self._registry,
        ).set_function(lambda: len(watches))
        self._children: dict[tuple[str, str, int], Histogram] = {}

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        key = (route, method, status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._seconds.labels(route, method, str(status))
        child.observe(seconds)

    def upstream_error(self, code: str) -> None:
        """Count one call of a service that ended with the status of this name."""
        self._upstream_errors.labels(code).inc()

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self._registry)


class MeasuredRequests:
    """Measures each request by the route that took it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        answered = False

        def measure(status: int) -> None:
            nonlocal answered
            answered = True
            route = getattr(scope.get("route"), "path_format", "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.answered(route, method, status, time.perf_counter() - started)

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                measure(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, measured)
        except Exception:
            # What is not expected is answered outside of this.
            if not answered:
                measure(500)
            raise
