"""The gateway in front of a real server answers as its OpenAPI document says, whatever it is asked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from reports_core.storage import migrations
from tests.support.databases import Databases
from tests.support.stack import ROOT, Stack, python_path

pytestmark = pytest.mark.timeout(240)

CONFIG = ROOT / "tests/data/schemathesis.toml"
SAMPLES = ROOT / "services/reports_dev/samples"
COMPANY_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c05"


@pytest.fixture
def address(databases: Databases, tmp_path: Path) -> Iterator[str]:
    """Give the address of a gateway that has a batch and its reports."""
    with (
        databases.migrated(migrations.upgrade) as url,
        Stack(url, tmp_path, PYTHONPATH=python_path()) as stack,
    ):
        stack.start_server()
        stack.start_worker()
        stack.start_gateway()
        address = f"http://{stack.rest_address}"
        answer = httpx.post(
            f"{address}/v1/reports/batch",
            data={"company_id": COMPANY_ID, "report_type": "10_K"},
            files=[("files", (path.name, path.read_bytes())) for path in sorted(SAMPLES.glob("*10k*"))],
        )
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        yield address


def test_the_gateway_keeps_to_its_document(address: str, tmp_path: Path) -> None:
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG)),
        *("run", f"{address}/openapi.json", "--seed", "1", "--max-examples", "15", "--workers", "1"),
        *("--request-timeout", "30", "--suppress-health-check", "all", "--no-color"),
    ]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    selected = re.search(r"Tested: (\d+)", done.stdout)
    generated = re.search(r"(\d+) generated", done.stdout)
    assert selected is not None
    assert generated is not None
    described = json.loads((ROOT / "docs/openapi.json").read_bytes())["paths"].values()
    assert int(selected[1]) == sum(map(len, described)), done.stdout
    assert int(generated[1]) > 500, done.stdout
