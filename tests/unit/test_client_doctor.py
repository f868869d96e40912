"""The doctor draws the right conclusions, and says what to do about each."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest

from fna.reports import UnavailableError
from fna.reports.cli import main
from fna.reports.cli.diagnosis import Exchange, diagnose
from fna.reports.cli.findings import Finding, Status
from fna.reports.v1.diagnostics_service_pb2 import (
    MIGRATION_STATUS_AHEAD,
    MIGRATION_STATUS_BEHIND,
    MIGRATION_STATUS_CURRENT,
    QUEUE_BROKER_DATABASE,
    QUEUE_BROKER_OTHER,
    DatabaseDiagnostics,
    GetDiagnosticsResponse,
    QueueDiagnostics,
    ServerDiagnostics,
    WorkDiagnostics,
    WorkerDiagnostics,
)
from tests.support.tls import Authority
from tests.unit.client_peer import Caller, Peer, asynchronous, blocking, refusal, unavailable

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
QUEUES = ("batch_processing", "report_processing", "default")
START_WORKER = "celery -A reports_worker.app:celery_app worker"

Line = dict[str, str]
Q = TypeVar("Q")
A = TypeVar("A")
Doctor = Callable[..., tuple[int, dict[str, Line]]]


def queue(name: str, visible: int = 0, claimed: int = 0, age: float = 0) -> QueueDiagnostics:
    found = QueueDiagnostics(queue=name, visible=visible, claimed=claimed)
    if visible:
        found.oldest_due_age.FromTimedelta(timedelta(seconds=age))
    return found


def worker(*queues: str, alive: bool = True, gone: float = 0) -> WorkerDiagnostics:
    found = WorkerDiagnostics(host="host", pid=7, queues=queues or QUEUES, alive=alive)
    found.lease_expires_at.FromDatetime(NOW - timedelta(seconds=gone))
    return found


def response(**changed: Any) -> GetDiagnosticsResponse:
    """Return the answer of a server that is in order, with one worker."""
    server = ServerDiagnostics(version="1.4.2", contract="fna.reports.v1", listening=True, open_watches=2)
    server.uptime.FromTimedelta(timedelta(hours=3))
    server.observed_at.FromDatetime(NOW)
    fields: dict[str, Any] = {
        "server": server,
        "database": DatabaseDiagnostics(
            version="17.2", migration_status=MIGRATION_STATUS_CURRENT, revision="0005", expected_revision="0005"
        ),
        "work": WorkDiagnostics(open_batches=1, waiting_items=1200, running_items=4),
        "queue_broker": QUEUE_BROKER_DATABASE,
        "queues": map(queue, QUEUES),
        "workers": [worker()],
    }
    return GetDiagnosticsResponse(**fields | changed)


def findings(
    answer: GetDiagnosticsResponse, *, client: str = "1.4.0", sent: float = -0.01, received: float = 0.01
) -> dict[str, Finding]:
    """Return what is found by its check; `sent` and `received` are seconds after the server's time."""
    exchange = Exchange(answer, NOW.timestamp() + sent, NOW.timestamp() + received)
    return {finding.check: finding for finding in diagnose(exchange, client)}


def test_an_installation_that_is_in_order_has_no_remedy() -> None:
    found = findings(response())
    assert {finding.status for finding in found.values()} == {Status.OK}
    assert {finding.remedy for finding in found.values()} == {""}
    assert found["version"].found == "server 1.4.2, fna.reports.v1, up for 3 h; client 1.4.0"
    assert found["work"].found == "1 open batch; items waiting: 1,200, running: 4"


@pytest.mark.parametrize(
    ("client", "remedy"), [("1.3.9", "fna-reports[cli]"), ("1.10.0", "fna-reports-server"), ("2.4.0", "server")]
)
def test_whichever_is_older_is_to_be_upgraded(client: str, remedy: str) -> None:
    finding = findings(response(), client=client)["version"]
    assert finding.status is Status.WARN
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("sent", "received", "said"),
    [
        (-100, 100, None),  # A slow answer is no wrong clock.
        (4, 4.2, None),
        (30, 31, "30 s behind"),
        (-200, -190, "3 min ahead of"),
    ],
)
def test_clocks_that_differ_are_told_by_how_much_at_least(sent: float, received: float, said: str | None) -> None:
    finding = findings(response(), sent=sent, received=received)["clock"]
    assert (finding.status is Status.WARN) == (said is not None)
    assert said is None or said in finding.found


@pytest.mark.parametrize(
    ("status", "revision", "expected"),
    [
        (MIGRATION_STATUS_BEHIND, "0003", Status.FAIL),
        (MIGRATION_STATUS_BEHIND, "", Status.FAIL),
        (MIGRATION_STATUS_AHEAD, "0007", Status.WARN),
    ],
)
def test_tables_that_a_server_cannot_use_fail_and_those_of_a_newer_one_are_a_warning(
    status: Any, revision: str, expected: Status
) -> None:
    database = DatabaseDiagnostics(version="17.2", migration_status=status, revision=revision, expected_revision="0005")
    found = findings(GetDiagnosticsResponse(server=response().server, database=database))
    assert found["migrations"].status is expected
    assert found["migrations"].remedy
    assert revision in found["migrations"].found
    assert "workers" not in found


@pytest.mark.parametrize(
    ("visible", "age", "workers", "of_queue", "of_workers"),
    [
        (0, 0, [], Status.OK, Status.WARN),
        (5, 10, [], Status.OK, Status.FAIL),
        (5, 61, [], Status.FAIL, Status.FAIL),
        (5, 61, [worker(alive=False)], Status.FAIL, Status.FAIL),
        (5, 61, [worker("default")], Status.FAIL, Status.FAIL),
        (5, 61, [worker()], Status.WARN, Status.OK),
        (5, 10, [worker()], Status.OK, Status.OK),
        (0, 0, [worker("default")], Status.OK, Status.OK),
    ],
)
def test_what_waits_is_judged_by_its_age_and_who_takes_it(
    visible: int, age: float, workers: list[WorkerDiagnostics], of_queue: Status, of_workers: Status
) -> None:
    answer = response(queues=[queue("report_processing", visible, age=age)], workers=workers)
    found = findings(answer)
    assert found["queue report_processing"].status is of_queue
    assert found["workers"].status is of_workers
    for finding in found.values():
        assert bool(finding.remedy) == (finding.status is not Status.OK)
    if of_workers is Status.FAIL:
        assert "report_processing" in found["workers"].found
        assert found["workers"].remedy.startswith(START_WORKER)


def test_a_worker_without_a_sign_of_life_is_named() -> None:
    found = findings(response(workers=[worker(alive=False, gone=300)]))["workers"]
    assert found.found == "none alive: no sign of life for more than 5 min of process 7 on host"


def test_many_workers_are_counted() -> None:
    assert findings(response(workers=[worker()] * 12))["workers"].found.endswith("process 7 on host and 9 more")


def test_a_number_that_is_only_a_bound_is_shown_as_one() -> None:
    finding = findings(response(queues=[queue("default", 10_000, 20, age=1)]))["queue default"]
    assert finding.found == "10,000 or more waiting, the oldest for 1 s, 20 with workers"


def test_another_broker_is_said_to_be_not_checked() -> None:
    found = findings(response(queue_broker=QUEUE_BROKER_OTHER, queues=[], workers=[]))
    assert found["queues"].status is Status.WARN
    assert "workers" not in found


def test_a_server_that_hears_nothing_is_a_warning() -> None:
    answer = response()
    answer.server.listening = False
    assert findings(answer)["events"].status is Status.WARN


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Give what runs the command and returns its exit code and its findings by their check."""

    def run(target: str, *words: str) -> tuple[int, dict[str, Line]]:
        code = main(["--server", target, "doctor", "--json", "--timeout", "1", *words])
        lines: list[Line] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert all(set(line) == {"check", "status", "found", "remedy"} for line in lines)
        return code, {line["check"]: line for line in lines}

    return run


def test_an_older_server_is_said_to_be_one(doctor: Doctor) -> None:
    with Peer() as peer:
        peer.answers["GetDiagnostics"] = [refusal(grpc.StatusCode.UNIMPLEMENTED)]
        _, lines = doctor(peer.target)
    assert lines["version"]["status"] == "warn"
    assert "older than this client" in lines["version"]["found"]
    assert "fna-reports-server" in lines["version"]["remedy"]


def test_a_server_without_its_database_is_told_after_one_attempt(doctor: Doctor) -> None:
    with Peer() as peer:
        peer.answers["GetDiagnostics"] = [
            refusal(grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE"),
        ]
        code, lines = doctor(peer.target)
        assert len(peer.requests["GetDiagnostics"]) == 1
    assert code == 1
    assert lines["database"]["status"] == "fail"
    assert "DATABASE_URL" in lines["database"]["remedy"]


def test_any_other_refusal_is_repeated(doctor: Doctor) -> None:
    with Peer() as peer:
        peer.answers["GetDiagnostics"] = [refusal(grpc.StatusCode.INTERNAL, "INTERNAL", text="it broke")]
        code, lines = doctor(peer.target)
    assert code == 1
    assert "it broke" in lines["diagnostics"]["found"]


@contextmanager
def answering(answer: bytes, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Give the address of a program that answers each connection so and closes it, after trying TLS if it is to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    if tls:
                        tls.wrap_socket(connection, server_side=True)
                    connection.recv(1000)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is an HTTP/1 server"),
        (b"220 mail.example.com ESMTP\r\n", "cannot connect"),
    ],
)
def test_what_is_no_grpc_server_is_told_for_what_it_is(doctor: Doctor, answer: bytes, said: str) -> None:
    with answering(answer) as target:
        code, lines = doctor(target)
    assert code == 1
    assert list(lines) == ["address", "connection"]
    assert lines["connection"]["status"] == "fail"
    assert said in lines["connection"]["found"]
    assert "--server" in lines["connection"]["remedy"]


def test_a_server_that_speaks_tls_is_told(doctor: Doctor) -> None:
    # Without a certificate it comes no further than the first words, which are enough.
    with answering(b"", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) as target:
        code, lines = doctor(target)
    assert (code, lines["connection"]["status"]) == (1, "fail")
    assert "speaks TLS, and this client came without it" in lines["connection"]["found"]
    assert "--tls" in lines["connection"]["remedy"]


def test_a_server_that_speaks_no_tls_is_told_to_who_asks_for_it(doctor: Doctor) -> None:
    with Peer() as peer:
        lines = doctor(peer.target, "--tls")[1]
    assert "does not speak TLS" in lines["connection"]["found"]
    assert "--no-tls" in lines["connection"]["remedy"]


def test_a_certificate_that_is_missing_is_told(doctor: Doctor, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Peer(authority.server(demand_certificate=True)) as peer:
        lines = doctor(peer.target, "--ca-file", str(authority.ca_file))[1]
    assert "do not agree on TLS" in lines["connection"]["found"]
    assert "--cert-file" in lines["connection"]["remedy"]


def test_who_is_not_let_in_reads_how_to_say_who_he_is(doctor: Doctor) -> None:
    with Peer() as peer:
        peer.answers["GetDiagnostics"] = [refusal(grpc.StatusCode.UNAUTHENTICATED, text="who are you?")]
        lines = doctor(peer.target)[1]
    assert "FNA_REPORTS_TOKEN" in lines["diagnostics"]["remedy"]


def test_a_name_that_does_not_exist_is_told(doctor: Doctor) -> None:
    code, lines = doctor("nobody.invalid:50051")
    assert (code, list(lines)) == (1, ["address"])
    assert lines["address"]["found"].startswith("nobody.invalid cannot be resolved: ")


def test_an_address_that_only_grpc_can_resolve_is_left_to_it(doctor: Doctor) -> None:
    with Peer() as peer:
        peer.answers["GetDiagnostics"] = [response()]
        code, lines = doctor(f"ipv4:{peer.target}")
    assert "address" not in lines
    assert lines["connection"]["status"] == "ok"
    assert code == 1
    assert "UNIMPLEMENTED" in lines["health"]["found"]


def test_the_health_check_too_says_who_asks(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()
    with Peer(interceptors=[heard]) as peer:
        monkeypatch.setenv("FNA_REPORTS_API_KEY", "key")
        doctor(peer.target)
    assert ("x-api-key", "key") in heard.metadata["/grpc.health.v1.Health/Check"]


class Heard(grpc.ServerInterceptor):
    """Keeps the metadata that came with the last call of each method."""

    def __init__(self) -> None:
        self.metadata: dict[str, tuple[tuple[str, str | bytes], ...]] = {}

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Q, A] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Q, A] | None:
        self.metadata[handler_call_details.method] = tuple(handler_call_details.invocation_metadata)
        return continuation(handler_call_details)


def test_for_people_a_remedy_stands_below_its_finding(capsys: pytest.CaptureFixture[str]) -> None:
    with Peer() as peer:
        peer.answers["GetDiagnostics"] = [response(workers=[])]
        main(["--server", peer.target, "doctor"])
    out, err = capsys.readouterr()
    lines = out.splitlines()
    workers = next(number for number, line in enumerate(lines) if line.startswith("warn  workers"))
    assert lines[workers + 1].startswith(f"      -> {START_WORKER}")
    assert err == "12 checks: 1 failed, 3 to look at\n"


@pytest.mark.parametrize("caller", [blocking, asynchronous])
def test_both_clients_return_the_diagnostics_and_ask_once(caller: Caller) -> None:
    with Peer() as peer:
        peer.answers["GetDiagnostics"] = [unavailable(timedelta(0)), response()]
        with pytest.raises(UnavailableError):
            caller(peer, "get_diagnostics")
        assert caller(peer, "get_diagnostics") == response()
