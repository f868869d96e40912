"""What the URL says holds for every connection, and a wrong one is told apart from a server that is away."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
from kombu.exceptions import OperationalError

from kombu_postgres.options import connection_parameters
from reports_dev.postgres import EmbeddedPostgres
from tests.support.transport import QUEUE, SECONDS, Tables, connection, consuming, message, with_parameters
from tests.support.waiting import eventually

SETTINGS = "SELECT name, setting FROM pg_settings WHERE name = ANY (CAST(:names AS text[]))"
PASSWORD = "k3ep-it"


def settings(url: str, *names: str) -> dict[str, str]:
    """Return settings as the server has them for a connection through our transport."""
    with connection(url) as broker:
        broker.connect()
        publisher = broker.transport.publisher
        return dict(publisher.execute(SETTINGS, names=list(names)))


def test_a_connection_has_defaults_that_notice_a_dead_network(empty_database_url: str) -> None:
    names = ("application_name", "tcp_keepalives_idle")
    with connection(empty_database_url) as broker, Tables(empty_database_url) as tables:
        broker.connect()
        assert len(tables.sessions("kombu_postgres")) == 1
        parameters = broker.transport.publisher.connect().info.dsn_parameters
    assert settings(empty_database_url, *names)["application_name"] == "kombu_postgres"
    chosen = {"connect_timeout": "10", "keepalives_idle": "5", "keepalives_interval": "5", "keepalives_count": "2"}
    assert chosen | {"tcp_user_timeout": "15000"} == {
        name: parameters.get(name) for name in (*chosen, "tcp_user_timeout")
    }


def test_what_the_url_says_goes_before_the_defaults(empty_database_url: str) -> None:
    url = with_parameters(
        empty_database_url, application_name="mine", connect_timeout="3", options="-cstatement_timeout=12345"
    )
    assert settings(url, "application_name", "statement_timeout") == {
        "application_name": "mine",
        "statement_timeout": "12345",
    }
    with connection(url) as broker:
        broker.connect()
        assert broker.transport.publisher.connect().info.dsn_parameters["connect_timeout"] == "3"


def test_all_connections_of_a_consumer_have_the_parameters(empty_database_url: str) -> None:
    with (
        consuming(with_parameters(empty_database_url, application_name="mine")) as consumer,
        Tables(empty_database_url) as tables,
    ):
        consumer.receive([QUEUE], 1, 0)
        assert len(tables.sessions("mine")) == 2
        assert tables.sessions("kombu_postgres") == []


@pytest.fixture(scope="module")
def tls_server() -> Iterator[str]:
    """Give the URL of a server that speaks TLS and accepts nothing else."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl on this machine to make a certificate with")
    path = Path(tempfile.mkdtemp(prefix="fna-test-"))
    path.chmod(0o755)
    try:
        with EmbeddedPostgres(path / "postgres") as postgres:
            speak_tls(postgres, path)
            yield postgres.url
    finally:
        shutil.rmtree(path)


def speak_tls(postgres: EmbeddedPostgres, path: Path) -> None:
    """Give a server a certificate of its own, and close it to connections without TLS."""
    with Tables(postgres.url) as tables:
        data = Path(tables.value("SHOW data_directory"))
    owner = data.stat()
    certificate = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    files = [path / "server.key", path / "server.crt"]
    subprocess.run(
        [*certificate, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", files[0], "-out", files[1]],
        check=True,
        capture_output=True,
    )
    shutil.copy(files[1], path / "root.crt")
    for file in files:
        target = Path(shutil.copy(file, data))
        shutil.chown(target, owner.st_uid, owner.st_gid)
        target.chmod(0o600)
    rules = data / "pg_hba.conf"
    rules.write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
    with Tables(postgres.url) as tables:
        tables.rows("ALTER SYSTEM SET ssl = on")
        tables.rows("SELECT pg_reload_conf()")
    eventually(lambda: not connects_without_tls(postgres.url), SECONDS, "the server's use of TLS")


def connects_without_tls(url: str) -> bool:
    try:
        psycopg2.connect(url, sslmode="disable").close()
    except psycopg2.OperationalError:
        return False
    return True


@pytest.mark.parametrize("mode", ["require", "verify-full"])
def test_a_message_goes_through_tls(tls_server: str, mode: str) -> None:
    parameters = {"sslmode": mode, "application_name": f"tls {mode}"}
    if mode == "verify-full":
        parameters["sslrootcert"] = certificate_of(tls_server)
    url = with_parameters(tls_server, **parameters)
    with connection(url) as broker, Tables(with_parameters(tls_server, sslmode="require")) as tables:
        queue = broker.SimpleQueue(f"tls {mode}")
        queue.put("hello")
        received = queue.get(timeout=SECONDS)
        received.ack()
        assert received.payload == "hello"
        in_use = "SELECT count(*), bool_and(ssl) FROM pg_stat_ssl WHERE pid = ANY (:pids)"
        assert tables.rows(in_use, pids=tables.sessions(f"tls {mode}")) == [(3, True)]


def certificate_of(url: str) -> str:
    with Tables(with_parameters(url, sslmode="require")) as tables:
        return str(Path(tables.value("SHOW data_directory")).parents[1] / "root.crt")


def test_a_server_that_refuses_without_tls_is_a_connection_error(tls_server: str) -> None:
    broker = connection(with_parameters(tls_server, sslmode="disable"))
    with pytest.raises(broker.connection_errors, match="no encryption"):
        broker.transport.establish_connection()


def unreachable(url: str) -> dict[str, str]:
    """Return URLs that lead nowhere."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    parts = urlsplit(url)
    return {
        "name": f"postgresql://user:{PASSWORD}@no-such-host.invalid/db",
        "port": f"postgresql://user:{PASSWORD}@127.0.0.1:{port}/db",
        "password": parts._replace(netloc=f"{parts.username}:{PASSWORD}@{parts.hostname}:{parts.port}").geturl(),
        "database": parts._replace(path="/no_such_database").geturl(),
    }


@pytest.mark.parametrize("what", ["name", "port", "password", "database"])
def test_what_cannot_be_reached_is_a_connection_error(empty_database_url: str, what: str) -> None:
    with connection(unreachable(empty_database_url)[what]) as broker:
        with pytest.raises(broker.connection_errors) as raised:
            broker.transport.establish_connection()
        assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize("what", ["name", "port"])
def test_a_retried_connection_fails_after_its_last_retry(empty_database_url: str, what: str) -> None:
    with connection(unreachable(empty_database_url)[what]) as broker:
        tried: list[Exception] = []
        with pytest.raises(OperationalError):
            broker.ensure_connection(
                lambda error, _: tried.append(error), max_retries=2, interval_start=0.01, interval_step=0
            )
        assert len(tried) == 2


def test_a_server_that_does_not_answer_is_given_up_after_the_timeout_of_the_url() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://user@127.0.0.1:{silent.getsockname()[1]}/db?connect_timeout=2"
        with connection(url) as broker:
            began = time.monotonic()
            with pytest.raises(broker.connection_errors):
                broker.transport.establish_connection()
            assert time.monotonic() - began < SECONDS


def test_the_password_is_neither_logged_nor_displayed(
    empty_database_url: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    password = urlsplit(empty_database_url).password
    assert password
    caplog.set_level(logging.DEBUG)
    url = with_parameters(empty_database_url, application_name="broken")
    with Tables(empty_database_url) as tables, connection(url) as broker:
        queue = broker.SimpleQueue(QUEUE)
        queue.put("hello")
        queue.get(timeout=SECONDS)
        tables.terminate("broken")
        with pytest.raises(broker.connection_errors):
            queue.clear()
        shown = [broker.as_uri(), repr(broker), str(broker), repr(broker.transport), repr(broker.default_channel)]
    out, err = capfd.readouterr()
    assert password not in " ".join([*shown, caplog.text, out, err])


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{PASSWORD}@host/db?nonsense=1",
        f"postgresql://user:{PASSWORD}%zz@host/db",
        f"postgresql://user:{PASSWORD}@[host/db",
        f"postgresql+psycopg2://user:{PASSWORD}@host/db",
        f"host=127.0.0.1 user=user password={PASSWORD}",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_showing_the_password(url: str) -> None:
    with pytest.raises(ValueError, match="URL") as raised:
        connection_parameters(url)
    # What Celery would log includes what led to the error.
    assert PASSWORD not in "".join(traceback.format_exception(raised.value, limit=0))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"lease_seconds": 1.0, "patrol_seconds": 1.0}, "at least four times"),
        ({"lease_seconds": 0}, "lease_seconds must be a number above 0, not 0"),
        ({"patrol_seconds": "often"}, "patrol_seconds must be a number above 0, not 'often'"),
    ],
)
def test_options_that_cannot_work_are_refused_by_name(
    empty_database_url: str, options: dict[str, float], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        connection(empty_database_url, **options).connect()


def test_options_of_kombu_and_celery_are_left_alone(empty_database_url: str) -> None:
    with connection(empty_database_url, visibility_timeout=3600, max_retries=3) as broker:
        broker.connect()
        assert broker.connected


def test_a_message_published_before_and_after_a_restart_of_the_connection_is_delivered(empty_database_url: str) -> None:
    with connection(empty_database_url) as broker, Tables(empty_database_url) as tables:
        broker.connect()
        tables.publish(message("before"))
        broker.close()
        queue = broker.SimpleQueue(QUEUE)
        queue.put("after")
        assert [queue.get(timeout=SECONDS).payload for _ in range(2)] == ["before", "after"]
