"""What the queue costs when it is busy, idle, deep, or when its dead rows cannot be removed."""

from benchmarks.bloat.command import HELP, add_arguments, run

__all__ = ["HELP", "add_arguments", "run"]
