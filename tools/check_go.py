"""Hold the Go client to its style, its static checks and its tests; print what breaks them, and nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.toolchains import ROOT, environment, go_tool

MODULE = ROOT / "clients" / "go"


def steps() -> Sequence[Sequence[str | Path]]:
    """Return the commands that all have to exit with 0 and, of gofmt, to print nothing."""
    return (
        ("gofmt", "-l", "."),
        ("go", "build", "./..."),
        ("go", "vet", "./..."),
        (go_tool("staticcheck"), "./..."),
        ("go", "test", "./..."),
    )


def fault(command: Sequence[str | Path]) -> str:
    """Run a command in the module; return what is wrong by it, empty when nothing is."""
    done = subprocess.run(
        command,
        check=False,
        cwd=MODULE,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    failed = done.returncode != 0 or (command[0] == "gofmt" and done.stdout)
    return (done.stdout or "it failed") if failed else ""


def main() -> None:
    """Run all steps; exit with 1 if anything is wrong."""
    faults = {" ".join(map(str, command)): fault(command) for command in steps()}
    for command, text in faults.items():
        if text:
            print(f"{command}\n{text}")
    raise SystemExit(1 if any(faults.values()) else 0)


if __name__ == "__main__":
    main()
