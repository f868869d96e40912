"""The commands of docs/debugging.md print what the page says, run from top to bottom with the real tools."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from reports_core.storage import migrations
from tests.support.databases import Databases
from tests.support.documented import Block, blocks
from tests.support.stack import ROOT, Stack, python_path
from tools import toolchains

# The first run builds grpcurl.
pytestmark = pytest.mark.timeout(600)

PAGE = ROOT / "docs" / "debugging.md"
BEGIN = "=== the block at line "
SECONDS = 180


def run(page: Sequence[Block], given: Mapping[str, str], environment: Mapping[str, str]) -> list[str]:
    """Run the blocks in one shell and return what each printed, on standard output and error."""
    script = "set -euo pipefail\n" + "".join(f"echo '{BEGIN}{block.line}'\n{block.code}" for block in page)
    for name, value in given.items():
        script, count = re.subn(rf"^export {name}=.*$", f"export {name}='{value}'", script, flags=re.MULTILINE)
        assert count == 1, f"{PAGE.name} exports {name} {count} times"
    done = subprocess.run(
        ["bash", "-c", script],
        check=False,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, f"exit status {done.returncode} after:\n{done.stdout[-4000:]}"
    printed = done.stdout.split(BEGIN)[1:]
    return [text.partition("\n")[2] for text in printed]


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
        printed = run(page, given, stack.environment(PATH=path_of_tools()))
    misfits = {
        f"line {block.line}": (wrong, text)
        for block, text in zip(page, printed, strict=True)
        if (wrong := block.misfit(text)) is not None
    }
    assert not misfits, "\n".join(
        f"{PAGE.name}, {place}: {wrong!r} does not fit\n{text}" for place, (wrong, text) in misfits.items()
    )
    for block, text in zip(page, printed, strict=True):
        assert_a_wrong_line_would_fail(block, text)


def assert_a_wrong_line_would_fail(block: Block, printed: str) -> None:
    """Demand that what the page shows says something, and that none of it could be anything else."""
    assert block.certain or not block.shown, f"line {block.line} shows nothing but `...`"
    for index in block.certain:
        wrong = [*block.shown[:index], f"{block.shown[index]}, not", *block.shown[index + 1 :]]
        assert Block(block.line, block.code, wrong).misfit(printed), f"line {block.line}: {wrong[index]!r} fits too"
