"""Both clients make the same calls, repeat them safely, and turn failures into exceptions that say everything."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Sequence
from datetime import timedelta
from hashlib import sha256
from inspect import Parameter, getmembers, isfunction, signature
from pathlib import Path
from typing import cast
from uuid import UUID, uuid4

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, QuotaFailure, RetryInfo

import fna.reports
from fna.reports import (
    AccessDeniedError,
    AsyncBatchHandle,
    AsyncReportsClient,
    BatchHandle,
    ConflictError,
    DataLossError,
    DeadlineExceededError,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    OutOfRangeError,
    PreconditionError,
    ReportsClient,
    ReportsError,
    UnavailableError,
    company_id,
)
from fna.reports.v1.batch_pb2 import BATCH_STATUS_PROCESSING, Batch, BatchItem
from fna.reports.v1.batch_status_service_pb2 import (
    BatchFilter,
    BatchResult,
    GetBatchRequest,
    GetBatchResponse,
    ListBatchesRequest,
    ListBatchesResponse,
    ListBatchItemsResponse,
    ListBatchResultsResponse,
    ListWebhookDeliveriesRequest,
    ListWebhookDeliveriesResponse,
)
from fna.reports.v1.batch_submission_service_pb2 import (
    CancelBatchRequest,
    CancelBatchResponse,
    GetWebhookSettingsResponse,
    RedeliverWebhookRequest,
    RedeliverWebhookResponse,
    RetryBatchRequest,
    RetryBatchResponse,
    RotateWebhookSecretResponse,
    SubmitBatchRequest,
    SubmitBatchResponse,
    UpdateWebhookSettingsRequest,
    UpdateWebhookSettingsResponse,
)
from fna.reports.v1.report_pb2 import REPORT_TYPE_10_K, Report, ReportAnalysis
from fna.reports.v1.report_service_pb2 import (
    GetNarrativeDeltaRequest,
    GetNarrativeDeltaResponse,
    GetReportAnalysisResponse,
    GetReportResponse,
    ListReportsResponse,
    NarrativeDelta,
    RegisterReportRequest,
    RegisterReportResponse,
    UploadReportRequest,
    UploadReportResponse,
)
from fna.reports.v1.webhook_pb2 import WebhookDelivery, WebhookSettings
from tests.unit.client_peer import (
    BATCH_ID,
    CALLERS,
    REPORT_ID,
    TASK_ID,
    Caller,
    Peer,
    batch,
    refusal,
    unavailable,
)

pytestmark = pytest.mark.timeout(60)
both_clients = pytest.mark.parametrize("caller", CALLERS)

COMPANY = company_id("Acme")
ERRORS = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequestError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: ConflictError,
    grpc.StatusCode.ABORTED: ConflictError,
    grpc.StatusCode.FAILED_PRECONDITION: PreconditionError,
    grpc.StatusCode.OUT_OF_RANGE: OutOfRangeError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: LimitExceededError,
    grpc.StatusCode.UNAUTHENTICATED: AccessDeniedError,
    grpc.StatusCode.PERMISSION_DENIED: AccessDeniedError,
    grpc.StatusCode.DATA_LOSS: DataLossError,
    grpc.StatusCode.INTERNAL: ReportsError,
    grpc.StatusCode.UNIMPLEMENTED: ReportsError,
}


def requests(peer: Peer, method: str) -> list[Message]:
    return [messages[0] for messages in peer.requests[method]]


def submitted(result: object) -> Batch:
    """Return the batch of a handle."""
    assert isinstance(result, BatchHandle | AsyncBatchHandle)
    assert (result.batch_id, result.task_id) == (result.message.batch_id, result.message.task_id)
    return result.message


@both_clients
def test_a_submission_says_what_it_was_told(caller: Caller) -> None:
    with Peer() as peer:
        peer.answers["SubmitBatch"] = [SubmitBatchResponse(batch=batch())]
        request_id = uuid4()
        result = caller(
            peer,
            "submit",
            [UUID(REPORT_ID)],
            request_id=request_id,
            labels={"quarter": "Q1"},
            priority=0,
            execution_timeout=timedelta(minutes=2),
            webhook_url="https://example.com/hooks",
        )
        assert submitted(result) == batch()
        expected = SubmitBatchRequest(
            report_ids=[REPORT_ID],
            request_id=str(request_id),
            labels={"quarter": "Q1"},
            priority=0,
            webhook_url="https://example.com/hooks",
        )
        expected.execution_timeout.seconds = 120
        assert requests(peer, "SubmitBatch") == [expected]


@both_clients
def test_the_attempts_of_a_write_carry_one_request_id_and_two_calls_carry_two(caller: Caller) -> None:
    with Peer() as peer:
        peer.answers["SubmitBatch"] = [unavailable(), unavailable(), SubmitBatchResponse(batch=batch())]
        peer.answers["RetryBatch"] = [unavailable(), RetryBatchResponse(batch=batch())]
        peer.answers["RegisterReport"] = [unavailable(), RegisterReportResponse(report=Report())]
        caller(peer, "submit", [REPORT_ID])
        caller(peer, "submit", [REPORT_ID])
        caller(peer, "retry", BATCH_ID)
        caller(peer, "register", "file:///filings/a.htm", company_id=COMPANY, report_type=REPORT_TYPE_10_K)
        submits = [cast("SubmitBatchRequest", sent).request_id for sent in requests(peer, "SubmitBatch")]
        retries = [cast("RetryBatchRequest", sent).request_id for sent in requests(peer, "RetryBatch")]
        registrations = [cast("RegisterReportRequest", sent).request_id for sent in requests(peer, "RegisterReport")]
    assert [submits.index(request_id) for request_id in submits] == [0, 0, 0, 3]
    assert retries[0] == retries[1]
    assert registrations[0] == registrations[1]
    assert len({UUID(request_id) for request_id in [*submits, *retries, *registrations]}) == 4


@both_clients
def test_an_unavailable_server_is_tried_until_the_timeout(caller: Caller) -> None:
    with Peer() as peer:
        peer.answers["GetBatch"] = [unavailable()]
        with pytest.raises(UnavailableError, match="draining"):
            caller(peer, "get_batch", BATCH_ID, timeout=timedelta(seconds=0.5))
        assert len(peer.requests["GetBatch"]) > 1


@both_clients
def test_an_address_where_nobody_listens_is_unavailable(caller: Caller) -> None:
    with Peer() as peer:
        pass
    with pytest.raises(UnavailableError):
        caller(peer, "get_batch", BATCH_ID, timeout=timedelta(seconds=0.5))
    with pytest.raises(UnavailableError, match=f"cannot connect to {peer.target} within 0.2 s"):
        caller(peer, "connect", timedelta(seconds=0.2))


@both_clients
def test_connect_returns_when_the_server_is_there(caller: Caller) -> None:
    with Peer() as peer:
        assert caller(peer, "connect", timedelta(seconds=10)) is None


@both_clients
def test_an_answer_that_takes_too_long_is_a_deadline_exceeded(caller: Caller) -> None:
    with Peer() as peer:
        peer.answers["GetBatch"] = [refusal(grpc.StatusCode.DEADLINE_EXCEEDED)]
        with pytest.raises(DeadlineExceededError):
            caller(peer, "get_batch", BATCH_ID)
        assert len(peer.requests["GetBatch"]) == 1


@both_clients
@pytest.mark.parametrize(("code", "kind"), ERRORS.items(), ids=lambda value: getattr(value, "name", ""))
def test_every_status_has_its_exception(caller: Caller, code: grpc.StatusCode, kind: type[ReportsError]) -> None:
    with Peer() as peer:
        peer.answers["GetBatch"] = [refusal(code, "SOME_REASON", text="what happened", batch_id=BATCH_ID)]
        with pytest.raises(ReportsError) as raised:
            caller(peer, "get_batch", BATCH_ID)
    error = raised.value
    assert type(error) is kind
    assert (error.code, error.reason, error.message) == (code, "SOME_REASON", "what happened")
    assert error.metadata == {"batch_id": BATCH_ID}
    assert str(error) == "what happened [SOME_REASON]"


@both_clients
def test_an_exception_has_the_details_of_the_trailers(caller: Caller) -> None:
    field = BadRequest.FieldViolation(field="report_ids[3]", description="must be a UUID")
    quota = QuotaFailure.Violation(subject="report_ids", description="at most 100")
    retry = RetryInfo()
    retry.retry_delay.FromMilliseconds(1500)
    details = (BadRequest(field_violations=[field]), QuotaFailure(violations=[quota]), retry)
    with Peer() as peer:
        peer.answers["SubmitBatch"] = [refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", *details)]
        with pytest.raises(InvalidRequestError) as raised:
            caller(peer, "submit", [REPORT_ID])
    error = raised.value
    assert (error.field_violations, error.quota_violations) == ((field,), (quota,))
    assert error.retry_delay == timedelta(seconds=1.5)
    assert str(error) == "no (report_ids[3]: must be a UUID; report_ids: at most 100) [INVALID_REQUEST]"
    assert isinstance(error.__cause__, grpc.RpcError)


@both_clients
def test_an_error_without_details_is_what_its_code_says(caller: Caller) -> None:
    with Peer() as peer:
        peer.answers["GetBatch"] = [refusal(grpc.StatusCode.NOT_FOUND)]
        with pytest.raises(NotFoundError) as raised:
            caller(peer, "get_batch", BATCH_ID)
    assert (raised.value.reason, raised.value.metadata, raised.value.retry_delay) == ("", {}, None)


def test_an_exception_survives_being_sent_to_another_process() -> None:
    field = BadRequest.FieldViolation(field="priority", description="must be 0 to 9")
    error = InvalidRequestError(
        "wrong", code=grpc.StatusCode.INVALID_ARGUMENT, reason="INVALID_REQUEST", field_violations=[field]
    )
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(copy), str(copy), copy.code) == (InvalidRequestError, str(error), error.code)


@both_clients
def test_a_validation_names_every_unknown_report(caller: Caller) -> None:
    unknown = [str(uuid4()) for _ in range(300)]
    with Peer() as peer:
        peer.answers["SubmitBatch"] = [SubmitBatchResponse(batch=batch(), unknown_report_ids=unknown)]
        with pytest.raises(NotFoundError) as raised:
            caller(peer, "validate", unknown, labels={"quarter": "Q1"})
        assert requests(peer, "SubmitBatch") == [
            SubmitBatchRequest(
                report_ids=unknown,
                labels={"quarter": "Q1"},
                validate_only=True,
                request_id=cast("SubmitBatchRequest", requests(peer, "SubmitBatch")[0]).request_id,
            )
        ]
    assert raised.value.reason == "REPORT_NOT_FOUND"
    assert raised.value.metadata == {"report_ids": ",".join(unknown), "unknown_count": "300"}


@both_clients
def test_the_other_calls_pass_on_their_arguments(caller: Caller) -> None:
    with Peer() as peer:
        peer.answers["CancelBatch"] = [CancelBatchResponse(batch=batch())]
        peer.answers["RetryBatch"] = [RetryBatchResponse(batch=batch())]
        peer.answers["GetBatch"] = [GetBatchResponse(batch=batch())]
        peer.answers["GetReport"] = [GetReportResponse(report=Report(report_id=REPORT_ID))]
        peer.answers["GetReportAnalysis"] = [GetReportAnalysisResponse(analysis=ReportAnalysis(report_id=REPORT_ID))]
        assert caller(peer, "cancel", BATCH_ID, reason="wrong files", etag="1") == batch()
        retried = caller(peer, "retry", BATCH_ID, report_ids=[REPORT_ID], request_id=TASK_ID, etag="2")
        assert submitted(retried) == batch()
        assert caller(peer, "get_batch", UUID(BATCH_ID), TASK_ID) == batch()
        assert caller(peer, "get_report", REPORT_ID) == Report(report_id=REPORT_ID)
        assert caller(peer, "get_analysis", REPORT_ID) == ReportAnalysis(report_id=REPORT_ID)
        peer.answers["GetNarrativeDelta"] = [GetNarrativeDeltaResponse(delta=NarrativeDelta(report_id=REPORT_ID))]
        assert caller(peer, "get_delta", REPORT_ID, TASK_ID) == NarrativeDelta(report_id=REPORT_ID)
        assert requests(peer, "GetNarrativeDelta") == [
            GetNarrativeDeltaRequest(report_id=REPORT_ID, base_report_id=TASK_ID)
        ]
        assert requests(peer, "CancelBatch") == [CancelBatchRequest(batch_id=BATCH_ID, reason="wrong files", etag="1")]
        assert requests(peer, "RetryBatch") == [
            RetryBatchRequest(batch_id=BATCH_ID, report_ids=[REPORT_ID], request_id=TASK_ID, etag="2")
        ]
        assert requests(peer, "GetBatch") == [GetBatchRequest(batch_id=BATCH_ID, task_id=TASK_ID)]


@both_clients
@pytest.mark.parametrize(
    ("method", "rpc", "arguments", "pages", "expected"),
    [
        (
            "list_batches",
            "ListBatches",
            (),
            [
                ListBatchesResponse(batches=[batch(total_reports=1), batch(total_reports=2)], next_page_token="a"),
                ListBatchesResponse(next_page_token="b"),
                ListBatchesResponse(batches=[batch(total_reports=3)]),
            ],
            [batch(total_reports=1), batch(total_reports=2), batch(total_reports=3)],
        ),
        (
            "list_items",
            "ListBatchItems",
            (BATCH_ID,),
            [
                ListBatchItemsResponse(items=[BatchItem(position=0)], next_page_token="a"),
                ListBatchItemsResponse(items=[], next_page_token="b"),
                ListBatchItemsResponse(items=[BatchItem(position=1)]),
            ],
            [BatchItem(position=0), BatchItem(position=1)],
        ),
        (
            "list_results",
            "ListBatchResults",
            (BATCH_ID,),
            [
                ListBatchResultsResponse(results=[BatchResult(item=BatchItem(position=0))], next_page_token="a"),
                ListBatchResultsResponse(results=[], next_page_token="b"),
                ListBatchResultsResponse(results=[BatchResult(item=BatchItem(position=1))]),
            ],
            [BatchResult(item=BatchItem(position=0)), BatchResult(item=BatchItem(position=1))],
        ),
        (
            "list_reports",
            "ListReports",
            (),
            [
                ListReportsResponse(reports=[Report(title="x")], next_page_token="a"),
                ListReportsResponse(reports=[], next_page_token="b"),
                ListReportsResponse(reports=[Report(title="y")]),
            ],
            [Report(title="x"), Report(title="y")],
        ),
    ],
    ids=["batches", "items", "results", "reports"],
)
def test_a_list_goes_on_over_its_pages(
    caller: Caller,
    method: str,
    rpc: str,
    arguments: Sequence[object],
    pages: Sequence[Message],
    expected: Sequence[Message],
) -> None:
    with Peer() as peer:
        peer.answers[rpc] = list(pages)
        assert caller(peer, method, *arguments, page_size=2) == expected
        sent = [cast("ListBatchesRequest", request) for request in requests(peer, rpc)]
        assert [(request.page_size, request.page_token) for request in sent] == [(2, ""), (2, "a"), (2, "b")]


@both_clients
def test_a_list_can_be_narrowed(caller: Caller) -> None:
    with Peer() as peer:
        peer.answers["ListBatches"] = [ListBatchesResponse()]
        options = {"statuses": [BATCH_STATUS_PROCESSING], "labels": {"a": "b"}, "batch_ids": [UUID(BATCH_ID)]}
        caller(peer, "list_batches", **options)
        selection = BatchFilter(statuses=[BATCH_STATUS_PROCESSING], labels={"a": "b"}, batch_ids=[BATCH_ID])
        assert requests(peer, "ListBatches") == [ListBatchesRequest(filter=selection)]


def as_path(path: Path) -> object:
    return path


def as_text(path: Path) -> object:
    return str(path)


def as_bytes(path: Path) -> object:
    return path.read_bytes()


def as_stream(path: Path) -> object:
    return io.BytesIO(path.read_bytes())


@both_clients
@pytest.mark.parametrize("give", [as_path, as_text, as_bytes, as_stream])
def test_an_upload_is_announced_cut_into_chunks_and_repeated_whole(
    caller: Caller, give: Callable[[Path], object], tmp_path: Path
) -> None:
    content = bytes(range(256)) * 2500
    path = tmp_path / "10k_acme.htm"
    path.write_bytes(content)
    with Peer() as peer:
        peer.answers["UploadReport"] = [
            unavailable(),
            UploadReportResponse(report=Report(report_id=REPORT_ID), already_existed=True),
        ]
        result = caller(
            peer,
            "upload",
            give(path),
            company_id=COMPANY,
            report_type=REPORT_TYPE_10_K,
            fiscal_period="FY 2024",
            file_name="" if give in (as_path, as_text) else path.name,
        )
        uploads = cast("list[list[UploadReportRequest]]", peer.requests["UploadReport"])
    assert result == Report(report_id=REPORT_ID)
    assert uploads[0] == uploads[1]
    first, *rest = uploads[1]
    assert first.header == UploadReportRequest.Header(
        report=Report(
            company_id=str(COMPANY), report_type=REPORT_TYPE_10_K, fiscal_period="FY 2024", file_name="10k_acme.htm"
        ),
        content_size_bytes=len(content),
        content_sha256=sha256(content).hexdigest(),
    )
    assert b"".join(message.chunk for message in rest) == content
    assert max(len(message.chunk) for message in rest) == 256 * 1024


@both_clients
def test_an_upload_that_the_contract_does_not_allow_is_not_sent(caller: Caller, tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(52_428_801)
    with Peer() as peer:
        with pytest.raises(LimitExceededError, match=r"huge.txt has more than 52428800 bytes"):
            caller(peer, "upload", path, company_id=COMPANY, report_type=REPORT_TYPE_10_K)
        assert peer.requests == {}


@both_clients
def test_a_refused_upload_raises_what_the_server_said(caller: Caller) -> None:
    with Peer() as peer:
        peer.answers["UploadReport"] = [refusal(grpc.StatusCode.DATA_LOSS, "CONTENT_MISMATCH")]
        with pytest.raises(DataLossError):
            caller(peer, "upload", b"text", company_id=COMPANY, report_type=REPORT_TYPE_10_K)


def test_a_company_name_stands_for_one_uuid_and_a_uuid_for_itself() -> None:
    assert company_id("Acme  Corp ") == company_id("ACME corp") != company_id("Acme")
    assert company_id("Acme") == UUID("22aa2b7a-9e8c-5ffc-9444-eeec3252bb16")
    assert company_id(REPORT_ID) == UUID(REPORT_ID)


@both_clients
def test_webhooks_are_set_read_and_delivered_again(caller: Caller) -> None:
    settings = WebhookSettings(url="https://example.com/hooks", has_secret=True)
    delivery = WebhookDelivery(delivery_id=TASK_ID, batch_id=BATCH_ID)
    with Peer() as peer:
        peer.answers["GetWebhookSettings"] = [GetWebhookSettingsResponse(settings=settings)]
        peer.answers["UpdateWebhookSettings"] = [UpdateWebhookSettingsResponse(settings=settings)]
        peer.answers["RotateWebhookSecret"] = [RotateWebhookSecretResponse(secret="whsec_x", settings=settings)]
        peer.answers["ListWebhookDeliveries"] = [ListWebhookDeliveriesResponse(deliveries=[delivery])]
        peer.answers["RedeliverWebhook"] = [RedeliverWebhookResponse(delivery=delivery)]
        assert caller(peer, "get_webhook_settings") == settings
        assert caller(peer, "set_webhook_url", settings.url) == settings
        assert caller(peer, "rotate_webhook_secret") == RotateWebhookSecretResponse(secret="whsec_x", settings=settings)
        assert caller(peer, "list_webhook_deliveries", UUID(BATCH_ID)) == [delivery]
        assert caller(peer, "redeliver_webhook", BATCH_ID, TASK_ID) == delivery
        assert requests(peer, "UpdateWebhookSettings") == [UpdateWebhookSettingsRequest(url=settings.url)]
        assert requests(peer, "ListWebhookDeliveries") == [ListWebhookDeliveriesRequest(batch_id=BATCH_ID)]
        assert requests(peer, "RedeliverWebhook") == [RedeliverWebhookRequest(batch_id=BATCH_ID, delivery_id=TASK_ID)]


@both_clients
def test_files_are_uploaded_and_then_submitted_with_ids(caller: Caller, tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("We grew.")
    with Peer() as peer:
        peer.answers["UploadReport"] = [UploadReportResponse(report=Report(report_id=TASK_ID))]
        peer.answers["SubmitBatch"] = [SubmitBatchResponse(batch=batch())]
        caller(peer, "submit", [path, UUID(REPORT_ID)], company_id=COMPANY, report_type=REPORT_TYPE_10_K)
        header = cast("UploadReportRequest", peer.requests["UploadReport"][0][0]).header
        assert (header.report.file_name, header.report.report_type) == ("letter.txt", REPORT_TYPE_10_K)
        assert header.report.company_id == str(COMPANY)
        assert cast("SubmitBatchRequest", requests(peer, "SubmitBatch")[0]).report_ids == [TASK_ID, REPORT_ID]
        with pytest.raises(ValueError, match=r"letter.txt is to be uploaded: give the company_id"):
            caller(peer, "submit", [path])


@both_clients
def test_a_secret_is_rotated_once_whatever_the_server_says(caller: Caller) -> None:
    with Peer() as peer:
        peer.answers["RotateWebhookSecret"] = [unavailable(), RotateWebhookSecretResponse(secret="whsec_x")]
        with pytest.raises(UnavailableError):
            caller(peer, "rotate_webhook_secret")
        assert len(peer.requests["RotateWebhookSecret"]) == 1


@both_clients
def test_a_file_that_is_given_twice_is_one_report(caller: Caller, tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("We grew.")
    with Peer() as peer:
        peer.answers["UploadReport"] = [UploadReportResponse(report=Report(report_id=REPORT_ID))]
        peer.answers["SubmitBatch"] = [SubmitBatchResponse(batch=batch())]
        caller(peer, "submit", [path, path, TASK_ID, TASK_ID], company_id=COMPANY)
        # What the caller names twice is a mistake for the server to point out.
        assert cast("SubmitBatchRequest", requests(peer, "SubmitBatch")[0]).report_ids == [REPORT_ID, TASK_ID, TASK_ID]


@both_clients
def test_an_upload_tells_how_far_it_is(caller: Caller) -> None:
    told: list[tuple[int, int]] = []
    content = bytes(600 * 1024)
    with Peer() as peer:
        peer.answers["UploadReport"] = [unavailable(), UploadReportResponse(report=Report(report_id=REPORT_ID))]
        caller(
            peer,
            "upload",
            content,
            company_id=COMPANY,
            report_type=REPORT_TYPE_10_K,
            on_progress=lambda sent, total: told.append((sent, total)),
        )
    steps = [(256 * 1024, len(content)), (512 * 1024, len(content)), (len(content), len(content))]
    # The first attempt may have been refused before it had sent everything.
    assert told[-3:] == steps
    assert told[:-3] == steps[: len(told) - 3]


def test_both_clients_have_the_same_surface() -> None:
    def surface(client: type) -> dict[str, list[tuple[str, object, object]]]:
        return {
            name: [(p.name, p.kind, p.default) for p in signature(method).parameters.values()]
            for name, method in getmembers(client, isfunction)
            if not name.startswith("_") or name == "__init__"
        }

    assert surface(ReportsClient) == surface(AsyncReportsClient)
    assert surface(BatchHandle) == surface(AsyncBatchHandle)
    assert signature(ReportsClient.submit).parameters["request_id"].kind is Parameter.KEYWORD_ONLY


def test_the_package_has_the_clients_and_the_errors() -> None:
    assert fna.reports.__all__ == [
        "COMPANY_NAMESPACE",
        "AccessDeniedError",
        "AsyncBatchHandle",
        "AsyncReportsClient",
        "BatchHandle",
        "BatchOutcome",
        "ConflictError",
        "DataLossError",
        "DeadlineExceededError",
        "InvalidRequestError",
        "LimitExceededError",
        "NotFoundError",
        "OutOfRangeError",
        "PreconditionError",
        "ReportsClient",
        "ReportsError",
        "UnavailableError",
        "company_id",
        "tls_credentials",
    ]
