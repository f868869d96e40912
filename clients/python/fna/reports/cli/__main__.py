"""Runs the command as `python -m fna.reports.cli`."""

import sys

from fna.reports_command import main

sys.exit(main())
