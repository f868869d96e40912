"""The events of a batch as JSON, one line each, for scripts."""

from __future__ import annotations

import sys

from fna.reports.cli.batch_progress import BatchProgress
from fna.reports.cli.json_lines import json_line
from fna.reports.cli.summary import interruption_text
from fna.reports.cli.view import View
from fna.reports.errors import ReportsError
from fna.reports.v1.batch_pb2 import BatchEvent


class JsonView(View):
    """Prints every event as it is; what is not an event goes to stderr."""

    def show(self, event: BatchEvent, progress: BatchProgress) -> None:
        print(json_line(event), flush=True)

    def interrupted(self, error: ReportsError) -> None:
        print(interruption_text(error), file=sys.stderr, flush=True)

    def finish(self, progress: BatchProgress) -> None:
        return None
