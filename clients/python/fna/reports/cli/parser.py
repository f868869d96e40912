"""An argument parser that says what was probably meant."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Never


class Parser(argparse.ArgumentParser):
    """Refuses what it does not know with the nearest word that it does; a subcommand refuses its options itself."""

    def error(self, message: str) -> Never:
        """Print what is wrong and what was probably meant, and exit with 2."""
        choice = re.fullmatch(r"(.*invalid choice: '(.*?)').*\(choose from (.*)\)", message)
        if choice:
            meant = _nearest(choice[2], re.findall(r"[\w-]+", choice[3]))
            message = choice[1] + meant if meant else message
        self.exit(2, f"{self.prog}: {message}\nWhat there is: {self.prog} --help\n")

    def parse_known_args(  # type: ignore[override]  # typeshed has overloads, for namespaces of other classes
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse, and refuse what is left over: here it is still known whose options there are to choose from."""
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            unknown = next((word for word in rest if word.startswith("-")), "").partition("=")[0]
            self.error(f"unrecognized arguments: {' '.join(rest)}{_nearest(unknown, self._option_string_actions)}")
        return found, rest

    def show_commands(self) -> Never:
        """Print the help, since no subcommand was named, and exit with 2."""
        self.print_help()
        self.exit(2)


def _nearest(word: str, known: Iterable[str]) -> str:
    matches = get_close_matches(word, list(known), 1)
    return f"; did you mean {matches[0]}?" if matches else ""
