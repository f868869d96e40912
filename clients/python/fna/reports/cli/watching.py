"""The subcommand that follows a batch, or all that match."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from fna.reports.cli.batch_progress import BatchProgress
from fna.reports.cli.exits import Exit, WrongUsage, exit_of
from fna.reports.cli.names import batch_statuses
from fna.reports.cli.progress import FollowOptions, follow_all, follow_into
from fna.reports.cli.session import Session
from fna.reports.errors import DeadlineExceededError


def watch(session: Session, arguments: argparse.Namespace) -> Exit:
    """Follow a batch until it is over, or all batches that match for ever."""
    if arguments.batch_id is None:
        if arguments.task_id is not None or arguments.after_sequence is not None:
            raise WrongUsage("--task-id and --after-sequence are of one batch: name it")
        return _watch_all(session, arguments)
    if arguments.label or arguments.status:
        raise WrongUsage("--label and --status choose among all batches: leave them out, or BATCH_ID")
    return follow_batch(
        session, arguments, arguments.batch_id, task_id=arguments.task_id, after_sequence=arguments.after_sequence
    )


def follow_batch(
    session: Session,
    arguments: argparse.Namespace,
    batch_id: str,
    *,
    task_id: str | None = None,
    after_sequence: int | None = None,
    names: Mapping[str, str] | None = None,
) -> Exit:
    """Show the progress of a batch until it is over, and tell how to go on should that be interrupted."""
    progress = BatchProgress(batch_id, names)

    def how_to_continue() -> str:
        words = ["watch", batch_id]
        if task_id is not None:
            words += ["--task-id", task_id]
        if progress.shown_sequence is not None:
            words += ["--after-sequence", str(progress.shown_sequence)]
        return f"The batch goes on. Continue with: {session.command(*words)}"

    session.ending.last_words = how_to_continue
    try:
        follow_into(progress, session.client, session.view(), task_id, after_sequence, **_options(arguments))
    except DeadlineExceededError as error:
        if arguments.within is None:
            raise
        session.note(f"fna-reports: {error.message}\n{how_to_continue()}")
        return Exit.ERROR
    session.ending.last_words = str
    return exit_of(progress.status)


def _watch_all(session: Session, arguments: argparse.Namespace) -> Exit:
    if not session.json:
        session.note("Following all batches that match, until Ctrl-C.")
    try:
        follow_all(
            session.client,
            session.view_of_all(),
            statuses=batch_statuses(arguments.status),
            labels=dict(arguments.label),
            **_options(arguments),
        )
    except DeadlineExceededError:
        if arguments.within is None:
            raise
    return Exit.OK


def _options(arguments: argparse.Namespace) -> FollowOptions:
    return {
        "within": arguments.within,
        "heartbeat_interval": arguments.heartbeat,
        "exclude_item_events": arguments.batch_only,
    }
