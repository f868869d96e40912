"""Text of Word documents: what a reader of the final version sees."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import pytest

from reports_worker.processor import DocumentError
from reports_worker.processors import decoding, docx, markup, paragraphs
from tests.support import office
from tests.support.filings import FILINGS
from tests.unit.processors_documents import PROSE, analysed

SHOWN = '<w:vanish w:val="0"/>'
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t>{text}</w:t></w:r>"


def reason(content: bytes) -> str:
    with pytest.raises(DocumentError) as refused:
        analysed(content)
    return refused.value.reason


def test_a_word_document_is_told_by_its_content_and_analysed() -> None:
    analysis = analysed(office.docx_of([PROSE, "Risk Factors", PROSE]))
    assert analysis.content_type == "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    assert [section.type for section in analysis.sections][-1] == "RISK_FACTORS"


@pytest.mark.skipif(not FILINGS.is_dir(), reason="the real filings are not beside the repository")
@pytest.mark.parametrize("name", ["8k_nordstrom.htm", "10q_apple_q3_2025.htm", "10k_medicis_fy1999.htm"])
def test_a_filing_saved_by_a_word_processor_keeps_its_paragraphs(name: str) -> None:
    source = decoding.decode((FILINGS / name).read_bytes())
    lines = markup.text_paragraphs(markup.parse(source))
    assert docx.read(office.docx_of(lines)) == paragraphs.clean(lines)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (f"<w:p>{run('one ')}{run('word')}</w:p>", ["one word"]),
        ("<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:noBreakHyphen/><w:t>c</w:t></w:r></w:p>", ["a b-c"]),
        ("<w:p><w:r><w:t>soft</w:t><w:softHyphen/><w:t>ly \u00adspoken</w:t></w:r></w:p>", ["softly spoken"]),
        ("<w:p><w:r><w:t>First line.</w:t><w:br/><w:t>Second line.</w:t></w:r></w:p>", ["First line.", "Second line."]),
        (f"<w:p>{run('kept')}<w:del><w:r><w:delText>deleted</w:delText></w:r></w:del></w:p>", ["kept"]),
        (f"<w:p><w:moveFrom>{run('moved')}</w:moveFrom><w:ins>{run('added')}</w:ins></w:p>", ["added"]),
        (f"<w:p>{run('secret', '<w:vanish/>')}{run('seen', SHOWN)}</w:p>", ["seen"]),
        (f"<w:p><w:pPr><w:rPr><w:vanish/></w:rPr></w:pPr>{run('hidden mark')}</w:p>", ["hidden mark"]),
        (f"<w:p><w:hyperlink>{run('linked')}</w:hyperlink></w:p>", ["linked"]),
        (f"<w:sdt><w:sdtContent><w:p>{run('controlled')}</w:p></w:sdtContent></w:sdt>", ["controlled"]),
    ],
)
def test_what_a_reader_sees_is_read(body: str, text: list[str]) -> None:
    assert docx.read(office.docx(body)) == text


def test_a_field_shows_its_result_and_not_its_instruction() -> None:
    def mark(kind: str) -> str:
        return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'

    instruction = f"{mark('begin')}<w:r><w:instrText>PAGEREF</w:instrText></w:r>{run('nested')}"
    body = f"<w:p>{run('page ')}{instruction}{mark('separate')}{run('27')}{mark('end')}{run(' of it')}</w:p>"
    assert docx.read(office.docx(body)) == ["page 27 of it"]


def test_cells_of_a_row_are_separated_by_tabs_and_prose_in_a_table_is_not() -> None:
    row = office.paragraph("Sales\t1,200\t900")
    layout = office.paragraph(f"{PROSE}{PROSE}{PROSE}\tLast words.")
    assert docx.read(office.docx(row))[0] == "Sales\t1,200\t900"
    assert docx.read(office.docx(layout))[-1] == "Last words."


def test_a_text_box_is_read_once() -> None:
    box = f"<w:txbxContent><w:p>{run('boxed')}</w:p></w:txbxContent>"
    choice = f"<mc:AlternateContent><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent>"
    assert sorted(docx.read(office.docx(f"<w:p>{run('around')}<w:r>{choice}</w:r></w:p>"))) == ["around", "boxed"]


def test_notes_stand_at_the_end_and_headers_nowhere() -> None:
    def notes(kind: str, text: str) -> str:
        line = f'<w:{kind} w:type="separator"><w:p>{run("line")}</w:p></w:{kind}>'
        return office.part(f"{kind}s", f"{line}<w:{kind}><w:p>{run(text)}</w:p></w:{kind}>")

    content = office.docx(
        f"<w:p>{run('The body.')}</w:p>",
        footnotes=notes("footnote", "A footnote."),
        endnotes=notes("endnote", "An endnote."),
        header=office.part("hdr", f"<w:p>{run('header')}</w:p>"),
    )
    assert docx.read(content) == ["The body.", "A footnote.", "An endnote."]


def test_a_style_hides_what_it_or_its_base_style_hides() -> None:
    styles = office.part(
        "styles",
        '<w:style w:styleId="base"><w:rPr><w:vanish/></w:rPr></w:style>'
        '<w:style w:styleId="hidden"><w:basedOn w:val="base"/></w:style>'
        '<w:style w:styleId="loop"><w:basedOn w:val="loop"/></w:style>',
    )
    hidden = f'<w:p><w:pPr><w:pStyle w:val="hidden"/></w:pPr>{run("secret")}</w:p>'
    secret, seen = run("secret", '<w:rStyle w:val="hidden"/>'), run("seen", '<w:rStyle w:val="loop"/>')
    body = f"<w:p>{secret}{seen}</w:p>"
    assert docx.read(office.docx(hidden + body, styles=styles)) == ["seen"]


@pytest.mark.parametrize(
    ("main", "members", "kind"),
    [
        ("xl/workbook.xml", {"xl/workbook.xml": "<a/>"}, "an Excel workbook"),
        ("ppt/presentation.xml", {"ppt/presentation.xml": "<a/>"}, "a PowerPoint presentation"),
        ("FixedDocSeq.fdseq", {}, "an Office document of a kind that holds no report"),
    ],
)
def test_another_office_document_is_named(main: str, members: Mapping[str, str], kind: str) -> None:
    with pytest.raises(DocumentError, match=kind) as refused:
        analysed(office.package(members, main))
    assert refused.value.reason == "UNSUPPORTED_TYPE"


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("mimetype", "application/epub+zip", "an EPUB book"),
        ("mimetype", "application/vnd.oasis.opendocument.text", "an OpenDocument text"),
        ("META-INF/MANIFEST.MF", "", "a Java archive"),
        ("report.htm", PROSE, "a ZIP archive"),
    ],
)
def test_another_archive_is_named(name: str, content: str, kind: str) -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr(name, content)
    with pytest.raises(DocumentError, match=kind) as refused:
        analysed(written.getvalue())
    assert refused.value.reason == "UNSUPPORTED_TYPE"


def test_an_office_file_of_the_old_format_is_told_from_an_encrypted_one() -> None:
    assert reason(OLE + "EncryptedPackage".encode("utf-16-le")) == "PASSWORD_PROTECTED"
    with pytest.raises(DocumentError, match=r"\(\.doc\).*save it as DOCX or PDF") as refused:
        analysed(OLE + "WordDocument".encode("utf-16-le"))
    assert refused.value.reason == "UNSUPPORTED_TYPE"


def test_a_damaged_document_is_corrupt() -> None:
    whole = office.docx_of([PROSE] * 50)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    assert reason(whole[:-100]) == "CORRUPT"
    assert reason(bytes(flipped)) == "CORRUPT"
    assert reason(office.package({"word/document.xml": "<w:document"})) == "CORRUPT"
    assert reason(office.package({})) == "CORRUPT"
