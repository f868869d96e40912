"""The commands of docs/cli.md print what the page says, run from top to bottom."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from reports_core.storage import migrations
from tests.support.databases import Databases
from tests.support.documented import assert_shown, blocks, run
from tests.support.stack import ROOT, Stack, python_path

pytestmark = pytest.mark.timeout(300)

PAGE = ROOT / "docs" / "cli.md"
SECONDS = 180


def test_the_page_prints_what_it_shows(databases: Databases, tmp_path: Path) -> None:
    page = list(blocks(PAGE))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with databases.migrated(migrations.upgrade) as url, Stack(url, tmp_path, PYTHONPATH=python_path()) as stack:
        stack.start_server()
        stack.start_worker()
        environment = stack.environment(PATH=path, XDG_CONFIG_HOME=str(tmp_path), TMPDIR=str(tmp_path))
        printed = run(page, {"FNA_REPORTS_SERVER": stack.grpc_address}, environment, ROOT, SECONDS)
    assert_shown(PAGE, page, printed)
