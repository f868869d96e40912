"""The forms that companies file: their names, their items and the kind of section each item begins."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources


class SectionType(StrEnum):
    """Kind of section, as the contract names it."""

    MD_A = "MD_A"
    CEO_LETTER = "CEO_LETTER"
    RISK_FACTORS = "RISK_FACTORS"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Title:
    """A title that an item has had, in the words that tell it from others."""

    words: tuple[str, ...]
    """All its words, in small letters."""
    stems: tuple[str, ...]
    """The first words that carry meaning, without a plural's s."""


@dataclass(frozen=True, slots=True)
class Form:
    """The items of a form in their order; those of a 10-Q are named with their part, `I-2`."""

    name: str
    items: Mapping[str, tuple[Title, ...]]
    order: Mapping[str, int]


NARRATIVE_EXHIBITS = frozenset({13, 15, 16, 17, 19, 20, 28, 99})
"""Numbers of the exhibits that tell of the company; the others are contracts, certifications, consents and data."""

FORM_OF_REPORT_TYPE = {"10_K": "10-K", "10_Q": "10-Q", "8_K": "8-K"}
MD_A_TITLE = (
    r"management\W{0,2}s?\W{0,2}\s+discussion\s+(?:and|&)\s+analysis|md&a\b|plan of operations?\b"
    r"|operating and financial review|management\W{0,2}s?\W{0,2}\s+report on (?:financial condition|operations)"
)
RISK_TITLE = (
    r"(?:principal |key |material |certain |significant |summary of )?(?:material )?risk factors?(?! management)"
    r"|(?:principal|key|material) (?:business )?risks(?: and uncertainties)?"
)

_SAME_ITEMS = {"40-F": "20-F", "6-K": "8-K"}
_FORM = re.compile(
    r"(?:united states\s.{0,90})?(?:(?:annual|quarterly|current|transition) report (?:on|under) )?form\s*"
    r"(?P<number>10|8|20|40|6)\s?[-–—\u2010\u2011]?\s?(?P<letter>[kqf])(?P<small>sb)?(?:t|405)?\b",
    re.IGNORECASE,
)
_FORM_ALONE = re.compile(r"form", re.IGNORECASE)
_WORD = re.compile(r"[a-z0-9]+")
_LITTLE_WORDS = frozenset("a an and by for in of on or that the to with under its about".split())
_STEMS = 3
_OPENING_LETTERS = 80
_ENOUGH = 2 / 3  # of a title's first words
_SHORT_TITLE = 6  # words: all of a short title must be words of the known one
_RISK = re.compile(rf"(?:{RISK_TITLE})", re.IGNORECASE)
_MD_A = re.compile(rf"(?:{MD_A_TITLE})", re.IGNORECASE)


@functools.cache
def load() -> Mapping[str, Form]:
    """Return the forms by name, read once."""
    text = resources.files("reports_worker.processors").joinpath("data/forms.toml").read_text(encoding="utf-8")
    return {name: _form(name, items) for name, items in tomllib.loads(text).items()}


def form_of(opening: Sequence[str], declared: str) -> str:
    """Return the form that the document's opening names, or else `declared`, which may be empty."""
    for position, paragraph in enumerate(opening):
        named = _FORM.match(paragraph)
        if named is None and _FORM_ALONE.fullmatch(paragraph):
            named = _FORM.match(f"form {''.join(opening[position + 1 : position + 2])}")
        if named is not None:
            small = "SB" if named["small"] and named["letter"] in "kK" else ""
            return f"{named['number']}-{named['letter'].upper()}{small}"
    return declared


def known(name: str) -> Form | None:
    """Return the form with the items that documents of form `name` have; None when it has none of its own."""
    return load().get(_SAME_ITEMS.get(name, name))


def words_of(text: str) -> list[str]:
    """Return the words in small letters, without apostrophes and what else divides them."""
    return _WORD.findall(text.lower().replace("'", "").replace("’", ""))


def has_title(form: Form, item: str, title: str) -> bool:
    """Tell whether `title` is one that `item` has had, torn words and small deviations included."""
    words = words_of(title)
    letters = "".join(words)[:_OPENING_LETTERS]
    if not letters:
        return False
    for known_title in form.items.get(item, ()):
        found = sum(1 for stem in known_title.stems if stem in letters)
        if found >= _ENOUGH * len(known_title.stems):
            return True
        if len(words) <= _SHORT_TITLE and all(word in known_title.words for word in words):
            return any(word not in _LITTLE_WORDS for word in words)
    return False


def type_of(form: Form | None, item: str, title: str) -> SectionType:
    """Return the kind of section that an item begins: by its title, and by its number when it has none."""
    if _MD_A.match(title):
        return SectionType.MD_A
    if _RISK.match(title):
        return SectionType.RISK_FACTORS
    if form is None or title or not form.items.get(item):
        return SectionType.OTHER
    return type_of(form, item, " ".join(form.items[item][0].words))


@functools.cache
def title_pairs() -> frozenset[tuple[str, str]]:
    """Return all pairs of words that follow one another in a title of any form."""
    titles = (title for form in load().values() for known_titles in form.items.values() for title in known_titles)
    return frozenset(pair for title in titles for pair in zip(title.words, title.words[1:], strict=False))


def _form(name: str, items: Mapping[str, Sequence[str]]) -> Form:
    order = {item: position for position, item in enumerate(items)}
    return Form(name, {item: tuple(map(_title, titles)) for item, titles in items.items()}, order)


def _title(text: str) -> Title:
    words = tuple(words_of(text))
    meaning = [word.removesuffix("s") for word in words if word not in _LITTLE_WORDS]
    return Title(words, tuple(meaning[:_STEMS]))
