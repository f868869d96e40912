"""Numbers as inline XBRL writes them: the formats of the transformation registries 1 to 5 and of the SEC's own."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

_DIGITS = re.compile(r"[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40}")
_WITH_UNIT = re.compile(r"(?P<whole>[0-9.,\s]*[0-9])\s*[^0-9.,\s]+\s*(?P<part>[0-9]{1,2})\s*[^0-9.,\s]*\s*")
_APOSTROPHES = str.maketrans(dict.fromkeys("'`´’\u2032"))
_GROUPING = str.maketrans(dict.fromkeys(",."))
_MAX_CHARACTERS = 300

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORDS = (
    {word: value for value, word in enumerate(_SMALL)}
    | {word: 10 * tens for tens, word in enumerate(_TENS, 2)}
    | {"no": 0, "none": 0, "nil": 0, "a": 1, "an": 1}
)
_POWERS = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}


def parse(text: str, kind: str) -> Decimal | None:
    """Return the number that `text` says in a format such as `numdotdecimal`; None when it says none."""
    transformation = _TRANSFORMATIONS.get(kind)
    if transformation is None or len(text) > _MAX_CHARACTERS:
        return None
    return transformation(text)


def _zero(text: str) -> Decimal | None:  # noqa: ARG001 - whatever is written, it stands for zero
    return Decimal(0)


def _with_point(text: str) -> Decimal | None:
    digits = "".join(text.split()).replace(",", "")
    return Decimal(digits) if _DIGITS.fullmatch(digits) else None


def _with_comma(text: str) -> Decimal | None:
    return _with_point(text.replace(".", "").replace(",", "."))


def _with_unit(text: str) -> Decimal | None:
    """Read `6 pounds 50 pence` or `6£50`."""
    found = _WITH_UNIT.fullmatch(text.strip())
    if found is None:
        return None
    return _with_point(f"{found['whole'].translate(_GROUPING)}.{found['part']:0>2}")


def _without_apostrophes(read: Callable[[str], Decimal | None]) -> Callable[[str], Decimal | None]:
    return lambda text: read(text.translate(_APOSTROPHES))


def _in_words(text: str) -> Decimal | None:
    """Read `one hundred and twenty-five thousand`."""
    total = group = 0
    words = text.lower().replace("-", " ").replace(",", " ").split()
    for word in words:
        if word in _POWERS:
            total, group = total + max(group, 1) * _POWERS[word], 0
        elif word == "hundred":
            group = max(group, 1) * 100
        elif word in _WORDS:
            group += _WORDS[word]
        elif word != "and":
            return None
    return Decimal(total + group) if words else None


_TRANSFORMATIONS: dict[str, Callable[[str], Decimal | None]] = {
    **dict.fromkeys(("fixedzero", "zerodash", "numdash"), _zero),
    **dict.fromkeys(("", "numdotdecimal", "numdotdecimalin", "numcommadot", "numspacedot"), _with_point),
    **dict.fromkeys(("numcommadecimal", "numdotcomma", "numspacecomma", "numcomma"), _with_comma),
    **dict.fromkeys(("numunitdecimal", "numunitdecimalin"), _with_unit),
    "numdotdecimalapos": _without_apostrophes(_with_point),
    "numcommadecimalapos": _without_apostrophes(_with_comma),
    "numunitdecimalapos": _without_apostrophes(_with_unit),
    "numwordsen": _in_words,
}
