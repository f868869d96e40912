"""A TLS authority for tests, and an interceptor that demands a secret."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

import grpc
import trustme

from fna.reports import tls_credentials

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
