"""Numeric facts tagged in an inline XBRL document."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from selectolax.lexbor import LexborHTMLParser, LexborNode

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ZERO_FORMATS = frozenset({"fixedzero", "zerodash", "numdash"})
_POINT_FORMATS = frozenset({"", "numdotdecimal", "numcommadot", "numdotdecimalin", "numspacedot"})
_COMMA_FORMATS = frozenset({"numcommadecimal", "numdotcomma", "numspacecomma", "numcomma"})
_WORD_FORMATS = frozenset({"numwordsen", "durwordsen", "durday", "durmonth", "duryear", "durhour", "durweek"})
_MAX_SCALE = 30


@dataclass(frozen=True, slots=True)
class Fact:
    """One number of the document: what, how much, of whom and when."""

    concept: str
    value: float
    unit: str
    start: str
    """First day of the period; empty for an instant."""
    end: str
    dimensions: bool
    """True for a part of the company, such as a segment."""
    decimals: float
    """Digits after the point that are exact; negative for rounded thousands, infinite for an exact number."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read, and how many tags were malformed."""

    read: tuple[Fact, ...]
    malformed: int


@dataclass(frozen=True, slots=True)
class _Context:
    start: str
    end: str
    dimensions: bool


class _Malformed(Exception):
    """The tag says nothing that can be relied on."""


def read(tree: LexborHTMLParser) -> Facts:
    """Return the numeric facts of a document; nil facts and numbers in words are left out."""
    contexts: dict[str, _Context] = {}
    units: dict[str, str] = {}
    tags: list[LexborNode] = []
    for node in tree.root.traverse() if tree.root else ():
        name = (node.tag or "").rpartition(":")[2]
        if name == "nonfraction":
            tags.append(node)
        elif name == "context" and node.id and (context := _context(node)):
            contexts[node.id] = context
        elif name == "unit" and node.id:
            units[node.id] = _unit(node)
    facts: list[Fact] = []
    malformed = 0
    for tag in tags:
        try:
            fact = _fact(tag, contexts, units)
        except _Malformed:
            malformed += 1
            continue
        if fact is not None:
            facts.append(fact)
    return Facts(tuple(facts), malformed)


def _fact(tag: LexborNode, contexts: Mapping[str, _Context], units: Mapping[str, str]) -> Fact | None:
    attributes = {name: value or "" for name, value in tag.attributes.items()}
    if any(name.endswith(":nil") and value == "true" for name, value in attributes.items()):
        return None
    kind = attributes.get("format", "").rpartition(":")[2].replace("-", "").lower()
    if kind in _WORD_FORMATS:
        return None
    context = contexts.get(attributes.get("contextref", ""))
    unit = units.get(attributes.get("unitref", ""))
    concept = attributes.get("name", "")
    if context is None or unit is None or ":" not in concept:
        raise _Malformed
    value = _number(tag.text(), kind).scaleb(_scale(attributes.get("scale", "")))
    return Fact(
        concept=concept,
        value=float(-value if attributes.get("sign") == "-" else value),
        unit=unit,
        start=context.start,
        end=context.end,
        dimensions=context.dimensions,
        decimals=_decimals(attributes.get("decimals", "")),
    )


def _number(text: str, kind: str) -> Decimal:
    digits = "".join(text.split())
    if kind in _ZERO_FORMATS:
        return Decimal(0)
    if kind in _COMMA_FORMATS:
        digits = digits.replace(".", "").replace(",", ".")
    elif kind in _POINT_FORMATS:
        digits = digits.replace(",", "")
    else:
        raise _Malformed
    if not re.fullmatch(r"[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40}", digits):
        raise _Malformed
    try:
        return Decimal(digits)
    except InvalidOperation as error:
        raise _Malformed from error


def _scale(text: str) -> int:
    if not text:
        return 0
    if not re.fullmatch(r"[-+]?\d{1,2}", text) or abs(int(text)) > _MAX_SCALE:
        raise _Malformed
    return int(text)


def _decimals(text: str) -> float:
    if text.upper() == "INF":
        return math.inf
    return float(text) if re.fullmatch(r"-?\d{1,3}", text) else -math.inf


def _context(node: LexborNode) -> _Context | None:
    days: dict[str, str] = {}
    dimensions = False
    for part in node.traverse():
        name = (part.tag or "").rpartition(":")[2]
        if name in {"startdate", "enddate", "instant"}:
            day = _DAY.match(part.text().strip())
            days[name] = day[0] if day else ""
        dimensions = dimensions or name in {"segment", "scenario"}
    end = days.get("instant") or days.get("enddate", "")
    return _Context(days.get("startdate", ""), end, dimensions) if end else None


def _unit(node: LexborNode) -> str:
    """Return `USD`, `shares`, or for a ratio `USD/shares`."""
    parts = (part for part in node.traverse() if (part.tag or "").rpartition(":")[2] == "measure")
    return "/".join(part.text().strip().rpartition(":")[2] for part in parts)
