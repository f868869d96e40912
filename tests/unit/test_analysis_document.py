"""The example of the document that explains the scores."""

from __future__ import annotations

import re

import pytest

from reports_worker.processors import sentences
from tests.unit.processors_documents import ROOT, analysed
from tests.unit.processors_tone import said

DOCUMENT = (ROOT / "docs/analysis.md").read_text(encoding="utf-8")
FENCED = re.search(r"## An example\n+```text\n(.+?)```(.+?)\n## ", DOCUMENT, re.DOTALL)


def example() -> tuple[str, str]:
    """Return the text of the example, and the table and the sums below it."""
    assert FENCED is not None
    return " ".join(FENCED[1].split()), FENCED[2]


def test_the_scores_of_the_example_are_those_of_the_program() -> None:
    text, worked = example()
    found = analysed(text)
    assert re.findall(r"\*\*(0\.\d{4})\*\*", worked) == [
        f"{value:.4f}"
        for value in (
            found.optimism.value,
            found.optimism.confidence,
            found.risk.confidence,
            found.risk.value,
            found.uncertainty.value,
        )
    ]


def test_the_weights_of_the_example_are_those_of_the_program() -> None:
    text, worked = example()
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in worked.splitlines() if "|" in line][2:]
    for row, sentence in zip(rows, [*(one.text for one in sentences.split(text)), text], strict=True):
        told = said(sentence)
        read = (told.words, told.positive, told.negative, told.risk, told.uncertainty)
        assert [float(cell or 0) for cell in (row + [""] * 5)[2:7]] == [pytest.approx(value) for value in read]
