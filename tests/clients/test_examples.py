"""The programs in the READMEs of the clients do what is said there, within fifteen lines."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.stack import ROOT, Stack
from tools import toolchains

DOCUMENTED = "127.0.0.1:50051"
MOST_LINES = 15
LETTERS = {
    "10k_acme.txt": "Sales grew strongly, margins improved, and we expect another excellent year.\n" * 3,
    "letter.txt": "Demand fell sharply. We may be unable to repay our loans, and losses could continue.\n" * 3,
}
GO_MODULE = "github.com/fna-reports/fna-reports/clients/go"
PYTHON = ROOT / "clients" / "python" / "README.md"


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
    told = re.findall(r"^(\d+) [\w.*]+$", printed, re.MULTILINE)
    # Progress repeats a sequence.
    assert list(dict.fromkeys(told)) == ["2", "3", "4", "5", "6"], printed
    optimism = {name: float(value) for name, value in re.findall(r"^(\S+) optimism (\d[\d.]*)$", printed, re.MULTILINE)}
    assert set(optimism) == set(LETTERS), printed
    assert optimism["10k_acme.txt"] > 0.5 > optimism["letter.txt"]


@pytest.mark.parametrize("number", [0, 1], ids=["blocking", "asynchronous"])
def test_the_examples_in_python_analyse_files(number: int, working_stack: Stack, tmp_path: Path) -> None:
    program = blocks(PYTHON, "python")[number]
    require_short(program)
    (tmp_path / "example.py").write_text(program.replace(DOCUMENTED, working_stack.grpc_address))
    require_story(run([sys.executable, "example.py", *write_letters(tmp_path)], working_stack, tmp_path))


def test_the_other_blocks_in_python_run_as_they_stand(working_stack: Stack, tmp_path: Path) -> None:
    others = blocks(PYTHON, "python")[2:]
    assert others
    letters = write_letters(tmp_path)
    for program in others:
        (tmp_path / "example.py").write_text(program.replace(DOCUMENTED, working_stack.grpc_address))
        assert run([sys.executable, "example.py", *letters], working_stack, tmp_path)


def test_the_example_in_go_analyses_files(working_stack: Stack, tmp_path: Path) -> None:
    program = blocks(ROOT / "clients" / "go" / "README.md", "go")[0]
    _, _, body = program.partition("func main() {\n")
    require_short(body.partition("\n}\n")[0])
    module = tmp_path / "example"
    module.mkdir()
    (module / "main.go").write_text(program)
    (module / "go.mod").write_text(f"module example\n\ngo 1.25.0\n\nreplace {GO_MODULE} => {ROOT / 'clients' / 'go'}\n")
    compile_go(module)
    letters = [str(tmp_path / name) for name in write_letters(tmp_path)]
    require_story(run([str(module / "example"), *letters], working_stack, tmp_path))


def compile_go(module: Path) -> None:
    """Build a module of somebody who uses ours, with what ours is locked to."""
    for command in (
        ["go", "mod", "edit", f"-require={GO_MODULE}@v0.0.0"],
        ["go", "mod", "tidy"],
        ["go", "build", "-o", "example"],
    ):
        environment = dict(toolchains.environment()) | {"GOFLAGS": "-mod=mod"}
        done = subprocess.run(
            command, check=False, cwd=module, env=environment, capture_output=True, text=True, timeout=200
        )
        assert done.returncode == 0, done.stderr
