"""Settings of a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from reports_core.settings import DatabaseSettings
from reports_worker.analyser import Limits
from reports_worker.model.settings import ModelSettings
from reports_worker.processors import master_dictionary


class WorkerSettings(DatabaseSettings, ModelSettings):
    """What a worker reads from the environment and `.env`."""

    analysis_seconds: float = Field(default=60, gt=0, le=3600)
    """How long the analysis of a document may take, of time as of processor time."""
    analysis_memory_mib: int = Field(default=1024, ge=256, le=1024 * 1024)
    """How much memory the analysis of a document may take."""
    lexicon_file: Annotated[Path, AfterValidator(master_dictionary.check)] | None = None
    """A user's own Loughran-McDonald master dictionary in CSV, for the scores; see `docs/analysis.md`."""
    report_soft_limit_seconds: float = Field(default=3300, gt=0, le=7 * 86_400)
    """How long a report may take in all, with what it waits for, before it fails."""
    retry_timed_out: bool = False
    """Whether a report that took too long is tried again, like one whose failure may pass."""

    @property
    def limits(self) -> Limits:
        return Limits(seconds=self.analysis_seconds, memory_mib=self.analysis_memory_mib)
