"""`python -m reports_worker.analyser`: started by a worker, with a connection that it inherits."""

from __future__ import annotations

import argparse
from pathlib import Path

from reports_worker.analyser.limits import Limits
from reports_worker.analyser.program import Order, run


def main() -> None:
    """Run an analysis process as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m reports_worker.analyser", description=__doc__)
    parser.add_argument("--descriptor", type=int, required=True, help="of the socket to the worker")
    parser.add_argument("--parent", type=int, required=True, help="process id of the worker's process")
    parser.add_argument("--seconds", type=float, required=True, help="for one report")
    parser.add_argument("--memory-mib", type=int, required=True, help="address space")
    parser.add_argument("--lexicon-file", type=Path, help="a user's own Loughran-McDonald master dictionary")
    given = parser.parse_args()
    limits = Limits(seconds=given.seconds, memory_mib=given.memory_mib)
    run(Order(given.descriptor, given.parent, limits, given.lexicon_file))


if __name__ == "__main__":
    main()
