"""Messages as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import shorten, wrap

from fna.reports.cli.names import bare_name, report_type_name
from fna.reports.cli.summary import answer_text, counters_text, labels_text
from fna.reports.cli.times import time_text
from fna.reports.v1.batch_pb2 import Batch, BatchCounters, BatchStatus
from fna.reports.v1.report_pb2 import ModelReview, Report, ReportAnalysis, ReportStatus, Score, SectionType
from fna.reports.v1.report_service_pb2 import MetricDelta, NarrativeDelta, NarrativeSignificance, ScoreChanges
from fna.reports.v1.webhook_pb2 import WebhookAttempt, WebhookDelivery, WebhookDeliveryStatus, WebhookSettings

_MOST_THEMES = 8
_MOST_PASSAGES = 5
_MOST_METRICS = 10
_MOST_FINDINGS = 10
_EXCERPT_WIDTH = 90
_TEXT_WIDTH = 100


def batch_text(batch: Batch) -> Iterator[str]:
    """Yield the lines that describe a batch, without its items."""
    counters = BatchCounters(
        total_reports=batch.total_reports,
        successful=batch.successful,
        failed=batch.failed,
        cancelled=batch.cancelled,
        running=batch.running,
    )
    yield from _pairs(
        ("Batch", batch.batch_id),
        ("Status", bare_name(BatchStatus.DESCRIPTOR, batch.status)),
        ("Reports", counters_text(counters)),
        ("Task", batch.task_id),
        ("Execution", batch.execution_count),
        ("Priority", batch.priority),
        ("Labels", labels_text(batch.labels)),
        ("Submitted", time_text(batch.created_at)),
        ("Started", time_text(batch.started_at)),
        ("Finished", time_text(batch.processed_at)),
        ("Last event", batch.last_sequence),
    )


def report_text(report: Report) -> Iterator[str]:
    """Yield the lines that describe a report."""
    yield from _pairs(
        ("Report", report.report_id),
        ("File", report.file_name),
        ("Title", report.title),
        ("Type", report_type_name(report.report_type)),
        ("Company", report.company_id),
        ("Period", report.fiscal_period),
        ("Filed", report.filing_date),
        ("Source", report.source_uri),
        ("Content", f"{report.content_type}, {report.content_size_bytes:,} bytes"),
        ("SHA-256", report.content_sha256),
        ("Status", bare_name(ReportStatus.DESCRIPTOR, report.status)),
        ("Analysis", report.latest_analysis_id),
        ("Uploaded", time_text(report.created_at)),
    )


def analysis_text(analysis: ReportAnalysis) -> Iterator[str]:
    """Yield the lines that describe an analysis: of themes, passages, metrics and findings only the first."""
    yield from _pairs(
        ("Analysis", analysis.analysis_id),
        ("Report", analysis.report_id),
        ("Model", analysis.model_version),
        ("Optimism", _score(analysis.optimism)),
        ("Risk", _score(analysis.risk)),
        ("Uncertainty", _score(analysis.uncertainty)),
        ("Themes", ", ".join(f"{theme.label} ({theme.weight:.0%})" for theme in analysis.key_themes[:_MOST_THEMES])),
        ("Took", f"{analysis.processing_time.ToTimedelta().total_seconds():.1f} s"),
    )
    yield from _block(
        "Sections",
        (
            f"{bare_name(SectionType.DESCRIPTOR, section.type)}, {section.word_count:,} words: {section.heading}"
            for section in analysis.sections
        ),
    )
    yield from _block(
        "Risk indicators",
        (
            f"{risk.severity:.2f} {risk.label}: {shorten(risk.excerpt, _EXCERPT_WIDTH)}"
            for risk in analysis.risk_indicators[:_MOST_PASSAGES]
        ),
    )
    yield from _block(
        "Financial metrics",
        (
            f"{metric.concept} {metric.value:,.10g} {metric.unit} {metric.period_end}"
            for metric in analysis.financial_metrics[:_MOST_METRICS]
        ),
    )
    if analysis.HasField("model_review"):
        yield from _review_text(analysis.model_review)
    yield from _block("Warnings", analysis.warnings)


def delta_text(delta: NarrativeDelta) -> Iterator[str]:
    """Yield the lines that describe a narrative delta: of metrics only the first."""
    significance = bare_name(NarrativeSignificance.DESCRIPTOR, delta.significance)
    yield from _pairs(
        ("Report", delta.report_id),
        ("Base", f"{delta.base_report_id}  {delta.base_fiscal_period}".strip()),
        ("Change", f"{significance}  ({delta.significance_score:.2f})"),
        ("Overall", f"{delta.changes.overall:+.2f}"),
        ("Scores", _changes(delta.changes)),
        ("Added", ", ".join(delta.themes_added)),
        ("Removed", ", ".join(delta.themes_removed)),
    )
    yield from _block(
        "Sections",
        (f"{bare_name(SectionType.DESCRIPTOR, each.type)}: {_changes(each.changes)}" for each in delta.sections),
    )
    yield from _block("Financial metrics", map(_metric_change, delta.metrics[:_MOST_METRICS]))
    yield from _block("Warnings", delta.warnings)


def webhook_text(settings: WebhookSettings) -> Iterator[str]:
    """Yield the lines that describe the webhook settings."""
    secret = f"made {time_text(settings.secret_created_at)}" if settings.has_secret else "none: webhook rotate-secret"
    yield from _pairs(("URL", settings.url or "none"), ("Secret", secret))


def delivery_text(delivery: WebhookDelivery) -> Iterator[str]:
    """Yield the lines that describe a webhook."""
    yield from _pairs(
        ("Delivery", delivery.delivery_id),
        ("Batch", delivery.batch_id),
        ("Task", delivery.task_id),
        ("URL", delivery.url),
        ("Status", bare_name(WebhookDeliveryStatus.DESCRIPTOR, delivery.status)),
        ("Delivered", time_text(delivery.delivered_at)),
        ("Next", time_text(delivery.next_attempt_at)),
    )
    yield from _block("Attempts", map(_attempt, delivery.attempts))


def _attempt(attempt: WebhookAttempt) -> str:
    return f"{time_text(attempt.started_at)}  {answer_text(attempt)}"


def _changes(changes: ScoreChanges) -> str:
    return f"optimism {changes.optimism:+.2f}, risk {changes.risk:+.2f}, uncertainty {changes.uncertainty:+.2f}"


def _metric_change(metric: MetricDelta) -> str:
    change = f"  {metric.relative_change:+.1%}" if metric.HasField("relative_change") else ""
    values = f"{metric.base_value:,.10g} -> {metric.value:,.10g} {metric.unit}{change}"
    return f"{metric.concept} {metric.base_period_end} -> {metric.period_end}: {values}"


def _review_text(review: ModelReview) -> Iterator[str]:
    yield from _block(f"Review by {review.model}", wrap(review.summary, _TEXT_WIDTH))
    for finding in review.findings[:_MOST_FINDINGS]:
        section = bare_name(SectionType.DESCRIPTOR, finding.section_type)
        yield from wrap(
            f"{finding.statement} ({section})", _TEXT_WIDTH, initial_indent="  - ", subsequent_indent="    "
        )
        yield f"    “{shorten(finding.quote, _EXCERPT_WIDTH)}”"


def _pairs(*pairs: tuple[str, object]) -> Iterator[str]:
    return (f"{name:<12}{value}" for name, value in pairs if value != "")


def _block(title: str, lines: Iterable[str]) -> list[str]:
    block = [f"  {line}" for line in lines]
    return [title, *block] if block else []


def _score(score: Score) -> str:
    return f"{score.value:.2f}  (confidence {score.confidence:.2f})"
