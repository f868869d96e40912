"""Both clients speak to servers that want TLS, a client certificate, a token or an API key."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from fna.reports import AccessDeniedError, UnavailableError, tls_credentials
from fna.reports.v1.batch_pb2 import BatchEvent
from fna.reports.v1.batch_status_service_pb2 import GetBatchResponse
from fna.reports.v1.report_pb2 import REPORT_TYPE_10_K, Report
from fna.reports.v1.report_service_pb2 import UploadReportResponse
from tests.support.tls import Authority, Guard
from tests.unit.client_peer import BATCH_ID, CALLERS, Caller, Peer, batch, finished, message, snapshot, watch

both_clients = pytest.mark.parametrize("caller", CALLERS, ids=["blocking", "asynchronous"])
SHORT = timedelta(seconds=3)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@both_clients
def test_a_server_is_known_by_its_certificate(caller: Caller, authority: Authority, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    with Peer(authority.server()) as peer:
        peer.answers["GetBatch"] = [GetBatchResponse(batch=batch())]
        assert caller(peer, "get_batch", BATCH_ID, credentials=tls_credentials(ca_file=authority.ca_file)) == batch()
        for wrong in (tls_credentials(), tls_credentials(ca_file=Authority(stranger).ca_file)):
            with pytest.raises(UnavailableError):
                caller(peer, "get_batch", BATCH_ID, credentials=wrong, timeout=SHORT)


@both_clients
def test_a_client_shows_its_certificate_to_a_server_that_demands_one(caller: Caller, authority: Authority) -> None:
    with Peer(authority.server(demand_certificate=True)) as peer:
        peer.answers["GetBatch"] = [GetBatchResponse(batch=batch())]
        assert caller(peer, "get_batch", BATCH_ID, credentials=authority.client()) == batch()
        anonymous = tls_credentials(ca_file=authority.ca_file)
        with pytest.raises(UnavailableError):
            caller(peer, "get_batch", BATCH_ID, credentials=anonymous, timeout=SHORT)


@both_clients
@pytest.mark.parametrize(
    ("guard", "option"),
    [
        (Guard("authorization", "Bearer secret"), {"token": "secret"}),
        (Guard("authorization", "Bearer fresh"), {"token": lambda: "fresh"}),
        (Guard("x-api-key", "key"), {"api_key": "key"}),
    ],
    ids=["token", "token from a function", "api key"],
)
def test_every_kind_of_call_carries_the_secret(
    caller: Caller, authority: Authority, guard: Guard, option: dict[str, object]
) -> None:
    def stream(_: object) -> list[object]:
        return [message(snapshot(1), finished(2))]

    with Peer(authority.server(), [guard]) as peer:
        peer.answers["GetBatch"] = [GetBatchResponse(batch=batch())]
        peer.answers["UploadReport"] = [UploadReportResponse(report=Report(title="x"))]
        peer.streams = [stream]
        options = {"credentials": tls_credentials(ca_file=authority.ca_file)} | option
        assert caller(peer, "get_batch", BATCH_ID, **options) == batch()
        assert caller(peer, "upload", b"text", company_id=BATCH_ID, report_type=REPORT_TYPE_10_K, **options) == Report(
            title="x"
        )
        events: list[BatchEvent] = watch(caller, peer, **options)
        assert [event.sequence for event in events] == [1, 2]
        with pytest.raises(AccessDeniedError, match="who are you"):
            caller(peer, "get_batch", BATCH_ID, credentials=options["credentials"])
