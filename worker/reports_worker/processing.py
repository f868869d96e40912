"""Analysing the document of one attempt, whatever the document does."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from celery.exceptions import SoftTimeLimitExceeded

from reports_core.domain.analysis import ReportAnalysis
from reports_core.domain.retry import Failure
from reports_core.storage.attempts import Attempt
from reports_core.storage.documents import DocumentStore, DocumentStoreError
from reports_core.storage.outcomes import Outcome
from reports_worker.processors.errors import DocumentError

logger = logging.getLogger(__name__)

OnStep = Callable[[str, float], None]
"""Called at the start of each step with how far the report is, from 0 to 1; may raise Stopped."""


Processor = Callable[[bytes, str, OnStep], ReportAnalysis]
"""Analyses the content of a report of a type such as `10_K`.

Raises DocumentError for a document that cannot be analysed; lets what `on_step` raises pass.
"""


class Stopped(Exception):
    """The attempt should stop: its batch is being cancelled, or somebody else has ended it."""


def process(attempt: Attempt, documents: DocumentStore, processor: Processor, on_step: OnStep) -> Outcome:
    """Return what an attempt leaves behind; one bad report never raises, so it never stops its batch.

    Only SoftTimeLimitExceeded passes, which may strike anywhere in the attempt.
    """
    started = time.monotonic()
    try:
        content = documents.read(attempt.content_sha256)
        analysis = processor(content, attempt.report_type, on_step)
        on_step("DATABASE_STORAGE", 0.95)
        analysis = _with_period_warning(analysis, attempt.fiscal_period)
    except Stopped:
        return Outcome(cancelled=True)
    except DocumentError as error:
        return Outcome(failure=Failure(error.reason, str(error)))
    except DocumentStoreError as error:
        return Outcome(failure=Failure(error.reason, str(error), error.retryable))
    except SoftTimeLimitExceeded:
        raise
    except MemoryError:
        return Outcome(failure=_OUT_OF_MEMORY)
    except Exception as error:
        logger.exception("the processor failed on report %s", attempt.report_id)
        return Outcome(failure=_unexpected(error))
    return Outcome(analysis=analysis, processing_time=timedelta(seconds=time.monotonic() - started))


_FISCAL_PERIOD = re.compile(r"(Q[1-4]|FY) \d{4}")


def _with_period_warning(analysis: ReportAnalysis, fiscal_period: str) -> ReportAnalysis:
    if not fiscal_period or _FISCAL_PERIOD.fullmatch(fiscal_period):
        return analysis
    warning = f"The fiscal period {fiscal_period!r} is not of the form 'Q1 2024' or 'FY 2024'."
    return replace(analysis, warnings=(*analysis.warnings, warning))


_OUT_OF_MEMORY = Failure(
    "LIMIT_EXCEEDED", "The analysis needs more memory than the worker has. Submit a smaller document."
)


def _unexpected(error: Exception) -> Failure:
    return Failure(
        "INTERNAL",
        f"The analysis failed unexpectedly ({type(error).__name__}). The worker's log has the details; "
        "report it to the operator and retry the batch when it is fixed.",
        retryable=True,
    )
