"""Whether the elements of a source are nested as they should be, which those of nearly all filings are.

A tidy source asks nothing of a parser that its size does not. To find that out takes a tenth of the time of following
all that a parser would do.
"""

from __future__ import annotations

import re

# Possessive, and without a way to fail after having read far, so that no source takes more than linear time.
_TAG = re.compile(r"<(/?)([A-Za-z][^ \t\n\f\r/>]*+)(?:[^>/]++|/(?!>))*+(/?+>?+)")
# What a parser reads by rules of its own, and may be left open to the end.
_PECULIAR = frozenset(
    "applet frameset iframe image listing marquee math noembed noframes plaintext script select svg template textarea "
    "xmp".split()
)
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_ENDS_BY_ITSELF = frozenset("body dd dt head html li option p tbody td tfoot th thead tr".split())
_UNSEEN = _VOID | _ENDS_BY_ITSELF
_MAX_TAGS = 1_000_000
_MAX_DEPTH = 200  # filings stay below 20
_MAX_STRAYS = 100  # each may leave one more element open than is seen here
_MAX_NAMES = 20
_MAX_PIECE = 32_768
"""Characters from one tag to the next: a parser compares each attribute of an element with all others of it."""


def self_closed(source: str) -> frozenset[str] | None:
    """Return which elements a tidy source writes as `<a/>`, which is an open one to a parser of HTML.

    None for a source that is not tidy: one that often closes what is not the innermost open element, or stands deep.
    """
    if "<![" in source or max(map(len, source.split("<"))) > _MAX_PIECE:
        return None
    tags = _TAG.findall(source)
    if len(tags) > _MAX_TAGS or not _PECULIAR.isdisjoint({name.lower() for name in {tag[1] for tag in tags}}):
        return None
    if tags and not tags[-1][2].endswith(">"):
        return None
    names: set[str] = set()
    stack: list[str] = []
    strays = 0
    for closes, name, end in tags:
        if name in _UNSEEN or name.lower() in _UNSEEN:
            continue
        if closes:
            if stack and stack[-1] == name:
                stack.pop()
            else:
                strays += 1
        elif end == "/>":
            names.add(name)
        else:
            stack.append(name)
            if len(stack) > _MAX_DEPTH or strays > _MAX_STRAYS:
                return None
    return frozenset(names) if len(names) <= _MAX_NAMES else None
