"""A shell completes commands, options, choices and files."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fna.reports.cli import main
from fna.reports.cli.commands import FILE
from fna.reports.cli.completion import SHELLS

COMPLETE = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
complete -p fna-reports > /dev/null || exit 1
specification=$(complete -p fna-reports); function=${specification##*-F }; function=${function%% *}
"$function" fna-reports "${@: -1}" 2> /dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["completion", "bash"]) == 0
    path = tmp_path / "fna-reports.bash"
    path.write_text(capsys.readouterr().out)
    return path


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("subm", ["submit"]),
        ("webhook ro", ["rotate-secret"]),
        ("list --stat", ["--status"]),
        ("list --status PR", ["PROCESSING"]),
        ("upload --type 10", ["10-K", "10-Q"]),
        ("results x --format j", ["json", "jsonl"]),
        ("completion f", ["fish"]),
        ("submit 10k_", ["10k_acme.htm", "10k_apple.htm"]),
        ("upload --ca-file 10k_ac", ["10k_acme.htm"]),
    ],
)
def test_bash_completes(script: Path, tmp_path: Path, words: str, expected: list[str]) -> None:
    for name in ("10k_acme.htm", "10k_apple.htm"):
        (tmp_path / name).touch()
    bash = ["bash", "--norc", "-c", COMPLETE, "bash", str(script), "fna-reports", *words.split(" ")]
    done = subprocess.run(
        bash, cwd=tmp_path, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=20, check=True
    )
    assert sorted(done.stdout.split()) == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    out = capsys.readouterr().out
    assert "rotate-secret" in out
    assert FILE[shell].strip("()") in out
