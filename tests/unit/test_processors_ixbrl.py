"""Facts tagged in inline XBRL documents."""

from __future__ import annotations

import pytest

from reports_core.domain.analysis import Metric
from reports_worker.processors import decoding, ixbrl, markup, metrics
from tests.support.filings import FILINGS
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
{context("n", "<xbrli:instant>2024-02-31</xbrli:instant>")}
<xbrli:unit id="long"><xbrli:measure>{"x" * 1000}</xbrli:measure></xbrli:unit>
<xbrli:unit id="usd"><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unit>
<xbrli:unit id="eps"><xbrli:divide><xbrli:unitNumerator><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unitNumerator>
<xbrli:unitDenominator><xbrli:measure>xbrli:shares</xbrli:measure></xbrli:unitDenominator></xbrli:divide></xbrli:unit>
</ix:resources></ix:header></div>
"""


UNITS = f"""{context("c", END_OF_2024)}<xbrli:unit id="u"><xbrli:measure>x:kg</xbrli:measure>
<xbrli:measure>x:m</xbrli:measure></xbrli:unit>
<ix:nonFraction name="a:b" contextRef="c" unitRef="u">1</ix:nonFraction>"""


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
        ("1 234,5", 'format="ixt1:numspacecomma"', 1234.5),
        ("1,23,456.50", 'format="ixt3:numdotdecimalin"', 123_456.5),
        ("1'234.5", 'format="ixt5:num-dot-decimal-apos"', 1234.5),
        ("6 pounds 5 pence", 'format="ixt4:num-unit-decimal"', 6.05),
        ("1,200 EUR 50", 'format="ixt2:numunitdecimal"', 1200.5),
        ("-", 'format="ixt2:zerodash"', 0),
        ("one hundred and twenty-five thousand", 'format="ixt-sec:numwordsen"', 125_000),
        ("no", 'format="ixt-sec:numwordsen"', 0),
    ],
)
def test_a_number_is_read_with_format_scale_and_sign(text: str, more: str, value: float) -> None:
    (fact,) = facts(tag(text, more=more)).read
    assert fact.value == value


def test_a_number_inside_another_is_both() -> None:
    inner = tag("7", name="us-gaap:NetIncomeLoss")
    assert [(fact.concept, fact.value) for fact in facts(tag(inner)).read] == [
        ("us-gaap:Revenues", 7),
        ("us-gaap:NetIncomeLoss", 7),
    ]


def test_a_fraction_is_its_numerator_by_its_denominator() -> None:
    body = (
        '<ix:fraction name="us-gaap:Revenues" contextRef="y" unitRef="usd"><ix:numerator scale="3">1</ix:numerator>/'
        "<ix:denominator>8</ix:denominator></ix:fraction>"
    )
    assert [fact.value for fact in facts(body).read] == [125]


def test_the_namespace_and_not_the_prefix_makes_a_tag() -> None:
    source = document(tag("1") + tag("2")).replace("ix:", "inline:").replace("xbrli:", "x:")
    assert [fact.value for fact in ixbrl.read(markup.parse(source)).read] == [1, 2]
    assert analysed(source).content_type == "application/xhtml+xml"
    assert markup.text_paragraphs(markup.parse(source))[0] == PROSE.strip()


def test_a_precision_counts_digits_from_the_first() -> None:
    (fact,) = facts(tag("1,284.6", more='scale="6" precision="5"')).read
    assert fact.decimals == -5


def test_a_product_and_a_ratio_of_units_are_told_apart() -> None:
    assert ixbrl.read(markup.parse(UNITS)).read[0].unit == "kg*m"


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
        tag("few", more='format="ixt-sec:numwordsen"'),
        tag("1", period="n"),
        tag("1", unit="long"),
        tag("9" * 50),
        '<ix:fraction name="a:b" contextRef="y" unitRef="usd"><ix:numerator>1</ix:numerator></ix:fraction>',
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


def test_a_contradiction_is_told_and_a_rounding_is_none() -> None:
    exact = tag("1,284.6", more='scale="6" decimals="-5"')
    rounded = tag("1.3", more='scale="9" decimals="-8"')
    other = tag("1,300.0", more='scale="6" decimals="-5"')
    assert metrics.contradictions(facts(rounded + exact).read) == ()
    assert metrics.contradictions(facts(exact + other).read) == ("us-gaap:Revenues",)
    assert "contradict one another" in analysed(document(exact + other)).warnings[0]


def test_a_file_of_two_companies_tells_the_facts_of_the_first() -> None:
    def filing(company: str, value: str) -> str:
        entity = f"<xbrli:identifier>{company}</xbrli:identifier>"
        own = document(tag(value)).replace("<xbrli:entity>", f"<xbrli:entity>{entity}")
        return f"<DOCUMENT>\n<TYPE>10-K\n<TEXT>\n{own}\n</TEXT>\n</DOCUMENT>\n"

    analysis = analysed(filing("0000000001", "7") + filing("0000000002", "8"), "10_K")
    assert [metric.value for metric in analysis.financial_metrics] == [7]
    assert "Facts of other companies" in analysis.warnings[0]


KEY_FIGURES = {
    "10k_apple_fy2024.htm": {
        "RevenueFromContractWithCustomerExcludingAssessedTax": 391_035e6,
        "OperatingIncomeLoss": 123_216e6,
        "NetIncomeLoss": 93_736e6,
        "EarningsPerShareBasic": 6.11,
        "EarningsPerShareDiluted": 6.08,
        "Assets": 364_980e6,
    },
    "10k_nvidia_fy2025.htm": {
        "Revenues": 130_497e6,
        "OperatingIncomeLoss": 81_453e6,
        "NetIncomeLoss": 72_880e6,
        "EarningsPerShareBasic": 2.97,
        "EarningsPerShareDiluted": 2.94,
        "Assets": 111_601e6,
    },
    "10k_cocacola_fy2024.htm": {
        "Revenues": 47_061e6,
        "OperatingIncomeLoss": 9_992e6,
        "NetIncomeLoss": 10_631e6,
        "EarningsPerShareBasic": 2.47,
        "EarningsPerShareDiluted": 2.46,
        "Assets": 100_549e6,
    },
    "10q_unionpacific_q2_2025.htm": {
        "OperatingIncomeLoss": 2_525e6,
        "NetIncomeLoss": 1_876e6,
        "Assets": 68_576e6,
    },
    "10k_wellsfargo_fy2024.htm": {
        "EntityCommonStockSharesOutstanding": 3_288_186_582,
        "EntityPublicFloat": 201.6e9,
    },
}
"""Read in the statements of the filings, as printed."""


@pytest.mark.skipif(not FILINGS.is_dir(), reason="the real filings are not beside the repository")
@pytest.mark.parametrize("name", KEY_FIGURES)
def test_the_key_figures_of_filings_are_those_that_are_printed(name: str) -> None:
    found = metrics.choose(ixbrl.read(markup.parse(decoding.decode((FILINGS / name).read_bytes()))).read)
    newest = {(metric.concept.partition(":")[2], metric.value) for metric in found}
    assert set(KEY_FIGURES[name].items()) <= newest


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
