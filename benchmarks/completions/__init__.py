"""Completions of one batch by concurrent finishers, against as many batches."""

from benchmarks.completions.command import HELP, add_arguments, measure, run

__all__ = ["HELP", "add_arguments", "measure", "run"]
