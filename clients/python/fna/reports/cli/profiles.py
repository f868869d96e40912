"""The subcommand that shows the settings."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from fna.reports.cli.exits import Exit
from fna.reports.cli.settings import KEYS, SECRETS, Settings, effective

_HIDDEN = "(hidden)"
_KEY_WIDTH = max(map(len, KEYS))


class _Row(NamedTuple):
    setting: str
    value: str
    source: str


def profiles(arguments: argparse.Namespace) -> Exit:
    """Print each setting with its value, secrets hidden, and where it comes from; then the profiles."""
    settings = effective(arguments)
    rows = list(_rows(settings))
    if arguments.json:
        for row in rows:
            print(json.dumps(row._asdict()), flush=True)
        return Exit.OK
    width = max(len(row.value) for row in rows)
    for row in rows:
        print(f"{row.setting:<{_KEY_WIDTH}}  {row.value:<{width}}  {row.source}".rstrip())
    print(flush=True)
    for line in _profile_lines(settings):
        print(line, flush=True)
    for warning in settings.warnings:
        print(f"fna-reports: warning: {warning}", file=sys.stderr, flush=True)
    return Exit.OK


def _rows(settings: Settings) -> Iterator[_Row]:
    for key in KEYS:
        value = getattr(settings, key)
        yield _Row(key, _shown(key, value), settings.sources[key])


def _shown(key: str, value: object) -> str:
    match value:
        case timedelta():
            return f"{value.total_seconds():g}"
        case bool():
            return str(value).lower()
        case tuple():
            return shlex.join(value) or "-"
    if key in SECRETS and value:
        return _HIDDEN
    return str(value) or "-"


def _profile_lines(settings: Settings) -> Iterator[str]:
    config = settings.config
    if not config.profiles:
        yield f"No profiles: {config.path} " + ("has none." if config.path.exists() else "does not exist.")
        return
    yield f"Profiles of {config.path}:"
    for name, profile in config.profiles.items():
        yield f"{'*' if name == settings.profile else ' '} {name}  {profile.get('server', '')}".rstrip()
    if settings.withheld:
        yield f"The credentials of profile {settings.profile} are not sent: {settings.withheld}."
