"""Finding a model's quotes in the text: what does not stand there is no evidence."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

MOST_CHARACTERS = 2_000
_FEWEST_CHARACTERS = 15
"""A shorter quote stands in every text, and is evidence of nothing."""
_TRIES = 100
"""Places to look at where a quote begins or ends within a word: a hostile text may have any number of them."""

_SAME = {
    **dict.fromkeys("‘’‚‛′´`", "'"),  # noqa: RUF001 - typeset text has them all
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−﹣－", "-"),  # noqa: RUF001 - as above
    "…": "...",
}
_AROUND = " '\""


@dataclass(frozen=True, slots=True)
class Folded:
    """A text in which typesetting makes no difference, and where each of its characters stands in the original."""

    original: str
    text: str
    places: list[int]


def fold(original: str) -> Folded:
    """Fold white space into one blank, quotation marks and dashes into plain ones, ligatures into letters.

    Characters that are not seen, such as soft hyphens, go; case and digits stay as they are.
    """
    folded: list[str] = []
    places: list[int] = []
    for place, character in enumerate(original):
        plain = character if " " < character <= "~" and character != "`" else _plain(character)
        if plain == " " and folded and folded[-1] == " ":
            continue
        folded.extend(plain)
        places.extend([place] * len(plain))
    return Folded(original, "".join(folded), places)


def find(text: Folded, quote: str) -> str | None:
    """Return the passage of the original text that `quote` repeats, None when it stands nowhere in it.

    It has to begin and to end with a whole word or number: “sustainable” is no quote of “unsustainable”.
    """
    wanted = fold(quote).text.strip(_AROUND)
    if not _FEWEST_CHARACTERS <= len(wanted) <= MOST_CHARACTERS:
        return None
    start = -1
    for _ in range(_TRIES):
        start = text.text.find(wanted, start + 1)
        if start < 0:
            return None
        end = start + len(wanted)
        if not _goes_on(text.text, start) and not _goes_on(text.text, end):
            passage = text.original[text.places[start] : text.places[end - 1] + 1]
            return passage if len(passage) <= MOST_CHARACTERS else None
    return None


def _plain(character: str) -> str:
    if character.isspace():
        return " "
    if character in _SAME:
        return _SAME[character]
    if unicodedata.category(character) in {"Cc", "Cf", "Cs"}:
        return ""
    # Letters only: a raised 2 must not become the 2 of a number.
    letters = unicodedata.normalize("NFKD", character)
    return letters if letters.isalpha() else unicodedata.normalize("NFD", character)


def _goes_on(text: str, place: int) -> bool:
    """Tell whether a word or a number goes on across `place`."""
    before, after = text[max(0, place - 2) : place], text[place : place + 2]
    if before[-1:].isalnum() and after[:1].isalnum():
        return True
    number = before[-1:].isdigit() and after[:1] in {".", ","} and after[1:].isdigit()
    return number or (before[-1:] in {".", ","} and before[:-1].isdigit() and after[:1].isdigit())
