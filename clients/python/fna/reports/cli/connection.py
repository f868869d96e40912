"""A client as the settings say."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from fna.reports import ReportsClient, tls_credentials
from fna.reports._identity import is_local
from fna.reports.cli.config_file import SettingsError
from fna.reports.cli.settings import SECRETS, Settings

# A server that is being restarted is waited for; one that is not there is told soon.
_CONNECT_WITHIN = timedelta(seconds=3)
_RECONNECT_WITHIN = timedelta(minutes=5)
_TOKEN_COMMAND_SECONDS = 30
_TOKEN_KEPT_SECONDS = 60


class TokenCommand:
    """A token that a command prints, asked for again when the last one is a minute old."""

    def __init__(self, words: Sequence[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._words = words
        self._clock = clock
        self._token = ""
        self._asked_at = 0.0

    def __call__(self) -> str:
        """Return the token.

        Raises: `SettingsError` when the command fails or prints nothing.
        """
        if not self._token or self._clock() - self._asked_at > _TOKEN_KEPT_SECONDS:
            self._asked_at = self._clock()
            self._token = _first_line(self._words)
        return self._token


def open_client(settings: Settings) -> ReportsClient:
    """Return a client, which is not connected yet.

    Raises: `SettingsError` when settings contradict one another; `OSError` when a certificate or key cannot be read.
    """
    if bool(settings.cert_file) != bool(settings.key_file):
        raise SettingsError("cert_file and key_file belong together: set both, or neither")
    token = settings.token or (TokenCommand(settings.token_command) if settings.token_command else None)
    if token is not None and settings.api_key:
        places = " and ".join(settings.sources[key] for key in SECRETS if settings.sources[key] != "default")
        raise SettingsError(f"a token and an API key are set, of which one is enough: {places}")
    if (token is not None or settings.api_key) and not (
        settings.tls or settings.allow_plaintext_secrets or is_local(settings.server)
    ):
        raise SettingsError(
            f"the token or API key would go to {settings.server} unencrypted: use --tls, or set "
            "allow_plaintext_secrets in the profile where the network itself is encrypted"
        )
    credentials = None
    if settings.tls:
        credentials = tls_credentials(
            ca_file=settings.ca_file or None,
            cert_file=settings.cert_file or None,
            key_file=settings.key_file or None,
        )
    return ReportsClient(
        settings.server,
        credentials=credentials,
        token=token,
        api_key=settings.api_key or None,
        allow_plaintext_secrets=settings.allow_plaintext_secrets,
        timeout=settings.timeout,
        reconnect_timeout=_RECONNECT_WITHIN,
    )


def connect(client: ReportsClient, settings: Settings) -> None:
    """Wait a moment until the client is connected.

    Raises: `UnavailableError`.
    """
    client.connect(within=min(_CONNECT_WITHIN, settings.timeout))


def _first_line(words: Sequence[str]) -> str:
    what = f"token_command {shlex.join(words)}"
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_TOKEN_COMMAND_SECONDS, check=False)
    except OSError as error:
        raise SettingsError(f"{what}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise SettingsError(f"{what}: printed no token within {_TOKEN_COMMAND_SECONDS} s") from None
    lines = done.stdout.split()
    if done.returncode or not lines:
        said = done.stderr.strip() or "and printed nothing"
        raise SettingsError(f"{what}: ended with exit code {done.returncode}: {said}")
    return lines[0]
