"""Keeps the logs of a run that failed, whose folder is removed otherwise."""

import shutil
import tempfile
from pathlib import Path


def keep_logs(logs: Path, name: str) -> Path | None:
    """Copy the logs to a folder that stays and return it; None when nothing was logged."""
    if not any(log.stat().st_size for log in logs.glob("*.log")):
        return None
    kept = Path(tempfile.mkdtemp(prefix=f"fna-reports-{name}-logs-"))
    shutil.copytree(logs, kept, dirs_exist_ok=True)
    return kept
