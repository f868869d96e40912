"""What every subcommand works with."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from google.protobuf.message import Message

from fna.reports.cli.json_lines import json_line
from fna.reports.cli.json_view import JsonView
from fna.reports.cli.progress import default_view
from fna.reports.cli.view import View
from fna.reports.client import ReportsClient


@dataclass(frozen=True, slots=True)
class Session:
    """A connected client, and how to print: messages as JSON, or text for people."""

    client: ReportsClient
    json: bool

    def print(self, message: Message, text: Iterable[str]) -> None:
        """Print a message: as one line of JSON, or as the lines of `text`."""
        print(json_line(message) if self.json else "\n".join(text), flush=True)

    def note(self, text: str) -> None:
        """Tell a person something that is not part of the output."""
        print(text, file=sys.stderr, flush=True)

    def view(self) -> View:
        """Return what shows the progress of a batch."""
        return JsonView() if self.json else default_view()
