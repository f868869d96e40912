"""Command lines to try against what runs, with its real addresses and ids."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reports_dev.stack import Stack

_STATUS_SERVICE = "fna.reports.v1.BatchStatusService"
_JSON = "Content-Type: application/json"
_MOST_IDS = 2


@dataclass(frozen=True, slots=True)
class Hint:
    """A command line for a shell, and what it does."""

    purpose: str
    command: str


def hints(stack: Stack, batch_id: str = "", report_ids: Sequence[str] = ()) -> Iterator[Hint]:
    """Yield what to try: about the batch when there is one, else how to begin."""
    rest = f"{stack.rest_url}/v1/reports/batch"
    if batch_id:
        yield from _about_batch(stack, rest, batch_id, report_ids)
    else:
        yield from _beginnings(stack, rest)
    psql = ["psql", stack.database.url, "-c"]
    yield Hint("The queue", _line(*psql, "SELECT * FROM kombu_message WHERE visible = true"))
    yield Hint("The tasks", _line(*psql, "SELECT task_id, status, result, date_done FROM celery_taskmeta"))


def hint_lines(stack: Stack, batch_id: str = "", report_ids: Sequence[str] = ()) -> Iterator[str]:
    """Yield the same as lines of text, after the dashboard's address; commands can be pasted as they are."""
    yield f"  # In a browser: {stack.rest_url}/"
    for hint in hints(stack, batch_id, report_ids):
        yield f"  # {hint.purpose}"
        yield f"  {hint.command}"


def _about_batch(stack: Stack, rest: str, batch_id: str, report_ids: Sequence[str]) -> Iterator[Hint]:
    server = ["--server", stack.grpc_address]
    yield Hint("The batch, over REST", _line("curl", "-s", f"{rest}/{batch_id}"))
    yield Hint("Its events, as a stream", _line("curl", "-sN", f"{rest}/{batch_id}/events"))
    yield Hint("The same over gRPC", _grpcurl(stack, "GetBatch", f'{{"batch_id": "{batch_id}"}}'))
    yield Hint("Its whole history", _client("watch", batch_id, "--after-sequence", "0", *server))
    if report_ids:
        ids = ", ".join(f'"{report_id}"' for report_id in report_ids[:_MOST_IDS])
        body = f'{{"report_ids": [{ids}]}}'
        yield Hint("One report's analysis", _client("analysis", report_ids[0], *server))
        yield Hint("Another batch", _line("curl", "-s", "-X", "POST", rest, "-H", _JSON, "-d", body))


def _beginnings(stack: Stack, rest: str) -> Iterator[Hint]:
    sample = Path(__file__).with_name("samples")
    server = ["--server", stack.grpc_address]
    yield Hint("Analyse the sample reports", _client("submit", str(sample), "--company", "Samples", "--watch", *server))
    yield Hint("The batches, over REST", _line("curl", "-s", rest))
    yield Hint("The same over gRPC", _grpcurl(stack, "ListBatches", "{}"))


def _grpcurl(stack: Stack, method: str, request: str) -> str:
    return _line("grpcurl", "-plaintext", "-d", request, stack.grpc_address, f"{_STATUS_SERVICE}/{method}")


def _client(*words: str) -> str:
    return _line(str(Path(sys.executable).with_name("fna-reports")), *words)


def _line(*words: str) -> str:
    return shlex.join(words)
