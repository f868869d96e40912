"""The TypeScript client as users get it: packed, and installed in a project of their own."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools import toolchains

_TSCONFIG = {
    "compilerOptions": {
        "target": "es2022",
        "module": "nodenext",
        "strict": True,
        "noEmit": True,
        "lib": ["es2022", "esnext.array", "dom", "dom.iterable"],
        "types": ["node"],
    },
    "include": ["*.ts"],
}


@dataclass(frozen=True, slots=True)
class Project:
    """A project that has the packed client installed, and nothing else of this repository."""

    folder: Path
    packed: frozenset[str]

    def write(self, name: str, program: str) -> Path:
        path = self.folder / name
        path.write_text(program)
        return path

    def complaints(self) -> str:
        """Return what the compiler says of the programs in the project."""
        return run([str(toolchains.npm_packages() / "tsc"), "--project", "."], self.folder, fails=True)

    def bundle(self, name: str) -> str:
        """Return a program of the project as one script for a browser, under the name `page`."""
        esbuild = str(toolchains.npm_packages() / "esbuild")
        return run(
            [esbuild, name, "--bundle", "--format=iife", "--global-name=page", "--log-level=warning"], self.folder
        )


def install(folder: Path) -> Project:
    """Pack the client and install it, with its dependencies from the registry."""
    toolchains.npm_packages()
    packed = json.loads(
        run(["npm", "pack", "--json", "--silent", "--pack-destination", str(folder)], toolchains.TYPESCRIPT)
    )
    (description,) = packed.values() if isinstance(packed, dict) else packed
    project = folder / "project"
    project.mkdir()
    (project / "package.json").write_text(json.dumps({"name": "example", "private": True, "type": "module"}))
    (project / "tsconfig.json").write_text(json.dumps(_TSCONFIG))
    tarball = folder / description["filename"]
    types = _locked_version("@types/node")
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--prefer-offline"]
    run(["npm", "install", *options, str(tarball), f"@types/node@{types}"], project)
    return Project(project, frozenset(file["path"] for file in description["files"]))


def _locked_version(package: str) -> str:
    lock = json.loads((toolchains.TYPESCRIPT / "package-lock.json").read_text())
    return str(lock["packages"][f"node_modules/{package}"]["version"])


def run(command: list[str], folder: Path, *, fails: bool = False) -> str:
    """Run a command with the toolchains and return what it prints; with `fails` it may exit with anything."""
    environment = dict(toolchains.environment())
    program = shutil.which(command[0], path=environment["PATH"]) or command[0]
    done = subprocess.run(
        [program, *command[1:]], check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=200
    )
    assert fails or done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout
