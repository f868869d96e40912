"""The subcommand that says whether everything is in order, and if not, what to do."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from importlib.util import find_spec

import grpc

from fna.reports._channel import installed_version
from fna.reports.cli.diagnosis import Exchange, diagnose
from fna.reports.cli.exits import Exit
from fna.reports.cli.findings import Finding, Status, fail, warn
from fna.reports.cli.problems import advice_on
from fna.reports.cli.reachability import address, connection
from fna.reports.cli.session import Session
from fna.reports.cli.settings import Settings
from fna.reports.client import ReportsClient
from fna.reports.errors import AccessDeniedError, ReportsError

_CONNECT_WITHIN = timedelta(seconds=3)
_CHECK_WIDTH = 23
_REMEDY_INDENT = 6
_STYLES = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "bold red"}


def doctor(session: Session, _: argparse.Namespace) -> Exit:
    """Check connection, server, database, queues and workers, and print what is found as it is."""
    statuses: Counter[Status] = Counter()
    for finding in _examine(session.client, session.settings):
        statuses[finding.status] += 1
        if session.json:
            print(json.dumps(asdict(finding), ensure_ascii=False), flush=True)
        else:
            _show(finding)
    if not session.json:
        session.note(_summary(statuses))
    return Exit.ERROR if statuses[Status.FAIL] else Exit.OK


def _summary(statuses: Counter[Status]) -> str:
    checks = f"{statuses.total()} {'check' if statuses.total() == 1 else 'checks'}"
    if statuses.keys() <= {Status.OK}:
        return f"{checks}: all is well"
    return f"{checks}: {statuses[Status.FAIL]} failed, {statuses[Status.WARN]} to look at"


def _examine(client: ReportsClient, settings: Settings) -> Iterator[Finding]:
    """Yield what each check finds, until one fails without which the others cannot be made."""
    for finding in _connect(client, min(settings.timeout, _CONNECT_WITHIN), tls=settings.tls):
        yield finding
        if finding.status is Status.FAIL:
            return
    yield from _health(client, settings.timeout)
    yield from _diagnostics(client)


def _connect(client: ReportsClient, within: timedelta, *, tls: bool) -> Iterator[Finding]:
    reached = address(client.target, within)
    if reached is not None:
        yield reached
    yield connection(client, within, tls=tls)


def _health(client: ReportsClient, timeout: timedelta) -> Iterator[Finding]:
    if find_spec("grpc_health") is None:
        yield warn("health", "not checked: a package is missing here", "pip install 'fna-reports[cli]'")
        return
    from fna.reports.cli.health import health  # noqa: PLC0415  # grpcio-health-checking is optional

    yield from health(client, timeout)


def _diagnostics(client: ReportsClient) -> Iterator[Finding]:
    sent_at = time.time()
    try:
        response = client.get_diagnostics()
    except ReportsError as error:
        yield _not_told(error)
    else:
        yield from diagnose(Exchange(response, sent_at, time.time()), installed_version())


def _not_told(error: ReportsError) -> Finding:
    if error.code is grpc.StatusCode.UNIMPLEMENTED:
        found = f"the server does not tell of itself: it is older than this client ({installed_version()})"
        remedy = "Upgrade and restart it: pip install --upgrade fna-reports-server\n"
        return warn("version", found, f"{remedy}If it is new, have it run this service too: --services ...,diagnostics")
    if error.reason == "DATABASE_UNAVAILABLE":
        found = "the server does not reach its database, or gets no answer within 5 s"
        return fail("database", found, "Is PostgreSQL up, and does DATABASE_URL of the server lead to it? See its log.")
    advice = advice_on(error) if isinstance(error, AccessDeniedError) else "The server's log has the details."
    return fail("diagnostics", f"the server does not tell: {error}", advice)


def _show(finding: Finding) -> None:
    """Print a finding, and its remedy below it; in colour on a terminal."""
    word = finding.status.upper() if finding.status is Status.FAIL else finding.status
    rest = f"{finding.check:<{_CHECK_WIDTH}}  {finding.found}"
    if sys.stdout.isatty() and find_spec("rich") is not None:
        from rich.console import Console  # noqa: PLC0415  # optional
        from rich.text import Text  # noqa: PLC0415

        Console().print(Text.assemble((f"{word:<4}", _STYLES[finding.status]), "  ", rest), soft_wrap=True)
    else:
        print(f"{word:<4}  {rest}", flush=True)
    for line in finding.remedy.splitlines():
        print(f"{'':{_REMEDY_INDENT}}-> {line}", flush=True)
