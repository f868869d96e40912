"""The database to work on: the user's own, or an embedded PostgreSQL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reports_dev.errors import ProcessError
from reports_dev.log import indented
from reports_dev.postgres import EmbeddedPostgres
from reports_dev.user_settings import user_setting

_TAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class Database:
    """A database that accepts connections; `embedded` is the server of ours, when it is one."""

    url: str
    embedded: EmbeddedPostgres | None

    def require_running(self) -> None:
        """Raise ProcessError, with the end of its log, when the embedded server has ended."""
        if self.embedded is None:
            return
        try:
            os.kill(self.embedded.pid, 0)
        except ProcessLookupError:
            log = self.embedded.folder / "server.log"
            # A folder that is thrown away goes with its server.
            lines = log.read_text(errors="replace").splitlines()[-_TAIL_LINES:] if log.exists() else []
            raise ProcessError(f"PostgreSQL has ended.{indented(lines)}") from None


def users_database_url() -> str:
    """Return the user's DATABASE_URL, an empty text when there is none."""
    return user_setting("DATABASE_URL")


@contextmanager
def database(data_dir: Path | None) -> Iterator[Database]:
    """Yield the user's database, or else an embedded one with its data in `data_dir`, None being thrown away."""
    if url := users_database_url():
        yield Database(url, None)
        return
    with EmbeddedPostgres(data_dir, durable=data_dir is not None) as postgres:
        yield Database(postgres.url, postgres)
