"""The subcommands about batches: submit, watch, get, list, items, cancel, retry."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import TypedDict
from uuid import UUID

from google.protobuf.message import Message

from fna.reports.cli.documents import find_documents
from fna.reports.cli.exits import Exit, exit_of
from fna.reports.cli.progress import follow
from fna.reports.cli.reports import upload_document
from fna.reports.cli.session import Session
from fna.reports.cli.text import (
    BATCH_COLUMNS,
    BATCH_WIDTHS,
    ITEM_COLUMNS,
    ITEM_WIDTHS,
    batch_row,
    batch_text,
    item_row,
    row,
)
from fna.reports.v1.batch_pb2 import BATCH_VIEW_BASIC, BATCH_VIEW_FULL, Batch


class _Options(TypedDict):
    """What a submission and its validation have in common."""

    labels: Mapping[str, str]
    priority: int | None
    execution_timeout: timedelta | None
    webhook_url: str


def submit(session: Session, arguments: argparse.Namespace) -> Exit:
    """Submit reports, uploading the documents among them first, and print the id of the batch."""
    report_ids, names = _resolve(session, arguments)
    if report_ids is None:
        session.note("Nothing was submitted. What is uploaded stays; the same content is not stored twice.")
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
    batch = session.client.submit(report_ids, request_id=arguments.request_id, **options)
    return _started(session, batch.message, arguments.watch, names)


def retry(session: Session, arguments: argparse.Namespace) -> Exit:
    """Start a new execution over what did not succeed."""
    batch = session.client.retry(arguments.batch_id, report_ids=arguments.report_ids, request_id=arguments.request_id)
    return _started(session, batch.message, arguments.watch, {})


def watch(session: Session, arguments: argparse.Namespace) -> Exit:
    """Follow a batch until it is over."""
    progress = follow(
        session.client,
        arguments.batch_id,
        task_id=arguments.task_id,
        after_sequence=arguments.after_sequence,
        view=session.view(),
    )
    return exit_of(progress.status)


def get(session: Session, arguments: argparse.Namespace) -> Exit:
    """Print a batch; with --json with its items."""
    view = BATCH_VIEW_FULL if session.json else BATCH_VIEW_BASIC
    batch = session.client.get_batch(arguments.batch_id, arguments.task_id, view=view)
    session.print(batch, batch_text(batch))
    return Exit.OK


def list_batches(session: Session, arguments: argparse.Namespace) -> Exit:
    """Print the newest batches."""
    batches = session.client.list_batches(
        statuses=arguments.status, labels=dict(arguments.label), page_size=arguments.limit
    )
    rows = ((batch, batch_row(batch)) for batch in batches)
    _print_table(session, row(BATCH_COLUMNS, BATCH_WIDTHS), rows, arguments.limit)
    return Exit.OK


def items(session: Session, arguments: argparse.Namespace) -> Exit:
    """Print the items of a batch."""
    found = session.client.list_items(
        arguments.batch_id, task_id=arguments.task_id, statuses=arguments.status, page_size=arguments.limit
    )
    rows = ((item, item_row(item)) for item in found)
    _print_table(session, row(ITEM_COLUMNS, ITEM_WIDTHS), rows, arguments.limit)
    return Exit.OK


def cancel(session: Session, arguments: argparse.Namespace) -> Exit:
    """Request cancellation of a batch and print it."""
    batch = session.client.cancel(arguments.batch_id, reason=arguments.reason)
    session.print(batch, batch_text(batch))
    return Exit.OK


def _started(session: Session, batch: Batch, watched: bool, names: Mapping[str, str]) -> Exit:
    """Print the id of an execution that was started, or follow it."""
    if not watched:
        session.print(batch, [batch.batch_id])
        if sys.stdout.isatty():
            session.note(f"Follow it with: fna-reports watch {batch.batch_id}")
        return Exit.OK
    session.note(f"Batch {batch.batch_id}, {batch.total_reports} reports")
    progress = follow(session.client, batch.batch_id, task_id=batch.task_id, names=names, view=session.view())
    return exit_of(progress.status)


def _resolve(session: Session, arguments: argparse.Namespace) -> tuple[list[str] | None, dict[str, str]]:
    """Return the ids of the reports to submit, None when an upload was refused, and the names of the uploaded ones."""
    report_ids: list[str] = []
    names: dict[str, str] = {}
    refused = False
    for argument in _with_stdin(arguments.reports):
        if _is_uuid(argument):
            report_ids.append(argument)
            continue
        for path in find_documents([Path(argument)]):
            report = upload_document(session, path, arguments)
            refused = refused or report is None
            if report is not None and report.report_id not in names:
                names[report.report_id] = path.name
                report_ids.append(report.report_id)
    return None if refused else report_ids, names


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


def _print_table(session: Session, heading: str, rows: Iterable[tuple[Message, str]], limit: int) -> None:
    """Print rows as they come, at most `limit` unless it is 0."""
    count = 0
    for count, (message, line) in enumerate(islice(rows, limit or None), 1):
        session.print(message, [line] if count > 1 else [heading, line])
    if not count:
        session.note("There are none.")
