"""What ties the repository to one machine, or its parts to different versions, does not pass `./run check`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COPIED = (
    "pyproject.toml",
    "requirements.lock",
    "benchmarks/brokers/packages.lock",
    "clients/python/pyproject.toml",
    "clients/go/version.go",
)

# In pieces, because these rules hold for this file too.
MACHINE_BOUND = [
    "/home" + "/alice/filings",
    "/Users" + "/alice/filings",
    "/root" + "/filings",
    "--index" + "-url https://packages.example.com",
    "https://packages.example.com" + "/simple/",
    "http://nexus.example.com" + ":8081/npm",
]
PORTABLE = [
    "/home" + "/linuxbrew/.linuxbrew",
    "target=/root" + "/.cache/uv",
    "https://example.com/home/alice",
    "~/.cache",
]

UNLOCKED = {
    "a path": "./clients/python",
    "an editable path": "-e clients/python",
    "an index": "--extra-index" + "-url=https://packages.example.com",
    "no hash": "celery==5.6.0",
    "no version": f"celery --hash=sha256:{'0' * 64}",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a repository of the files that the rules read."""
    for path in COPIED:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True, timeout=60)
    return tmp_path


def violations(checkout: Path, rule: str) -> list[str]:
    command = [sys.executable, "tools/check_repository.py", rule]
    outcome = subprocess.run(command, cwd=checkout, check=False, capture_output=True, text=True, timeout=60)
    lines = outcome.stdout.splitlines()
    assert (outcome.returncode, outcome.stderr) == (1 if lines else 0, "")
    return lines


def append(path: Path, line: str) -> None:
    path.write_text(f"{path.read_text()}{line}\n")


@pytest.mark.parametrize("rule", ["locks", "versions", "portability"])
def test_the_repository_keeps_every_rule(rule: str, checkout: Path) -> None:
    assert violations(checkout, rule) == []


@pytest.mark.parametrize("text", MACHINE_BOUND)
def test_what_one_machine_has_is_found_in_files_not_yet_added(text: str, checkout: Path) -> None:
    (checkout / "notes.md").write_text(f"First line.\nSee {text} there.\n")
    (found,) = violations(checkout, "portability")
    assert found.startswith("notes.md:2: ")


@pytest.mark.parametrize("text", PORTABLE)
def test_what_every_machine_has_is_allowed(text: str, checkout: Path) -> None:
    (checkout / "notes.md").write_text(f"See {text} there.\n")
    assert violations(checkout, "portability") == []


def test_the_folder_of_the_checkout_is_not_named(checkout: Path) -> None:
    (checkout / "notes.md").write_text(f"cd {checkout}\n")
    assert [line.partition(" ")[0] for line in violations(checkout, "portability")] == ["notes.md:1:"]


@pytest.mark.parametrize("line", UNLOCKED.values(), ids=UNLOCKED.keys())
@pytest.mark.parametrize("lock", ["requirements.lock", "tools/generate.lock", "benchmarks/brokers/packages.lock"])
def test_a_lock_holds_pinned_versions_with_hashes_alone(lock: str, line: str, checkout: Path) -> None:
    append(checkout / lock, line)
    (found,) = violations(checkout, "locks")
    assert found == f"{lock}: not a pinned version with hashes: {line}"


def test_a_dependency_that_is_not_locked_is_named(checkout: Path) -> None:
    project = checkout / "pyproject.toml"
    project.write_text(project.read_text().replace('"celery>=', '"unheard-of>=1",\n    "celery>=999",\n    "celery>='))
    assert [line.split()[1] for line in violations(checkout, "locks")] == ["unheard-of>=1", "celery>=999"]


def test_server_and_client_are_released_together(checkout: Path) -> None:
    client = checkout / "clients/python/pyproject.toml"
    client.write_text(client.read_text().replace('\nversion = "', '\nversion = "9'))
    assert len(violations(checkout, "versions")) == 3


def test_the_go_client_is_released_with_the_others(checkout: Path) -> None:
    path = checkout / "clients/go/version.go"
    path.write_text(path.read_text().replace('const Version = "', 'const Version = "9'))
    (found,) = violations(checkout, "versions")
    assert found.startswith("clients/go/version.go has 9")
