"""Webhooks: where they may go, how they are signed, and when a failed one is sent again.

The form is that of the Standard Webhooks specification (https://www.standardwebhooks.com, version 1.0.0): the headers
`webhook-id`, `webhook-timestamp` and `webhook-signature`, and an HMAC-SHA256 over the first two and the body.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import secrets
import socket
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit

SECRET_PREFIX = "whsec_"  # noqa: S105 - it is none
SECRET_BYTES = 32
PREVIOUS_SECRET_KEPT = timedelta(hours=24)
"""How long webhooks are signed with the secret before the present one too."""

DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 28_800))
"""How long to wait after each failed attempt; after one more the delivery is given up, about a day after the first."""

_LONGEST_ASKED = timedelta(hours=1)
"""The longest wait that a receiver may ask for."""

_JITTER = 0.1

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# Addresses of this network stand for an IPv4 address in their last four bytes (RFC 6052).
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
# IPv6 is public here only (RFC 4291): Python takes for public what is neither this nor known to be private, like
# fec0::/10, ::7f00:1 and 64:ff9b:1::/48.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# What releases of Python do not agree on: protocol assignments, relays and tunnels of 6to4, documentation.
_NEVER_PUBLIC: tuple[IpNetwork, ...] = tuple(
    ipaddress.ip_network(network) for network in ("192.0.0.0/24", "192.88.99.0/24", "2002::/16", "3fff::/20")
)


class DeliveryStatus(StrEnum):
    """Status of a delivery, as in the contract."""

    PENDING = "PENDING"
    RETRYING = "RETRYING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"


def new_secret() -> str:
    """Return a new random secret: `whsec_` and 32 bytes in Base64."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, delivery_id: str, timestamp: int, body: bytes) -> str:
    """Return one signature, as `webhook-signature` has it; several stand there with spaces between."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("the secret is not whsec_ and Base64") from None
    digest = hmac.new(key, f"{delivery_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def delay_after_failure(failures: int, *, asked: timedelta | None = None, luck: float = 0.0) -> timedelta | None:
    """Return how long to wait after `failures` failed attempts, None to give up.

    `asked` is what the receiver asked for, taken up to an hour; `luck`, -1 to 1, spreads receivers of one moment.
    """
    if failures > len(DELAYS):
        return None
    delay = DELAYS[failures - 1] * (1 + _JITTER * luck)
    return delay if asked is None else max(delay, min(asked, _LONGEST_ASKED))


def complaint(url: str, *, allow_private: bool) -> str | None:
    """Say what is wrong with the URL of a webhook as far as the URL itself tells; None when nothing is.

    A name that leads to a private address is found when it is looked up, at each delivery.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "must be a URL like https://example.com/hooks"
    if parts.scheme not in {"https", "http"} or not host or port == 0:
        return "must be a URL like https://example.com/hooks"
    if parts.username is not None or parts.password is not None:
        return "must not have a user or password; check the signature of what arrives instead"
    if parts.fragment:
        return "must not have a fragment (what follows #); it would not be sent"
    address = _literal(host)
    if address is None and not _may_be_looked_up(host, bracketed="[" in parts.netloc):
        return "must have a host that can be looked up: a name whose parts have 1 to 63 characters, or an IP address"
    if not allow_private and (host == "localhost" or (address is not None and not is_public(address))):
        return (
            "must not lead to a private address; use one that the internet can reach, or have the operator set "
            "FNA_REPORTS_WEBHOOK_ALLOW_PRIVATE=true"
        )
    return None


def is_public(address: IpAddress) -> bool:
    """Tell whether an address is one of the public internet, the same with every release of Python."""
    if address in _TRANSLATED:
        return is_public(ipaddress.IPv4Address(address.packed[-4:]))
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast and not any(address in found for found in _NEVER_PUBLIC)


def _may_be_looked_up(host: str, *, bracketed: bool) -> bool:
    """Tell whether a host that is no address is a name by its form; brackets are for addresses alone."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return not bracketed


def _literal(host: str) -> IpAddress | None:
    """Return the address that a host is, also one in the old forms that resolvers still read: 127.1, 0x7f000001."""
    try:
        return unmapped(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def unmapped(address: IpAddress) -> IpAddress:
    """Return the IPv4 address that an IPv6 address is another spelling of, or the address itself."""
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address
