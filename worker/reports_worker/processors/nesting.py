"""How deep the elements of an HTML source stand inside one another, and how much work that is for a parser.

A parser puts unclosed elements right: it looks through what is open at every tag, and opens FONT, B and their like
again in every paragraph that follows. A small source can so keep it busy for hours. This follows the rules of the
HTML standard (13.2.6) as far as they decide what is open.
"""

from __future__ import annotations

from collections import Counter

from reports_worker.processors import errors

_MAX_DEPTH = 2_000  # filings stay below 100
_MAX_ELEMENTS = 1_000_000  # a filing of 4 million bytes has 35,000
_MAX_STEPS = 400_000_000  # of looking through open elements: some seconds
_SLOWER = 20  # times a step here costs a step of the parser
_MAX_ALIKE = 3  # unclosed elements with the same attributes that are opened again

_FORMATTING = frozenset("a b big code em font i nobr s small strike strong tt u".split())
_SPECIAL = frozenset(
    "address article aside blockquote body button caption center col colgroup dd details dir div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hgroup html li main menu nav object ol p pre search "
    "section summary table tbody td tfoot th thead tr ul".split()
)
_CLOSES_PARAGRAPH = _SPECIAL - frozenset(
    "body button caption col colgroup head html object table tbody td tfoot th thead tr".split()
)
_SCOPES = frozenset({"table", "caption", "td", "th", "object", "html"})
_CELLS = frozenset({"caption", "td", "th"})
_MARKERS = _CELLS | {"object"}
_TABLE_PARTS = frozenset({"tbody", "thead", "tfoot", "tr", "colgroup"}) | _CELLS
_ITEMS = {"li": frozenset({"li"}), "dd": frozenset({"dd", "dt"}), "dt": frozenset({"dd", "dt"})}
_ITEM_SCOPES = _SPECIAL - {"address", "div", "p"}
_PARAGRAPH = frozenset({"p"})
_PARAGRAPH_SCOPES = _SCOPES | {"button"}
_TABLE = frozenset({"table"})


class Nesting:
    """The elements that are open at one place of a source."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._counts: Counter[str] = Counter()
        # Formatting elements as a parser would open them again: name, attributes, and how many others they stand in.
        self._formatting: list[tuple[str, str, int]] = []
        self._elements = 0
        self._steps = 0

    def add(self, count: int = 1) -> None:
        """Count elements that stand for themselves."""
        self._elements += count
        if self._elements > _MAX_ELEMENTS:
            raise errors.limit_exceeded(f"more than {_MAX_ELEMENTS:,} elements of markup")

    def open(self, name: str, attributes: str) -> None:
        """Follow a start tag."""
        self.add()
        self._walked(len(self._open) + len(self._formatting))
        if name in _CLOSES_PARAGRAPH and self._counts["p"]:
            self._close_nearest(_PARAGRAPH, _PARAGRAPH_SCOPES)
        if name in _ITEMS:
            self._close_nearest(_ITEMS[name], _ITEM_SCOPES)
        elif name in _TABLE_PARTS:
            if not self._counts["table"]:
                return
            self._close_until_table(name)
        self._reopen()
        if name in _FORMATTING:
            self._open_formatting(name, attributes)
        else:
            self._open.append(name)
            self._counts[name] += 1
        if len(self._open) > _MAX_DEPTH or len(self._formatting) > _MAX_DEPTH:
            raise errors.limit_exceeded(f"more than {_MAX_DEPTH:,} elements inside one another")

    def close(self, name: str) -> None:
        """Follow an end tag."""
        if self._open and self._open[-1] == name:  # as nearly always
            self._pop_to(len(self._open) - 1)
            return
        self._walked(len(self._open) + len(self._formatting))
        if name in _FORMATTING:
            self._close_formatting(name)
        elif not self._counts[name]:
            self.add(name in {"p", "br"})
        elif name == "table":
            self._close_nearest(_TABLE, frozenset())
        elif name in _TABLE_PARTS:
            self._close_nearest(frozenset({name}), _TABLE)
        else:
            self._close_nearest(frozenset({name}), _SCOPES if name in _SPECIAL else _SPECIAL)

    def _open_formatting(self, name: str, attributes: str) -> None:
        if name == "a":
            self._close_formatting(name)
        self._walked(_SLOWER * len(self._formatting))
        alike = [place for place, entry in enumerate(self._formatting) if entry[0] == name and entry[1] == attributes]
        if len(alike) >= _MAX_ALIKE:
            del self._formatting[alike[0]]
        self._formatting.append((name, attributes, len(self._open)))

    def _close_formatting(self, name: str) -> None:
        for place in range(len(self._formatting) - 1, -1, -1):
            if self._formatting[place][0] == name:
                if self._formatting[place][2] != len(self._open):
                    self.add(_MAX_ALIKE)  # what it stood around is divided
                del self._formatting[place]
                return

    def _reopen(self) -> None:
        """Open again what was closed around its formatting element."""
        depth = len(self._open)
        place = len(self._formatting)
        while place and self._formatting[place - 1][2] > depth:
            place -= 1
        if place < len(self._formatting):
            self._formatting[place:] = [(name, attributes, depth) for name, attributes, _ in self._formatting[place:]]
            self.add(len(self._formatting) - place)

    def _close_until_table(self, name: str) -> None:
        keep = {"table"}
        if name == "tr":
            keep |= {"tbody", "thead", "tfoot"}
        elif name in {"td", "th"}:
            keep.add("tr")
        while self._open[-1] not in keep:
            self._pop_to(len(self._open) - 1)

    def _close_nearest(self, names: frozenset[str], boundaries: frozenset[str]) -> None:
        """Close the innermost of `names`, and what is open inside it, unless a boundary stands between."""
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place] in names:
                self._walked(_SLOWER * (len(self._open) - place))
                self._pop_to(place)
                return
            if self._open[place] in boundaries:
                self._walked(_SLOWER * (len(self._open) - place))
                return
        self._walked(_SLOWER * len(self._open))

    def _pop_to(self, depth: int) -> None:
        while len(self._open) > depth:
            name = self._open.pop()
            self._counts[name] -= 1
            if name in _MARKERS:
                while self._formatting and self._formatting[-1][2] > len(self._open):
                    self._formatting.pop()

    def _walked(self, steps: int) -> None:
        self._steps += steps
        if self._steps > _MAX_STEPS:
            raise errors.limit_exceeded("so many unclosed elements that putting them right takes too long")
