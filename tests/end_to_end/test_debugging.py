"""The commands of docs/debugging.md print what the page says, run from top to bottom with the real tools."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reports_core.storage import migrations
from tests.support.databases import Databases
from tests.support.documented import ANYTHING, assert_shown, blocks, lines, misfit, run
from tests.support.stack import ROOT, Stack, python_path
from tools import toolchains

# The first run builds grpcurl.
pytestmark = pytest.mark.timeout(600)

PAGE = ROOT / "docs" / "debugging.md"
SECONDS = 400


@pytest.fixture
def stack(databases: Databases, tmp_path: Path) -> Iterator[Stack]:
    with (
        databases.migrated(migrations.upgrade) as url,
        Stack(url, tmp_path, PYTHONPATH=python_path(), FNA_REPORTS_WEBHOOK_ALLOW_PRIVATE="true") as stack,
    ):
        yield stack


def path_of_tools() -> str:
    """Return a PATH with grpcurl, buf and celery."""
    return os.pathsep.join(
        [str(toolchains.go_tool("grpcurl").parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    )


def test_a_health_watch_prints_that_the_server_stops(stack: Stack) -> None:
    server = stack.start_server()
    watch = subprocess.Popen(
        ["grpcurl", "-plaintext", stack.grpc_address, "grpc.health.v1.Health/Watch"],
        env=stack.environment(PATH=path_of_tools()),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert watch.stdout is not None
    before = [next(watch.stdout) for _ in range(3)]
    server.terminate()
    after, _ = watch.communicate(timeout=SECONDS)
    server.ended_well(5)
    expected = [
        "{",
        '  "status": "SERVING"',
        "}",
        "{",
        '  "status": "NOT_SERVING"',
        "}",
        "ERROR:",
        "  Code: Unavailable",
    ]
    assert (
        misfit([*expected, ANYTHING, '    \t  "reason": "SERVER_DRAINING"', ANYTHING], lines("".join(before) + after))
        is None
    )


def test_the_page_prints_what_it_shows(stack: Stack) -> None:
    page = [block for block in blocks(PAGE) if shutil.which("psql") or "psql " not in block.code]
    stack.start_server()
    stack.start_worker()
    given = {"SERVER": stack.grpc_address, "DATABASE_URL": stack.database_url}
    printed = run(page, given, stack.environment(PATH=path_of_tools()), ROOT, SECONDS)
    assert_shown(PAGE, page, printed)
