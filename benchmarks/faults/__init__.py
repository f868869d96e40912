"""What becomes of 200 tasks in flight when workers, connections or the server fail."""

from benchmarks.faults.command import HELP, add_arguments, run

__all__ = ["HELP", "add_arguments", "run"]
