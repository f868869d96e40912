"""The variables of a `.env` file."""

from __future__ import annotations

import re
from pathlib import Path

_LINE = re.compile(r"\s*(?:export\s+)?(\w+)\s*=\s*(.*)")


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
