"""Sections: where they begin, what belongs to them and what is none."""

from __future__ import annotations

import pytest

from reports_worker.processors import forms, headings, items, sections
from reports_worker.processors.headings import Heading
from tests.unit.processors_documents import PROSE, analysed, sample


def found(lines: list[str], form: str = "10-K") -> list[tuple[str, str]]:
    narratives, _ = sections.find(lines, form)
    return [(narrative.type.value, narrative.heading) for narrative in narratives if narrative.characters >= 100]


def heading_of(paragraph: str) -> Heading | None:
    return items.heading_at([paragraph], 0, forms.load()["10-K"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("halvorsen", ["OTHER", "RISK_FACTORS", "OTHER", "MD_A", "OTHER", "OTHER"]),
        ("cindral", ["OTHER", "MD_A", "OTHER", "OTHER", "RISK_FACTORS"]),
        ("quillfeather", ["CEO_LETTER", "MD_A", "RISK_FACTORS", "OTHER", "OTHER"]),
        ("ostrander", ["OTHER", "RISK_FACTORS", "OTHER", "MD_A", "OTHER"]),
        ("penhallow", ["OTHER", "OTHER", "OTHER"]),
    ],
)
def test_the_sections_of_a_sample_are_those_of_its_form(name: str, expected: list[str]) -> None:
    assert [section.type for section in sample(name).sections] == expected


@pytest.mark.parametrize("page", ["\t5", " 5", ""])
def test_a_table_of_contents_is_no_section(page: str) -> None:
    contents = [f"Item 1.\tBusiness{page}", f"Item 1A.\tRisk Factors{page}", f"Item 3.\tLegal Proceedings{page}"]
    contents += [f"Item 7.\tManagement’s Discussion and Analysis{page}"]
    cover = [
        "This is the cover of the report, which goes on about nothing in particular for a line or two and then ends."
    ]
    body = ["Item 1. Business", PROSE, "Item 1A. Risk Factors", PROSE, "Item 3. Legal Proceedings", PROSE]
    body += ["Item 7. Management’s Discussion and Analysis", PROSE]
    assert found([*contents, *cover, *body]) == [
        ("OTHER", "Item 1. Business"),
        ("RISK_FACTORS", "Item 1A. Risk Factors"),
        ("OTHER", "Item 3. Legal Proceedings"),
        ("MD_A", "Item 7. Management’s Discussion and Analysis"),
    ]


def test_a_mention_of_an_item_is_no_heading() -> None:
    lines = [
        "Item 1. Business",
        PROSE,
        "Item 1A of this report tells of risks.",
        "Item 7, “Management’s Discussion”, too.",
    ]
    lines += ["Item 2. Properties", PROSE, "Item 3. Legal Proceedings", PROSE]
    assert [heading for _, heading in found(lines)] == [
        "Item 1. Business",
        "Item 2. Properties",
        "Item 3. Legal Proceedings",
    ]


def test_a_heading_that_a_page_repeats_goes_on_with_its_section() -> None:
    lines = ["Item 1. Business", PROSE, "Item 1. Business (continued)", PROSE, "Item 2. Properties", PROSE]
    lines += ["Item 3. Legal Proceedings", PROSE]
    narratives, _ = sections.find(lines, "10-K")
    assert [len(narrative.paragraphs) for narrative in narratives] == [2, 1, 1]


def test_management_discusses_in_part_i_item_2_of_a_quarterly_report() -> None:
    lines = ["Item 1. Financial Statements", PROSE, "Item 2. Management's Discussion and Analysis", PROSE]
    lines += ["Item 4. Controls and Procedures", PROSE, "Item 1A. Risk Factors", PROSE]
    lines += ["Item 2. Unregistered Sales of Equity Securities", PROSE]
    assert [kind for kind, _ in found(lines, "10-Q")] == ["OTHER", "MD_A", "OTHER", "RISK_FACTORS", "OTHER"]


def test_item_7_of_an_old_current_report_is_no_discussion() -> None:
    lines = ["Item 5. Other Events", PROSE, "Item 7. Financial Statements and Exhibits", PROSE]
    assert [kind for kind, _ in found(lines, "8-K")] == ["OTHER", "OTHER"]


def test_a_title_that_runs_into_its_text_is_cut_off_from_it() -> None:
    heading = heading_of("Item 3. Legal Proceedings. There are none that matter.")
    assert heading is not None
    assert (heading.text, heading.rest) == ("Item 3. Legal Proceedings", "There are none that matter.")


def test_a_letter_to_shareholders_ends_with_its_closing() -> None:
    lines = ["Acme Works", "Dear Shareholders,", PROSE, "Sincerely,", "A. Smith", PROSE]
    assert found(lines, "") == [("CEO_LETTER", "Dear Shareholders"), ("OTHER", "Acme Works")]


def test_an_auditor_who_writes_to_shareholders_writes_no_letter() -> None:
    assert headings.bare_heading("To the Shareholders and the Board of Directors of Acme") is None


def test_agreements_behind_the_signatures_are_left_out_and_named() -> None:
    lines = ["Item 5. Other Events", PROSE, "SIGNATURES", "Exhibit 10.1", PROSE, "Exhibit 99.1", PROSE]
    narratives, left_out = sections.find(lines, "8-K")
    assert [narrative.heading for narrative in narratives] == ["Item 5. Other Events", "Exhibit 99.1"]
    assert left_out == ["EX-10"]


def test_formal_text_is_left_out_unless_there_is_no_other() -> None:
    legend = (
        "This report contains forward-looking statements within the meaning of the Private Securities Litigation "
        "Reform Act of 1995, and we undertake no obligation to update them in the light of later events."
    )
    assert analysed(f"{PROSE}\n\n{legend}").word_count == analysed(PROSE).word_count
    alone = analysed(legend)
    assert alone.word_count > 25
    assert "little text of its own" in alone.warnings[0]


def test_a_discussion_that_is_elsewhere_is_pointed_out() -> None:
    lines = ["Form 10-K", "Item 1. Business", PROSE, "Item 3. Legal Proceedings", PROSE]
    lines += ["Item 7. Management's Discussion and Analysis of Financial Condition and Results of Operations"]
    lines += ["The information called for by this item is incorporated herein by reference to the annual report."]
    text = "\n\n".join(lines)
    assert any("Item 7. Management's Discussion" in warning for warning in analysed(text, "10_K").warnings)


def test_a_report_registered_as_another_form_is_read_as_what_it_is() -> None:
    lines = ["FORM 10-Q", "Item 1. Financial Statements", PROSE, "Item 2. Management's Discussion and Analysis", PROSE]
    lines += ["Item 4. Controls and Procedures", PROSE]
    analysis = analysed("\n\n".join(lines), "10_K")
    assert [section.type for section in analysis.sections] == ["OTHER", "MD_A", "OTHER"]
    assert "registered as 10-K" in analysis.warnings[0]


def test_the_form_that_the_document_names_goes_before_the_declared_one() -> None:
    assert forms.form_of(["UNITED STATES", "FORM 10-Q"], "10-K") == "10-Q"
    assert forms.form_of(["Annual Report 2023"], "10-K") == "10-K"
