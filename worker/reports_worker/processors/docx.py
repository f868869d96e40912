"""Documents in DOCX, as word processors save them: the text that a reader of the final version sees."""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Mapping

from reports_worker.processors import paragraphs
from reports_worker.processors.archive import Archive

_MAIN_NAMESPACES = frozenset(
    {
        "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "http://purl.oclc.org/ooxml/wordprocessingml/main",
    }
)
# Deleted text, text moved away, what older programs show instead, and how a word is pronounced.
_SKIPPED = frozenset({"del", "moveFrom", "rt"})
_FALLBACK = "http://schemas.openxmlformats.org/markup-compatibility/2006 Fallback"
_OFF = frozenset({"0", "false", "off"})
_CHARACTERS = {"tab": " ", "ptab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "sym": " "}
_NOTES = {"footnotes": "footnote", "endnotes": "endnote"}
_MAX_ROW = 400  # characters: longer rows lay out prose and keep their paragraphs
_MAX_STYLE_CHAIN = 20


def read(content: bytes) -> list[str]:
    """Return the paragraphs, those of footnotes and endnotes last; a table row is one, its cells separated by tabs.

    Headers, footers, comments, hidden text and tracked deletions are left out. Raise DocumentError for content that
    is damaged or no Word document.
    """
    archive = Archive(content)
    main = archive.main_part()
    folder, name = posixpath.split(main)
    own = f"{folder}/_rels/{name}.rels"
    targets = archive.relationships(own) if own in archive else {}
    parts = {kind: posixpath.normpath(posixpath.join(folder, target)) for kind, target in targets.items()}
    parts = {kind: part for kind, part in parts.items() if part in archive}
    hidden = _hidden_styles(archive, parts["styles"]) if "styles" in parts else frozenset()
    lines = _Text(hidden).read(archive, main)
    for kind in _NOTES:
        if kind in parts:
            lines += _Text(hidden).read(archive, parts[kind])
    return paragraphs.clean(lines)


class _Text:
    """What is read of one part, while it is read."""

    def __init__(self, hidden_styles: frozenset[str]) -> None:
        self._hidden_styles = hidden_styles
        self._skipped = 0
        self._lines: list[list[str]] = [[]]  # those of the document, and of the cells that are open
        self._rows: list[list[list[str]]] = []
        self._paragraphs: list[list[str]] = []  # one inside another: a text box stands in a paragraph
        self._hidden_paragraphs: list[bool] = []
        self._within_run = self._hidden_run = self._within_text = False
        self._fields: list[bool] = []  # True until a field's result begins
        self._instructions = 0

    def read(self, archive: Archive, part: str) -> list[str]:
        archive.parse(part, self._start, self._end, self._data)
        return self._lines[0]

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        name = _local(tag)
        if self._skipped or name in _SKIPPED or tag == _FALLBACK or _is_separator(name, attributes):
            self._skipped += 1
            return
        match name:
            case "p":
                self._paragraphs.append([])
                self._hidden_paragraphs.append(False)
            case "r":
                self._within_run, self._hidden_run = True, False
            case "t":
                self._within_text = True
            case "tr":
                self._rows.append([])
            case "tc":
                self._lines.append([])
            case "fldChar":
                self._follow_field(_value(attributes, "fldCharType"))
            case "vanish" | "rStyle" | "pStyle":
                self._hide(name, _value(attributes, "val"))
            case _ if self._within_run:
                self._add(_CHARACTERS.get(name, ""))

    def _end(self, tag: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        match _local(tag):
            case "p" if self._paragraphs:
                text = "".join(self._paragraphs.pop())
                self._hidden_paragraphs.pop()
                self._lines[-1] += filter(None, map(str.strip, text.split("\n")))
            case "r":
                self._within_run = self._hidden_run = False
            case "t":
                self._within_text = False
            case "tc" if len(self._lines) > 1:
                cell = self._lines.pop()
                if self._rows:
                    self._rows[-1].append(cell)
            case "tr" if self._rows:
                self._lines[-1] += _row(self._rows.pop())

    def _data(self, text: str) -> None:
        if self._within_text and not self._skipped:
            self._add(text.replace("\n", " ").replace("\t", " "))

    def _add(self, text: str) -> None:
        if self._paragraphs and not (self._hidden_run or self._hidden_paragraphs[-1] or self._instructions):
            self._paragraphs[-1].append(text)

    def _follow_field(self, kind: str) -> None:
        """Leave a field's instruction out, which may hold other fields, and keep its result."""
        if kind == "begin":
            self._fields.append(True)
            self._instructions += 1
        elif self._fields and kind in {"separate", "end"}:
            self._instructions -= self._fields.pop()
            if kind == "separate":
                self._fields.append(False)

    def _hide(self, name: str, value: str) -> None:
        if name == "pStyle" and self._hidden_paragraphs:
            self._hidden_paragraphs[-1] = value in self._hidden_styles
        elif self._within_run:  # outside, it is the mark of a paragraph's end that is hidden
            hidden = value in self._hidden_styles if name == "rStyle" else value not in _OFF
            self._hidden_run = hidden or (self._hidden_run and name == "rStyle")


def _row(cells: list[list[str]]) -> list[str]:
    if sum(len(line) for cell in cells for line in cell) > _MAX_ROW:
        return [line for cell in cells for line in cell]
    joined = (" ".join(line.replace(paragraphs.CELL, " ") for line in cell) for cell in cells)
    return [paragraphs.CELL.join(filter(None, joined))]


def _is_separator(name: str, attributes: Mapping[str, str]) -> bool:
    """Tell whether this is the line above the notes, which is kept as if it were one."""
    return name in _NOTES.values() and _value(attributes, "type") not in {"", "normal"}


@functools.lru_cache(maxsize=1_000)
def _local(tag: str) -> str:
    """Return the local name of an element of the main namespace, and nothing for any other."""
    namespace, _, name = tag.rpartition(" ")
    return name if namespace in _MAIN_NAMESPACES else ""


def _value(attributes: Mapping[str, str], name: str) -> str:
    return next((value for key, value in attributes.items() if key.rpartition(" ")[2] == name), "")


def _hidden_styles(archive: Archive, part: str) -> frozenset[str]:
    """Return the ids of the styles that hide their text, themselves or by the style that they are based on."""
    based_on: dict[str, str] = {}
    hiding: dict[str, bool] = {}
    current = ""

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        nonlocal current
        match _local(tag):
            case "style":
                current = _value(attributes, "styleId")
            case "basedOn":
                based_on[current] = _value(attributes, "val")
            case "vanish":
                hiding[current] = _value(attributes, "val") not in _OFF

    archive.parse(part, start)
    return frozenset(style for style in {*based_on, *hiding} if _hides(style, based_on, hiding))


def _hides(style: str, based_on: Mapping[str, str], hiding: Mapping[str, bool]) -> bool:
    for _ in range(_MAX_STYLE_CHAIN):
        if style in hiding:
            return hiding[style]
        style = based_on.get(style, "")
    return False
