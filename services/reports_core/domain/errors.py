"""Why work is not accepted.

DomainError
├── InvalidRequest               a field is wrong
│   ├── PageTokenInvalid
│   ├── ResumeTokenInvalid
│   └── ReportNotInBatch
├── NotFound
│   ├── ReportsNotFound
│   ├── BatchNotFound
│   ├── TaskNotFound
│   ├── AnalysisNotFound
│   ├── PreviousReportNotFound
│   └── WebhookDeliveryNotFound
├── RequestIdReused
├── LimitExceeded
│   ├── BatchLimitExceeded
│   ├── ContentTooLarge
│   ├── TooManyWatchers
│   └── WatcherTooSlow
├── NotNow                       the resource's status does not allow it
│   ├── BatchNotFinal
│   ├── BatchAlreadyFinal
│   ├── NothingToRetry
│   ├── AnalysisNotReady
│   └── WebhookSecretMissing
├── EtagMismatch
├── SequenceOutOfRange
│   ├── SequenceCompacted
│   ├── SequenceAhead
│   └── ResumeTokenExpired
└── ContentMismatch

Work that fails is not here: it is data (`retry.Failure`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID


class DomainError(Exception):
    """The request was understood and refused; `reason` is stable, `metadata` is for programs."""

    reason: ClassVar[str]

    def __init__(self, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.metadata = metadata


class InvalidRequest(DomainError):
    """Correct the named field and send the request again."""

    reason = "INVALID_REQUEST"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.description = message


class PageTokenInvalid(InvalidRequest):
    """Start the listing again without a token."""

    reason = "PAGE_TOKEN_INVALID"

    def __init__(self) -> None:
        super().__init__(
            "page_token",
            "is malformed or was issued for other arguments; use next_page_token of the previous page unchanged "
            "and keep every other field",
        )


class ResumeTokenInvalid(InvalidRequest):
    """Use the token with the filter it was issued for, or watch again without one."""

    reason = "RESUME_TOKEN_INVALID"

    def __init__(self) -> None:
        super().__init__(
            "resume_token",
            "is malformed or was issued for another filter; use resume_token of the last message unchanged and keep "
            "the filter, or watch without resume_token",
        )


class ReportNotInBatch(InvalidRequest):
    """Name only reports of the batch that failed or were cancelled."""

    reason = "REPORT_NOT_IN_BATCH"


class NotFound(DomainError):
    """Nothing of the caller's has this identifier; do not repeat the call."""


class ReportsNotFound(NotFound):
    """Register or upload these reports first, or leave them out."""

    reason = "REPORT_NOT_FOUND"
    shown = 100

    def __init__(self, unknown: Sequence[str]) -> None:
        shown = unknown[: self.shown]
        super().__init__(
            f"{len(unknown)} of the report_ids belong to no report of yours, the first is {shown[0]}; "
            "register or upload them first"
            if len(unknown) > 1
            else f"there is no report {shown[0]}; register or upload it first",
            report_ids=",".join(shown),
            unknown_count=str(len(unknown)),
        )


class BatchNotFound(NotFound):
    """Check the batch_id; ListBatches shows your batches."""

    reason = "BATCH_NOT_FOUND"

    def __init__(self, batch_id: UUID | str) -> None:
        super().__init__(f"there is no batch {batch_id}", batch_id=str(batch_id))


class TaskNotFound(NotFound):
    """Check the task_id; GetBatch without it returns the current execution."""

    reason = "TASK_NOT_FOUND"

    def __init__(self, batch_id: UUID | str, task_id: UUID | str) -> None:
        super().__init__(
            f"task {task_id} is not an execution of batch {batch_id}", batch_id=str(batch_id), task_id=str(task_id)
        )


class AnalysisNotFound(NotFound):
    """Submit the report in a batch, or check the analysis_id."""

    reason = "ANALYSIS_NOT_FOUND"


class WebhookDeliveryNotFound(NotFound):
    """Check the delivery_id; ListWebhookDeliveries shows those of a batch."""

    reason = "WEBHOOK_DELIVERY_NOT_FOUND"

    def __init__(self, batch_id: UUID | str, delivery_id: UUID | str) -> None:
        super().__init__(f"batch {batch_id} has no webhook delivery {delivery_id}; ListWebhookDeliveries shows them")


class PreviousReportNotFound(NotFound):
    """Upload and analyse an earlier report of the company, or name the report to compare with."""

    reason = "PREVIOUS_REPORT_NOT_FOUND"

    def __init__(self, report_id: UUID | str) -> None:
        super().__init__(
            f"report {report_id} has no analysed predecessor: no report of the same company and type is of an earlier "
            "period; upload and analyse one, or name base_report_id",
            report_id=str(report_id),
        )


class RequestIdReused(DomainError):
    """Choose a new request_id for a new request."""

    reason = "REQUEST_ID_REUSED"

    def __init__(self, request_id: UUID | str) -> None:
        super().__init__(
            f"request_id {request_id} was used before with another payload; choose a new one for a new request",
            request_id=str(request_id),
        )


class LimitExceeded(DomainError):
    """Stay below the limit that the message names."""


class BatchLimitExceeded(LimitExceeded):
    """Split the batch."""

    reason = "BATCH_LIMIT_EXCEEDED"

    def __init__(self, count: int, limit: int) -> None:
        super().__init__(f"a batch may have {limit} reports here, this one has {count}; split it", limit=str(limit))


class ContentTooLarge(LimitExceeded):
    """Submit a smaller document."""

    reason = "CONTENT_TOO_LARGE"

    def __init__(self, limit: int) -> None:
        super().__init__(f"the content is larger than {limit} bytes; submit a smaller document", limit=str(limit))


class TooManyWatchers(LimitExceeded):
    """Close watches that are not needed, or watch at another replica; `yours` says that they are all the caller's."""

    reason = "TOO_MANY_WATCHERS"

    def __init__(self, limit: int, *, yours: bool = False) -> None:
        message = (
            f"this server already serves {limit} watches of yours; close those you do not need, or use WatchBatches"
            if yours
            else f"this server already serves {limit} watches; try another replica"
        )
        super().__init__(message, limit=str(limit))


class WatcherTooSlow(LimitExceeded):
    """Read faster; watch again with after_sequence set to the last sequence processed."""

    reason = "WATCHER_TOO_SLOW"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"nothing was read from the stream for {seconds:g} s; watch again and read faster")


class NotNow(DomainError):
    """The resource's status does not allow it; read it again before deciding."""


class BatchNotFinal(NotNow):
    """Wait for a final status, or cancel the batch first."""

    reason = "BATCH_NOT_FINAL"

    def __init__(self, batch_id: UUID | str) -> None:
        super().__init__(f"batch {batch_id} is still being processed; wait for its end or cancel it first")


class BatchAlreadyFinal(NotNow):
    """There is nothing left to cancel."""

    reason = "BATCH_ALREADY_FINAL"

    def __init__(self, batch_id: UUID | str) -> None:
        super().__init__(f"every report of batch {batch_id} has finished; there is nothing to cancel")


class NothingToRetry(NotNow):
    """Every report succeeded."""

    reason = "NOTHING_TO_RETRY"

    def __init__(self, batch_id: UUID | str) -> None:
        super().__init__(f"every report of batch {batch_id} succeeded; there is nothing to retry")


class AnalysisNotReady(NotNow):
    """Watch the batch and ask again when the report is done."""

    reason = "ANALYSIS_NOT_READY"

    def __init__(self, report_id: UUID | str) -> None:
        super().__init__(f"the first analysis of report {report_id} is still running; watch its batch")


class WebhookSecretMissing(NotNow):
    """Make a secret first: receivers tell by it what is ours."""

    reason = "WEBHOOK_SECRET_MISSING"

    def __init__(self) -> None:
        super().__init__(
            "webhooks are signed and there is no secret yet; call RotateWebhookSecret once, then again this"
        )


class EtagMismatch(DomainError):
    """Read the batch again and decide anew."""

    reason = "ETAG_MISMATCH"

    def __init__(self, batch_id: UUID | str) -> None:
        super().__init__(f"batch {batch_id} changed since the etag was issued; read it again")


class SequenceOutOfRange(DomainError):
    """Watch again without after_sequence."""


class SequenceCompacted(SequenceOutOfRange):
    """Events after after_sequence are no longer kept; start with a snapshot."""

    reason = "SEQUENCE_COMPACTED"

    def __init__(self, after_sequence: int, oldest_sequence: int) -> None:
        super().__init__(
            f"events after {after_sequence} are no longer kept, the oldest is {oldest_sequence}; "
            "watch without after_sequence",
            oldest_sequence=str(oldest_sequence),
        )


class SequenceAhead(SequenceOutOfRange):
    """The batch has no such event yet; check the batch_id."""

    reason = "SEQUENCE_AHEAD"

    def __init__(self, after_sequence: int, last_sequence: int) -> None:
        super().__init__(
            f"after_sequence {after_sequence} is above the newest sequence {last_sequence}; "
            "is it of another batch? Watch without after_sequence",
            last_sequence=str(last_sequence),
        )


class ResumeTokenExpired(SequenceOutOfRange):
    """Watch again without resume_token, and list the batches that ended meanwhile."""

    reason = "RESUME_TOKEN_EXPIRED"

    def __init__(self) -> None:
        super().__init__(
            "events after resume_token are no longer kept, or it was issued before the database was restored or failed "
            "over; watch without resume_token"
        )


class ContentMismatch(DomainError):
    """Send the whole upload again."""

    reason = "CONTENT_MISMATCH"
