"""Analysing the document of one attempt, whatever the document does."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import replace
from datetime import timedelta

from celery.exceptions import SoftTimeLimitExceeded

from reports_core.domain.analysis import ReportAnalysis
from reports_core.domain.retry import Failure
from reports_core.storage.attempts import Attempt
from reports_core.storage.documents import DocumentStore, DocumentStoreError
from reports_core.storage.outcomes import Outcome
from reports_worker.analyser import Analyser, AnalysisFailed
from reports_worker.analyser.errors import processor_failed
from reports_worker.model import Reviewer
from reports_worker.processor import Analysed, DocumentError, OnStep

logger = logging.getLogger(__name__)


class Stopped(Exception):
    """The attempt should stop: its batch is being cancelled, or somebody else has ended it."""


def process(
    attempt: Attempt, documents: DocumentStore, analyser: Analyser, reviewer: Reviewer | None, on_step: OnStep
) -> Outcome:
    """Return what an attempt leaves behind; one bad report never raises, so it never stops its batch.

    `on_step` may raise Stopped. Only SoftTimeLimitExceeded passes, which may strike anywhere in the attempt.
    """
    started = time.monotonic()
    try:
        content = documents.read(attempt.content_sha256)
        done = analyser.analyse(content, attempt.report_type, on_step, with_narrative=reviewer is not None)
        analysis = _reviewed(done.analysed, reviewer, on_step)
        on_step("DATABASE_STORAGE", 0.95)
        analysis = _with_period_warning(analysis, attempt.fiscal_period)
    except Stopped:
        return Outcome(cancelled=True)
    except DocumentError as error:
        return Outcome(failure=Failure(error.reason, str(error)))
    except AnalysisFailed as error:
        return Outcome(failure=error.failure)
    except DocumentStoreError as error:
        return Outcome(failure=Failure(error.reason, str(error), error.retryable))
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        logger.exception("the analysis of report %s failed", attempt.report_id)
        return Outcome(failure=processor_failed(type(error).__name__).failure)
    seconds = time.monotonic() - started
    logger.info(
        "report %s analysed in %.3f s: %d words of %d bytes, %d MiB at the peak",
        attempt.report_id,
        seconds,
        analysis.word_count,
        len(content),
        done.peak_bytes >> 20,
    )
    return Outcome(analysis=analysis, processing_time=timedelta(seconds=seconds))


def _reviewed(analysed: Analysed, reviewer: Reviewer | None, on_step: OnStep) -> ReportAnalysis:
    """Return the analysis with what the model says of it, or why it says nothing."""
    if reviewer is None or not analysed.narrative:
        return analysed.analysis
    reviewed = reviewer.review(analysed.narrative, lambda: on_step("SENTIMENT_ANALYSIS", 0.9))
    warnings = (*analysed.analysis.warnings, *reviewed.warnings)
    return replace(analysed.analysis, model_review=reviewed.review, warnings=warnings)


_FISCAL_PERIOD = re.compile(r"(Q[1-4]|FY) \d{4}")


def _with_period_warning(analysis: ReportAnalysis, fiscal_period: str) -> ReportAnalysis:
    if not fiscal_period or _FISCAL_PERIOD.fullmatch(fiscal_period):
        return analysis
    warning = f"The fiscal period {fiscal_period!r} is not of the form 'Q1 2024' or 'FY 2024'."
    return replace(analysis, warnings=(*analysis.warnings, warning))
