"""Hold the repository to rules that no linter knows; each rule is a subcommand and prints what breaks it."""

from __future__ import annotations

import argparse
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "tools/generate.lock", "benchmarks/brokers/packages.lock")
SERVER, CLIENT = "pyproject.toml", "clients/python/pyproject.toml"
GO_CLIENT = "clients/go/version.go"
OUR_CLIENT = "fna-reports"

# One pinned requirement of a lock: no index address, no path, no `-e`, nothing without a hash.
PINNED = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[\w.!+]+)( ; [^\\]+?)?( --hash=sha256:[0-9a-f]{64})+")

# What only the machine of one developer has. No pattern matches its own text.
MACHINE_BOUND = {
    # Homebrew lies at one place for everybody, and the cache of an image's build is the image's own.
    "home folder": rb"(?<![\w.])((/home|/Users)/(?!linuxbrew\b)[\w.-]+|[A-Z]:\\+Users\\+\w+|/root(?=/)(?!/\.cache))",
    "this checkout": re.escape(str(ROOT).encode()) + rb"(?![\w-])",
    "option of a package index": rb"--(extra-)?index-url[= ]\S+|--find-links[= ]\S+",
    "package index": rb"https?://[^\s\"']+/simple(?=/)|https?://[\w.-]*(artifactory|nexus|registry|pypi)[\w.-]*:\d+",
}


@dataclass(frozen=True, slots=True)
class Project:
    """What one pyproject.toml states about versions."""

    path: str
    version: str
    dependencies: list[Requirement]
    optional: list[Requirement]


def read_project(path: str) -> Project:
    """Read a pyproject.toml of the checkout; extras and dependency groups count as optional."""
    document = tomllib.loads((ROOT / path).read_text())
    extras, groups = document["project"].get("optional-dependencies", {}), document.get("dependency-groups", {})
    return Project(
        path=path,
        version=document["project"]["version"],
        dependencies=[Requirement(text) for text in document["project"]["dependencies"]],
        optional=[Requirement(text) for texts in (*extras.values(), *groups.values()) for text in texts],
    )


def locks() -> Iterator[str]:
    """Yield what a lock has that other machines cannot install, or lacks that a project requires."""
    for lock in LOCKS:
        for line in requirement_lines(lock):
            if not PINNED.fullmatch(line):
                yield f"{lock}: not a pinned version with hashes: {line[:100]}"
    pinned = pinned_versions("requirements.lock")
    for project in map(read_project, (SERVER, CLIENT)):
        for requirement in project.dependencies + project.optional:
            version = pinned.get(canonicalize_name(requirement.name))
            if requirement.name != OUR_CLIENT and (version is None or version not in requirement.specifier):
                yield f"{project.path}: {requirement} is not in requirements.lock: run `./run generate --locks`"


def requirement_lines(lock: str) -> list[str]:
    """Return the requirements of a lock, each with its hashes on one line."""
    text = (ROOT / lock).read_text()
    return [re.sub(r"\s+", " ", line).strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def pinned_versions(lock: str) -> dict[str, str]:
    """Return the version of each distribution in a lock."""
    matches = filter(None, map(PINNED.fullmatch, requirement_lines(lock)))
    return {canonicalize_name(match["name"]): match["version"] for match in matches}


def versions() -> Iterator[str]:
    """Yield where the server, the clients and the server's pin of its client disagree on the version."""
    server, client = read_project(SERVER), read_project(CLIENT)
    if server.version != client.version:
        yield f"{SERVER} has version {server.version}, {CLIENT} has {client.version}: release them together"
    for requirement in server.dependencies:
        if requirement.name == OUR_CLIENT and str(requirement.specifier) != f"=={client.version}":
            yield f"{SERVER} requires {requirement}: pin {OUR_CLIENT}=={client.version}"
    go = re.search(r'^const Version = "(.*)"$', (ROOT / GO_CLIENT).read_text(), re.MULTILINE)
    if go is None or go[1] != client.version:
        found = go[1] if go else "no version"
        yield f"{GO_CLIENT} has {found}, {CLIENT} has {client.version}: release them together"


def portability() -> Iterator[str]:
    """Yield where a file names what only one developer's machine has."""
    for path in repository_files():
        content = (ROOT / path).read_bytes()
        for kind, pattern in MACHINE_BOUND.items():
            for match in re.finditer(pattern, content):
                line = content.count(b"\n", 0, match.start()) + 1
                yield f"{path}:{line}: {kind}: {match[0].decode(errors='replace')}"


def repository_files() -> list[str]:
    """Return the files that are committed or would be, so that a new one is seen before its commit."""
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for path in listed.split("\0") if (ROOT / path).is_file()]


RULES: dict[str, Callable[[], Iterator[str]]] = {"locks": locks, "versions": versions, "portability": portability}


def main() -> None:
    """Print what breaks the rule that the command line names; exit with 1 if anything does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rule", choices=RULES)
    violations = list(RULES[parser.parse_args().rule]())
    for violation in violations:
        print(violation)
    raise SystemExit(1 if violations else 0)


if __name__ == "__main__":
    main()
