"""The command `fna-reports`."""

from fna.reports.cli.command import main

__all__ = ["main"]
