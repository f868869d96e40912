"""How many events each client consumes, and what the layers over the stubs in Python cost."""

from benchmarks.clients.command import HELP, add_arguments, run

__all__ = ["HELP", "add_arguments", "run"]
