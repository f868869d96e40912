"""The settings of the command: environment variables, and those of `.env` in the working directory."""

from __future__ import annotations

import os
import re
from pathlib import Path

SERVER_VARIABLE = "FNA_REPORTS_SERVER"
DEFAULT_SERVER = "127.0.0.1:50051"

_LINE = re.compile(r"\s*(?:export\s+)?(\w+)\s*=\s*(.*)")


def server() -> str:
    """Return the gRPC target of the service: from the environment, else from `.env`, else the default."""
    return os.environ.get(SERVER_VARIABLE) or read_env_file(Path(".env")).get(SERVER_VARIABLE) or DEFAULT_SERVER


def read_env_file(path: Path) -> dict[str, str]:
    """Read `NAME=value` lines: values may be quoted, `export` may precede, ` #` starts a comment.

    A file that is not there has no settings; lines of another form are somebody else's and are passed over.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    matches = (_LINE.fullmatch(line) for line in text.splitlines())
    return {match[1]: _value(match[2]) for match in matches if match}


def _value(text: str) -> str:
    if text[:1] in ("'", '"') and (end := text.find(text[0], 1)) > 0:
        return text[1:end]
    return re.split(r"(?:^|\s)#", text)[0].strip()
