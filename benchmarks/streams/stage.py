"""The database of a scenario, and a folder for what its processes leave behind."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reports_core.storage import migrations
from reports_dev.postgres import EmbeddedPostgres


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a scenario takes place."""

    url: str
    folder: Path


@contextmanager
def stage() -> Iterator[Stage]:
    """Yield a migrated database on a durable server of its own."""
    with tempfile.TemporaryDirectory(prefix="fna-bench-") as folder, EmbeddedPostgres(durable=True) as postgres:
        migrations.upgrade(postgres.url)
        yield Stage(postgres.url, Path(folder))
