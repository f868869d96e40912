"""Run every check that needs no running service; this is what CI demands besides the tests."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
BUF = str(Path(sys.executable).with_name("buf"))
SOURCES = ("services", "gateway", "worker", "clients/python")
LINT_IMPORTS = "from importlinter.cli import lint_imports_command as main; main()"
DEADLINE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Check:
    """One command that exits with 0 when all is well, under the name that `--only` takes."""

    name: str
    command: Sequence[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check came to."""

    check: Check
    passed: bool
    seconds: float
    output: str


# The slow ones first, so that the quick ones fill the other processors meanwhile.
CHECKS = (
    Check("types", (PYTHON, "-m", "mypy")),
    Check("go", (PYTHON, "-m", "tools.check_go")),
    Check("generated", (PYTHON, "-m", "tools.generate", "--check")),
    Check("imports", (PYTHON, "-c", LINT_IMPORTS, "--no-cache", "--no-logo")),
    Check("lint", (PYTHON, "-m", "ruff", "check")),
    Check("format", (PYTHON, "-m", "ruff", "format", "--diff", "--quiet")),
    Check("contract-lint", (BUF, "lint")),
    Check("contract-format", (BUF, "format", "--diff", "--exit-code", "protos")),
    # Without `--path`, which buf would apply to the image too, where paths have no `protos/`.
    Check("contract-breaking", (BUF, "breaking", "--exclude-imports", "--against", "protos/last-release.binpb")),
    Check("locks", (PYTHON, "tools/check_repository.py", "locks")),
    Check("versions", (PYTHON, "tools/check_repository.py", "versions")),
    Check("portability", (PYTHON, "tools/check_repository.py", "portability")),
)

FIXES = (
    (PYTHON, "-m", "ruff", "check", "--fix-only", "--quiet"),
    (PYTHON, "-m", "ruff", "format", "--quiet"),
    (BUF, "format", "--write", "protos"),
)


def environment() -> dict[str, str]:
    """Return an environment in which our packages are those of this checkout, wherever it was moved."""
    sources = os.pathsep.join(str(ROOT / source) for source in SOURCES)
    return os.environ | {"PYTHONPATH": sources, "NO_COLOR": "1", "COLUMNS": "120"}


def run(check: Check) -> Outcome:
    """Run one check to its end, or to the deadline."""
    started = time.monotonic()
    try:
        process = subprocess.run(
            check.command,
            check=False,
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=DEADLINE_SECONDS,
            text=True,
            errors="replace",
        )
        passed, output = process.returncode == 0, process.stdout
    except subprocess.TimeoutExpired:
        passed, output = False, f"did not end within {DEADLINE_SECONDS} s"
    return Outcome(check, passed, time.monotonic() - started, output.strip())


def run_all(checks: Sequence[Check]) -> list[Outcome]:
    """Run the checks, as many at a time as there are processors, and print a line on each when it ends."""
    outcomes = []
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for future in as_completed([pool.submit(run, check) for check in checks]):
            outcome = future.result()
            print(
                f"{'ok  ' if outcome.passed else 'FAIL'}  {outcome.check.name:18} {outcome.seconds:5.1f} s", flush=True
            )
            outcomes.append(outcome)
    return outcomes


def report(outcomes: Sequence[Outcome], seconds: float) -> int:
    """Print what failed checks said, then a summary; return the exit status."""
    failed = [outcome for outcome in outcomes if not outcome.passed]
    for outcome in failed:
        print(f"\n{outcome.check.name}: {shlex.join(outcome.check.command)}\n{outcome.output}")
    names = ", ".join(outcome.check.name for outcome in failed)
    print(
        f"\n{len(outcomes)} checks in {seconds:.1f} s: {f'{len(failed)} failed: {names}' if failed else 'all passed'}"
    )
    return 1 if failed else 0


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="./run check", description=__doc__)
    names = [check.name for check in CHECKS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--fix", action="store_true", help="first repair what ruff and buf format can")
    return parser.parse_args()


def main() -> None:
    """Run the checks that the command line asks for; exit with 1 if any failed."""
    options = parse()
    started = time.monotonic()
    if options.fix:
        for command in FIXES:
            subprocess.run(command, cwd=ROOT, check=True)
    outcomes = run_all([check for check in CHECKS if options.only is None or check.name in options.only])
    raise SystemExit(report(outcomes, time.monotonic() - started))


if __name__ == "__main__":
    main()
