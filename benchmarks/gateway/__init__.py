"""What the REST gateway adds to a call and to an event, against gRPC and a bare handler that only forwards."""

from benchmarks.gateway.command import HELP, add_arguments, run

__all__ = ["HELP", "add_arguments", "run"]
