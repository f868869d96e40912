"""The programs in the READMEs of the clients do what is said there, within fifteen lines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.readme import blocks, require_short, require_story, run, write_letters
from tests.support.stack import ROOT, Stack
from tools import toolchains

DOCUMENTED = "127.0.0.1:50051"
GO_MODULE = "github.com/fna-reports/fna-reports/clients/go"
PYTHON = ROOT / "clients" / "python" / "README.md"


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
