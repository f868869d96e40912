"""The programs in READMEs, and what they are run with and have to print."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.stack import Stack

MOST_LINES = 15
LETTERS = {
    "10k_acme.txt": "Sales grew strongly, margins improved, and we expect another excellent year.\n" * 3,
    "letter.txt": "Demand fell sharply. We may be unable to repay our loans, and losses could continue.\n" * 3,
}


def blocks(readme: Path, language: str) -> list[str]:
    """Return the blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", readme.read_text(), re.MULTILINE | re.DOTALL)


def require_short(program: str) -> None:
    lines = [line for line in program.splitlines() if line.strip()]
    assert len(lines) <= MOST_LINES, f"{len(lines)} lines:\n{program}"


def write_letters(folder: Path) -> list[str]:
    for name, text in LETTERS.items():
        (folder / name).write_text(text)
    return list(LETTERS)


def run(command: Sequence[str], stack: Stack, folder: Path) -> str:
    """Run a program and return what it prints; fails unless it ends well."""
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env=stack.environment(FNA_REPORTS_SERVER=stack.grpc_address),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert not done.stderr, done.stderr
    return done.stdout


def require_story(printed: str) -> None:
    """Require that all events came, one after the other, and then the results of both letters."""
    told = re.findall(r"^(\d+)n? [\w.*]+$", printed, re.MULTILINE)
    # Progress repeats a sequence.
    assert list(dict.fromkeys(told)) == ["2", "3", "4", "5", "6"], printed
    optimism = {name: float(value) for name, value in re.findall(r"^(\S+) optimism (\d[\d.]*)$", printed, re.MULTILINE)}
    assert set(optimism) == set(LETTERS), printed
    assert optimism["10k_acme.txt"] > 0.5 > optimism["letter.txt"]
