"""Between the contract's messages and the values of domain and storage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc.code_pb2 import ABORTED, DATA_LOSS, DEADLINE_EXCEEDED, FAILED_PRECONDITION, INTERNAL, UNAVAILABLE
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from fna.reports.v1 import batch_pb2 as pb
from fna.reports.v1 import diagnostics_service_pb2 as diagnostics_pb2
from fna.reports.v1 import report_pb2, webhook_pb2
from fna.reports.v1.batch_status_service_pb2 import BatchFilter as BatchFilterMessage
from fna.reports.v1.batch_status_service_pb2 import BatchResult
from fna.reports.v1.report_service_pb2 import MetricDelta, NarrativeDelta, NarrativeSignificance, SectionDelta
from fna.reports.v1.report_service_pb2 import ScoreChanges as ScoreChangesMessage
from reports_core.domain.analysis import ModelReview, ReportAnalysis, Score
from reports_core.domain.batch import BatchStatus, ItemStatus, ReportStatus
from reports_core.domain.errors import InvalidRequest
from reports_core.domain.narrative_delta import ScoreChanges
from reports_core.storage.batches import BatchFilter
from reports_core.storage.deltas import StoredDelta
from reports_core.storage.diagnostics import Diagnostics
from reports_core.storage.events import Progress
from reports_core.storage.records import Batch, Event, Item, Json, Report, StoredAnalysis
from reports_core.storage.webhooks import Delivery, WebhookSettings
from reports_server.errors import DOMAIN

_ITEM_ERROR_CODES = {
    "WORKER_LOST": ABORTED,
    "TIMED_OUT": DEADLINE_EXCEEDED,
    "DEADLINE_EXCEEDED": DEADLINE_EXCEEDED,
    "CONTENT_MISSING": UNAVAILABLE,
    "CONTENT_DAMAGED": DATA_LOSS,
    "DOCUMENT_STORE_UNAVAILABLE": UNAVAILABLE,
    "PARSER_LOST": ABORTED,
    "INTERNAL": INTERNAL,
}
"""Codes of the reasons that are not the document's fault; a document's own are FAILED_PRECONDITION."""


def batch_message(batch: Batch, items: Sequence[Item] = ()) -> pb.Batch:
    return pb.Batch(
        batch_id=str(batch.batch_id),
        task_id=str(batch.task_id),
        status=_batch_status(batch.status),
        total_reports=batch.counters.total_reports,
        successful=batch.counters.successful,
        failed=batch.counters.failed,
        cancelled=batch.counters.cancelled,
        running=batch.counters.running,
        results=[item_message(item) for item in items],
        created_at=_timestamp(batch.created_at),
        updated_at=_timestamp(batch.updated_at),
        started_at=_timestamp(batch.started_at),
        processed_at=_timestamp(batch.processed_at),
        labels=batch.labels,
        priority=batch.priority,
        execution_count=batch.execution_count,
        last_sequence=batch.last_sequence,
        etag=batch.etag,
    )


def item_message(item: Item) -> pb.BatchItem:
    return pb.BatchItem(
        report_id=str(item.report_id),
        status=_item_status(item.status),
        position=item.position,
        attempt_count=item.attempt,
        analysis_id=str(item.analysis_id) if item.analysis_id else "",
        error=_item_error(item.error_reason, item.error_message),
        next_attempt_at=_timestamp(item.next_attempt_at),
        started_at=_timestamp(item.started_at),
        processed_at=_timestamp(item.processed_at),
        step=item.step or "",
        progress=item.progress or 0,
    )


def result_message(item: Item, report: Report, analysis: StoredAnalysis | None) -> BatchResult:
    return BatchResult(
        item=item_message(item),
        report=report_message(report),
        analysis=analysis_message(analysis) if analysis else None,
    )


def event_message(batch_id: str, event: Event) -> pb.BatchEvent:
    message = pb.BatchEvent(batch_id=batch_id, sequence=event.sequence, occurred_at=_timestamp(event.occurred_at))
    data = event.data
    match event.kind:
        case "ITEM_CHANGED":
            message.item_changed.CopyFrom(
                pb.BatchItemChanged(
                    previous_status=_item_status(data["previous_status"]),
                    item=_item_from_json(data["item"]),
                    counters=_counters_from_json(data["counters"]),
                )
            )
        case "ITEMS_CHANGED":
            message.items_changed.CopyFrom(
                pb.BatchItemsChanged(
                    status=_item_status(data["status"]),
                    positions=data["positions"],
                    counters=_counters_from_json(data["counters"]),
                    error=_item_error(data["error_reason"], data["error_message"]),
                )
            )
        case "STATUS_CHANGED":
            message.status_changed.CopyFrom(
                pb.BatchStatusChanged(
                    previous_status=_batch_status(data["previous_status"] or "UNSPECIFIED"),
                    batch=_batch_from_json(batch_id, data["batch"]),
                    final=data["final"],
                )
            )
        case kind:
            raise ValueError(f"unknown kind of event {kind}")
    return message


def snapshot_message(batch: Batch) -> pb.BatchEvent:
    return pb.BatchEvent(
        batch_id=str(batch.batch_id),
        sequence=batch.last_sequence,
        occurred_at=_timestamp(batch.updated_at),
        snapshot=batch_message(batch),
    )


def progress_message(progress: Progress, sequence: int, now: datetime) -> pb.BatchEvent:
    return pb.BatchEvent(
        batch_id=progress.batch_id,
        sequence=sequence,
        occurred_at=_timestamp(now),
        progress=pb.BatchItemProgress(
            report_id=progress.report_id,
            step=progress.step,
            fraction=progress.fraction,
            position=progress.position,
            attempt_count=progress.attempt,
        ),
    )


def heartbeat_message(batch_id: str, sequence: int, now: datetime) -> pb.BatchEvent:
    return pb.BatchEvent(batch_id=batch_id, sequence=sequence, occurred_at=_timestamp(now), heartbeat=pb.Heartbeat())


def report_message(report: Report) -> report_pb2.Report:
    return report_pb2.Report(
        report_id=str(report.report_id),
        company_id=str(report.company_id),
        report_type=report_pb2.ReportType.Value(f"REPORT_TYPE_{report.report_type}"),
        title=report.title,
        file_name=report.file_name,
        source_uri=report.source_uri,
        content_type=report.content_type,
        content_size_bytes=report.content_size_bytes,
        content_sha256=report.content_sha256,
        status=report_pb2.ReportStatus.Value(f"REPORT_STATUS_{report.status}"),
        latest_analysis_id=str(report.latest_analysis_id) if report.latest_analysis_id else "",
        created_at=_timestamp(report.created_at),
        updated_at=_timestamp(report.updated_at),
        fiscal_period=report.fiscal_period,
        filing_date=report.filing_date.isoformat() if report.filing_date else "",
    )


def analysis_message(stored: StoredAnalysis) -> report_pb2.ReportAnalysis:
    analysis: ReportAnalysis = stored.analysis
    return report_pb2.ReportAnalysis(
        analysis_id=str(stored.analysis_id),
        report_id=str(stored.report_id),
        model_version=analysis.model_version,
        optimism=_score(analysis.optimism),
        risk=_score(analysis.risk),
        uncertainty=_score(analysis.uncertainty),
        key_themes=[report_pb2.NarrativeTheme(label=theme.label, weight=theme.weight) for theme in analysis.key_themes],
        risk_indicators=[
            report_pb2.RiskIndicator(label=found.label, severity=found.severity, excerpt=found.excerpt)
            for found in analysis.risk_indicators
        ],
        sections=[
            report_pb2.NarrativeSection(
                type=report_pb2.SectionType.Value(f"SECTION_TYPE_{section.type}"),
                heading=section.heading,
                word_count=section.word_count,
                optimism=_score(section.optimism),
                risk=_score(section.risk),
                uncertainty=_score(section.uncertainty),
            )
            for section in analysis.sections
        ],
        financial_metrics=[
            report_pb2.FinancialMetric(
                concept=metric.concept,
                value=metric.value,
                unit=metric.unit,
                period_start=metric.period_start,
                period_end=metric.period_end,
            )
            for metric in analysis.financial_metrics
        ],
        warnings=analysis.warnings,
        processing_time=_duration(stored.processing_time),
        completed_at=_timestamp(stored.completed_at),
        model_review=_review(analysis.model_review),
    )


def webhook_settings_message(found: WebhookSettings) -> webhook_pb2.WebhookSettings:
    return webhook_pb2.WebhookSettings(
        url=found.url,
        has_secret=found.secret_created_at is not None,
        secret_created_at=_timestamp(found.secret_created_at),
    )


def webhook_delivery_message(delivery: Delivery) -> webhook_pb2.WebhookDelivery:
    return webhook_pb2.WebhookDelivery(
        delivery_id=str(delivery.delivery_id),
        batch_id=str(delivery.batch_id),
        task_id=str(delivery.task_id),
        url=delivery.url,
        status=webhook_pb2.WebhookDeliveryStatus.Value(f"WEBHOOK_DELIVERY_STATUS_{delivery.status}"),
        attempt_count=delivery.attempt,
        attempts=[
            webhook_pb2.WebhookAttempt(
                started_at=_timestamp(attempt.started_at),
                duration=_duration(attempt.duration),
                response_status=attempt.response_status or 0,
                error=attempt.error or "",
            )
            for attempt in delivery.attempts
        ],
        next_attempt_at=_timestamp(delivery.next_attempt_at),
        created_at=_timestamp(delivery.created_at),
        delivered_at=_timestamp(delivery.delivered_at),
    )


def diagnostics_response(
    server: diagnostics_pb2.ServerDiagnostics, found: Diagnostics, *, own_queue: bool
) -> diagnostics_pb2.GetDiagnosticsResponse:
    return diagnostics_pb2.GetDiagnosticsResponse(
        server=server,
        database=diagnostics_pb2.DatabaseDiagnostics(
            version=found.schema.version,
            migration_status=diagnostics_pb2.MigrationStatus.Value(f"MIGRATION_STATUS_{found.schema.migration_status}"),
            revision=found.schema.revision or "",
            expected_revision=found.schema.expected_revision,
        ),
        work=None if found.work is None else diagnostics_pb2.WorkDiagnostics(**asdict(found.work)),
        queue_broker=diagnostics_pb2.QUEUE_BROKER_DATABASE if own_queue else diagnostics_pb2.QUEUE_BROKER_OTHER,
        queues=[
            diagnostics_pb2.QueueDiagnostics(
                queue=backlog.queue,
                visible=backlog.visible,
                claimed=backlog.claimed,
                oldest_due_age=None if backlog.oldest_age is None else _duration(backlog.oldest_age),
            )
            for backlog in found.queues
        ],
        workers=[
            diagnostics_pb2.WorkerDiagnostics(
                host=worker.host,
                pid=worker.pid,
                queues=worker.queues,
                alive=worker.alive,
                registered_at=_timestamp(worker.registered_at),
                lease_expires_at=_timestamp(worker.lease_until),
            )
            for worker in found.workers
        ],
    )


def delta_message(stored: StoredDelta) -> NarrativeDelta:
    delta = stored.delta
    return NarrativeDelta(
        report_id=str(stored.report.report_id),
        base_report_id=str(stored.base.report_id),
        analysis_id=str(stored.analysis.analysis_id),
        base_analysis_id=str(stored.base_analysis.analysis_id),
        base_fiscal_period=stored.base.fiscal_period,
        changes=_changes(delta.changes),
        themes_added=delta.themes_added,
        themes_removed=delta.themes_removed,
        significance_score=delta.significance_score,
        significance=NarrativeSignificance.Value(f"NARRATIVE_SIGNIFICANCE_{delta.significance}"),
        sections=[
            SectionDelta(
                type=report_pb2.SectionType.Value(f"SECTION_TYPE_{section.type}"), changes=_changes(section.changes)
            )
            for section in delta.sections
        ],
        metrics=[
            MetricDelta(
                concept=metric.later.concept,
                unit=metric.later.unit,
                value=metric.later.value,
                base_value=metric.base.value,
                relative_change=metric.relative_change,
                period_start=metric.later.period_start,
                period_end=metric.later.period_end,
                base_period_start=metric.base.period_start,
                base_period_end=metric.base.period_end,
            )
            for metric in delta.metrics
        ],
        warnings=delta.warnings,
    )


def batch_filter(message: BatchFilterMessage) -> BatchFilter:
    return BatchFilter(
        statuses=[BatchStatus(pb.BatchStatus.Name(value).removeprefix("BATCH_STATUS_")) for value in message.statuses],
        batch_ids=list(message.batch_ids),
        labels=dict(message.labels),
    )


def item_statuses(values: Sequence[pb.BatchItemStatus.ValueType]) -> list[ItemStatus]:
    return [ItemStatus(pb.BatchItemStatus.Name(value).removeprefix("BATCH_ITEM_STATUS_")) for value in values]


def report_statuses(values: Sequence[report_pb2.ReportStatus.ValueType]) -> list[ReportStatus]:
    return [ReportStatus(report_pb2.ReportStatus.Name(value).removeprefix("REPORT_STATUS_")) for value in values]


def report_type(value: report_pb2.ReportType.ValueType) -> str:
    return report_pb2.ReportType.Name(value).removeprefix("REPORT_TYPE_")


def optional_uuid(text: str) -> UUID | None:
    """Return the UUID, None for an empty text; the rules of the contract hold already."""
    return UUID(text) if text else None


def filing_date(text: str) -> date | None:
    """Return the day. Raises InvalidRequest for one that no calendar has."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InvalidRequest("report.filing_date", f"{text} is not a day of the calendar") from None


def _batch_status(status: str) -> pb.BatchStatus.ValueType:
    return pb.BatchStatus.Value(f"BATCH_STATUS_{status}")


def _item_status(status: str) -> pb.BatchItemStatus.ValueType:
    return pb.BatchItemStatus.Value(f"BATCH_ITEM_STATUS_{status}")


def _item_error(reason: str | None, message: str | None) -> Status | None:
    if not reason:
        return None
    info = AnyMessage()
    info.Pack(ErrorInfo(reason=reason, domain=DOMAIN))
    return Status(code=_ITEM_ERROR_CODES.get(reason, FAILED_PRECONDITION), message=message or "", details=[info])


def _score(score: Score) -> report_pb2.Score:
    return report_pb2.Score(value=score.value, confidence=score.confidence)


def _changes(changes: ScoreChanges) -> ScoreChangesMessage:
    return ScoreChangesMessage(
        optimism=changes.optimism, risk=changes.risk, uncertainty=changes.uncertainty, overall=changes.overall
    )


def _review(review: ModelReview | None) -> report_pb2.ModelReview | None:
    if review is None:
        return None
    return report_pb2.ModelReview(
        model=review.model,
        summary=review.summary,
        findings=[
            report_pb2.ModelFinding(
                statement=finding.statement,
                quote=finding.quote,
                section_type=report_pb2.SectionType.Value(f"SECTION_TYPE_{finding.section_type}"),
                section_heading=finding.section_heading,
            )
            for finding in review.findings
        ],
        prompt_tokens=review.prompt_tokens,
        completion_tokens=review.completion_tokens,
    )


def _item_from_json(item: Json) -> pb.BatchItem:
    return pb.BatchItem(
        report_id=item["report_id"],
        status=_item_status(item["status"]),
        position=item["position"],
        attempt_count=item["attempt_count"],
        analysis_id=item["analysis_id"] or "",
        error=_item_error(item["error_reason"], item["error_message"]),
        next_attempt_at=_time(item["next_attempt_at"]),
        started_at=_time(item["started_at"]),
        processed_at=_time(item["processed_at"]),
    )


def _batch_from_json(batch_id: str, batch: Json) -> pb.Batch:
    times: dict[str, Any] = {
        name: _time(batch[name]) for name in ("created_at", "updated_at", "started_at", "processed_at")
    }
    plain = {name: value for name, value in batch.items() if name not in times and name != "status"}
    return pb.Batch(batch_id=batch_id, status=_batch_status(batch["status"]), **plain, **times)


def _counters_from_json(counters: Json) -> pb.BatchCounters:
    return pb.BatchCounters(**counters)


def _time(text: str | None) -> Timestamp | None:
    return _timestamp(datetime.fromisoformat(text)) if text else None


def _timestamp(value: datetime | None) -> Timestamp | None:
    if value is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(value)
    return timestamp


def _duration(value: timedelta) -> Duration:
    duration = Duration()
    duration.FromTimedelta(value)
    return duration
