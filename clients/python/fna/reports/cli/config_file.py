"""The file with the profiles: named settings for the services that somebody works with."""

from __future__ import annotations

import os
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

CONFIG_VARIABLE = "FNA_REPORTS_CONFIG"
_FILE_KEYS = frozenset({"ca_file", "cert_file", "key_file"})

# What each key of a profile may be, and how to say so.
_KINDS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "server": ((str,), 'text, "HOST:PORT"'),
    "tls": ((bool,), "true or false"),
    "ca_file": ((str,), "text, a path"),
    "cert_file": ((str,), "text, a path"),
    "key_file": ((str,), "text, a path"),
    "token": ((str,), "text"),
    "token_command": ((str, list), "a command, as text or as a list of words"),
    "api_key": ((str,), "text"),
    "allow_plaintext_secrets": ((bool,), "true or false"),
    "timeout": ((int, float), "a number of seconds"),
    "company": ((str,), "text"),
}


class SettingsError(Exception):
    """A setting is wrong; the text says where it stands and what it may be."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What the file says: the settings of each profile as text, by their keys."""

    path: Path
    profiles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    default_profile: str = ""

    @classmethod
    def read(cls) -> ConfigFile:
        """Read the file that `FNA_REPORTS_CONFIG` names, else `fna-reports/config.toml` of the user's settings.

        The latter need not exist.

        Raises: `SettingsError`.
        """
        named = os.environ.get(CONFIG_VARIABLE)
        settings_folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser())
        path = Path(named).expanduser() if named else settings_folder / "fna-reports" / "config.toml"
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            if named:
                raise SettingsError(f"{path}: there is no such file, which {CONFIG_VARIABLE} names") from None
            return cls(path)
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
        try:
            return _parsed(path, tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{path}: is not TOML: {error}") from None

    def profile(self, name: str, asked_by: str) -> Mapping[str, str]:
        """Return the settings of a profile, which `asked_by` names.

        Raises: `SettingsError` when there is none.
        """
        if name not in self.profiles:
            known = ", ".join(sorted(self.profiles)) or "none"
            raise SettingsError(f"{self.path}: there is no profile {name}, which {asked_by} names; there is: {known}")
        return self.profiles[name]


def _parsed(path: Path, document: Mapping[str, object]) -> ConfigFile:
    _require_known(path, "", document, ("default_profile", "profiles"))
    default = document.get("default_profile", "")
    if not isinstance(default, str):
        raise SettingsError(f"{path}: default_profile must be text, the name of a profile")
    profiles = _table(path, "profiles", document.get("profiles", {}))
    return ConfigFile(
        path, {name: _profile(path, f"profiles.{name}", profile) for name, profile in profiles.items()}, default
    )


def _profile(path: Path, place: str, document: object) -> dict[str, str]:
    settings = _table(path, place, document)
    _require_known(path, f"{place}.", settings, _KINDS)
    return {key: _text(path, place, key, value) for key, value in settings.items()}


def _text(path: Path, place: str, key: str, value: object) -> str:
    kinds, expected = _KINDS[key]
    words = value if isinstance(value, list) else []
    # True is an int for Python, but no number of seconds.
    if type(value) not in kinds or not all(isinstance(word, str) for word in words):
        raise SettingsError(f"{path}: {place}.{key} must be {expected}")
    if isinstance(value, list):
        return shlex.join(words)
    if isinstance(value, bool):
        return str(value).lower()
    if key in _FILE_KEYS:
        return str(path.parent / Path(str(value)).expanduser())
    return str(value)


def _table(path: Path, place: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise SettingsError(f"{path}: {place} must be a table, [{place}...]")
    return value


def _require_known(
    path: Path, place: str, document: Mapping[str, object], known: Mapping[str, object] | tuple[str, ...]
) -> None:
    for key in document:
        if key not in known:
            raise SettingsError(f"{path}: {place}{key} is no setting; there is: {', '.join(known)}")
