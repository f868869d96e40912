"""Facts tagged in inline XBRL documents."""

from __future__ import annotations

import pytest

from reports_core.domain.analysis import Metric
from reports_worker.processors import ixbrl, markup, metrics
from tests.unit.processors_documents import PROSE, analysed, sample


def context(name: str, period: str, entity: str = "") -> str:
    parts = f"<xbrli:entity>{entity}</xbrli:entity><xbrli:period>{period}</xbrli:period>"
    return f'<xbrli:context id="{name}">{parts}</xbrli:context>'


def year(number: int) -> str:
    return f"<xbrli:startDate>{number}-01-01</xbrli:startDate><xbrli:endDate>{number}-12-31</xbrli:endDate>"


END_OF_2024 = "<xbrli:instant>2024-12-31</xbrli:instant>"
HEADER = f"""
<div style="display:none"><ix:header><ix:resources>
{context("y", year(2024))}{context("p", year(2023))}{context("i", END_OF_2024)}
{context("s", END_OF_2024, "<xbrli:segment>A</xbrli:segment>")}
<xbrli:unit id="usd"><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unit>
<xbrli:unit id="eps"><xbrli:divide><xbrli:unitNumerator><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unitNumerator>
<xbrli:unitDenominator><xbrli:measure>xbrli:shares</xbrli:measure></xbrli:unitDenominator></xbrli:divide></xbrli:unit>
</ix:resources></ix:header></div>
"""


def document(body: str) -> str:
    namespace = 'xmlns:ix="http://www.xbrl.org/2013/inlineXBRL"'
    return f'<?xml version="1.0"?><html {namespace}><body>{HEADER}<p>{PROSE}</p>{body}</body></html>'


def tag(text: str, *, name: str = "us-gaap:Revenues", period: str = "y", unit: str = "usd", more: str = "") -> str:
    return f'<ix:nonFraction name="{name}" contextRef="{period}" unitRef="{unit}" {more}>{text}</ix:nonFraction>'


def facts(body: str) -> ixbrl.Facts:
    return ixbrl.read(markup.parse(document(body)))


@pytest.mark.parametrize(
    ("text", "more", "value"),
    [
        ("1,284.6", 'scale="6" format="ixt:num-dot-decimal"', 1_284_600_000),
        ("1.284,6", 'scale="6" format="ixt:num-comma-decimal"', 1_284_600_000),
        ("104.9", 'scale="6" sign="-" format="ixt:numdotdecimal"', -104_900_000),
        ("0.31", 'sign="-"', -0.31),
        ("19.2", 'scale="-2"', 0.192),
        ("—", 'scale="6" format="ixt:fixed-zero"', 0),
        ("<span>12</span> 5", "", 125),
    ],
)
def test_a_number_is_read_with_format_scale_and_sign(text: str, more: str, value: float) -> None:
    (fact,) = facts(tag(text, more=more)).read
    assert fact.value == value


def test_unit_and_period_come_from_the_header() -> None:
    read = facts(tag("1") + tag("2", period="i", unit="eps") + tag("3", period="s")).read
    assert [(fact.unit, fact.start, fact.end, fact.dimensions) for fact in read] == [
        ("USD", "2024-01-01", "2024-12-31", False),
        ("USD/shares", "", "2024-12-31", False),
        ("USD", "", "2024-12-31", True),
    ]


@pytest.mark.parametrize(
    "malformed",
    [
        tag("1", period="unknown"),
        tag("1", unit="unknown"),
        tag("1", name="Revenues"),
        tag("one"),
        tag("1", more='scale="many"'),
        tag("1", more='scale="99"'),
        tag("1", more='format="ixt:unheard-of"'),
    ],
)
def test_a_malformed_tag_is_counted_and_the_others_are_read(malformed: str) -> None:
    found = facts(malformed + tag("7"))
    assert found.malformed == 1
    assert [fact.value for fact in found.read] == [7]


def test_a_nil_fact_closed_in_its_own_tag_is_no_fact() -> None:
    nil = '<ix:nonFraction name="us-gaap:Assets" contextRef="i" unitRef="usd" xsi:nil="true"/>'
    assert [fact.concept for fact in facts(nil + tag("7")).read] == ["us-gaap:Revenues"]


def test_the_whole_company_and_its_newest_period_come_first() -> None:
    body = tag("90", period="p") + tag("55", period="s") + tag("100") + tag("7", name="us-gaap:Assets", period="i")
    assert metrics.choose(facts(body).read) == (
        Metric("us-gaap:Revenues", 100.0, "USD", "2024-01-01", "2024-12-31"),
        Metric("us-gaap:Assets", 7.0, "USD", "", "2024-12-31"),
        Metric("us-gaap:Revenues", 90.0, "USD", "2023-01-01", "2023-12-31"),
    )


def test_the_most_precise_of_equal_facts_is_kept() -> None:
    body = tag("1.3", more='scale="9" decimals="-8"') + tag("1,284.6", more='scale="6" decimals="-5"')
    assert [metric.value for metric in metrics.choose(facts(body).read)] == [1_284_600_000]


def test_a_concept_that_matters_little_is_left_out() -> None:
    assert metrics.choose(facts(tag("1", name="us-gaap:IncreaseDecreaseInOtherReceivables")).read) == ()


def test_the_facts_of_a_sample_are_exact() -> None:
    found = sample("halvorsen").financial_metrics
    assert found[0] == Metric("us-gaap:Revenues", 1_284_600_000.0, "USD", "2024-01-01", "2024-12-31")
    flows = {metric.concept: metric.value for metric in reversed(found)}
    assert flows["us-gaap:NetCashProvidedByUsedInInvestingActivities"] == -104_900_000
    assert flows["us-gaap:GoodwillImpairmentLoss"] == 0


def test_tags_that_say_nothing_leave_the_text_and_a_warning() -> None:
    analysis = analysed(document(tag("1", period="gone") * 3))
    assert analysis.financial_metrics == ()
    assert analysis.warnings[0] == "The iXBRL tags are malformed: only the text was used."
    assert analysis.word_count > 30
