"""Sections: where they begin, what belongs to them and what is none."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports_worker.processors import forms, headings, items, outline, sections
from reports_worker.processors.forms import SectionType
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


@pytest.mark.parametrize(
    "lines",
    [
        ["ITEM 1.", "BUSINESS"],
        ["Item 1.\tBusiness"],
        ["Item\t1.\tBusiness"],
        ["ITEM 1 – BUSINESS"],
        ["ITEM 1—BUSINESS"],
        ["I TEM 1. B USINESS"],
        ["PART I, ITEM 1. BUSINESS"],
        ["Item 1.Business"],
        ["Items 1 and 2. Business and Properties"],
        ["Item 1. Business. The company makes machines in the valley."],
        ["Item 1. Business The company makes machines in the valley and sells them to mills and farms abroad"],
        ["ITEM I. BUSINESS"],
    ],
)
def test_an_item_is_found_however_its_heading_is_written(lines: list[str]) -> None:
    spans = outline.of([*lines, PROSE, "Item 3. Legal Proceedings", PROSE, "Item 4. Mine Safety", PROSE], "10-K")
    assert [span.first for span in spans] == [0, len(lines) + 1, len(lines) + 3]
    assert re.match(r"(?:part i, )?items? .*\bbusiness(?: and properties)?$", spans[0].heading.text, re.IGNORECASE)


@pytest.mark.parametrize("heading", ["Item 7A. Quantitative", "ITEM 7(A). Quantitative", "Item 7-A: Quantitative"])
def test_the_letter_of_an_item_belongs_to_its_number(heading: str) -> None:
    found_heading = heading_of(f"{heading} and Qualitative Disclosures About Market Risk")
    assert found_heading is not None
    assert found_heading.item == "7A"


def test_a_title_goes_on_over_the_lines_that_belong_to_it() -> None:
    title = ["Item 5. Market for Registrant’s Common Equity, Related Stockholder", "Matters and Issuer Purchases of"]
    lines = [*title, "Equity Securities", "Market Information", PROSE]
    heading = items.heading_at(lines, 0, forms.load()["10-K"])
    assert heading is not None
    assert heading.text.endswith("Related Stockholder Matters and Issuer Purchases of Equity Securities")
    assert heading.paragraphs == 3


@pytest.mark.parametrize(
    "mention",
    [
        "Item 1A of this report tells of risks.",
        "Item 1A, “Risk Factors”, tells of risks.",
        "Item 1A. Risk Factors of this report should be read together with the notes to its statements.",
        "Item 601(b)(21) of Regulation S-K",
        "Item 15(a)(1): Financial Statements",
        "Item 7 (continued)",
    ],
)
def test_a_paragraph_that_names_an_item_begins_none(mention: str) -> None:
    assert heading_of(mention) is None


def test_the_end_of_a_sentence_that_names_an_item_begins_none() -> None:
    lines = ["Read the discussion together with the risks that are described in", "Item 1A. Risk Factors"]
    assert items.heading_at(lines, 1, forms.load()["10-K"]) is None


def test_an_index_to_an_annual_report_leaves_the_sections_to_the_report() -> None:
    index = [f"Item {item}. {title} {page}" for item, title, page in (
        ("1", "Business", "5-10"),
        ("1A", "Risk Factors", "60-70"),
        ("2", "Properties", "12"),
        ("3", "Legal Proceedings", "71"),
        ("7", "Management’s Discussion and Analysis", "14-40"),
        ("8", "Financial Statements", "72-120"),
    )]  # fmt: skip
    body = ["Management’s Discussion and Analysis", PROSE, PROSE, "Risk Factors", PROSE, PROSE]
    expected = [("MD_A", "Management’s Discussion and Analysis"), ("RISK_FACTORS", "Risk Factors")]
    assert found(["Acme", "Form 10-K cross-reference index", *index, *body]) == expected
    assert found(["Acme", *body, "Form 10-K cross-reference index", *index]) == expected


def test_several_filings_in_one_file_are_all_divided() -> None:
    filing = ["Item 1. Business", PROSE, "Item 1A. Risk Factors", PROSE, "Item 2. Properties", PROSE]
    filing += ["SIGNATURES", "Pursuant to the requirements of the Securities Exchange Act of 1934, it was signed."]
    assert [span.heading.item for span in outline.of(filing * 3, "10-K")] == ["1", "1A", "2"] * 3


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


def test_an_item_of_a_quarterly_report_is_named_with_its_part() -> None:
    first = ["PART I", "Item 1.", PROSE, "Item 2.", PROSE, "Item 4T. Controls and Procedures", PROSE]
    second = ["PART II", "Item 1.", PROSE, "Item 2.", PROSE, "Item 6. Exhibits and Reports on Form 8-K", PROSE]
    spans = outline.of([*first, *second], "10-Q")
    assert [span.heading.item for span in spans] == ["I-1", "I-2", "I-4", "II-1", "II-2", "II-6"]
    assert [span.heading.type for span in spans].count(SectionType.MD_A) == 1


def test_management_of_a_small_business_discusses_in_item_6() -> None:
    lines = ["Item 1. Description of Business", PROSE, "Item 3. Legal Proceedings", PROSE]
    lines += ["Item 6. Plan of Operation", PROSE, "Item 7. Financial Statements", PROSE]
    assert [kind for kind, _ in found(lines, "10-KSB")] == ["OTHER", "OTHER", "MD_A", "OTHER"]


@pytest.mark.parametrize(
    ("number", "title"),
    [("5", "Operating and Financial Review and Prospects"), ("9", "Management’s Discussion and Analysis")],
)
def test_a_foreign_issuer_discusses_where_its_form_said_at_the_time(number: str, title: str) -> None:
    lines = ["Item 1. Description of Business", PROSE, "Item 2. Description of Property", PROSE]
    lines += [f"Item {number}. {title}", PROSE]
    assert [kind for kind, _ in found(lines, "20-F")] == ["OTHER", "OTHER", "MD_A"]


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


def test_an_annual_report_without_items_is_divided_by_its_headings() -> None:
    lines = ["Acme plc", "Chairman’s statement", PROSE, "Strategic report", PROSE]
    lines += ["Principal risks and uncertainties", PROSE, "Corporate governance report", PROSE]
    assert [kind for kind, _ in found(lines, "")] == ["CEO_LETTER", "MD_A", "RISK_FACTORS", "OTHER"]


def test_a_release_behind_the_signatures_begins_with_its_headline() -> None:
    lines = ["Item 8.01. Other Events", PROSE, "SIGNATURES", "By: /s/ A. Smith", "A. Smith", "Acme Posts Record Year"]
    lines += [f"PITTSBURGH, Pa., March 1, 2024 (PRNewswire) -- {PROSE}", PROSE, "About Acme", PROSE]
    assert [heading for _, heading in found(lines, "8-K")] == [
        "Item 8.01. Other Events",
        "Acme Posts Record Year",
        "About Acme",
    ]


def test_a_legend_that_runs_into_its_text_begins_a_section() -> None:
    lines = ["Exhibit 99.1", "ACME POSTS RECORD YEAR", PROSE, f"SAFE HARBOR STATEMENT UNDER THE ACT OF 1995: {PROSE}"]
    assert found(lines, "")[1] == ("OTHER", "SAFE HARBOR STATEMENT UNDER THE ACT OF 1995")


def test_a_chapter_of_a_prospectus_ends_its_risk_factors() -> None:
    lines = ["PROSPECTUS SUMMARY", PROSE, "RISK FACTORS", PROSE, "USE OF PROCEEDS", PROSE, "DIVIDEND POLICY", PROSE]
    assert [kind for kind, _ in found(lines, "")] == ["OTHER", "RISK_FACTORS", "OTHER"]


def test_the_risk_factors_of_a_foreign_issuer_stand_in_its_item_3() -> None:
    lines = ["Item 1. Identity of Directors", PROSE, "Item 3. Key Information", PROSE, "D. Risk Factors", PROSE]
    lines += ["Item 4. Information on the Company", PROSE]
    assert [kind for kind, _ in found(lines, "20-F")] == ["OTHER", "OTHER", "RISK_FACTORS", "OTHER"]


def test_a_note_to_the_accounts_begins_no_section_of_risks() -> None:
    lines = ["Item 1. Business", PROSE, "Item 7. Management’s Discussion and Analysis", PROSE]
    lines += ["Item 8. Financial Statements and Supplementary Data", PROSE, "1. Principal risks", PROSE]
    assert [kind for kind, _ in found(lines)] == ["OTHER", "MD_A", "OTHER"]


def test_an_exhibit_has_the_title_below_its_label() -> None:
    lines = [
        "Exhibit 99.1",
        "FOR IMMEDIATE RELEASE",
        "Contact: A. Smith",
        "ACME POSTS RECORD YEAR",
        "AND RAISES OUTLOOK",
    ]
    assert found([*lines, PROSE], "") == [("OTHER", "ACME POSTS RECORD YEAR AND RAISES OUTLOOK")]


def test_an_auditor_who_writes_to_shareholders_writes_no_letter() -> None:
    assert headings.bare_heading("To the Shareholders and the Board of Directors of Acme") is None


def test_an_auditor_s_report_to_shareholders_stays_one() -> None:
    lines = ["Acme", PROSE, "Report of independent auditors", "To the Shareholders of Acme, Inc.", PROSE]
    assert [kind for kind, _ in found(lines, "")] == ["OTHER", "OTHER"]


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


@pytest.mark.parametrize(
    "pointer",
    [
        "The discussion is set forth under the caption “Financial Review” in the 2023 Annual Report to Shareholders.",
        "It appears on pages 22 through 50 of the 2023 Annual Report, which is incorporated herein.",
        "Refer to pages 6 through 42 of the 2024 Annual Report to Stockholders, incorporated by reference.",
        "Please see the section titled “Financial Review” of our proxy statement, filed today.",
        "There have been no material changes to what was disclosed in our Annual Report on Form 10-K for 2023.",
    ],
)
def test_the_words_of_a_pointer_are_not_taken_for_the_discussion(pointer: str) -> None:
    lines = ["Item 1. Business", PROSE, "Item 3. Legal Proceedings", PROSE]
    lines += ["Item 7. Management’s Discussion and Analysis", pointer, "Item 8. Financial Statements", PROSE]
    narratives, _ = sections.find(lines, "10-K")
    assert [narrative.is_pointer for narrative in narratives] == [False, False, True, False]
    assert narratives[2].characters == 0


def test_a_discussion_that_also_refers_elsewhere_is_no_pointer() -> None:
    lines = [
        "Item 1. Business",
        PROSE,
        "Item 3. Legal Proceedings",
        PROSE,
        "Item 7. Management’s Discussion and Analysis",
    ]
    lines += ["Read it together with the statements included in Item 8 of this report.", PROSE, PROSE]
    narratives, _ = sections.find(lines, "10-K")
    assert not narratives[2].is_pointer
    assert narratives[2].characters > 400


LINES = [
    *("Item 1.", "ITEM 1A", "Item 2. Properties 5", "Item 7. Management’s Discussion and Analysis of", "Items 1 and 2"),
    *("PART I", "PART II", "Item 2.02 Results of Operations", "Risk Factors", "USE OF PROCEEDS", "Financial Condition"),
    *(
        "SIGNATURES",
        "By: /s/ A. Smith",
        "Exhibit 99.1",
        "EXHIBIT 10.1",
        "Dear shareholders,",
        "Sincerely,",
        "About Acme",
    ),
    *("3", "“", PROSE, f"NEW YORK, March 1, 2024 -- {PROSE}", f"SAFE HARBOR STATEMENT: {PROSE}"),
]


@given(st.lists(st.sampled_from(LINES), max_size=40), st.sampled_from(["10-K", "10-Q", "8-K", "20-F", "10-KSB", ""]))
def test_sections_follow_one_another_and_never_overlap(lines: list[str], form: str) -> None:
    end = 0
    for span in outline.of(lines, form):
        assert end <= span.first <= span.body <= span.end <= len(lines)
        end = span.end


@pytest.mark.parametrize(
    "lines",
    [
        ["Item 1."] * 30_000,
        ["Item 1. Business", "Item 1A. Risk Factors"] * 15_000,
        ["SIGNATURES", "Exhibit 99.1"] * 15_000,
        ["Dear shareholders,", "Sincerely,"] * 15_000,
        ["Risk factors", "Outlook"] * 15_000,
        ["Item 1. " * 200_000],
        ["Item 1" + "." * 1_000_000],
        ["see under the annual " * 50_000],
    ],
    ids=["items", "alternating", "exhibits", "letters", "headings", "one line", "dots", "references"],
)
def test_a_hostile_outline_takes_time_in_proportion_to_its_length(lines: list[str]) -> None:
    started = time.process_time()
    sections.find(lines, "10-K")
    half = time.process_time() - started
    started = time.process_time()
    sections.find(lines * 2 if len(lines) > 1 else [lines[0] * 2], "10-K")
    assert time.process_time() - started < 4 * half + 0.5


def test_a_report_registered_as_another_form_is_read_as_what_it_is() -> None:
    lines = ["FORM 10-Q", "Item 1. Financial Statements", PROSE, "Item 2. Management's Discussion and Analysis", PROSE]
    lines += ["Item 4. Controls and Procedures", PROSE]
    analysis = analysed("\n\n".join(lines), "10_K")
    assert [section.type for section in analysis.sections] == ["OTHER", "MD_A", "OTHER"]
    assert "registered as 10-K" in analysis.warnings[0]


def test_the_form_that_the_document_names_goes_before_the_declared_one() -> None:
    assert forms.form_of(["UNITED STATES", "FORM 10-Q"], "10-K") == "10-Q"
    assert forms.form_of(["Annual Report 2023"], "10-K") == "10-K"
