"""Whether somebody listens at the server's address, and whether it is a gRPC server."""

from __future__ import annotations

import re
import socket
import ssl
from datetime import timedelta

from fna.reports.cli.findings import Finding, fail, ok
from fna.reports.cli.settings import variable
from fna.reports.client import ReportsClient
from fna.reports.errors import UnavailableError

_TARGET = re.compile(r"(?:dns:(?://[^/]*/)?)?(?:\[(?P<ipv6>[^]]+)\]|(?P<host>[^:/]+))(?::(?P<port>\d+))?")
_PORT_OF_GRPC = 443
_REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_CORRECT = f"Correct the name: --server HOST:PORT, or {variable('server')}"
_TRUST = (
    "Give --ca-file FILE where an authority of your own signed its certificate, and --cert-file FILE --key-file FILE "
    "where it demands one of you"
)
_ANOTHER = f"Or name another server: --server HOST:PORT, or {variable('server')}"


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


def connection(client: ReportsClient, within: timedelta, *, tls: bool) -> Finding:
    """Connect as a client does, with TLS or without, and where that fails say what answers there."""
    try:
        client.connect(within)
    except UnavailableError as error:
        return _no_grpc(client.target, within, error, tls=tls)
    return ok("connection", "a gRPC connection is up")


def _no_grpc(target: str, within: timedelta, error: UnavailableError, *, tls: bool) -> Finding:
    place = _host_and_port(target)
    grpc_server = f"Name the gRPC server, by default: fna-reports doctor --server {place[0] if place else 'HOST'}:50051"
    match place and (_tls(place, within) or _http(place, within)):
        case "h2" if tls:
            found = f"{target} and this client do not agree on TLS: one of them does not trust the other's certificate"
            return fail("connection", found, f"{_TRUST}\n{_ANOTHER}")
        case "h2":
            found = f"{target} speaks TLS, and this client came without it"
            return fail("connection", found, f"Connect with --tls\n{_TRUST}\n{_ANOTHER}")
        case "" if tls:
            found = f"{target} does not speak TLS, which this client asks for"
            return fail("connection", found, f"Connect with --no-tls if that is a server of yours\n{_ANOTHER}")
        case "https":
            return fail("connection", f"{target} is an HTTPS server, not gRPC", grpc_server)
        case "http":
            found = f"{target} is an HTTP/1 server, as the REST gateway is (port 8000), not gRPC"
            return fail("connection", found, grpc_server)
    return fail("connection", error.message, f"Something else listens there, or it hangs: restart it\n{_ANOTHER}")


def _tls(place: tuple[str, int], within: timedelta) -> str:
    """Return `h2` or `https` for a server that speaks TLS, and nothing for others."""
    # Nothing is said over it, so that it does not matter who answers.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        with _connect(place, within) as connection, context.wrap_socket(connection) as encrypted:
            return encrypted.selected_alpn_protocol() or "https"
    except ssl.SSLError as error:
        # It refuses, which it does in TLS too: it may want to see a certificate.
        return "h2" if "ALERT" in (error.reason or "") else ""
    except OSError:
        return ""


def _http(place: tuple[str, int], within: timedelta) -> str:
    """Return `http` for a server that answers a request of HTTP/1, and nothing for others."""
    try:
        with _connect(place, within) as connection:
            connection.sendall(_REQUEST)
            return "http" if connection.recv(16).startswith(b"HTTP/1.") else ""
    except OSError:
        return ""  # Whatever it is, it is none of those that can be told.


def _connect(place: tuple[str, int], within: timedelta) -> socket.socket:
    return socket.create_connection(place, timeout=within.total_seconds())


def _host_and_port(target: str) -> tuple[str, int] | None:
    match = _TARGET.fullmatch(target)
    return (match["ipv6"] or match["host"], int(match["port"] or _PORT_OF_GRPC)) if match else None


def _more(addresses: int) -> str:
    return f", one of {addresses} addresses" if addresses > 1 else ""


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
