"""Documents in plain text, as filed before HTML and today by hand."""

from __future__ import annotations

import re

from reports_worker.processors import paragraphs

_TAG_LINE = re.compile(r"^[ \t]*</?(?:PAGE|TABLE|CAPTION|S|C|FN|PRE)>.*$", re.IGNORECASE | re.MULTILINE)
_BLANK_LINES = re.compile(r"\n(?:[ \t]*+\n)++")
_RULE = re.compile(r"^[ \t\-=_*.]{4,}$", re.MULTILINE)


def text_paragraphs(text: str) -> list[str]:
    """Return the paragraphs of wrapped or unwrapped plain text."""
    paragraphs.refuse_long(text)
    body = _RULE.sub("", _TAG_LINE.sub("", text.replace("\f", "\n\n")))
    return paragraphs.clean(paragraphs.reflow(_BLANK_LINES.sub("\n\n", body).splitlines()))
