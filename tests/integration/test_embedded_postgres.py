"""The embedded PostgreSQL, on the real binaries of this machine or of the wheel."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from reports_dev.errors import EmbeddedPostgresError
from reports_dev.postgres import EmbeddedPostgres
from reports_dev.server_folder import default_data_dir
from tests.support.waiting import eventually

RUN_UNTIL_KILLED = """
import json, signal, sys
from pathlib import Path
from reports_dev.postgres import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]) if len(sys.argv) > 1 else None) as postgres:
    print(json.dumps({"url": postgres.url, "folder": str(postgres.folder)}), flush=True)
    signal.pause()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that every user can enter, which those of pytest are not."""
    path = Path(tempfile.mkdtemp(prefix="fna test ")).resolve()
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def query(url: str, statement: str) -> object:
    connection = psycopg2.connect(url, connect_timeout=10)
    with closing(connection), connection, connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def without_password(url: str) -> str:
    return url.replace(f":{urlsplit(url).password}@", "@")


def accepts_connections(url: str) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", urlsplit(url).port)) == 0


def start_in_another_process(*arguments: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN_UNTIL_KILLED, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


def first_line(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout is not None
    told: dict[str, str] = json.loads(process.stdout.readline())
    return told


def kill(process: subprocess.Popen[str]) -> None:
    with process:
        process.kill()


def test_a_server_starts_and_leaves_nothing_behind() -> None:
    with EmbeddedPostgres(durable=False) as postgres:
        assert query(postgres.url, "SELECT current_database()") == "fna_reports"
        assert postgres.folder.is_dir()
    assert not postgres.folder.exists()
    assert not accepts_connections(postgres.url)


def test_a_server_demands_its_password() -> None:
    with EmbeddedPostgres(durable=False) as postgres:
        for url in (without_password(postgres.url), postgres.url.replace(":", ":x", 2).replace("x//", "//")):
            with pytest.raises(psycopg2.OperationalError, match="password"):
                psycopg2.connect(url, passfile="/dev/null")


def test_a_server_listens_on_the_loopback_address_alone() -> None:
    with EmbeddedPostgres(durable=False) as postgres:
        assert query(postgres.url, "SHOW listen_addresses") == "127.0.0.1"
        assert query(postgres.url, "SHOW unix_socket_directories") == ""


def test_data_is_durable_unless_told_otherwise() -> None:
    with EmbeddedPostgres() as durable, EmbeddedPostgres(durable=False) as fast:
        assert [query(server.url, "SHOW fsync") for server in (durable, fast)] == ["on", "off"]


def test_two_servers_run_at_once() -> None:
    with EmbeddedPostgres(durable=False) as one, EmbeddedPostgres(durable=False) as other:
        query(one.url, "CREATE TABLE only_in_one (id int)")
        assert query(other.url, "SELECT to_regclass('only_in_one')") is None


def test_kept_data_survives_with_its_address(folder: Path) -> None:
    with EmbeddedPostgres(folder / "kept", durable=False) as first:
        query(first.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    with EmbeddedPostgres(folder / "kept", durable=False) as second:
        assert query(second.url, "SELECT answer FROM kept") == 42
    assert second.url == first.url


def test_kept_data_moves_to_another_port_when_its_own_is_taken(folder: Path) -> None:
    with EmbeddedPostgres(folder / "kept", durable=False) as first:
        query(first.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    taken = urlsplit(first.url).port or 0
    with socket.create_server(("127.0.0.1", taken)), EmbeddedPostgres(folder / "kept", durable=False) as second:
        assert query(second.url, "SELECT answer FROM kept") == 42
        assert urlsplit(second.url).port != taken


def test_only_the_owner_reads_data_and_password(folder: Path) -> None:
    with EmbeddedPostgres(folder / "kept", durable=False):
        pass
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder / "kept", folder / "kept" / "password")}
    assert modes == {"kept": 0o700, "password": 0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the user")
def test_root_runs_the_server_as_somebody_else_without_groups() -> None:
    with EmbeddedPostgres(durable=False) as postgres:
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{postgres.pid}/status").read_text().splitlines() if ":" in line
        )
    assert "0" not in status["Uid"].split() + status["Gid"].split()
    assert status["Groups"].split() == []


def test_a_server_ends_with_a_killed_parent_and_leaves_nothing_behind() -> None:
    parent = start_in_another_process()
    told = first_line(parent)
    assert accepts_connections(told["url"])
    kill(parent)
    eventually(lambda: not accepts_connections(told["url"]), 30, "the end of the server")
    eventually(lambda: not Path(told["folder"]).exists(), 30, "the removal of the folder")


def test_a_parent_killed_while_data_is_made_leaves_nothing_behind(folder: Path) -> None:
    parent = start_in_another_process(TMPDIR=str(folder))
    eventually(lambda: list(folder.glob("*/pgdata.unfinished")), 30, "the start of initdb")
    kill(parent)
    eventually(lambda: not list(folder.iterdir()), 30, "the removal of the folder")


def test_kept_data_survives_a_killed_parent(folder: Path) -> None:
    parent = start_in_another_process(folder / "kept")
    told = first_line(parent)
    query(told["url"], "CREATE TABLE kept AS SELECT 42 AS answer")
    kill(parent)
    # At once: this waits for the guardian of the first to stop its server.
    with EmbeddedPostgres(folder / "kept", durable=False) as second:
        assert query(second.url, "SELECT answer FROM kept") == 42


def test_kept_data_survives_a_killed_server(folder: Path) -> None:
    with EmbeddedPostgres(folder / "kept") as first:
        query(first.url, "CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(first.pid, signal.SIGKILL)
        eventually(lambda: not accepts_connections(first.url), 30, "the end of the server")
    with EmbeddedPostgres(folder / "kept", durable=False) as second:
        assert query(second.url, "SELECT answer FROM kept") == 42


def test_making_data_starts_anew_after_it_was_interrupted(folder: Path) -> None:
    parent = start_in_another_process(folder / "kept")
    eventually(lambda: list(folder.glob("kept/pgdata.unfinished")), 30, "the start of initdb")
    kill(parent)
    with EmbeddedPostgres(folder / "kept", durable=False) as postgres:
        assert query(postgres.url, "SELECT 1") == 1


def test_data_in_use_is_refused_with_the_process_that_uses_it(folder: Path) -> None:
    refusal = pytest.raises(EmbeddedPostgresError, match=rf"in use by .* process {os.getpid()}\. Stop that one")
    with EmbeddedPostgres(folder / "kept", durable=False), refusal:
        EmbeddedPostgres(folder / "kept").start()


def test_data_of_another_version_is_refused_with_the_remedy(folder: Path) -> None:
    with EmbeddedPostgres(folder / "kept", durable=False):
        pass
    (folder / "kept" / "pgdata" / "PG_VERSION").write_text("99\n")
    with pytest.raises(EmbeddedPostgresError, match=r"made with PostgreSQL 99.*Install PostgreSQL 99, or move that"):
        EmbeddedPostgres(folder / "kept").start()


def test_a_folder_with_other_files_is_refused(folder: Path) -> None:
    (folder / "letter.txt").write_text("Dear Sir")
    with pytest.raises(EmbeddedPostgresError, match=r"Choose an empty or a new folder\."):
        EmbeddedPostgres(folder).start()


def test_a_lost_password_is_explained(folder: Path) -> None:
    with EmbeddedPostgres(folder / "kept", durable=False):
        pass
    (folder / "kept" / "password").unlink()
    with pytest.raises(EmbeddedPostgresError, match="Put it back, or move"):
        EmbeddedPostgres(folder / "kept").start()


def test_damaged_data_is_refused_with_the_log_of_the_server(folder: Path) -> None:
    with EmbeddedPostgres(folder / "kept", durable=False):
        pass
    (folder / "kept" / "pgdata" / "global" / "pg_control").unlink()
    with pytest.raises(EmbeddedPostgresError, match=r"its log says why:\n(.*\n)*.*could not"):
        EmbeddedPostgres(folder / "kept").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes the user")
def test_root_is_told_of_a_data_folder_that_the_server_cannot_enter(folder: Path) -> None:
    folder.chmod(0o700)
    with pytest.raises(EmbeddedPostgresError, match=r"cannot enter .*parents every user can enter"):
        EmbeddedPostgres(folder / "kept").start()


def test_data_of_two_checkouts_is_kept_apart(tmp_path: Path) -> None:
    places = {default_data_dir(tmp_path / name / "fna-reports") for name in ("one", "other")}
    assert len(places) == 2
