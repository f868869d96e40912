"""`./run demo`: analyses reports from end to end on processes of its own, and shows it."""

import argparse
import contextlib
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from fna.reports import ReportsClient, company_id
from fna.reports.cli.documents import NoDocumentsError
from fna.reports.cli.exits import Exit, exit_of
from fna.reports.cli.problems import explain
from fna.reports.cli.progress import follow
from fna.reports.errors import DataLossError, InvalidRequestError, LimitExceededError, ReportsError
from fna.reports.v1.report_pb2 import Report
from reports_dev.database import Database, database, users_database_url
from reports_dev.demo_documents import DemoDocument, documents_of_user, samples
from reports_dev.errors import DevelopmentError
from reports_dev.hints import hint_lines
from reports_dev.log_echo import LogEcho
from reports_dev.results_table import Result, print_results
from reports_dev.stack import Plan, Stack
from reports_dev.temporary import temporary_folder

# A report of 50 MiB on a busy machine.
_CALL_TIMEOUT = timedelta(seconds=120)
_RECONNECT_WITHIN = timedelta(seconds=30)
_PATIENT_STOP_SECONDS = 30.0
# What is thrown away needs no tidy end.
_HASTY_STOP_SECONDS = 2.0
