"""What tells the server who calls."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

Token = str | Callable[[], str]
Metadata = tuple[tuple[str, str], ...]

_HOST_AND_PORT = re.compile(r"(?:dns:(?:///?)?|ipv[46]:)?\[?(?P<host>[^\]]*?)\]?(?::\d+)?")


@dataclass(frozen=True, slots=True)
class Identity:
    """A token or an API key, sent with every call as `authorization: Bearer ...` or `x-api-key`.

    A token that is a function is asked for before every attempt, so that it may be renewed; with asyncio that holds the
    event loop up, so it should have the token at hand.
    """

    token: Token | None = None
    api_key: str | None = None

    def metadata(self) -> Metadata:
        """Return the metadata of the next attempt."""
        found = []
        if self.token is not None:
            found.append(("authorization", f"Bearer {self.token if isinstance(self.token, str) else self.token()}"))
        if self.api_key is not None:
            found.append(("x-api-key", self.api_key))
        return tuple(found)

    def require_secret(self, target: str, *, encrypted: bool, allow_plaintext: bool) -> None:
        """Refuse to send a secret where others on the network can read it.

        Raises: `ValueError`.
        """
        has_secret = self.token is not None or self.api_key is not None
        if has_secret and not (encrypted or allow_plaintext or is_local(target)):
            raise ValueError(
                f"token and api_key would go to {target} unencrypted: give credentials=tls_credentials(), or, where "
                "the network itself is encrypted, allow_plaintext_secrets=True"
            )


def is_local(target: str) -> bool:
    """Tell whether a gRPC target cannot be read by other machines."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    match = _HOST_AND_PORT.fullmatch(target)
    host = match["host"] if match else ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
