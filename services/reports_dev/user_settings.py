"""The settings that the user made: environment variables, and those of `.env` in the working directory."""

import os
from pathlib import Path

from fna.reports.cli.env_file import read_env_file


def user_setting(name: str) -> str:
    """Return the value from the environment, else from `.env`, else an empty text."""
    return os.environ.get(name) or read_env_file(Path(".env")).get(name, "")
