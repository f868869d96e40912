"""The settings of the command: of its options, the environment, `.env` and a profile, in this order."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from fna.reports.cli import values
from fna.reports.cli.config_file import ConfigFile, SettingsError
from fna.reports.cli.env_file import read_env_file

DEFAULT_SERVER = "127.0.0.1:50051"
DEFAULT_TIMEOUT = timedelta(seconds=30)
DEFAULT_COMPANY = "unknown"
SECRETS = ("token", "api_key")
KEYS = (
    "server",
    "tls",
    "ca_file",
    "cert_file",
    "key_file",
    "token",
    "token_command",
    "api_key",
    "allow_plaintext_secrets",
    "timeout",
    "company",
)
_CREDENTIALS = (*SECRETS, "token_command")
_NOT_OF_ENV_FILE = ("token_command", "allow_plaintext_secrets")
_OPTIONS = ("server", "tls", "ca_file", "cert_file", "key_file", "timeout", "company")
_PROFILE = "profile"
_ENV_FILE = Path(".env")

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Settings:
    """What is effective. `sources` tells for each key where its value comes from, `withheld` why a secret is not used.

    `profile` is the name of the profile in use, empty when there is none.
    """

    server: str
    tls: bool
    ca_file: str
    cert_file: str
    key_file: str
    token: str
    token_command: tuple[str, ...]
    api_key: str
    allow_plaintext_secrets: bool
    timeout: timedelta
    company: str
    sources: Mapping[str, str]
    profile: str
    config: ConfigFile
    withheld: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Layer:
    """One place where settings stand as text, in `file` perhaps; `source` says what a setting is called there.

    An error says `where` before that.
    """

    source: Callable[[str], str]
    settings: Mapping[str, str]
    file: Path | None = None
    where: str = ""


class _Lookup:
    """Finds the first layer that has a setting, and keeps in mind which that was."""

    def __init__(self, layers: list[_Layer]) -> None:
        self._layers = layers
        self.sources: dict[str, str] = {}

    def __call__(self, key: str, read: Callable[[str], _Value], default: _Value) -> _Value:
        for layer in self._layers:
            text = layer.settings.get(key)
            if text:
                self.sources[key] = layer.source(key)
                try:
                    return read(text)
                except (argparse.ArgumentTypeError, ValueError) as error:
                    raise SettingsError(f"{layer.where}{layer.source(key)}: {error}") from None
        self.sources[key] = "default"
        return default


def effective(arguments: argparse.Namespace) -> Settings:
    """Return the settings for a command line.

    Raises: `SettingsError`.
    """
    config = ConfigFile.read()
    layers = [_options(arguments), _environment(), _env_file()]
    name, asked_by = _profile_name(layers, config)
    profile = config.profile(name, asked_by) if name else {}
    withheld = _withheld(layers, profile)
    if withheld:
        profile = {key: text for key, text in profile.items() if key not in _CREDENTIALS}
    layers.append(_Layer(lambda key: f"profiles.{name}.{key}", profile, config.path, f"{config.path}: "))
    lookup = _Lookup(layers)
    ca_file, cert_file = lookup("ca_file", str, ""), lookup("cert_file", str, "")
    return Settings(
        server=lookup("server", values.target, DEFAULT_SERVER),
        tls=lookup("tls", values.truth, default=bool(ca_file or cert_file)),
        ca_file=ca_file,
        cert_file=cert_file,
        key_file=lookup("key_file", str, ""),
        token=lookup("token", str, ""),
        token_command=lookup("token_command", lambda text: tuple(shlex.split(text)), ()),
        api_key=lookup("api_key", str, ""),
        allow_plaintext_secrets=lookup("allow_plaintext_secrets", values.truth, default=False),
        timeout=lookup("timeout", values.seconds, DEFAULT_TIMEOUT),
        company=lookup("company", str, DEFAULT_COMPANY),
        sources=lookup.sources,
        profile=name,
        config=config,
        withheld=withheld,
        warnings=tuple(_readable_secrets(config, layers)),
    )


def variable(key: str) -> str:
    """Return the name of the environment variable of a setting."""
    return f"FNA_REPORTS_{key.upper()}"


def _options(arguments: argparse.Namespace) -> _Layer:
    given = {key: getattr(arguments, key, None) for key in (*_OPTIONS, _PROFILE)}
    return _Layer(
        lambda key: f"--{key.replace('_', '-')}", {key: text for key, text in given.items() if text is not None}
    )


def _environment() -> _Layer:
    return _Layer(variable, _by_key(os.environ))


def _env_file() -> _Layer:
    """Return the settings of `.env`, which may be somebody else's: a folder that was cloned or unpacked has one, too.

    Raises: `SettingsError` when it would run a command, or have secrets sent unencrypted.
    """
    layer = _Layer(lambda key: f"{_ENV_FILE}: {variable(key)}", _by_key(read_env_file(_ENV_FILE)), _ENV_FILE)
    for key in _NOT_OF_ENV_FILE:
        if key in layer.settings:
            raise SettingsError(f"{layer.source(key)} is not taken from here: export it, or use a profile")
    return layer


def _by_key(variables: Mapping[str, str]) -> dict[str, str]:
    return {key: text for key in (*KEYS, _PROFILE) if (text := variables.get(variable(key)))}


def _profile_name(layers: list[_Layer], config: ConfigFile) -> tuple[str, str]:
    """Return the name of the profile to use, and what names it."""
    for layer in layers:
        if name := layer.settings.get(_PROFILE):
            return name, layer.source(_PROFILE)
    return config.default_profile, "default_profile"


def _withheld(layers: list[_Layer], profile: Mapping[str, str]) -> str:
    """Return why the secrets of a profile are not sent.

    They are for its server, and `.env` may have named another one, or another way to it.
    """
    meant_for = profile.get("server")
    if not meant_for or not any(key in profile for key in _CREDENTIALS):
        return ""
    server = next((layer.settings["server"] for layer in layers if "server" in layer.settings), meant_for)
    if server != meant_for:
        return f"they are for {meant_for}, not for {server}"
    for key in ("tls", "ca_file"):
        layer = next((layer for layer in layers if key in layer.settings), None)
        if layer is not None and layer.file is not None:
            return f"{layer.source(key)} says how {meant_for} is reached, which only the profile may"
    return ""


def _readable_secrets(config: ConfigFile, layers: list[_Layer]) -> Iterator[str]:
    """Yield a warning for each file with secrets that others can read."""
    with_secrets = {layer.file for layer in layers if any(key in layer.settings for key in SECRETS)}
    if any(key in profile for profile in config.profiles.values() for key in SECRETS):
        with_secrets.add(config.path)
    for file in with_secrets:
        if file is not None and os.name == "posix" and file.stat().st_mode & 0o044:
            yield f"{file} has secrets and can be read by others: chmod 600 {shlex.quote(str(file))}"
