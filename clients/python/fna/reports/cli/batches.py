"""The subcommands about batches: submit, get, list, items, cancel, retry."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TypedDict
from uuid import UUID, uuid4

from fna.reports.cli.documents import find_documents
from fna.reports.cli.exits import Exit
from fna.reports.cli.names import batch_statuses, item_statuses
from fna.reports.cli.session import Session
from fna.reports.cli.tables import BATCH_TABLE, ITEM_TABLE, batch_row, item_row, print_table
from fna.reports.cli.text import batch_text
from fna.reports.cli.uploading import Uploads
from fna.reports.cli.watching import follow_batch
from fna.reports.v1.batch_pb2 import BATCH_VIEW_BASIC, BATCH_VIEW_FULL, Batch

_UPLOADED = "What is uploaded stays; the same content is not stored twice."


class _Options(TypedDict):
    """What a submission and its validation have in common."""

    labels: Mapping[str, str]
    priority: int | None
    execution_timeout: timedelta | None
    webhook_url: str


def submit(session: Session, arguments: argparse.Namespace) -> Exit:
    """Submit reports, uploading the documents among them first, and print the id of the batch."""
    session.ending.last_words = lambda: f"Nothing was submitted. {_UPLOADED}"
    report_ids, names = _resolve(session, arguments)
    if report_ids is None:
        session.note(f"Nothing was submitted. {_UPLOADED}")
        return Exit.ERROR
    options: _Options = {
        "labels": dict(arguments.label),
        "priority": arguments.priority,
        "execution_timeout": arguments.execution_timeout,
        "webhook_url": arguments.webhook_url,
    }
    if arguments.validate_only:
        session.client.validate(report_ids, **options)
        session.note(f"{len(report_ids)} reports can be submitted; nothing was.")
        return Exit.OK
    request_id = _request_id(session, arguments)
    batch = session.client.submit(report_ids, request_id=request_id, **options)
    return _started(session, batch.message, arguments, names)


def retry(session: Session, arguments: argparse.Namespace) -> Exit:
    """Start a new execution over what did not succeed."""
    batch = session.client.retry(
        arguments.batch_id,
        report_ids=arguments.report_ids,
        request_id=_request_id(session, arguments),
        etag=arguments.etag,
    )
    return _started(session, batch.message, arguments, {})


def get(session: Session, arguments: argparse.Namespace) -> Exit:
    """Print a batch; with --json with its items."""
    view = BATCH_VIEW_FULL if session.json else BATCH_VIEW_BASIC
    batch = session.client.get_batch(arguments.batch_id, arguments.task_id, view=view)
    session.print(batch, batch_text(batch))
    return Exit.OK


def list_batches(session: Session, arguments: argparse.Namespace) -> Exit:
    """Print the newest batches."""
    batches = session.client.list_batches(
        statuses=batch_statuses(arguments.status),
        labels=dict(arguments.label),
        batch_ids=arguments.batch_ids,
        page_size=arguments.limit,
    )
    print_table(session, BATCH_TABLE, ((batch, batch_row(batch)) for batch in batches), arguments.limit)
    return Exit.OK


def items(session: Session, arguments: argparse.Namespace) -> Exit:
    """Print the items of a batch."""
    found = session.client.list_items(
        arguments.batch_id,
        task_id=arguments.task_id,
        statuses=item_statuses(arguments.status),
        page_size=arguments.limit,
    )
    print_table(session, ITEM_TABLE, ((item, item_row(item)) for item in found), arguments.limit)
    return Exit.OK


def cancel(session: Session, arguments: argparse.Namespace) -> Exit:
    """Request cancellation of a batch and print it."""
    batch = session.client.cancel(arguments.batch_id, reason=arguments.reason, etag=arguments.etag)
    session.print(batch, batch_text(batch))
    return Exit.OK


def _request_id(session: Session, arguments: argparse.Namespace) -> str:
    """Return the id of the request, which an interrupted command can be repeated with."""
    request_id = arguments.request_id or str(uuid4())
    session.ending.last_words = lambda: (
        f"It may have been done or not. To be sure, run the same command with --request-id {request_id}"
    )
    return request_id


def _started(session: Session, batch: Batch, arguments: argparse.Namespace, names: Mapping[str, str]) -> Exit:
    """Print the id of an execution that was started, or follow it."""
    if not arguments.watch:
        session.print(batch, [batch.batch_id])
        if sys.stdout.isatty():
            session.note(f"Follow it with: {session.command('watch', batch.batch_id)}")
        return Exit.OK
    session.note(f"Batch {batch.batch_id}, {batch.total_reports} reports")
    return follow_batch(session, arguments, batch.batch_id, task_id=batch.task_id, names=names)


def _resolve(session: Session, arguments: argparse.Namespace) -> tuple[list[str] | None, dict[str, str]]:
    """Return the ids of the reports to submit, None when an upload was refused, and the names of the uploaded ones."""
    found = list(_found(arguments.reports))
    report_ids: list[str] = []
    names: dict[str, str] = {}
    refused = False
    documents = [each for each in found if isinstance(each, Path)]
    with Uploads(session, arguments, documents) as uploads:
        for each in found:
            if isinstance(each, str):
                report_ids.append(each)
                continue
            report = uploads.upload(each)
            refused = refused or report is None
            if report is not None and report.report_id not in names:
                names[report.report_id] = each.name
                report_ids.append(report.report_id)
    return None if refused else report_ids, names


def _found(arguments: Iterable[str]) -> Iterator[str | Path]:
    """Yield the ids, and the documents at the paths."""
    for argument in _with_stdin(arguments):
        if _is_uuid(argument):
            yield argument
        else:
            yield from find_documents([Path(argument)])


def _with_stdin(arguments: Iterable[str]) -> Iterator[str]:
    for argument in arguments:
        if argument == "-":
            yield from sys.stdin.read().split()
        else:
            yield argument


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
