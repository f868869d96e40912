"""Which analyses cannot be stored or compared."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from reports_core.domain.analysis import Metric, ReportAnalysis, RiskIndicator, Score, Theme
from reports_worker.analyser.soundness import Unsound, require_sound
from tests.unit.processors_documents import PROSE, analysed

SOUND = analysed(PROSE)


def test_our_own_are_sound() -> None:
    require_sound(SOUND)


@pytest.mark.parametrize(
    ("unsound", "message"),
    [
        (replace(SOUND, optimism=Score(1.5, 0.5)), "optimism is not from 0 to 1"),
        (replace(SOUND, sections=(replace(SOUND.sections[0], risk=Score(0.5, -1)),)), "risk is not from 0 to 1"),
        (replace(SOUND, uncertainty=Score(math.nan, 0.5)), r"analysis\.uncertainty\.value is nan"),
        (replace(SOUND, financial_metrics=(Metric("a:b", math.inf, "USD", "", ""),)), r"metrics\[0\]\.value is inf"),
        (replace(SOUND, warnings=("fine", "not\x00fine")), r"warnings\[1\] has characters"),
        (replace(SOUND, key_themes=(Theme("\ud800", 0.5),)), r"themes\[0\]\.label has characters"),
        (replace(SOUND, key_themes=(Theme("theme", 0.01),) * 51), "more than 50"),
        (replace(SOUND, risk_indicators=(RiskIndicator("risk", 0.5, "x" * 2_001),)), "more than 2,000 characters"),
    ],
)
def test_an_analysis_of_no_use_is_refused_by_what_is_wrong_with_it(unsound: ReportAnalysis, message: str) -> None:
    with pytest.raises(Unsound, match=message):
        require_sound(unsound)
