"""The commands of docs/debugging.md print what the page says, run from top to bottom with the real tools."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from reports_core.storage import migrations
from tests.support.databases import Databases
from tests.support.documented import assert_shown, blocks, run
from tests.support.stack import ROOT, Stack, python_path
from tools import toolchains

# The first run builds grpcurl.
pytestmark = pytest.mark.timeout(600)

PAGE = ROOT / "docs" / "debugging.md"
SECONDS = 180


def path_of_tools() -> str:
    """Return a PATH with grpcurl, buf and celery."""
    return os.pathsep.join(
        [str(toolchains.go_tool("grpcurl").parent), str(Path(sys.executable).parent), os.environ["PATH"]]
    )


def test_the_page_prints_what_it_shows(databases: Databases, tmp_path: Path) -> None:
    page = [block for block in blocks(PAGE) if shutil.which("psql") or "psql " not in block.code]
    with (
        databases.migrated(migrations.upgrade) as url,
        Stack(url, tmp_path, PYTHONPATH=python_path(), FNA_REPORTS_WEBHOOK_ALLOW_PRIVATE="true") as stack,
    ):
        stack.start_server()
        stack.start_worker()
        given = {"SERVER": stack.grpc_address, "DATABASE_URL": url}
        printed = run(page, given, stack.environment(PATH=path_of_tools()), ROOT, SECONDS)
    assert_shown(PAGE, page, printed)
