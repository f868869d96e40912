"""The JSON bodies and query parameters of the batch routes."""

from __future__ import annotations

from typing import Annotated, Any

from google.protobuf.duration_pb2 import Duration
from pydantic import AfterValidator

from fna.reports.v1 import batch_pb2
from fna.reports.v1 import batch_status_service_pb2 as status_pb2
from fna.reports.v1 import batch_submission_service_pb2 as submission_pb2
from reports_gateway.problems import invalid_field
from reports_gateway.schemas.batch import BATCH_STATUS, ITEM_STATUS
from reports_gateway.schemas.webhook import WebhookUrl
from reports_gateway.schemas.wire import (
    BareEnum,
    DurationText,
    Int32,
    Int64,
    OptionalUuid,
    PageSize,
    PageToken,
    QueryModel,
    RequestModel,
    Uuid,
    demanded,
    duration,
)

MAX_WAIT_SECONDS = 60

BATCH_VIEW = BareEnum(batch_pb2.BatchView)

BatchStatusName = Annotated[str, AfterValidator(BATCH_STATUS.checked), BATCH_STATUS.request_schema()]
ItemStatusName = Annotated[str, AfterValidator(ITEM_STATUS.checked), ITEM_STATUS.request_schema()]
BatchViewName = Annotated[str, AfterValidator(BATCH_VIEW.checked), BATCH_VIEW.request_schema()]


def _label(text: str) -> str:
    if ":" not in text:
        raise ValueError("must be key:value")
    return text


def _distinct(labels: list[str]) -> list[str]:
    keys = [label.partition(":")[0] for label in labels]
    if len(set(keys)) < len(keys):
        raise ValueError("must not give the same key twice; no batch has two values of one label")
    return labels


Labels = Annotated[
    list[Annotated[str, AfterValidator(_label), demanded(pattern="^[a-z][a-z0-9_.-]{0,62}:.{0,128}$")]],
    AfterValidator(_distinct),
    demanded(maxItems=32),
]


def _by_key(labels: list[str]) -> dict[str, str]:
    return {key: value for key, _, value in (label.partition(":") for label in labels)}


_LABEL_KEY = "^[a-z][a-z0-9_.-]{0,62}$"
_LABELS = demanded(
    maxProperties=32,
    propertyNames={"pattern": _LABEL_KEY},
    additionalProperties={"type": "string", "maxLength": 128},
)

ReportIds = Annotated[list[Uuid], demanded(maxItems=10_000, uniqueItems=True)]
Priority = Annotated[Int32, demanded(minimum=0, maximum=9)]


class SubmitBatchBody(RequestModel):
    """Reports to analyse."""

    report_ids: Annotated[ReportIds, demanded(minItems=1)]
    """1 to 10,000 reports, without duplicates."""
    labels: Annotated[dict[str, str], _LABELS] = {}
    """At most 32; a key is lower-case letters, digits, `_`, `.` and `-`, a value has at most 128 characters."""
    priority: Priority | None = None
    """0 (last) to 9 (first); 4 when not given."""
    execution_timeout: DurationText | None = None
    """Time after which items that have not started are failed; no limit when not given."""
    webhook_url: WebhookUrl = ""
    """Where to send a signed webhook whenever an execution is over; your own (`/v1/webhook`) when not given."""
    validate_only: bool = False
    """Check the request and submit nothing."""
    request_id: Uuid | None = None
    """A UUID that makes the call idempotent; the header `Idempotency-Key` takes any text instead."""

    def message(self, request_id: str | None) -> submission_pb2.SubmitBatchRequest:
        return submission_pb2.SubmitBatchRequest(
            report_ids=self.report_ids,
            request_id=request_id or "",
            labels=self.labels,
            priority=self.priority,
            execution_timeout=None if self.execution_timeout is None else duration(self.execution_timeout),
            validate_only=self.validate_only,
            webhook_url=self.webhook_url,
        )


class SubmitBatchForm(QueryModel):
    """The text fields of a form whose files become a batch; they may come before or after the files."""

    label: Labels = []
    """A label of the batch, as `key:value`; give the field several times for several labels."""
    priority: Priority | None = None
    """0 (last) to 9 (first); 4 when not given."""
    execution_timeout: DurationText | None = None
    """Time after which items that have not started are failed; no limit when not given."""
    webhook_url: WebhookUrl = ""
    """Where to send a signed webhook whenever an execution is over; your own (`/v1/webhook`) when not given."""
    request_id: Uuid | None = None
    """A UUID that makes the call idempotent; the header `Idempotency-Key` takes any text instead."""

    @staticmethod
    def add(fields: dict[str, Any], name: str, value: str) -> None:
        """Add a field of the form to those that came before; raise a problem for one that is given twice."""
        if name == "label":
            fields.setdefault(name, []).append(value)
        elif name in fields:
            raise invalid_field(name, "is given twice")
        else:
            fields[name] = value

    def body(self, report_ids: list[str]) -> SubmitBatchBody:
        return SubmitBatchBody(
            report_ids=report_ids,
            labels=_by_key(self.label),
            priority=self.priority,
            execution_timeout=self.execution_timeout,
            webhook_url=self.webhook_url,
            request_id=self.request_id,
        )


class CancelBatchBody(RequestModel):
    """How to cancel a batch."""

    reason: Annotated[str, demanded(maxLength=512)] = ""
    """Why, for people."""
    etag: Annotated[str, demanded(maxLength=128)] = ""
    """The call fails with 412 unless this is the batch's present `etag`; the header `If-Match` does the same."""

    def message(self, batch_id: str, etag: str) -> submission_pb2.CancelBatchRequest:
        return submission_pb2.CancelBatchRequest(batch_id=batch_id, reason=self.reason, etag=etag)


class RetryBatchBody(RequestModel):
    """Which reports of a final batch to run again."""

    report_ids: ReportIds = []
    """Only these, of those that failed or were cancelled; all of them when not given."""
    etag: Annotated[str, demanded(maxLength=128)] = ""
    """The call fails with 412 unless this is the batch's present `etag`; the header `If-Match` does the same."""
    request_id: Uuid | None = None
    """A UUID that makes the call idempotent; the header `Idempotency-Key` takes any text instead."""

    def message(self, batch_id: str, request_id: str | None, etag: str) -> submission_pb2.RetryBatchRequest:
        return submission_pb2.RetryBatchRequest(
            batch_id=batch_id, request_id=request_id or "", report_ids=self.report_ids, etag=etag
        )


class GetBatchQuery(QueryModel):
    """What of a batch to return."""

    task_id: OptionalUuid = ""
    """Return this execution as it is or as it ended, instead of the current one."""
    view: BatchViewName | None = None
    """`FULL` when not given."""

    def message(self, batch_id: str) -> status_pb2.GetBatchRequest:
        view = batch_pb2.BATCH_VIEW_UNSPECIFIED if self.view is None else BATCH_VIEW.value(self.view)
        return status_pb2.GetBatchRequest(batch_id=batch_id, task_id=self.task_id, view=view)


class BatchFilterQuery(QueryModel):
    """Which batches are meant; all given conditions must hold."""

    status: Annotated[list[BatchStatusName], demanded(uniqueItems=True)] = []
    """One of these; give the parameter several times."""
    label: Labels = []
    """A label that the batch has, as `key:value`; give the parameter several times for several labels."""
    batch_id: Annotated[list[Uuid], demanded(uniqueItems=True, maxItems=100)] = []
    """One of these; give the parameter several times."""

    @property
    def filter(self) -> status_pb2.BatchFilter:
        return status_pb2.BatchFilter(
            statuses=[BATCH_STATUS.value(name) for name in self.status],
            labels=_by_key(self.label),
            batch_ids=self.batch_id,
        )


class ListBatchesQuery(BatchFilterQuery):
    """Which batches to list, and which page of them."""

    page_size: PageSize = 0
    """50 when not given, at most 1,000."""
    page_token: PageToken = ""
    """`next_page_token` of the previous page."""

    def message(self) -> status_pb2.ListBatchesRequest:
        return status_pb2.ListBatchesRequest(page_size=self.page_size, page_token=self.page_token, filter=self.filter)


class ListBatchItemsQuery(QueryModel):
    """Which items of a batch to list."""

    page_size: PageSize = 0
    """100 when not given, at most 1,000."""
    page_token: PageToken = ""
    """`next_page_token` of the previous page."""
    status: Annotated[list[ItemStatusName], demanded(uniqueItems=True)] = []
    """One of these; give the parameter several times."""
    task_id: OptionalUuid = ""
    """List the items as this execution left them, instead of the current one."""

    def message(self, batch_id: str) -> status_pb2.ListBatchItemsRequest:
        return status_pb2.ListBatchItemsRequest(
            batch_id=batch_id,
            page_size=self.page_size,
            page_token=self.page_token,
            statuses=[ITEM_STATUS.value(name) for name in self.status],
            task_id=self.task_id,
        )


def _wait(text: str) -> str:
    if not 0 < duration(text).ToTimedelta().total_seconds() <= MAX_WAIT_SECONDS:
        raise ValueError(f'must be over 0 and at most {MAX_WAIT_SECONDS} seconds, for example "30s"')
    return text


class WatchQuery(QueryModel):
    """How to be told of events: as a stream, or with `wait` by one answer as soon as there is something new."""

    wait: Annotated[DurationText, AfterValidator(_wait)] | None = None
    """Answer once, in JSON, with the next events or after this time without any; at most 60 seconds."""
    heartbeat_interval: DurationText = "15s"
    """Longest silence of a stream, 1 to 60 seconds."""
    exclude_item_events: bool = False
    """Leave out `item_changed`, `items_changed` and `progress` events."""

    @property
    def wait_seconds(self) -> float | None:
        return None if self.wait is None else duration(self.wait).ToTimedelta().total_seconds()

    @property
    def heartbeat_seconds(self) -> float:
        return self.heartbeat.ToTimedelta().total_seconds()

    @property
    def heartbeat(self) -> Duration:
        """The interval to ask the service for; who polls hears nothing before the wait is over."""
        return duration(self.heartbeat_interval if self.wait is None else f"{MAX_WAIT_SECONDS}s")


class WatchBatchQuery(WatchQuery):
    """Where a watch starts and what it leaves out."""

    task_id: OptionalUuid = ""
    """Watch this execution instead of the current one."""
    after_sequence: Annotated[Int64, demanded(minimum=0)] | None = None
    """Start with the event after this one; 0 replays all. A snapshot of the present comes first when not given."""

    def message(self, batch_id: str, last_event_id: int | None) -> status_pb2.WatchBatchRequest:
        """Return the request; `last_event_id` wins, since a browser that reconnects repeats the first URL."""
        return status_pb2.WatchBatchRequest(
            batch_id=batch_id,
            task_id=self.task_id,
            after_sequence=self.after_sequence if last_event_id is None else last_event_id,
            heartbeat_interval=self.heartbeat,
            exclude_item_events=self.exclude_item_events,
        )


class WatchBatchesQuery(WatchQuery, BatchFilterQuery):
    """Which batches to watch, and from where."""

    resume_token: PageToken = ""
    """Continue after the message that had this token; a snapshot of each open batch comes first when not given."""

    def message(self, last_event_id: str) -> status_pb2.WatchBatchesRequest:
        """Return the request; `last_event_id` wins, since a browser that reconnects repeats the first URL."""
        return status_pb2.WatchBatchesRequest(
            filter=self.filter,
            resume_token=last_event_id or self.resume_token,
            heartbeat_interval=self.heartbeat,
            exclude_item_events=self.exclude_item_events,
        )
