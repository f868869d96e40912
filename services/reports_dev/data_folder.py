"""The folder in which `./run up` keeps its data, for one run at a time."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reports_dev.errors import DevelopmentError


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where everything is below one folder; `postgres` is None when its data is thrown away."""

    path: Path
    postgres: Path | None

    @property
    def documents(self) -> Path:
        return self.path / "documents"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def temporary(self) -> Path:
        """Temporary files of the processes; what killed ones leave is removed by the next run."""
        return self.path / "tmp"


@contextmanager
def kept_data_folder(path: Path) -> Iterator[DataFolder]:
    """Hold the folder, made if need be; raises DevelopmentError when another run has it or it cannot be made."""
    try:
        _make(path)
        descriptor = os.open(path / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DevelopmentError(
            f"The data folder {path} cannot be used: {error.strerror}. Choose another with --data-dir, or take none "
            "with --ephemeral."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(descriptor, 32, 0).decode().strip()
            raise DevelopmentError(
                f"The data in {path} is in use by another `./run up`, process {pid}. Stop that one (Ctrl-C in its "
                f"terminal, or `kill {pid}`), or start this one with --ephemeral or another --data-dir."
            ) from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        folder = DataFolder(path, path / "postgres")
        shutil.rmtree(folder.temporary, ignore_errors=True)
        yield folder
    finally:
        os.close(descriptor)


def _make(path: Path) -> None:
    """Make the folder and its parents so that the user PostgreSQL runs as can enter them."""
    for folder in (*reversed(path.parents), path):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o755)
