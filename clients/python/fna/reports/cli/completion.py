"""The subcommand that prints what makes a shell complete the command line."""

from __future__ import annotations

import argparse

from fna.reports.cli.config_file import SettingsError
from fna.reports.cli.exits import Exit

SHELLS = ("bash", "zsh", "fish")


def completion(parser: argparse.ArgumentParser, shell: str) -> Exit:
    """Print the script for a shell.

    Raises: `SettingsError` when shtab is not installed.
    """
    try:
        import shtab  # noqa: PLC0415  # optional
    except ImportError:
        raise SettingsError("this needs shtab: pip install 'fna-reports[cli]'") from None
    print(shtab.complete(parser, shell), flush=True)
    return Exit.OK
