"""Settings of a worker."""

from __future__ import annotations

from pydantic import Field, ImportString

from reports_core.settings import DatabaseSettings
from reports_worker.processing import Processor


class WorkerSettings(DatabaseSettings):
    """What a worker reads from the environment and `.env`."""

    processor: ImportString[Processor] = Field(default="reports_worker.processors:analyse", validate_default=True)
    """`module:function` that analyses a document; see `processing.Processor`."""
