"""What every attempt of the benchmark comes to: an analysis of the size of a filing's, about 20 KB of JSON."""

from __future__ import annotations

from datetime import timedelta

from reports_core.domain.analysis import Metric, ReportAnalysis, RiskIndicator, Score, Section, Theme
from reports_core.storage.outcomes import Outcome

_SCORE = Score(0.5, 0.75)
_PASSAGE = "We depend on few suppliers, and their failure may harm our business, results and financial condition. "

OUTCOME = Outcome(
    analysis=ReportAnalysis(
        model_version="lexicon-1",
        content_type="text/html",
        word_count=40_000,
        optimism=_SCORE,
        risk=_SCORE,
        uncertainty=_SCORE,
        key_themes=tuple(Theme(f"theme {number}", 0.05) for number in range(20)),
        risk_indicators=tuple(
            RiskIndicator(f"indicator {number}", 0.5, f"{number}. {_PASSAGE * 3}") for number in range(20)
        ),
        sections=tuple(Section("OTHER", f"Item {number}.", 8_000, _SCORE, _SCORE, _SCORE) for number in range(5)),
        financial_metrics=tuple(
            Metric(f"us-gaap:Concept{number}", number * 1e6, "USD", "2024-01-01", "2024-12-31") for number in range(80)
        ),
        warnings=(),
    ),
    processing_time=timedelta(seconds=2),
)
