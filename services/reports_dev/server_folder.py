"""The folder of an embedded PostgreSQL: data, password, port, lock, log."""

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from reports_dev.accounts import Account
from reports_dev.errors import EmbeddedPostgresError
from reports_dev.waiting import holds_within

_SYSTEM_ROOT = Path("/var/lib/fna-reports")
_MEMORY = Path("/dev/shm")  # noqa: S108 - as for the temporary folders on disk
_ROOMY_BYTES = 4 * 1024**3
# A guardian whose parent was killed is still stopping its server; see _STOP_KEEPING_DATA in postgres.py.
_GUARDIAN_SECONDS = 60.0


def default_data_dir(checkout: Path) -> Path:
    """Say where a checkout keeps its data: inside, or for root outside, since the server's user may not enter it."""
    if os.geteuid() != 0:
        return checkout / ".data"
    resolved = checkout.resolve()
    return _SYSTEM_ROOT / f"{resolved.name}-{sha256(os.fsencode(resolved)).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """A folder that belongs to one server, with everything in it."""

    path: Path
    temporary: bool

    @property
    def data(self) -> Path:
        """The folder of the cluster, complete once it exists: it is made under the next name and then renamed."""
        return self.path / "pgdata"

    @property
    def unfinished_data(self) -> Path:
        return self.path / "pgdata.unfinished"

    @property
    def password_file(self) -> Path:
        return self.path / "password"

    @property
    def port_file(self) -> Path:
        return self.path / "port"

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    @property
    def log_file(self) -> Path:
        return self.path / "server.log"

    def port(self) -> int | None:
        """Return the port of the last run."""
        text = self.port_file.read_text().strip() if self.port_file.exists() else ""
        return int(text) if text.isdigit() else None

    def password(self, account: Account | None) -> str:
        """Return the password of the database user, made at the first call and readable for the owner only."""
        if self.password_file.exists() and (kept := self.password_file.read_text().strip()):
            return kept
        password = secrets.token_urlsafe(24)
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(f"{password}\n")
        if account:
            account.take(self.password_file)
        return password

    @contextlib.contextmanager
    def locked(self) -> Iterator[int]:
        """Hold the folder; yields the descriptor, with which a guardian holds it too until its server has stopped."""
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._lock(descriptor)
            # What a run that was killed while it made the data has left.
            shutil.rmtree(self.unfinished_data, ignore_errors=True)
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield descriptor
        finally:
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        def locked() -> bool:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._refuse_living_owner(descriptor)
                return False
            return True

        if not holds_within(locked, _GUARDIAN_SECONDS):
            raise EmbeddedPostgresError(
                f"The PostgreSQL server of {self.path} did not stop within {_GUARDIAN_SECONDS:.0f} s after its parent "
                f"was killed. Its process id is in the first line of {self.data / 'postmaster.pid'}: end it with "
                "`kill -INT` and start again."
            )

    def _refuse_living_owner(self, descriptor: int) -> None:
        text = os.pread(descriptor, 32, 0).strip()
        if text.isdigit() and _is_alive(int(text)):
            raise EmbeddedPostgresError(
                f"{self.path} is in use by another running FNA Reports, process {int(text)}. Stop that one (Ctrl-C in "
                f"its terminal, or `kill {int(text)}`) or use another data folder."
            )


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def temporary_folder(account: Account | None, *, durable: bool) -> ServerFolder:
    """Make a folder that only the server's user can enter, in the first place that it can reach.

    Without `durable` that is memory where there is plenty: a new database is there in 20 ms instead of 200 ms.
    """
    on_disk = (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - mkdtemp names it unguessably
    places = on_disk if durable or not _is_roomy(_MEMORY) else (_MEMORY, *on_disk)
    for place in places:
        if account is None or account.can_enter(place):
            path = Path(tempfile.mkdtemp(prefix="fna-reports-postgres-", dir=place))
            _give(path, account)
            return ServerFolder(path, temporary=True)
    raise EmbeddedPostgresError(
        f"The user that PostgreSQL runs as cannot enter {', '.join(map(str, places))}: set TMPDIR to a folder that "
        "every user can enter."
    )


def _is_roomy(place: Path) -> bool:
    """Say whether programs can run there and there is far more room than tests need; containers have often 64 MB."""
    try:
        status = os.statvfs(place)
    except OSError:
        return False
    return not status.f_flag & os.ST_NOEXEC and status.f_bavail * status.f_frsize > _ROOMY_BYTES


def persistent_folder(path: Path, account: Account | None) -> ServerFolder:
    """Take a folder whose data outlives the server, and make it when it is not there."""
    folder = ServerFolder(path.absolute(), temporary=False)
    try:
        _make(folder, account)
    except OSError as error:
        raise EmbeddedPostgresError(
            f"The data folder {folder.path} cannot be used: {error.strerror}. Choose another, or change its owner."
        ) from error
    if account and not account.can_enter(folder.path):
        raise EmbeddedPostgresError(
            f"We are root, so PostgreSQL runs as the user {account.name}, who cannot enter {folder.path}. Use a data "
            f"folder whose parents every user can enter, such as {_SYSTEM_ROOT / path.name}, or start as an ordinary "
            "user."
        )
    return folder


def _make(folder: ServerFolder, account: Account | None) -> None:
    for parent in reversed(folder.path.parents):
        if not parent.exists():
            parent.mkdir()
            parent.chmod(0o755)
    if not folder.path.exists():
        folder.path.mkdir(mode=0o700)
        _give(folder.path, account)
    elif any(folder.path.iterdir()) and not folder.lock_file.exists():
        raise EmbeddedPostgresError(
            f"{folder.path} has files in it that are not of an embedded PostgreSQL. Choose an empty or a new folder."
        )
    else:
        _give(folder.path, account)


def _give(path: Path, account: Account | None) -> None:
    path.chmod(0o700)
    if account:
        account.take(path)
