"""A folder that is gone at the end, however the end comes."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reports_dev.guard import Guard, StopStep


@contextmanager
def temporary_folder(name: str) -> Iterator[Path]:
    """Yield a new folder, which a guardian removes on leaving and also when this process is killed."""
    path = Path(tempfile.mkdtemp(prefix=f"fna-reports-{name}-"))
    guard = Guard(output=subprocess.DEVNULL, environment=os.environ, stop=[StopStep(signal.SIGTERM, 1.0)], remove=path)
    try:
        yield path
    finally:
        guard.end()
