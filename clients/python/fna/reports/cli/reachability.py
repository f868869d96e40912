"""Whether somebody listens at the server's address, and whether it is a gRPC server."""

from __future__ import annotations

import re
import socket
from datetime import timedelta

from fna.reports.cli.environment import SERVER_VARIABLE
from fna.reports.cli.findings import Finding, fail, ok
from fna.reports.client import ReportsClient
from fna.reports.errors import UnavailableError

_TARGET = re.compile(r"(?:dns:(?://[^/]*/)?)?(?:\[(?P<ipv6>[^]]+)\]|(?P<host>[^:/]+))(?::(?P<port>\d+))?")
_PORT_OF_GRPC = 443
_REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_TLS_ALERT = b"\x15\x03"
_CORRECT = f"Correct the name: --server HOST:PORT, or {SERVER_VARIABLE}"
_ANOTHER = f"Or name another server: --server HOST:PORT, or {SERVER_VARIABLE}"


def address(target: str, within: timedelta) -> Finding | None:
    """Resolve the address and connect to it; None for targets that gRPC alone can resolve, such as `unix:`."""
    place = _host_and_port(target)
    if place is None:
        return None
    try:
        addresses = socket.getaddrinfo(*place, type=socket.SOCK_STREAM)
    except OSError as error:
        return fail("address", f"{place[0]} cannot be resolved: {_reason(error)}", _CORRECT)
    try:
        with _connect(place, within) as connection:
            peer = connection.getpeername()[0]
    except TimeoutError:
        found = f"{target} does not answer within {within.total_seconds():g} s"
        return fail("address", found, f"Is the machine up, and does a firewall let the port through?\n{_ANOTHER}")
    except OSError as error:
        found = f"{target} takes no connection: {_reason(error)}"
        remedy = "Start the server, which listens at its FNA_REPORTS_GRPC_ADDRESS: python -m reports_server"
        return fail("address", found, f"{remedy}\n{_ANOTHER}")
    return ok("address", f"{target} takes connections at {peer}{_more(len({name[4] for name in addresses}))}")


def connection(client: ReportsClient, within: timedelta) -> Finding:
    """Connect as a client does, and where that fails say what answers there."""
    try:
        client.connect(within)
    except UnavailableError as error:
        return _no_grpc(client.target, within, error)
    return ok("connection", "a gRPC connection is up")


def _no_grpc(target: str, within: timedelta, error: UnavailableError) -> Finding:
    answer = _answer(target, within)
    if answer.startswith(b"HTTP/1."):
        host = target.rpartition(":")[0]
        remedy = f"Name the gRPC server, by default: fna-reports doctor --server {host}:50051"
        return fail("connection", f"{target} is an HTTP/1 server, as the REST gateway is (port 8000), not gRPC", remedy)
    if answer.startswith(_TLS_ALERT):
        remedy = f"Connect with TLS: fna-reports --help says how\n{_ANOTHER}"
        return fail("connection", f"{target} expects TLS, and this client came without", remedy)
    return fail(
        "connection", error.message, f"Something else listens there, or the server hangs: restart it\n{_ANOTHER}"
    )


def _answer(target: str, within: timedelta) -> bytes:
    """Return how the answer to an HTTP/1 request begins, empty when there is none."""
    place = _host_and_port(target)
    if place is None:
        return b""
    try:
        with _connect(place, within) as connection:
            connection.sendall(_REQUEST)
            return connection.recv(16)
    except OSError:
        return b""  # Whatever it is, it is none of those that can be told.


def _connect(place: tuple[str, int], within: timedelta) -> socket.socket:
    return socket.create_connection(place, timeout=within.total_seconds())


def _host_and_port(target: str) -> tuple[str, int] | None:
    match = _TARGET.fullmatch(target)
    return (match["ipv6"] or match["host"], int(match["port"] or _PORT_OF_GRPC)) if match else None


def _more(addresses: int) -> str:
    return f", one of {addresses} addresses" if addresses > 1 else ""


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
