"""The tone of small texts, and the texts that tests of tone share."""

from __future__ import annotations

import tomllib
from pathlib import Path

from reports_worker.processors import lexicon, sentences, tone

EXPECTED = Path(__file__).parent / "expected"
TEXTS: dict[str, dict[str, str]] = tomllib.loads((EXPECTED / "tone_texts.toml").read_text("utf-8"))
"""The texts of each part: `first`, `second` and `held_out`."""


def said(text: str, lexicon_file: Path | None = None) -> tone.Tone:
    words = lexicon.load(lexicon_file)
    return tone.total(tone.of_sentence(sentence, words) for sentence in sentences.split(text))
