"""Uploads documents one after the other, as the options say, and shows how far they are."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypedDict
from uuid import UUID

from fna.reports.cli.documents import guess_report_type
from fna.reports.cli.names import REPORT_TYPES
from fna.reports.cli.problems import explain
from fna.reports.cli.session import Session
from fna.reports.company import company_id
from fna.reports.errors import DataLossError, InvalidRequestError, LimitExceededError
from fna.reports.v1.report_pb2 import Report, ReportType

if TYPE_CHECKING:
    from fna.reports.cli.upload_bar import UploadBar


class Description(TypedDict):
    """What the options tell about a document."""

    company_id: UUID
    report_type: ReportType.ValueType
    title: str
    fiscal_period: str
    filing_date: str
    content_type: str


def description(session: Session, arguments: argparse.Namespace, path: Path) -> Description:
    """Return what the options, and the name of its file, tell about a document."""
    return {
        "company_id": company_id(session.settings.company),
        "report_type": REPORT_TYPES[arguments.type] if arguments.type else guess_report_type(path),
        "title": arguments.title,
        "fiscal_period": arguments.fiscal_period or "",
        "filing_date": arguments.filing_date or "",
        "content_type": arguments.content_type,
    }


class Uploads:
    """Uploads `documents`; while it is entered a bar on stderr shows how far they are, if that is a terminal."""

    def __init__(self, session: Session, arguments: argparse.Namespace, documents: Sequence[Path]) -> None:
        self._session = session
        self._arguments = arguments
        self._bar = _bar(documents) if documents and not session.json else None

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def upload(self, path: Path) -> Report | None:
        """Upload one document; None when it was refused, which has been told then."""
        try:
            if self._bar is not None:
                self._bar.next(path)
            return self._session.client.upload(
                path,
                on_progress=self._bar.moved if self._bar is not None else None,
                **description(self._session, self._arguments, path),
            )
        except OSError as error:
            self._note(f"{path}: {error.strerror or error}")
        except (InvalidRequestError, LimitExceededError, DataLossError) as error:
            self._note(f"{path}: " + "\n".join(explain(error, self._session.client.target)))
        return None

    def paused(self) -> AbstractContextManager[None]:
        """Return what hides the bar while it is entered, so that something can be printed."""
        return self._bar.paused() if self._bar is not None else nullcontext()

    def _note(self, text: str) -> None:
        with self.paused():
            self._session.note(text)


def _bar(documents: Sequence[Path]) -> UploadBar | None:
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb" or find_spec("rich") is None:
        return None
    from fna.reports.cli.upload_bar import UploadBar  # noqa: PLC0415  # rich is optional

    return UploadBar(documents)
