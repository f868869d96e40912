"""Numeric facts tagged in an inline XBRL document."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice

from selectolax.lexbor import LexborHTMLParser, LexborNode

from reports_worker.processors import numbers

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MEASURE = re.compile(r"\s*(?:[\w.-]{1,50}:)?([\w.-]{1,50})\s*", re.ASCII)
_CONCEPT = re.compile(r"[\w.-]{1,100}:[\w.-]{1,400}", re.ASCII)
_DURATIONS = ("durwordsen", "durday", "durmonth", "duryear", "durhour", "durweek")
_NO_NUMBERS = frozenset({"numinf", "numneginf", "numnan", *_DURATIONS})
_MAX_SCALE = 30
_MAX_PARTS = 500  # nodes inside one context, unit or tag; hundreds of dimensions are still one context


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
    entity: str
    """Whom the fact is of, such as a number that the SEC gave the company; may be empty."""


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
    entity: str


class _Malformed(Exception):
    """The tag says nothing that can be relied on."""


def read(tree: LexborHTMLParser) -> Facts:
    """Return the numeric facts of a document, whatever prefix its tags have; nil facts are left out."""
    contexts: dict[str, _Context] = {}
    units: dict[str, str] = {}
    tags: list[tuple[LexborNode, str]] = []
    for node in tree.root.traverse() if tree.root else ():
        name = _local(node)
        if name in {"nonfraction", "fraction"}:
            tags.append((node, name))
        elif name == "context" and node.id and (context := _context(node)):
            contexts.setdefault(node.id, context)
        elif name == "unit" and node.id and (unit := _unit(node)):
            units.setdefault(node.id, unit)
    facts: list[Fact] = []
    malformed = 0
    for tag, name in tags:
        try:
            fact = _fact(tag, name, contexts, units)
        except _Malformed:
            malformed += 1
            continue
        if fact is not None:
            facts.append(fact)
    return Facts(tuple(facts), malformed)


def _fact(tag: LexborNode, name: str, contexts: Mapping[str, _Context], units: Mapping[str, str]) -> Fact | None:
    attributes = _attributes(tag)
    kind = _kind(attributes)
    if _is_nil(attributes) or kind in _NO_NUMBERS:
        return None
    context = contexts.get(attributes.get("contextref", ""))
    unit = units.get(attributes.get("unitref", ""))
    concept = attributes.get("name", "")
    if context is None or unit is None or not _CONCEPT.fullmatch(concept):
        raise _Malformed
    value = _value(tag, attributes) if name == "nonfraction" else _quotient(tag)
    return Fact(
        concept=concept,
        value=float(value),
        unit=unit,
        start=context.start,
        end=context.end,
        dimensions=context.dimensions,
        decimals=_decimals(attributes, value) if name == "nonfraction" else math.inf,
        entity=context.entity,
    )


def _local(node: LexborNode) -> str:
    return (node.tag or "").rpartition(":")[2]


def _attributes(tag: LexborNode) -> dict[str, str]:
    return {name: value or "" for name, value in tag.attributes.items()}


def _kind(attributes: Mapping[str, str]) -> str:
    """Return the format's name as all registries would write it: `num-dot-decimal` is `numdotdecimal`."""
    return attributes.get("format", "").rpartition(":")[2].replace("-", "").lower()


def _is_nil(attributes: Mapping[str, str]) -> bool:
    return any(name.endswith(":nil") and value in {"true", "1"} for name, value in attributes.items())


def _value(tag: LexborNode, attributes: Mapping[str, str]) -> Decimal:
    number = numbers.parse(_text(tag), _kind(attributes))
    if number is None:
        raise _Malformed
    number = number.scaleb(_scale(attributes.get("scale", "")))
    return -number if attributes.get("sign") == "-" else number


def _quotient(tag: LexborNode) -> Decimal:
    """Return what a fraction says: its numerator by its denominator."""
    terms = {_local(part): part for part in _parts(tag)}
    if not {"numerator", "denominator"} <= terms.keys():
        raise _Malformed
    numerator, denominator = (_value(terms[name], _attributes(terms[name])) for name in ("numerator", "denominator"))
    if not denominator:
        raise _Malformed
    return numerator / denominator


def _scale(text: str) -> int:
    if not text:
        return 0
    if not re.fullmatch(r"[-+]?[0-9]{1,2}", text) or abs(int(text)) > _MAX_SCALE:
        raise _Malformed
    return int(text)


def _decimals(attributes: Mapping[str, str], value: Decimal) -> float:
    """Return the digits after the point that are exact, also where the tag counts all that are (its precision)."""
    text = attributes.get("decimals", "").upper()
    precision = attributes.get("precision", "").upper()
    if "INF" in {text, precision}:
        return math.inf
    if re.fullmatch(r"-?[0-9]{1,2}", text):
        return float(text)
    if re.fullmatch(r"[0-9]{1,2}", precision) and value:
        return float(int(precision) - 1 - value.adjusted())
    return -math.inf


def _parts(node: LexborNode) -> Iterator[LexborNode]:
    """Yield what is inside a node, itself first, but not without end: a broken document may be in there."""
    return islice(node.traverse(include_text=True), _MAX_PARTS)


def _text(node: LexborNode) -> str:
    return "".join(part.text_content or "" for part in _parts(node) if part.tag == "-text")


def _context(node: LexborNode) -> _Context | None:
    days: dict[str, str] = {}
    dimensions = False
    entity = ""
    for part in _parts(node):
        name = _local(part)
        if name == "identifier":
            entity = _text(part).strip()
        if name in {"startdate", "enddate", "instant"}:
            days[name] = _day(_text(part).strip())
        dimensions = dimensions or name in {"segment", "scenario"}
    end = days.get("instant") or days.get("enddate", "")
    return _Context(days.get("startdate", ""), end, dimensions, entity) if end else None


def _day(text: str) -> str:
    """Return the day that `text` begins with, or nothing when the calendar has no such day."""
    found = _DAY.match(text)
    try:
        return date.fromisoformat(found[0]).isoformat() if found else ""
    except ValueError:
        return ""


def _unit(node: LexborNode) -> str:
    """Return `USD`, `shares`, for a ratio `USD/shares`, for a product `kg*m`; nothing when it is none of these."""
    above: list[str] = []
    below: list[str] = []
    measures = above
    for part in _parts(node):
        name = _local(part)
        if name == "unitdenominator":
            measures = below
        elif name == "unitnumerator":
            measures = above
        elif name == "measure":
            measure = _MEASURE.fullmatch(_text(part))
            if measure is None:
                return ""
            measures.append(measure[1])
    return "/".join("*".join(side) for side in (above, below) if side)
