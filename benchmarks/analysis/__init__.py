"""The analysis of reports, against the library that extracts their text."""

from benchmarks.analysis.command import HELP, add_arguments, run

__all__ = ["HELP", "add_arguments", "run"]
