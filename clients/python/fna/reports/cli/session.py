"""What every subcommand works with."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from google.protobuf.message import Message

from fna.reports.cli.json_lines import json_line
from fna.reports.cli.json_view import JsonView
from fna.reports.cli.progress import default_view, default_view_of_all
from fna.reports.cli.settings import Settings
from fna.reports.cli.view import View
from fna.reports.client import ReportsClient
from fna.reports_command import Ending


@dataclass(frozen=True, slots=True)
class Session:
    """A connected client, and how to print: messages as JSON, or text for people.

    `ending.last_words` is what to say when the process is interrupted. `connection_words` are the options of the
    command line that another command needs to reach the same service.
    """

    client: ReportsClient
    settings: Settings
    json: bool
    ending: Ending
    connection_words: tuple[str, ...] = ()

    def print(self, message: Message, text: Iterable[str]) -> None:
        """Print a message: as one line of JSON, or as the lines of `text`."""
        print(json_line(message) if self.json else "\n".join(text), flush=True)

    def note(self, text: str) -> None:
        """Tell a person something that is not part of the output."""
        print(text, file=sys.stderr, flush=True)

    def view(self) -> View:
        """Return what shows the progress of a batch."""
        return JsonView() if self.json else default_view()

    def view_of_all(self) -> View:
        """Return what shows the progress of many batches."""
        return JsonView() if self.json else default_view_of_all()

    def command(self, *words: str) -> str:
        """Return a command line for a person to run next, which reaches the same service."""
        return shlex.join(("fna-reports", *words[:2], *self.connection_words, *words[2:]))
