"""Word documents for tests, made as word processors make them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_COMPATIBILITY = "http://schemas.openxmlformats.org/markup-compatibility/2006"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'


def relationships(targets: Mapping[str, str]) -> str:
    entries = "".join(
        f'<Relationship Id="r{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets.items())
    )
    return f'{_DECLARATION}<Relationships xmlns="{_RELATIONSHIPS}">{entries}</Relationships>'


def paragraph(text: str) -> str:
    """Return a paragraph; a tab divides it into the cells of a table's row."""
    cells = [f'<w:p><w:r><w:t xml:space="preserve">{escape(cell)}</w:t></w:r></w:p>' for cell in text.split("\t")]
    if len(cells) == 1:
        return cells[0]
    return f"<w:tbl><w:tr>{''.join(f'<w:tc>{cell}</w:tc>' for cell in cells)}</w:tr></w:tbl>"


def part(element: str, body: str) -> str:
    return f'{_DECLARATION}<w:{element} xmlns:w="{WORD}" xmlns:mc="{_COMPATIBILITY}">{body}</w:{element}>'


def package(members: Mapping[str, str | bytes], main: str = "word/document.xml") -> bytes:
    """Return an archive of these members and of what makes an Office document of it."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        lead = {
            "[Content_Types].xml": f"{_DECLARATION}<Types/>",
            "_rels/.rels": relationships({"officeDocument": main}),
        }
        for name, content in {**lead, **members}.items():
            # Without the time of day, so that the same document is the same bytes.
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return written.getvalue()


def docx(body: str, **others: str) -> bytes:
    """Return a document with this body; `others` are whole parts, such as `footnotes`."""
    members = {
        "word/document.xml": part("document", f"<w:body>{body}</w:body>"),
        "word/_rels/document.xml.rels": relationships({kind: f"{kind}.xml" for kind in others}),
    }
    return package(members | {f"word/{kind}.xml": content for kind, content in others.items()})


def docx_of(paragraphs: Iterable[str]) -> bytes:
    """Return a document of these paragraphs."""
    return docx("".join(map(paragraph, paragraphs)))
