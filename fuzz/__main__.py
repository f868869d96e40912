"""Fuzzes the analysis: `./run fuzz [SECONDS]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fuzz import corpus
from fuzz.campaign import Campaign


def main() -> None:
    """Fuzz for a while, print what came of it, and fail when something was found."""
    parser = argparse.ArgumentParser(
        prog="./run fuzz",
        description="Analyses damaged reports, and keeps those that end in anything but an analysis or a typed error.",
    )
    parser.add_argument("seconds", type=float, nargs="?", default=600.0, help="how long, 600 by default")
    parser.add_argument("--executions", type=int, help="end after so many documents, which a seed then decides alone")
    parser.add_argument("--seed", type=int, default=1, help="another number gives other documents")
    parser.add_argument("--keep", type=Path, default=Path(".data/fuzz"), metavar="FOLDER", help="for what is found")
    options = parser.parse_args()
    campaign = Campaign(corpus.documents(), options.seed, options.keep)
    result = campaign.run(options.seconds, options.executions)
    print(result.table())
    sys.exit(1 if result.findings else 0)


if __name__ == "__main__":
    main()
