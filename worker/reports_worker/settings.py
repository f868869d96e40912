"""Settings of a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ImportString

from reports_core.settings import DatabaseSettings
from reports_worker.processing import Processor
from reports_worker.processors import master_dictionary


class WorkerSettings(DatabaseSettings):
    """What a worker reads from the environment and `.env`."""

    processor: ImportString[Processor] = Field(default="reports_worker.processors:analyse", validate_default=True)
    """`module:function` that analyses a document; see `processing.Processor`."""
    lexicon_file: Annotated[Path, AfterValidator(master_dictionary.check)] | None = None
    """A user's own Loughran-McDonald master dictionary in CSV, for the scores; see `docs/analysis.md`."""
    report_soft_limit_seconds: float = Field(default=3300, gt=0, le=7 * 86_400)
    """How long the analysis of a report may take before it fails."""
    retry_timed_out: bool = False
    """Whether a report that took too long is tried again, like one whose failure may pass."""
