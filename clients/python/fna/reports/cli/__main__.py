"""Runs the command as `python -m fna.reports.cli`."""

import sys

from fna.reports.cli.command import main

sys.exit(main())
