"""The gateway offers what the contract's HTTP rules say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor import Descriptor
from pydantic import BaseModel

from fna.reports.v1 import (
    batch_pb2,
    batch_status_service_pb2,
    batch_submission_service_pb2,
    report_pb2,
    report_service_pb2,
    webhook_pb2,
)
from reports_gateway.routes import batch_events, batch_results, batches, probes, reports, webhooks
from reports_gateway.schemas import batch, batch_requests, delta, event, report, report_requests, result, webhook
from tests.unit.gateway_peer import SERVICES, Peer, in_process, serve

OF_HTTP_ALONE = {"wait"}
"""Parameters that gRPC has no need of."""


def rules() -> Iterator[tuple[str, str]]:
    for service in SERVICES:
        for method in service.methods:
            rule = method.GetOptions().Extensions[annotations_pb2.http]
            yield from bindings(rule)
            for additional in rule.additional_bindings:
                yield from bindings(additional)


def bindings(rule: HttpRule) -> Iterator[tuple[str, str]]:
    pattern = rule.WhichOneof("pattern")
    if pattern is not None:
        yield pattern.upper(), getattr(rule, pattern)


async def document() -> dict[str, Any]:
    async with serve(Peer()) as target, in_process(target) as client:
        found: dict[str, Any] = (await client.get("/openapi.json")).json()
        return found


async def test_every_http_rule_of_the_contract_is_a_route_and_nothing_else_is() -> None:
    paths = (await document())["paths"]
    routes = {(method.upper(), path) for path, operations in paths.items() for method in operations}
    assert {route for route in routes if route[1].startswith("/v1/")} == set(rules())


def test_the_contract_has_http_rules() -> None:
    assert ("POST", "/v1/reports/batch") in set(rules())
    assert ("GET", "/v1/reports/batch/{batch_id}/events") in set(rules())


@pytest.mark.parametrize(
    ("model", "message", "renamed"),
    [
        (batch.Batch, batch_pb2.Batch, {}),
        (batch.BatchItem, batch_pb2.BatchItem, {"error": "errors"}),
        (batch.BatchPage, batch_status_service_pb2.ListBatchesResponse, {}),
        (batch.BatchItemPage, batch_status_service_pb2.ListBatchItemsResponse, {}),
        (event.BatchCounters, batch_pb2.BatchCounters, {}),
        (event.BatchStatusChanged, batch_pb2.BatchStatusChanged, {}),
        (event.BatchItemChanged, batch_pb2.BatchItemChanged, {}),
        (event.BatchItemsChanged, batch_pb2.BatchItemsChanged, {"error": "errors"}),
        (event.BatchItemProgress, batch_pb2.BatchItemProgress, {}),
        (event.BatchEvent, batch_pb2.BatchEvent, {"heartbeat": None}),
        (result.BatchResult, batch_status_service_pb2.BatchResult, {}),
        (report.Report, report_pb2.Report, {}),
        (report.ReportPage, report_service_pb2.ListReportsResponse, {}),
        (report.ReportAnalysis, report_pb2.ReportAnalysis, {}),
        (report.NarrativeSection, report_pb2.NarrativeSection, {}),
        (report.NarrativeTheme, report_pb2.NarrativeTheme, {}),
        (report.RiskIndicator, report_pb2.RiskIndicator, {}),
        (report.FinancialMetric, report_pb2.FinancialMetric, {}),
        (report.Score, report_pb2.Score, {}),
        (report.ModelReview, report_pb2.ModelReview, {}),
        (report.ModelFinding, report_pb2.ModelFinding, {}),
        (batch_requests.SubmitBatchBody, batch_submission_service_pb2.SubmitBatchRequest, {}),
        (batch_requests.CancelBatchBody, batch_submission_service_pb2.CancelBatchRequest, {"batch_id": None}),
        (batch_requests.RetryBatchBody, batch_submission_service_pb2.RetryBatchRequest, {"batch_id": None}),
        (batch_requests.GetBatchQuery, batch_status_service_pb2.GetBatchRequest, {"batch_id": None}),
        (
            batch_requests.ListBatchItemsQuery,
            batch_status_service_pb2.ListBatchItemsRequest,
            {"batch_id": None, "statuses": "status"},
        ),
        (batch_requests.WatchBatchQuery, batch_status_service_pb2.WatchBatchRequest, {"batch_id": None}),
        (report_requests.ListReportsQuery, report_service_pb2.ListReportsRequest, {"statuses": "status"}),
        (webhook.WebhookSettings, webhook_pb2.WebhookSettings, {}),
        (webhook.WebhookDelivery, webhook_pb2.WebhookDelivery, {}),
        (webhook.WebhookAttempt, webhook_pb2.WebhookAttempt, {}),
        (webhook.WebhookDeliveries, batch_status_service_pb2.ListWebhookDeliveriesResponse, {}),
        (webhook.NewWebhookSecret, batch_submission_service_pb2.RotateWebhookSecretResponse, {}),
        (webhook.UpdateWebhookSettingsBody, batch_submission_service_pb2.UpdateWebhookSettingsRequest, {}),
        (delta.NarrativeDelta, report_service_pb2.NarrativeDelta, {}),
        (delta.ScoreChanges, report_service_pb2.ScoreChanges, {}),
        (delta.SectionDelta, report_service_pb2.SectionDelta, {}),
        (delta.MetricDelta, report_service_pb2.MetricDelta, {}),
        (
            report_requests.GetNarrativeDeltaQuery,
            report_service_pb2.GetNarrativeDeltaRequest,
            {"report_id": None},
        ),
        (
            report_requests.GetReportAnalysisQuery,
            report_service_pb2.GetReportAnalysisRequest,
            {"report_id": None},
        ),
    ],
)
def test_json_has_every_field_of_the_message(
    model: type[BaseModel], message: type, renamed: dict[str, str | None]
) -> None:
    descriptor: Descriptor = message.DESCRIPTOR  # type: ignore[attr-defined]  # a generated message class
    expected = {renamed.get(name, name) for name in descriptor.fields_by_name} - {None}
    assert set(model.model_fields) - OF_HTTP_ALONE == expected


def test_no_two_routes_take_the_same_request() -> None:
    routes = [
        (method, getattr(route, "path", ""))
        for module in (batches, batch_events, batch_results, reports, webhooks, probes)
        for route in module.router.routes
        for method in getattr(route, "methods", ())
    ]
    assert len(routes) == len(set(routes))
