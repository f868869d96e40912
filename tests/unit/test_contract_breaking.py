"""A change that would break a client of the last release does not pass `./run check`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BATCH = "protos/fna/reports/v1/batch.proto"
SUBMISSION = "protos/fna/reports/v1/batch_submission_service.proto"

BREAKS = {
    "another number": (BATCH, "string task_id = 2 ", "string task_id = 99 "),
    "another type": (BATCH, "int32 total_reports = 4 ", "string total_reports = 4 "),
    "another name": (BATCH, "string task_id = 2 ", "string job_id = 2 "),
    "a value gone": (BATCH, "BATCH_STATUS_FAILED = 5;", "BATCH_STATUS_BROKEN = 5;"),
    "a method gone": (SUBMISSION, "rpc CancelBatch(", "rpc StopBatch("),
}
ADDITION = (BATCH, "message Heartbeat {}", "message Heartbeat {\n  // Load of the server.\n  double load = 1;\n}")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of what `contract-breaking` reads."""
    for folder in ("protos", "third_party", "tools"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    return tmp_path


def check(checkout: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "tools/check.py", "--only", "contract-breaking"]
    return subprocess.run(command, cwd=checkout, check=False, capture_output=True, text=True, timeout=60)


def replace(checkout: Path, path: str, old: str, new: str) -> None:
    text = (checkout / path).read_text()
    assert text.count(old) == 1
    (checkout / path).write_text(text.replace(old, new))


def release(checkout: Path) -> None:
    subprocess.run([sys.executable, "-m", "tools.generate", "--release"], cwd=checkout, check=True, timeout=60)


def test_the_contract_breaks_no_client_of_the_last_release(checkout: Path) -> None:
    assert check(checkout).returncode == 0


@pytest.mark.parametrize(("path", "old", "new"), BREAKS.values(), ids=BREAKS.keys())
def test_a_break_is_refused_by_the_file_it_is_in(checkout: Path, path: str, old: str, new: str) -> None:
    release(checkout)
    replace(checkout, path, old, new)
    outcome = check(checkout)
    assert outcome.returncode == 1
    assert path in outcome.stdout


def test_a_file_may_not_go(checkout: Path) -> None:
    release(checkout)
    (checkout / SUBMISSION).unlink()
    outcome = check(checkout)
    assert outcome.returncode == 1
    assert "batch_submission_service.proto" in outcome.stdout


def test_an_addition_is_no_break(checkout: Path) -> None:
    release(checkout)
    replace(checkout, *ADDITION)
    assert check(checkout).returncode == 0


def test_a_release_makes_the_present_contract_the_one_to_keep(checkout: Path) -> None:
    replace(checkout, *BREAKS["another number"])
    assert check(checkout).returncode == 1
    release(checkout)
    assert check(checkout).returncode == 0
