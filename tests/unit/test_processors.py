"""What the analysis of a whole report shows."""

from __future__ import annotations

import re

import pytest

from reports_worker.processor import DocumentError
from reports_worker.processors import MODEL_VERSION, analyse
from tests.support.filings import FILINGS
from tests.unit.processors_documents import PROSE, SAMPLES, analysed, sample, samples

FILES = [entry["file"] for entry in samples()]


@pytest.mark.parametrize("file", FILES)
def test_every_sample_has_scores_themes_and_sections(file: str) -> None:
    analysis = sample(file)
    assert analysis.model_version == MODEL_VERSION
    assert analysis.word_count > 500
    assert len(analysis.key_themes) >= 5
    assert sum(section.word_count for section in analysis.sections) == analysis.word_count
    for score in (analysis.optimism, analysis.risk, analysis.uncertainty):
        assert 0 < score.value < 1
        assert 0 < score.confidence < 1


def test_the_manifest_names_every_sample_with_valid_fields() -> None:
    assert {*FILES, "manifest.json"} == {path.name for path in SAMPLES.iterdir()}
    for entry in samples():
        assert entry["report_type"] in {"10_K", "10_Q", "8_K", "ANNUAL", "OTHER"}
        assert re.fullmatch(r"(Q[1-4]|FY) \d{4}", entry["fiscal_period"])
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", entry["filing_date"])


@pytest.mark.parametrize("file", FILES)
def test_the_same_report_gets_the_same_analysis(file: str) -> None:
    assert sample(file) == sample(file)


def test_optimism_follows_the_course_of_the_business() -> None:
    falling = ["halvorsen", "quillfeather", "marlow", "ostrander", "brightwater", "cindral"]
    optimism = [sample(name).optimism.value for name in falling]
    assert optimism == sorted(optimism, reverse=True)
    assert optimism[0] > 0.75
    assert optimism[-2] < 0.25


def test_risk_follows_what_threatens_the_business() -> None:
    rising = ["halvorsen", "marlow", "brightwater", "cindral"]
    risk = [sample(name).risk.value for name in rising]
    assert risk == sorted(risk)
    assert risk[0] < 0.3
    assert risk[-1] > 0.85


def test_a_cautious_bank_is_less_certain_than_a_record_year() -> None:
    assert sample("marlow").uncertainty.value > 2 * sample("halvorsen").uncertainty.value


@pytest.mark.parametrize(
    ("name", "theme"),
    [
        ("halvorsen", "industrial equipment"),
        ("lumenstack", "cloud computing"),
        ("quillfeather", "electric utility"),
        ("marlow", "deposits and net interest income"),
        ("greymoor", "freight and logistics"),
        ("ostrander", "pharmaceutical products"),
        ("cindral", "going concern"),
    ],
)
def test_the_first_theme_is_what_the_report_is_about(name: str, theme: str) -> None:
    assert sample(name).key_themes[0].label == theme


def test_steps_come_in_order_and_fractions_rise() -> None:
    steps: list[tuple[str, float]] = []
    analyse(PROSE.encode(), "OTHER", lambda step, fraction: steps.append((step, fraction)))
    names = [step for step, _ in steps]
    fractions = [fraction for _, fraction in steps]
    assert names == ["VALIDATION", "TEXT_EXTRACTION", "IXBRL_PARSING", "SENTIMENT_ANALYSIS"]
    assert fractions == sorted(set(fractions))
    assert fractions[0] == 0
    assert fractions[-1] < 1


def test_a_cancellation_passes_through() -> None:
    class CancelledError(Exception):
        pass

    def cancel(step: str, fraction: float) -> None:
        if step == "SENTIMENT_ANALYSIS":
            raise CancelledError

    with pytest.raises(CancelledError):
        analyse(PROSE.encode(), "OTHER", cancel)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "EMPTY"),
        (b" \r\n\t\x00", "EMPTY"),
        ("\ufeff \n".encode("utf-16"), "EMPTY"),
        (b"PK\x03\x04" + bytes(200), "CORRUPT"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "UNSUPPORTED_TYPE"),
        (bytes(range(1, 9)) * 100, "UNSUPPORTED_TYPE"),
        (b"x" * 52_428_801, "TOO_LARGE"),
        (b"One short line.", "NO_NARRATIVE"),
        (b"Sales 2024 2023\n" + b"100.0 200.0 300.0\n" * 50, "NO_NARRATIVE"),
        ("Die Gesellschaft hat im Geschäftsjahr mehr Maschinen verkauft als im Vorjahr. ".encode() * 20, "NOT_ENGLISH"),
        (b"<html><body>" + b"<div>" * 3_000 + PROSE.encode(), "LIMIT_EXCEEDED"),
        (b"<DOCUMENT>\n" * 2_000, "LIMIT_EXCEEDED"),
        (b"<DOCUMENT>\n<TYPE>GRAPHIC\n<TEXT>\nbegin 644 a.gif\n</TEXT>\n</DOCUMENT>", "NO_NARRATIVE"),
        (b"%PDF-1.4\nnot a document", "CORRUPT"),
    ],
)
def test_a_document_that_cannot_be_analysed_says_why(content: bytes, reason: str) -> None:
    with pytest.raises(DocumentError) as refused:
        analysed(content)
    assert refused.value.reason == reason
    assert len(str(refused.value)) > 40


def test_a_short_text_is_neutral_and_says_that_it_is_short() -> None:
    analysis = analysed(
        "The meeting of the owners was held in the town hall, and the minutes of it were read aloud to them all."
    )
    assert analysis.optimism.value == 0.5
    assert analysis.optimism.confidence < 0.7
    assert any("low confidence" in warning for warning in analysis.warnings)


@pytest.mark.skipif(not FILINGS.is_dir(), reason="the real filings are not beside the repository")
def test_real_filings_compare_as_a_reader_would_compare_them() -> None:
    def filing(name: str, report_type: str) -> tuple[float, float]:
        analysis = analysed((FILINGS / name).read_bytes(), report_type)
        return analysis.optimism.value, analysis.risk.value

    doubtful = filing("10q_aeon_q3_2023.htm", "10_Q")
    ordinary = filing("10q_apple_q3_2024.htm", "10_Q")
    strong = filing("earnings_mcdonalds_q1_2023.pdf", "8_K")
    assert doubtful[0] < ordinary[0] < strong[0]
    assert doubtful[1] > ordinary[1] > strong[1]


@pytest.mark.skipif(not FILINGS.is_dir(), reason="the real filings are not beside the repository")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("deep_nesting.html", "LIMIT_EXCEEDED"),
        ("entity_expansion.xhtml", "NO_NARRATIVE"),
        ("external_entity.xhtml", "NO_NARRATIVE"),
        ("not_english_mixed.txt", "NOT_ENGLISH"),
        ("password_protected_2.pdf", "PASSWORD_PROTECTED"),
        ("scan_image_only.pdf", "IMAGE_ONLY"),
        ("tables_only.pdf", "NO_NARRATIVE"),
        ("truncated_10k.pdf", "CORRUPT"),
    ],
)
def test_hostile_documents_are_told_apart(name: str, reason: str) -> None:
    with pytest.raises(DocumentError) as refused:
        analysed((FILINGS / "hostile" / name).read_bytes())
    assert refused.value.reason == reason
