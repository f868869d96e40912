"""What the demo prints: its table and the logs that it shows."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from fna.reports.cli.documents import NoDocumentsError
from reports_dev.demo_documents import documents_of_user
from reports_dev.log_echo import LogEcho
from reports_dev.results_table import table_lines
from tests.support.waiting import eventually

ROWS = [
    ("REPORT", "TYPE", "STATUS", "SECONDS", "OPTIMISM", "RISK", "UNCERTAINTY", "TOP THEMES"),
    ("10k_a_company_with_a_long_name_2024.htm", "10-K", "COMPLETED", "0.5", "0.61", "0.20", "0.33", "cloud, chips"),
    ("b.txt", "other", "FAILED", "", "", "", "", "EMPTY: The document is empty."),
]


def test_a_table_has_a_line_for_each_report_when_nothing_limits_its_width() -> None:
    heading, first, second = table_lines(ROWS)
    assert heading.index("TOP THEMES") == first.index("cloud, chips") == second.index("EMPTY")
    assert first.index("0.61") + 4 == heading.index("OPTIMISM") + len("OPTIMISM")


def test_a_table_fits_into_a_narrow_terminal() -> None:
    lines = list(table_lines(ROWS, width=80))
    assert all(len(line) <= 80 for line in lines)
    assert lines[2].startswith("10k_a_company_with")
    assert "…  10-K " in lines[2]
    assert lines[3] == "  cloud, chips"


def test_of_a_folder_only_the_documents_at_its_top_are_taken(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    for name in ("b.HTM", "a.pdf", ".hidden.txt", "notes.md", "deeper/c.txt"):
        (tmp_path / name).write_text("text")
    found = documents_of_user([tmp_path / "b.HTM", tmp_path])
    assert [document.path.name for document in found] == ["b.HTM", "a.pdf"]


def test_a_folder_without_documents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoDocumentsError, match="has no document"):
        documents_of_user([tmp_path])


def test_logs_are_shown_with_the_name_of_their_process_also_after_a_new_start(tmp_path: Path) -> None:
    log, stream = tmp_path / "worker.log", io.StringIO()
    with LogEcho(stream) as echo:
        echo.follow(log)
        log.write_text("first line\nsecond")
        eventually(lambda: "first line" in stream.getvalue(), 10, "the first line")
        assert "second" not in stream.getvalue()
        log.write_text("again\n")
        eventually(lambda: "again" in stream.getvalue(), 10, "the line of the new run")
    assert stream.getvalue() == "worker  | first line\nworker  | again\n"
