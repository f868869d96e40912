"""Texts come out in the order in which a reader would put them."""

from __future__ import annotations

import functools
import tomllib

import pytest

from reports_core.domain.analysis import ReportAnalysis
from reports_worker.processors import scoring
from tests.support.filings import FILINGS, report_type_of
from tests.unit.processors_documents import analysed
from tests.unit.processors_tone import EXPECTED, TEXTS, said

PAIRS: dict[str, dict[str, list[list[str]]]] = tomllib.loads((EXPECTED / "tone_pairs.toml").read_text("utf-8"))

needs_filings = pytest.mark.skipif(not FILINGS.is_dir(), reason="the real filings are not beside the repository")


def text(name: str) -> str:
    return " ".join({**TEXTS["first"], **TEXTS["second"], **TEXTS["held_out"]}[name].split())


@functools.cache
def analysis(name: str) -> ReportAnalysis:
    return analysed(text(name))


def value(found: ReportAnalysis, score: str) -> float:
    return {"optimism": found.optimism, "risk": found.risk, "uncertainty": found.uncertainty}[score].value


def pairs(part: str) -> list[tuple[str, str, str]]:
    return [(score, higher, lower) for score, listed in PAIRS[part].items() for higher, lower in listed]


@pytest.mark.parametrize(("score", "higher", "lower"), pairs("first") + pairs("second"))
def test_a_text_scores_higher_than_another(score: str, higher: str, lower: str) -> None:
    assert value(analysis(higher), score) > value(analysis(lower), score) + 0.02


def test_texts_that_nothing_was_tuned_on_come_out_in_order_as_well() -> None:
    wrong = [
        pair for pair in pairs("held_out") if value(analysis(pair[1]), pair[0]) <= value(analysis(pair[2]), pair[0])
    ]
    assert len(wrong) <= 0.2 * len(pairs("held_out")), wrong


@pytest.mark.parametrize("name", ["record_year", "guidance_raised", "launch", "british_good", "ceo_planned"])
def test_good_news_is_well_above_neutral(name: str) -> None:
    assert analysis(name).optimism.value > 0.65


@pytest.mark.parametrize("name", ["profit_warning", "covenant_breach", "restatement", "recall", "ceo_sudden"])
def test_bad_news_is_well_below_neutral(name: str) -> None:
    assert analysis(name).optimism.value < 0.35


@pytest.mark.parametrize("name", ["procedural", "quiet_year"])
def test_procedure_and_a_year_like_any_other_are_neutral(name: str) -> None:
    assert abs(analysis(name).optimism.value - 0.5) < 0.05


def test_a_legend_about_forward_looking_statements_adds_nothing() -> None:
    with_legend = analysed(f"{text('record_year')}\n\n{text('legend')}\n")
    assert with_legend.optimism == analysis("record_year").optimism
    assert with_legend.risk == analysis("record_year").risk


def test_text_in_capitals_says_the_same() -> None:
    for name in ("record_year", "profit_warning", "hedged"):
        shouted = analysed(text(name).upper())
        for score in ("optimism", "risk", "uncertainty"):
            assert value(shouted, score) == pytest.approx(value(analysis(name), score), abs=0.05)


def test_headings_and_tables_say_nothing() -> None:
    table = "Net loss\t(12.1)\t(13.4)\nImpairment\t(3.1)\t(4.0)\nRecord growth\t1.1\t2.2\n"
    assert (
        analysed(f"STRONG GROWTH\n\n{text('flat')}\n\n{table}\nSEVERE LOSSES\n").optimism == analysis("flat").optimism
    )


def optimism(words: str) -> float:
    return scoring.of_section(said(words)).optimism.value


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        # negation
        ("No impairment was recorded.", "An impairment was recorded."),
        ("Sales did not decline.", "Sales declined."),
        ("We closed the year without any losses.", "We closed the year with losses."),
        ("We achieved growth.", "We failed to achieve growth."),
        ("Market conditions were favourable.", "Market conditions were less favourable."),
        ("Market conditions were less severe.", "Market conditions were severe."),
        ("Neither outages nor recalls occurred.", "Outages and recalls occurred."),
        ("Both sales and profits increased.", "Neither sales nor profits increased."),
        ("There were no accidents, outages or recalls.", "There were accidents, outages and recalls."),
        ("The segment is profitable.", "The segment is no longer profitable."),
        ("Nobody doubts that the launch was successful.", "Nobody says that the launch was successful."),
        ("The plan was not unsuccessful.", "The plan was not successful."),
        ("We never failed to achieve our targets.", "We failed to achieve our targets."),
        ("The losses were negligible losses.", "The losses were not immaterial losses."),
        ("The product was not only successful but also profitable.", "The product was not successful."),
        # what might be
        ("If demand were to decline, profits would fall.", "Demand declined and profits fell."),
        ("We could suffer losses.", "We suffered losses."),
        ("Sales fell and may rise.", "Sales fell and profits fell."),
        ("Profits rose.", "Profits might rise."),
        # comparison
        ("The net loss narrowed.", "The net loss widened."),
        ("The decline in revenue slowed.", "The decline in revenue accelerated."),
        ("The decline in revenue slowed.", "Revenue declined."),
        ("Revenue growth accelerated.", "Revenue growth slowed."),
        ("Revenue growth slowed.", "Revenue declined."),
        ("Costs fell faster than revenue.", "Costs rose faster than revenue."),
        ("Revenue rose.", "The cost of revenue rose."),
        ("Gross margin widened.", "Gross margin narrowed."),
        ("Net income rose.", "The net loss narrowed."),
        ("Results were better than expected.", "Results were worse than expected."),
        ("We raised our guidance.", "We cut our guidance."),
        ("We cut costs.", "We cut the dividend."),
        # figures
        ("Revenue grew 40%.", "Revenue grew 2%."),
        ("Revenue grew 40 percent.", "Revenue grew 2 per cent."),
        ("Revenue fell 2%.", "Revenue fell 40%."),
        ("Revenue increased sharply.", "Revenue increased slightly."),
        ("Revenue was $5 million, up 9%.", "Revenue was $5 million, down 9%."),
        ("Revenue was $5 million, an increase of 9%.", "Revenue was $5 million, a decrease of 9%."),
        (
            "Net income was 52 million, compared with 44 million.",
            "Net income was 44 million, compared with 52 million.",
        ),
        ("Gross margin was 45.2% compared with 41.0%.", "Gross margin was 41.0% compared with 45.2%."),
        ("The net loss was 5 million, compared with a net loss of 9 million.", "The net loss was 9 million."),
        ("The provision for credit losses decreased.", "The provision for credit losses increased."),
        ("We have never been more confident.", "We have never been confident."),
        ("We achieved profitability.", "We have yet to achieve profitability."),
        ("Costs were 44 million, against 52 million.", "Costs were 52 million, against 44 million."),
        ("Revenue of $1,234.5 million increased.", "Revenue of $1,234.5 million decreased."),
    ],
)
def test_the_better_sentence_scores_higher(better: str, worse: str) -> None:
    assert optimism(better) > optimism(worse)


@pytest.mark.parametrize(
    "neutral",
    [
        "We bought the wind farm from Progress Energy.",
        "Best Buy is a customer of ours.",
        "The meeting was held on May 4, 2023, in Success, Missouri.",
        "THE MEETING OF MAY 4 WAS HELD AT THE OFFICE.",
        "The loss per share is shown in the table below.",
        "Holders of record on March 3 received the notice.",
        "Accumulated other comprehensive loss is part of equity.",
        "The interest rate swaps are carried at fair value with gains and losses in other income.",
        "The directors adopt the going concern basis in preparing the accounts.",
        "The warrant expires upon death or disability of the holder.",
    ],
)
def test_names_and_terms_of_accounting_say_nothing(neutral: str) -> None:
    found = said(neutral)
    assert (found.positive, found.negative, found.uncertainty) == (0, 0, 0)


@pytest.mark.parametrize(
    ("british", "american"),
    [
        ("The outlook is favourable.", "The outlook is favorable."),
        ("Labour disputes disrupted the plant.", "Labor disputes disrupted the plant."),
        ("We stabilised and optimised the plant.", "We stabilized and optimized the plant."),
        ("The programme jeopardises our results.", "The program jeopardizes our results."),
    ],
)
def test_british_spelling_says_the_same(british: str, american: str) -> None:
    assert said(british) == said(american)


@functools.cache
def filing(name: str) -> ReportAnalysis:
    return analysed((FILINGS / name).read_bytes(), report_type_of(name))


@needs_filings
@pytest.mark.parametrize(
    ("score", "higher", "lower"),
    [
        ("optimism", "10k_nvidia_fy2025.htm", "10q_aeon_q3_2023.htm"),
        ("optimism", "10k_nvidia_fy2025.htm", "10k_nvidia_fy2023.htm"),
        ("optimism", "10k_nvidia_fy2025.htm", "10k_gainsco_fy2009.htm"),
        ("optimism", "earnings_mcdonalds_q1_2023.pdf", "8k_buckle_2024-11-22_ex991.htm"),
        ("optimism", "earnings_mcdonalds_q1_2023.pdf", "earnings_pge_2023-05-31.pdf"),
        ("optimism", "10k_cocacola_fy2024.htm", "10k_boeing_2022.pdf"),
        ("optimism", "10k_adobe_2016.pdf", "10k_boeing_2022.pdf"),
        ("optimism", "20f_aegon_fy2000.htm", "10k_gainsco_fy2009.htm"),
        ("optimism", "8k_1800flowers.htm", "8k_unioncamp_1994.txt"),
        ("optimism", "10q_apple_q3_2025.htm", "10q_apple_q2_2025.htm"),
        ("risk", "10q_aeon_q3_2023.htm", "10q_apple_q3_2024.htm"),
        ("risk", "10q_apple_q2_2025.htm", "10q_apple_q3_2024.htm"),
        ("risk", "earnings_pge_2023-05-31.pdf", "earnings_mcdonalds_q1_2023.pdf"),
        ("risk", "10k_boeing_2022.pdf", "20f_aegon_fy2000.htm"),
        ("uncertainty", "10k_netflix_fy2024.htm", "20f_aegon_fy2000.htm"),
        ("uncertainty", "10q_apple_q3_2024.htm", "8k_1800flowers.htm"),
    ],
)
def test_a_filing_scores_higher_than_another(score: str, higher: str, lower: str) -> None:
    assert value(filing(higher), score) > value(filing(lower), score)


@needs_filings
@pytest.mark.parametrize("name", ["8k_1800flowers.htm", "8k_nexpoint_2023-12-20.htm", "8k_cotelligent_1996_a.txt"])
def test_a_filing_of_pure_procedure_is_neutral(name: str) -> None:
    assert abs(filing(name).optimism.value - 0.5) < 0.1


@needs_filings
@pytest.mark.parametrize("name", ["10k_apple_fy2024.htm", "10k_nvidia_fy2025.htm", "10k_netflix_fy2024.htm"])
def test_risk_factors_are_darker_than_the_discussion_of_the_same_filing(name: str) -> None:
    longest = {
        kind: max((one for one in filing(name).sections if one.type == kind), key=lambda one: one.word_count)
        for kind in ("MD_A", "RISK_FACTORS")
    }
    assert longest["RISK_FACTORS"].optimism.value < longest["MD_A"].optimism.value
    assert longest["RISK_FACTORS"].risk.value > longest["MD_A"].risk.value
    assert longest["RISK_FACTORS"].uncertainty.value > longest["MD_A"].uncertainty.value
