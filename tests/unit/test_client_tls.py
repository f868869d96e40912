"""Both clients speak to servers that want TLS, a client certificate, a token or an API key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NoReturn, TypeVar

import grpc
import pytest
import trustme

from fna.reports import AccessDeniedError, UnavailableError, tls_credentials
from fna.reports.v1.batch_pb2 import BatchEvent
from fna.reports.v1.batch_status_service_pb2 import GetBatchResponse
from fna.reports.v1.report_pb2 import REPORT_TYPE_10_K, Report
from fna.reports.v1.report_service_pb2 import UploadReportResponse
from tests.unit.client_peer import BATCH_ID, CALLERS, Caller, Peer, batch, finished, message, snapshot, watch

both_clients = pytest.mark.parametrize("caller", CALLERS, ids=["blocking", "asynchronous"])
SHORT = timedelta(seconds=3)

Q = TypeVar("Q")
A = TypeVar("A")


class Guard(grpc.ServerInterceptor):
    """Lets in only calls that carry a header with a value."""

    def __init__(self, header: str, value: str) -> None:
        self._expected = (header, value)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Q, A] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Q, A] | None:
        handler = continuation(handler_call_details)
        if self._expected in tuple(handler_call_details.invocation_metadata) or handler is None:
            return handler

        def refuse(_: object, context: grpc.ServicerContext) -> NoReturn:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")

        if handler.request_streaming:
            return grpc.stream_unary_rpc_method_handler(
                refuse, handler.request_deserializer, handler.response_serializer
            )
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                refuse, handler.request_deserializer, handler.response_serializer
            )
        return grpc.unary_unary_rpc_method_handler(refuse, handler.request_deserializer, handler.response_serializer)


class Authority:
    """Signs certificates for servers on this machine and for clients, and writes them where a client reads them."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.ca_file))
        self._folder = folder

    def server(self, *, demand_certificate: bool = False) -> grpc.ServerCredentials:
        certificate = self._authority.issue_cert("127.0.0.1")
        chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
        return grpc.ssl_server_credentials(
            [(certificate.private_key_pem.bytes(), chain)],
            self._authority.cert_pem.bytes() if demand_certificate else None,
            require_client_auth=demand_certificate,
        )

    def client(self) -> grpc.ChannelCredentials:
        """Return credentials with a certificate of its own."""
        certificate = self._authority.issue_cert("client.example.com")
        cert_file, key_file = self._folder / "client.pem", self._folder / "client.key"
        cert_file.write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
        certificate.private_key_pem.write_to_path(str(key_file))
        return tls_credentials(ca_file=self.ca_file, cert_file=cert_file, key_file=key_file)


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
