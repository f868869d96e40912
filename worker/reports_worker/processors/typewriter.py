"""Typewriter-like text inside a few tags of HTML, whose line breaks are its layout."""

from __future__ import annotations

import html
import re

_BLOCK_TAG = re.compile(r"<(?:p|br|div|td|tr|li|h[1-6]|font|span)\b", re.IGNORECASE)
_FRAME_TAG = re.compile(
    r"</?(?:!doctype|html|head|body|div|pre|title|p|br|b|i|u|a|font|center|hr)\b[^<>]*>", re.IGNORECASE
)
_MIN_LINES = 40
_LINES_PER_TAG = 20


def unframed(source: str) -> str | None:
    """Return the plain text when `source` lays its text out by line breaks, and None when tags do."""
    lines = source.count("\n")
    if lines < _MIN_LINES:
        return None
    tags = sum(1 for _ in _BLOCK_TAG.finditer(source))
    if tags * _LINES_PER_TAG > lines:
        return None
    return html.unescape(_FRAME_TAG.sub("", source))
