"""The fuzzer: damage that a seed decides, and what it keeps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

from fuzz import corpus
from fuzz.campaign import Campaign
from fuzz.mutation import mutated
from fuzz.subject import Subject

ROOT = Path(__file__).parents[2]
EXECUTIONS = 150
PLENTY_SECONDS = 100.0

# Answers for every document but those that begin with an order to do otherwise.
OBEDIENT = """
import json, os, signal, sys, time
from fuzz.child import LENGTH
while length := sys.stdin.buffer.read(LENGTH.size):
    content = sys.stdin.buffer.read(LENGTH.unpack(length)[0])
    if content == b"die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if content == b"hang":
        time.sleep(1000)
    print(json.dumps({"outcome": str(os.getpid()), "seconds": 0.0, "peak_bytes": 0}), flush=True)
"""
COMMAND = (sys.executable, "-c", OBEDIENT)


def test_a_seed_decides_every_document() -> None:
    documents = corpus.made()
    first, second = Random(7), Random(7)
    assert [mutated(documents, first) for _ in range(50)] == [mutated(documents, second) for _ in range(50)]


def test_damaged_documents_end_with_an_analysis_or_a_reason(tmp_path: Path) -> None:
    result = Campaign(corpus.made(), 1, tmp_path).run(PLENTY_SECONDS, EXECUTIONS)
    assert result.executions == EXECUTIONS
    assert result.findings == []
    assert result.outcomes.keys() >= {"ANALYSED", "CORRUPT", "NO_NARRATIVE"}
    assert f"{EXECUTIONS}  executions" in result.table()


def test_a_document_that_ends_the_process_costs_that_process_alone() -> None:
    with Subject(PLENTY_SECONDS, COMMAND) as subject:
        before = subject.execute(b"one").outcome
        assert subject.execute(b"two").outcome == before
        died = subject.execute(b"die")
        assert died.outcome == "killed by SIGSEGV"
        assert died.is_finding
        assert subject.execute(b"three").outcome != before


def test_a_document_that_takes_too_long_is_given_up() -> None:
    with Subject(0.5, COMMAND) as subject:
        hung = subject.execute(b"hang")
    assert hung.outcome == "took too long"
    assert hung.is_finding


def test_the_command_prints_its_figures(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fuzz", "60", "--executions", "3", "--keep", str(tmp_path)]
    outcome = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=100)
    assert "3  executions" in outcome.stdout
    assert outcome.returncode == (1 if any(tmp_path.iterdir()) else 0)
