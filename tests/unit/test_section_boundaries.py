"""Sections of the real filings, against a table that readers of them wrote."""

from __future__ import annotations

import functools

import pytest

from reports_worker.processors import forms
from tests.support import filings, section_table
from tests.support.filings import FILINGS
from tests.support.section_table import Result
from tests.unit.processors_documents import analysed

pytestmark = pytest.mark.skipif(not FILINGS.is_dir(), reason="the real filings are not beside the repository")

NAMES = sorted(path.name.removesuffix(".csv") for path in section_table.TABLE.glob("*.csv"))
DECLARED = {"10k": forms.FORM_OF_REPORT_TYPE["10_K"], "10q": forms.FORM_OF_REPORT_TYPE["10_Q"]}


def content(name: str) -> bytes:
    return (FILINGS / name).read_bytes()


def declared(name: str) -> str:
    return DECLARED.get(name[:3], "")


@functools.cache
def result(name: str) -> Result:
    found = section_table.outlined(content(name), declared(name))
    return section_table.compare(section_table.rows(name), found)


@functools.cache
def report() -> str:
    lines = [f"{name}: {result(name).right} of {result(name).rows}" for name in NAMES]
    lines += [f"{name}: {miss}" for name in NAMES for miss in (*result(name).misses, *result(name).misnamed)]
    return "\n".join(lines)


def test_the_table_has_every_filing() -> None:
    assert filings.names() == NAMES


def test_the_boundaries_of_nearly_all_items_are_right() -> None:
    right = sum(result(name).right for name in NAMES)
    assert right >= 0.95 * sum(result(name).rows for name in NAMES), report()


@pytest.mark.parametrize("name", NAMES)
def test_no_filing_is_divided_wrongly(name: str) -> None:
    assert result(name).right >= 0.8 * result(name).rows, "\n".join(result(name).misses)


def test_nearly_all_sections_have_the_item_and_the_type_that_readers_gave_them() -> None:
    misnamed = sum(len(result(name).misnamed) for name in NAMES)
    assert misnamed <= 0.05 * sum(result(name).rows for name in NAMES), report()


@pytest.mark.parametrize("name", NAMES)
def test_a_discussion_or_risk_factors_that_are_elsewhere_are_told_from_real_ones(name: str) -> None:
    expected = {
        row.item: row.pointer for row in section_table.rows(name) if row.item and row.type in {"MD_A", "RISK_FACTORS"}
    }
    found = section_table.pointers(content(name), declared(name)) if expected else {}
    assert {item: found.get(item) for item in expected} == expected


@pytest.mark.parametrize("name", ["10k_ibm_fy2024.htm", "10k_wellsfargo_fy2024.htm"])
def test_a_discussion_in_the_annual_report_is_pointed_out_and_not_scored(name: str) -> None:
    analysis = analysed(content(name), "10_K")
    assert "MD_A" not in {section.type for section in analysis.sections}
    assert any("item 7. management" in text.lower() and "only refers" in text for text in analysis.warnings)
