"""Documents in HTML or iXBRL: their tree and the text that a reader of it sees."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from selectolax.lexbor import LexborDocumentOptions, LexborHTMLParser, LexborNode, SelectolaxError

from reports_worker.processors import errors, paragraphs, tags

_BLOCKS = frozenset(
    "address article aside blockquote body br caption center dd details dir div dl dt figure footer form h1 h2 h3 h4 "
    "h5 h6 header hr html li main nav ol p page pre section table tbody tfoot thead title tr ul".split()
)
_CELLS = frozenset({"td", "th"})
_SKIPPED = frozenset("head script style template noscript iframe object svg select title -comment".split())

_OPENING = re.compile(r"<html\b", re.IGNORECASE)
_OPENING_WITHIN = 5_000
_CLOSING_WITHIN = 2_000
_DISPLAY = re.compile(r"display\s*+:\s*+(none|inline)\b", re.IGNORECASE)
_INVISIBLE = re.compile(r"visibility\s*+:\s*+(?:hidden|collapse)\b", re.IGNORECASE)
_HIDDEN_CLASS = re.compile(r"\.([\w-]++)\s*+\{[^{}]*?display\s*+:\s*+none", re.IGNORECASE)

_BLOCK, _ROW_START, _ROW_END, _CELL_END, _PRE = "\x1e", "\x1c", "\x1d", "\x1f", "\x02"
_MARKERS = str.maketrans(dict.fromkeys((_BLOCK, _ROW_START, _ROW_END, _CELL_END, _PRE), " "))
_MARKER = re.compile(f"[{_BLOCK}{_ROW_START}{_ROW_END}{_CELL_END}{_PRE}]")
_INNERMOST_ROW = re.compile(f"{_ROW_START}([^{_ROW_START}{_ROW_END}]*){_ROW_END}")
_PREFORMATTED = re.compile(f"{_PRE}([^{_PRE}]*){_PRE}")
_MAX_ROW = 400  # characters: longer rows lay out prose and keep their paragraphs


def parse(source: str) -> LexborHTMLParser:
    """Return the tree of an HTML or XHTML document; no entity is expanded and nothing is fetched."""
    normalised = tags.normalised(source)
    try:
        return LexborHTMLParser(normalised, options=LexborDocumentOptions.WO_EVENTS)
    except SelectolaxError as error:  # it reads anything, but not without memory
        raise errors.limit_exceeded("markup that takes more memory than a report may") from error


def text_paragraphs(tree: LexborHTMLParser) -> list[str]:
    """Return the visible paragraphs in document order; a table row is one paragraph, its cells separated by tabs."""
    root = tree.root
    if root is None:
        return []
    text = _visible(root, _hidden_classes(tree))
    paragraphs.refuse_long(text)
    text = _PREFORMATTED.sub(_reflowed, text)
    text = _INNERMOST_ROW.sub(_joined_row, text)
    for mark in (_ROW_START, _ROW_END, _CELL_END):  # of the rows around
        text = text.replace(mark, _BLOCK)
    return paragraphs.clean(text.split(_BLOCK))


def is_cut_off(source: str) -> bool:
    """Tell whether the document opens `html` and never closes it, as after a broken download."""
    return _OPENING.search(source[:_OPENING_WITHIN]) is not None and "</html" not in source[-_CLOSING_WITHIN:].lower()


def _hidden_classes(tree: LexborHTMLParser) -> frozenset[str]:
    sheets = (style.text() for style in tree.css("style"))
    return frozenset(name for sheet in sheets for name in _HIDDEN_CLASS.findall(sheet))


def _visible(root: LexborNode, hidden_classes: frozenset[str]) -> str:
    """Return text and boundaries in document order, without recursion, which depth could exhaust."""
    found: list[str] = []
    pending: list[LexborNode | str] = [root]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            found.append(item)
            continue
        if item.next is not None and item is not root:
            pending.append(item.next)
        tag = item.tag or ""
        if tag == "-text":
            found.append(_text(item.text_content or ""))
        elif tag not in _SKIPPED and not tag.endswith(":header"):
            display = _display(item.attributes, hidden_classes)
            if display != "none":
                before, after = ("", "") if display == "inline" else _boundaries(tag)
                found.append(before)
                pending.append(after)
                if item.first_child is not None:
                    pending.append(item.first_child)
    return "".join(found)


def _text(text: str) -> str:
    return text.translate(_MARKERS) if _MARKER.search(text) else text


def _display(attributes: Mapping[str, str | None], hidden_classes: frozenset[str]) -> str:
    """Return `none`, `inline`, or an empty string for how the element's tag is displayed."""
    if "hidden" in attributes or not hidden_classes.isdisjoint((attributes.get("class") or "").split()):
        return "none"
    return _styled(attributes.get("style") or "")


@functools.lru_cache(maxsize=4_096)
def _styled(declared: str) -> str:
    if _INVISIBLE.search(declared):
        return "none"
    style = _DISPLAY.search(declared)
    return style[1].lower() if style else ""


def _boundaries(tag: str) -> tuple[str, str]:
    if tag == "tr":
        return _ROW_START, _ROW_END
    if tag in _CELLS:
        return "", _CELL_END
    if tag == "pre":
        return _BLOCK + _PRE, _PRE + _BLOCK
    return (_BLOCK, _BLOCK) if tag in _BLOCKS else ("", "")


def _reflowed(preformatted: re.Match[str]) -> str:
    return _BLOCK.join(paragraphs.reflow(re.split(f"[\n{_BLOCK}]", preformatted[1])))


def _joined_row(row: re.Match[str]) -> str:
    text = row[1]
    if len(text) > _MAX_ROW:
        return _BLOCK + text.replace(_CELL_END, _BLOCK) + _BLOCK
    cells = (" ".join(cell.replace(_BLOCK, " ").split()) for cell in text.split(_CELL_END))
    return _BLOCK + paragraphs.CELL.join(filter(None, cells)) + _BLOCK
