"""The tone of small texts, and the texts that tests of tone share."""

from __future__ import annotations

import tomllib
from pathlib import Path

from reports_worker.processors import lexicon, sentences, tone

EXPECTED = Path(__file__).parent / "expected"
TEXTS: dict[str, dict[str, str]] = tomllib.loads((EXPECTED / "tone_texts.toml").read_text("utf-8"))
"""The texts of each part: `first`, `second` and `held_out`."""


_REPORT_TYPES = {"10k": "10_K", "10q": "10_Q", "8k": "8_K", "20f": "ANNUAL", "earnings": "8_K"}


def report_type_of(filing: str) -> str:
    """Return the type under which a filing would be registered, by the name of its file."""
    return _REPORT_TYPES.get(filing.split("_", maxsplit=1)[0], "OTHER")


def said(text: str, lexicon_file: Path | None = None) -> tone.Tone:
    words = lexicon.load(lexicon_file)
    return tone.total(tone.of_sentence(sentence, words) for sentence in sentences.split(text))
