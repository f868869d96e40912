"""What users install: the distributions are complete, and the client works and is typed without this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "python"
VERSION = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]["version"]

PROGRAM = """\
from fna.reports import NotFoundError, ReportsClient, company_id
from fna.reports.v1.batch_pb2 import BatchEvent
from fna.reports.v1.report_pb2 import REPORT_TYPE_10_K


def analyse(server: str, path: str) -> BatchEvent | None:
    last = None
    with ReportsClient(server) as client:
        report = client.upload(path, company_id=company_id("Acme"), report_type=REPORT_TYPE_10_K)
        try:
            batch = client.submit([report.report_id], labels={"quarter": "q1-2024"})
        except NotFoundError as error:
            print(error.reason, error.metadata["report_ids"])
            return None
        for last in client.watch(batch.batch_id):
            print(last.sequence, last.WhichOneof("event"))
    return last
"""

WRONG = [
    ('company_id("Acme")', "company_id(7)", "arg-type"),
    ("[report.report_id]", "[7]", "list-item"),
    ("batch.batch_id", "batch.batch", "attr-defined"),
    ("last.sequence", "last.sequenze", "attr-defined"),
    ("error.reason", "error.because", "attr-defined"),
    ("client.watch", "client.follow", "attr-defined"),
]
"""A misuse in place of a part of the program, and the error that mypy has for it."""


def run(*command: str | Path, folder: Path = ROOT) -> str:
    """Run a command that has to succeed, without this checkout on Python's path, and return what it prints."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env=kept,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, f"{command[:4]}: {done.stdout}{done.stderr}"
    return done.stdout


def build(project: Path, target: str, folder: Path) -> Path:
    """Build a distribution, which needs no network, and return it."""
    run(sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", folder, folder=project)
    (built,) = folder.iterdir()
    return built


@dataclass(frozen=True, slots=True)
class Installed:
    """A fresh environment outside the checkout, and the command that installs into it from the configured index."""

    folder: Path
    installer: Sequence[str | Path]

    def add(self, *requirements: str) -> None:
        run(*self.installer, *requirements)

    def program(self, name: str) -> Path:
        return self.folder / "bin" / name

    def python(self, code: str) -> str:
        return run(self.program("python"), "-c", code, folder=self.folder)


def install(folder: Path, requirement: str) -> Installed:
    """Make an environment with a distribution, by uv where there is one."""
    python = folder / "bin" / "python"
    if uv := shutil.which("uv"):
        run(uv, "venv", "--quiet", "--python", sys.executable, folder)
        made = Installed(folder, (uv, "pip", "install", "--quiet", "--python", python))
    else:
        run(sys.executable, "-m", "venv", folder)
        options = ("--quiet", "--no-compile", "--disable-pip-version-check", "--no-input")
        made = Installed(folder, (python, "-m", "pip", "install", *options))
    made.add(requirement)
    return made


def contents(wheel: Path) -> dict[str, int]:
    """Return the checksum of each file in a wheel."""
    with ZipFile(wheel) as archive:
        return {entry.filename: entry.CRC for entry in archive.infolist()}


def committed(folders: Sequence[Path]) -> set[str]:
    """Return the files of packages that are in the repository, by their path beside the package."""
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *folders).split("\0")
    files = [ROOT / name for name in listed if name]
    return {
        str(file.relative_to(folder.parent))
        for folder in folders
        for file in files
        if file.is_relative_to(folder) and file.is_file()
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the wheel of the client."""
    return build(CLIENT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Give an environment with the client and what it needs by itself."""
    return install(tmp_path_factory.mktemp("client") / "environment", str(wheel))


def test_the_wheel_of_the_client_has_its_package_and_its_licence(wheel: Path) -> None:
    about = f"fna_reports-{VERSION}.dist-info/"
    files = contents(wheel)
    assert {name for name in files if not name.startswith(about)} == committed([CLIENT / "fna"])
    assert "fna/reports/py.typed" in files
    with ZipFile(wheel) as archive:
        assert archive.read(f"{about}licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_the_source_distribution_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build(CLIENT, "sdist", tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    again = build(tmp_path / f"fna_reports-{VERSION}", "wheel", tmp_path / "wheel")
    assert contents(again) == contents(wheel)


def test_the_client_is_found_where_it_was_installed(installed: Installed) -> None:
    place = installed.python("import fna.reports, pathlib; print(pathlib.Path(fna.reports.__file__).parent)").strip()
    assert Path(place).is_relative_to(installed.folder)
    assert (Path(place) / "py.typed").exists()


def test_the_command_works_alone_and_gets_its_live_display_by_the_extra(
    installed: Installed, wheel: Path, tmp_path: Path
) -> None:
    command, display = (
        installed.program("fna-reports"),
        "import importlib.util; print(importlib.util.find_spec('rich'))",
    )
    assert installed.python(display) == "None\n"
    assert run(command, "--version", folder=tmp_path) == f"fna-reports {VERSION}\n"
    assert "submit" in run(command, "--help", folder=tmp_path)
    installed.add(f"{wheel}[cli]")
    installed.python("from fna.reports.cli.terminal_view import TerminalView")
    assert run(command, "--version", folder=tmp_path) == f"fna-reports {VERSION}\n"


def test_mypy_knows_right_from_wrong_in_a_program_of_a_user(installed: Installed, tmp_path: Path) -> None:
    installed.add("types-protobuf")
    (tmp_path / "right.py").write_text(PROGRAM)
    for number, (right, wrong, _) in enumerate(WRONG):
        assert PROGRAM.count(right) == 1
        (tmp_path / f"wrong{number}.py").write_text(PROGRAM.replace(right, wrong))
    command = [sys.executable, "-m", "mypy", "--strict", "--no-color-output", "--no-error-summary"]
    command += ["--cache-dir", str(tmp_path / "cache"), "--python-executable", str(installed.program("python"))]
    found = subprocess.run(
        [*command, "."], check=False, cwd=tmp_path, capture_output=True, text=True, timeout=100
    ).stdout.splitlines()
    for number, (_, wrong, error) in enumerate(WRONG):
        assert [line for line in found if line.startswith(f"wrong{number}.py:") and line.endswith(f"[{error}]")], wrong
    assert not [line for line in found if not line.startswith("wrong")]


def test_the_wheel_of_the_server_has_all_its_packages_and_what_they_read(tmp_path: Path) -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    files = contents(build(ROOT, "wheel", tmp_path / "wheel"))
    about = f"fna_reports_server-{VERSION}.dist-info/"
    assert {name for name in files if not name.startswith(about)} == committed(
        [ROOT / package for package in packages["packages"]]
    )
    with ZipFile(next((tmp_path / "wheel").iterdir())) as archive:
        commands = archive.read(f"{about}entry_points.txt").decode()
        assert f"fna-reports[cli]=={VERSION}" in archive.read(f"{about}METADATA").decode()
    assert "fna-reports-server = reports_server.__main__:main" in commands
