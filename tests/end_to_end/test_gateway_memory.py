"""What the gateway process holds while a large document passes through it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.support.stack import Stack

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is read from /proc"),
]

MEGABYTE = 1_000_000


def upload(address: str, size: int) -> None:
    form = {"company_id": str(uuid4()), "report_type": "10_K"}
    line = b"Revenue grew in all segments, and so did the costs of it.\n"
    content = (line * (size // len(line) + 1))[:size]
    files = {"file": ("report.txt", content, "text/plain")}
    answer = httpx.post(f"http://{address}/v1/reports", data=form, files=files, timeout=60)
    assert answer.status_code in {httpx.codes.OK, httpx.codes.CREATED}, answer.text


def memory(pid: int, field: str) -> int:
    """Return a field of what Linux says of the memory of a process, in bytes."""
    found = re.search(rf"^{field}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found, field
    return int(found[1]) * 1024


def test_a_large_upload_passes_without_being_held_in_memory(stack: Stack) -> None:
    with stack.start_gateway() as gateway:
        upload(stack.rest_address, MEGABYTE)
        before = memory(gateway.process.pid, "VmRSS")
        upload(stack.rest_address, 50 * MEGABYTE)
        assert memory(gateway.process.pid, "VmHWM") - before < 8 * MEGABYTE
