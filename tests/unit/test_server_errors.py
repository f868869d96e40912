"""Errors as statuses: each reason has one code, one ErrorInfo and what a client needs to act."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import asyncpg
import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, QuotaFailure, RetryInfo
from google.rpc.status_pb2 import Status
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from reports_core.domain import errors
from reports_server.errors import Draining, FieldViolation, InvalidMessage, status_of

DETAILS = (ErrorInfo, BadRequest, RetryInfo, QuotaFailure)
DOMAIN_ERRORS = [
    (errors.InvalidRequest("report_ids", "is empty"), "INVALID_ARGUMENT", "INVALID_REQUEST", {BadRequest}),
    (errors.PageTokenInvalid(), "INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", {BadRequest}),
    (errors.ReportNotInBatch("report_ids[1]", "is not"), "INVALID_ARGUMENT", "REPORT_NOT_IN_BATCH", {BadRequest}),
    (errors.ReportsNotFound(["r"]), "NOT_FOUND", "REPORT_NOT_FOUND", set()),
    (errors.BatchNotFound("b"), "NOT_FOUND", "BATCH_NOT_FOUND", set()),
    (errors.TaskNotFound("b", "t"), "NOT_FOUND", "TASK_NOT_FOUND", set()),
    (errors.AnalysisNotFound("there is none"), "NOT_FOUND", "ANALYSIS_NOT_FOUND", set()),
    (errors.PreviousReportNotFound("r"), "NOT_FOUND", "PREVIOUS_REPORT_NOT_FOUND", set()),
    (errors.WebhookDeliveryNotFound("b", "d"), "NOT_FOUND", "WEBHOOK_DELIVERY_NOT_FOUND", set()),
    (errors.WebhookSecretMissing(), "FAILED_PRECONDITION", "WEBHOOK_SECRET_MISSING", set()),
    (errors.RequestIdReused("q"), "ALREADY_EXISTS", "REQUEST_ID_REUSED", set()),
    (errors.BatchLimitExceeded(3, 2), "RESOURCE_EXHAUSTED", "BATCH_LIMIT_EXCEEDED", {QuotaFailure}),
    (errors.ContentTooLarge(1), "RESOURCE_EXHAUSTED", "CONTENT_TOO_LARGE", set()),
    (errors.TooManyWatchers(1), "RESOURCE_EXHAUSTED", "TOO_MANY_WATCHERS", {RetryInfo}),
    (errors.WatcherTooSlow(60.0), "RESOURCE_EXHAUSTED", "WATCHER_TOO_SLOW", {RetryInfo}),
    (errors.BatchNotFinal("b"), "FAILED_PRECONDITION", "BATCH_NOT_FINAL", set()),
    (errors.BatchAlreadyFinal("b"), "FAILED_PRECONDITION", "BATCH_ALREADY_FINAL", set()),
    (errors.NothingToRetry("b"), "FAILED_PRECONDITION", "NOTHING_TO_RETRY", set()),
    (errors.AnalysisNotReady("r"), "FAILED_PRECONDITION", "ANALYSIS_NOT_READY", set()),
    (errors.EtagMismatch("b"), "ABORTED", "ETAG_MISMATCH", set()),
    (errors.SequenceCompacted(1, 5), "OUT_OF_RANGE", "SEQUENCE_COMPACTED", set()),
    (errors.SequenceAhead(9, 5), "OUT_OF_RANGE", "SEQUENCE_AHEAD", set()),
    (errors.ResumeTokenExpired(), "OUT_OF_RANGE", "RESUME_TOKEN_EXPIRED", set()),
    (errors.ResumeTokenInvalid(), "INVALID_ARGUMENT", "RESUME_TOKEN_INVALID", {BadRequest}),
    (errors.ContentMismatch("it differs"), "DATA_LOSS", "CONTENT_MISMATCH", set()),
    (Draining(), "UNAVAILABLE", "SERVER_DRAINING", {RetryInfo}),
]


def unpacked(status: Status) -> list[object]:
    found: list[object] = []
    for detail in status.details:
        for kind in DETAILS:
            message = kind()
            if detail.Unpack(message):
                found.append(message)
    assert len(found) == len(status.details)
    return found


def info(status: Status) -> ErrorInfo:
    (only,) = [detail for detail in unpacked(status) if isinstance(detail, ErrorInfo)]
    return only


def subclasses(kind: type[errors.DomainError]) -> Iterator[type[errors.DomainError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


@pytest.mark.parametrize(
    ("error", "code", "reason", "details"), DOMAIN_ERRORS, ids=[reason for _, _, reason, _ in DOMAIN_ERRORS]
)
def test_every_reason_has_its_code_and_details(
    error: Exception, code: str, reason: str, details: set[type[object]]
) -> None:
    status = status_of(error)
    assert status.code == grpc.StatusCode[code].value[0]
    assert (info(status).reason, info(status).domain) == (reason, "reports.fna")
    assert {type(detail) for detail in unpacked(status)} == {ErrorInfo} | details
    assert status.message


def test_every_reason_of_the_domain_is_listed_here() -> None:
    reasons = {kind.reason for kind in subclasses(errors.DomainError) if "reason" in vars(kind)}
    assert reasons == {reason for _, _, reason, _ in DOMAIN_ERRORS} - {"SERVER_DRAINING"}


def test_what_a_message_says_programs_find_in_the_metadata() -> None:
    assert dict(info(status_of(errors.SequenceCompacted(1, 5))).metadata) == {"oldest_sequence": "5"}
    assert dict(info(status_of(errors.TaskNotFound("b", "t"))).metadata) == {"batch_id": "b", "task_id": "t"}
    many = info(status_of(errors.ReportsNotFound([f"r{number}" for number in range(101)])))
    assert many.metadata["unknown_count"] == "101"
    assert many.metadata["report_ids"].endswith(",r99")


def test_violations_are_named_up_to_twenty_and_the_rest_counted() -> None:
    status = status_of(InvalidMessage([FieldViolation(f"report_ids[{n}]", "must be a UUID") for n in range(30)]))
    assert status.message == "report_ids[0]: must be a UUID (and 29 more)"
    (bad,) = [detail for detail in unpacked(status) if isinstance(detail, BadRequest)]
    assert [violation.field for violation in bad.field_violations] == [f"report_ids[{n}]" for n in range(20)]


def test_a_violation_of_a_whole_message_has_no_field_to_name() -> None:
    assert (
        status_of(InvalidMessage([FieldViolation("", "one of them is required")])).message == "one of them is required"
    )


@pytest.mark.parametrize("character", ["x", "\N{GREEK SMALL LETTER ALPHA}", "\N{PILE OF POO}"])
def test_a_status_fits_into_trailers_whatever_callers_name_their_keys(character: str) -> None:
    huge = character * 10_000
    status = status_of(InvalidMessage([FieldViolation(f'labels["{n}{huge}"]', huge) for n in range(30)]))
    assert len(status.SerializeToString()) < 6 * 1024
    (bad,) = [detail for detail in unpacked(status) if isinstance(detail, BadRequest)]
    assert bad.field_violations[0].field.startswith(f'labels["0{character}')


class AdaptedError(Exception):
    """An error of SQLAlchemy's adapter, as it wraps those of asyncpg."""


def failed(cause: Exception, statement: str | None = "SELECT 1", *, invalidated: bool = False) -> DBAPIError:
    adapted = AdaptedError()
    adapted.__cause__ = cause
    return DBAPIError(statement, None, adapted, connection_invalidated=invalidated)


@pytest.mark.parametrize(
    "error",
    [
        failed(asyncpg.ConnectionDoesNotExistError()),
        failed(asyncpg.InterfaceError("connection is closed")),
        failed(asyncpg.AdminShutdownError()),
        failed(asyncpg.CannotConnectNowError()),
        failed(asyncpg.TooManyConnectionsError()),
        failed(asyncpg.InvalidPasswordError(), None),
        failed(ValueError(), invalidated=True),
        ConnectionRefusedError(),
        PoolTimeout("the pool is exhausted"),
    ],
)
def test_a_database_that_is_away_may_be_asked_again(error: Exception) -> None:
    status = status_of(error)
    assert status.code == grpc.StatusCode.UNAVAILABLE.value[0]
    assert info(status).reason == "DATABASE_UNAVAILABLE"
    assert {type(detail) for detail in unpacked(status)} == {ErrorInfo, RetryInfo}


@pytest.mark.parametrize(
    "error", [KeyError("secret"), failed(asyncpg.UndefinedTableError("secret"))], ids=["bug", "sql"]
)
def test_a_bug_is_logged_and_not_shown(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        status = status_of(error)
    assert status.code == grpc.StatusCode.INTERNAL.value[0]
    assert info(status).reason == "INTERNAL"
    assert "secret" not in str(status)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is error
