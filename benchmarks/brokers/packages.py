"""Installs the Python clients of the other brokers, which are no dependencies of the product."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from benchmarks.brokers.errors import NotMeasured

_ROOT = Path(__file__).resolve().parent.parent.parent
_LOCK = Path(__file__).with_name("packages.lock")
_VENV = _ROOT / ".venv-brokers"
_PYTHON = _VENV / "bin" / "python"

_Command = tuple[str | Path, ...]


def provide() -> Path:
    """Make the packages importable, here and in processes started from here; returns their folder.

    They are installed as `packages.lock` says unless they are so already. Raises NotMeasured.
    """
    _ensure_installed()
    folder = sysconfig.get_path("purelib", vars={"base": str(_VENV)})
    if folder not in sys.path:
        sys.path.append(folder)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), folder)))
    return Path(folder)


def _ensure_installed() -> None:
    stamp = _VENV / "packages.lock.sha256"
    wanted = hashlib.sha256(_LOCK.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not any(all(map(_succeeds, steps)) for steps in _ways_to_install()):
        raise NotMeasured(f"{_LOCK.relative_to(_ROOT)} could not be installed: is the package index within reach?")
    stamp.write_text(wanted)


def _ways_to_install() -> Iterator[tuple[_Command, _Command]]:
    """Yield what makes the venv and fills it: with uv, which is faster, then with pip, which may know more indexes."""
    install = ("install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", _LOCK)
    if uv := shutil.which("uv"):
        make = (uv, "venv", "--quiet", "--clear", "--python", sys.executable, _VENV)
        yield make, (uv, "pip", *install, "--python", _PYTHON)
    pip = (_PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input")
    yield (sys.executable, "-m", "venv", "--clear", _VENV), (*pip, *install)


def _succeeds(command: _Command) -> bool:
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode == 0
