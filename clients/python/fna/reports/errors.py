"""What a call to the service can raise.

    ReportsError
    ├── InvalidRequestError     INVALID_ARGUMENT
    ├── NotFoundError           NOT_FOUND
    ├── ConflictError           ALREADY_EXISTS, ABORTED
    ├── PreconditionError       FAILED_PRECONDITION
    ├── OutOfRangeError         OUT_OF_RANGE
    ├── LimitExceededError      RESOURCE_EXHAUSTED
    ├── AccessDeniedError       UNAUTHENTICATED, PERMISSION_DENIED
    ├── DataLossError           DATA_LOSS
    ├── DeadlineExceededError   DEADLINE_EXCEEDED
    └── UnavailableError        UNAVAILABLE

Any other status is a plain `ReportsError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import grpc
from google.rpc.error_details_pb2 import BadRequest, QuotaFailure


class ReportsError(Exception):
    """The call failed; `code` and `reason` tell why, in words that stay the same between releases.

    `message` is for people. `reason` and `metadata` are those of the server's `google.rpc.ErrorInfo`, and empty when
    the connection failed rather than the server refused. `field_violations` name the fields of the request that are
    wrong, `quota_violations` the limits that it exceeds. `retry_delay` is how long the server asks to wait before
    another try.
    """

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        field_violations: Sequence[BadRequest.FieldViolation] = (),
        quota_violations: Sequence[QuotaFailure.Violation] = (),
        retry_delay: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.field_violations = tuple(field_violations)
        self.quota_violations = tuple(quota_violations)
        self.retry_delay = retry_delay

    def violations(self) -> list[str]:
        """Return the wrong fields and the exceeded limits as text, leaving out what the message says already."""
        fields = (f"{violation.field}: {violation.description}" for violation in self.field_violations)
        quotas = (f"{violation.subject}: {violation.description}" for violation in self.quota_violations)
        return [text for text in (*fields, *quotas) if text not in self.message]

    def __str__(self) -> str:
        fields = "; ".join(self.violations())
        return " ".join(
            part
            for part in (
                self.message or self.code.name,
                f"({fields})" if fields else "",
                f"[{self.reason}]" if self.reason else "",
            )
            if part
        )


class InvalidRequestError(ReportsError):
    """The request is wrong: correct the fields that `field_violations` name. Trying again does not help."""


class NotFoundError(ReportsError):
    """The batch, execution, report or analysis does not exist, or belongs to somebody else; `reason` tells which.

    With reason `REPORT_NOT_FOUND` of a submission, `metadata` has `report_ids` (the first 100) and `unknown_count`.
    """


class ConflictError(ReportsError):
    """Another call was first: the `request_id` was used with another payload, or the `etag` is out of date."""


class PreconditionError(ReportsError):
    """The status of the batch or report does not allow the call, for example a retry of a batch that still runs."""


class OutOfRangeError(ReportsError):
    """The sequence to continue from is not one of this batch's history: watch without `after_sequence`."""


class LimitExceededError(ReportsError):
    """A limit would be exceeded: send less, or wait for `retry_delay` where it is set."""


class AccessDeniedError(ReportsError):
    """The credentials are missing, wrong, or not enough for this call."""


class DataLossError(ReportsError):
    """What arrived is not what was sent: upload again, or for a watch (reason `SEQUENCE_GAP`) tell the operator."""


class DeadlineExceededError(ReportsError):
    """No answer came within the timeout. The call may have had its effect: repeat it with the same `request_id`."""


class UnavailableError(ReportsError):
    """The server cannot be reached, or went away, and did not come back within the timeout."""


ERRORS_BY_CODE: Mapping[grpc.StatusCode, type[ReportsError]] = {
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
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
}
