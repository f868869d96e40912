"""Bad input over gRPC: refused before anything happens, with the field that is wrong."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from fna.reports.v1 import batch_pb2 as pb
from fna.reports.v1 import report_pb2
from fna.reports.v1.batch_status_service_pb2 import (
    BatchFilter,
    GetBatchRequest,
    ListBatchesRequest,
    ListBatchItemsRequest,
    WatchBatchRequest,
)
from fna.reports.v1.batch_submission_service_pb2 import CancelBatchRequest, RetryBatchRequest, SubmitBatchRequest
from fna.reports.v1.report_service_pb2 import (
    GetReportAnalysisRequest,
    GetReportRequest,
    ListReportsRequest,
    RegisterReportRequest,
)
from tests.support.server import Client, Refusal, new_report, refusal
from tests.support.storage import Store

ID = str(uuid4())
HUGE = "x" * 100_000


async def refused(client: Client, request: Any) -> Refusal:
    """Send a request to the method that takes it and return how it was refused."""
    name = type(request).__name__.removesuffix("Request")
    for stub in (client.submission, client.status, client.reports):
        if method := getattr(stub, name, None):
            call = method(request)
            answer = await refusal(call.read() if name.startswith("Watch") else call)
            assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
            return answer
    raise AssertionError(f"no service has a method {name}")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (SubmitBatchRequest(), "report_ids"),
        (SubmitBatchRequest(report_ids=[ID, "10-K"]), "report_ids[1]"),
        (SubmitBatchRequest(report_ids=[ID, ID]), "report_ids"),
        (SubmitBatchRequest(report_ids=[ID, ID.upper()]), "report_ids"),
        (SubmitBatchRequest(report_ids=[f"{{{ID}}}"]), "report_ids[0]"),
        (SubmitBatchRequest(report_ids=[ID], request_id="once"), "request_id"),
        (SubmitBatchRequest(report_ids=[ID], priority=10), "priority"),
        (SubmitBatchRequest(report_ids=[ID], priority=-1), "priority"),
        (SubmitBatchRequest(report_ids=[ID], execution_timeout=Duration()), "execution_timeout"),
        (SubmitBatchRequest(report_ids=[ID], execution_timeout=Duration(seconds=604801)), "execution_timeout"),
        (SubmitBatchRequest(report_ids=[ID], labels={"Desk": "fx"}), 'labels["Desk"]'),
        (SubmitBatchRequest(report_ids=[ID], labels={"desk": "x" * 129}), 'labels["desk"]'),
        (SubmitBatchRequest(report_ids=[ID], labels={f"l{n}": "" for n in range(33)}), "labels"),
        (SubmitBatchRequest(report_ids=[ID], labels={"desk": "f\0x"}), "labels"),
        (CancelBatchRequest(), "batch_id"),
        (CancelBatchRequest(batch_id=ID, reason="x" * 513), "reason"),
        (CancelBatchRequest(batch_id=ID, reason="no\0body"), "reason"),
        (RetryBatchRequest(batch_id="b"), "batch_id"),
        (RetryBatchRequest(batch_id=ID, report_ids=[ID, ID.upper()]), "report_ids"),
        (GetBatchRequest(batch_id=ID[:-1]), "batch_id"),
        (GetBatchRequest(batch_id=ID, task_id="t"), "task_id"),
        (GetBatchRequest(batch_id=ID, view=9), "view"),  # type: ignore[arg-type] # no such value is the point
        (ListBatchesRequest(page_size=-1), "page_size"),
        (ListBatchesRequest(filter=BatchFilter(statuses=[pb.BATCH_STATUS_UNSPECIFIED])), "filter.statuses[0]"),
        (ListBatchesRequest(filter=BatchFilter(batch_ids=["b"])), "filter.batch_ids[0]"),
        (ListBatchesRequest(filter=BatchFilter(labels={"desk": "\0"})), "filter.labels"),
        (ListBatchItemsRequest(batch_id=ID, statuses=[pb.BATCH_ITEM_STATUS_FAILED] * 2), "statuses"),
        (WatchBatchRequest(batch_id=ID, after_sequence=-1), "after_sequence"),
        (WatchBatchRequest(batch_id=ID, heartbeat_interval=Duration(seconds=61)), "heartbeat_interval"),
        (WatchBatchRequest(batch_id=ID, heartbeat_interval=Duration(nanos=1)), "heartbeat_interval"),
        (GetReportRequest(report_id=""), "report_id"),
        (GetReportAnalysisRequest(report_id=ID, analysis_id="a"), "analysis_id"),
        (ListReportsRequest(company_id="c"), "company_id"),
        (ListReportsRequest(statuses=[report_pb2.REPORT_STATUS_UNSPECIFIED]), "statuses[0]"),
        (RegisterReportRequest(), "report"),
        (RegisterReportRequest(report=new_report(source_uri="10k.htm")), "report.source_uri"),
        (RegisterReportRequest(report=new_report(source_uri="file:///a", title="a\0b")), "report.title"),
        (
            RegisterReportRequest(report=new_report(source_uri="file:///a", filing_date="2024-13-01")),
            "report.filing_date",
        ),
        (
            RegisterReportRequest(report=new_report(source_uri="file:///a", filing_date="2023-02-29")),
            "report.filing_date",
        ),
        (RegisterReportRequest(report=new_report(source_uri="file:///a", report_type=0)), "report.report_type"),
    ],
)
async def test_a_field_that_breaks_a_rule_is_named(client: Client, request_: object, field: str) -> None:
    answer = await refused(client, request_)
    assert (answer.reason, answer.fields) == ("INVALID_REQUEST", [field])
    assert answer.message.startswith(f"{field}: ")


async def test_a_registration_without_a_source_is_told_of_the_upload(client: Client) -> None:
    answer = await refused(client, RegisterReportRequest(report=new_report()))
    assert (answer.reason, answer.fields) == ("INVALID_REQUEST", [""])
    assert answer.message == "report.source_uri is required; use UploadReport to send content"


async def test_one_id_too_many_is_refused(client: Client) -> None:
    answer = await refused(client, SubmitBatchRequest(report_ids=[str(uuid4()) for _ in range(10_001)]))
    assert answer.fields == ["report_ids"]


async def test_duplicates_are_named_up_to_a_few(client: Client) -> None:
    twice = [str(uuid4()) for _ in range(7)]
    answer = await refused(client, SubmitBatchRequest(report_ids=twice + twice))
    assert answer.message == f"report_ids: must not contain duplicates: {', '.join(twice[:5])} and 2 more"


async def test_many_wrong_fields_are_counted_and_the_first_ones_named(client: Client) -> None:
    answer = await refused(client, SubmitBatchRequest(report_ids=[f"r{n}" for n in range(1000)]))
    assert answer.fields == [f"report_ids[{n}]" for n in range(20)]
    assert answer.message.endswith("(and 999 more)")


@pytest.mark.parametrize(
    "request_",
    [
        SubmitBatchRequest(report_ids=[HUGE, HUGE]),
        SubmitBatchRequest(report_ids=[f"{n}{HUGE}" for n in range(10)] * 2),
        SubmitBatchRequest(report_ids=[ID], labels={f"{n}{HUGE}": "" for n in range(25)}),
        SubmitBatchRequest(report_ids=[ID], labels={f"\N{PILE OF POO}{n}{HUGE}": "" for n in range(25)}),
        ListBatchesRequest(filter=BatchFilter(labels={f"{n}{HUGE}": "" for n in range(25)})),
        CancelBatchRequest(batch_id=HUGE, reason=HUGE, etag=HUGE),
        RegisterReportRequest(report=new_report(source_uri=HUGE, title=HUGE, fiscal_period=HUGE, filing_date=HUGE)),
    ],
    ids=["twice", "many", "labels", "wide", "filter", "batch", "report"],
)
async def test_a_status_stays_small_whatever_the_request_holds(client: Client, request_: object) -> None:
    answer = await refused(client, request_)  # which demands less than 6 KiB
    assert len(answer.message) < 1000


async def test_a_refused_submission_stores_nothing(client: Client, store: Store) -> None:
    await refused(client, SubmitBatchRequest(report_ids=[*store.reports(1), "10-K"]))
    assert store.count("batches") == 0
