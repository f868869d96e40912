"""What a stream costs and keeps: latency, rate, idle watchers, stalled ones, and servers that die."""

from benchmarks.streams.command import HELP, add_arguments, run

__all__ = ["HELP", "add_arguments", "run"]
