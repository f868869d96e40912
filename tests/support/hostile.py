"""Small documents that harm careless readers, each with how it must end."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from random import Random

from tests.support import office

PROSE = (
    "The company sold more machines than in the year before, and its customers paid sooner. "
    "The plant in the valley ran without interruption, and the people who work there were trained on new lathes. "
)
IXBRL = '<html xmlns:ix="http://www.xbrl.org/2013/inlineXBRL"><body>'
PAGE = f"<html><body><p>{PROSE}</p>"

ANALYSED = "ANALYSED"
_DOCUMENTS: dict[str, tuple[Callable[[], bytes | str], frozenset[str]]] = {}
"""By name: how to make it, and how it may end."""
_SMALL: list[str] = []


def _ends(*outcomes: str, large: bool = False) -> Callable[[Callable[[], bytes | str]], Callable[[], bytes | str]]:
    def keep(make: Callable[[], bytes | str]) -> Callable[[], bytes | str]:
        _DOCUMENTS[make.__name__] = make, frozenset(outcomes)
        if not large:
            _SMALL.append(make.__name__)
        return make

    return keep


def names() -> list[str]:
    """Return the names of all documents."""
    return list(_DOCUMENTS)


def small() -> list[bytes]:
    """Make those that are small and quickly made."""
    return [document(name) for name in _SMALL]


def document(name: str) -> bytes:
    """Make a document."""
    made = _DOCUMENTS[name][0]()
    return made.encode() if isinstance(made, str) else made


def outcomes(name: str) -> frozenset[str]:
    """Return how the document may end."""
    return _DOCUMENTS[name][1]


# Archives


def _zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


@_ends("UNSUPPORTED_TYPE")
def zip_in_a_zip() -> bytes:
    bomb = _zipped({"0": bytes(1 << 20)})
    for level in range(5):
        bomb = _zipped({f"{level}-{number}": bomb for number in range(10)})
    return bomb


@_ends("CORRUPT", "UNSUPPORTED_TYPE")
def zip_of_overlapping_members() -> bytes:
    """All entries of the directory lead to the same member."""
    archive = bytearray(_zipped({f"{number:03}": b"" if number else bytes(1 << 20) for number in range(200)}))
    start = archive.index(b"PK\x01\x02")
    for place in range(start, len(archive) - 46):
        if archive[place : place + 4] == b"PK\x01\x02":
            archive[place + 42 : place + 46] = bytes(4)
    return bytes(archive)


@_ends("LIMIT_EXCEEDED", large=True)
def zip_of_very_many_members() -> bytes:
    return _zipped({f"{number}": b"" for number in range(20_000)})


@_ends("LIMIT_EXCEEDED", large=True)
def docx_that_unpacks_to_very_much() -> bytes:
    return office.docx("<w:p/>" * 12_000_000)


@_ends("CORRUPT")
def docx_with_entities() -> bytes:
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else PROSE}">' for n in range(10))
    return office.package({"word/document.xml": f"<!DOCTYPE w [{entities}]><w>&a9;</w>"})


@_ends("CORRUPT")
def docx_with_an_external_entity() -> bytes:
    declared = '<!DOCTYPE w [<!ENTITY a SYSTEM "file:///etc/passwd">]><w>&a;</w>'
    return office.package({"word/document.xml": declared})


@_ends(ANALYSED)
def docx_with_external_relationships() -> bytes:
    outside = office.relationships({"footnotes": "http://192.0.2.1/notes.xml", "styles": "../../../etc/passwd"})
    body = office.part("document", f"<w:body>{office.paragraph(PROSE)}</w:body>")
    return office.package({"word/document.xml": body, "word/_rels/document.xml.rels": outside})


@_ends("LIMIT_EXCEEDED")
def docx_of_deep_tables() -> bytes:
    return office.docx("<w:tbl><w:tr><w:tc>" * 100_000)


@_ends("LIMIT_EXCEEDED", large=True)
def docx_with_huge_styles() -> bytes:
    styles = office.part("styles", '<w:style w:styleId="a"/>' * 2_700_000)
    return office.docx(office.paragraph(PROSE), styles=styles)


@_ends("CORRUPT")
def docx_in_an_unknown_encoding() -> bytes:
    return office.package({"word/document.xml": '<?xml version="1.0" encoding="UTF-2147483648"?><w/>'})


@_ends("CORRUPT")
def docx_that_is_its_own_main_part() -> bytes:
    return office.package({"word/document.xml": office.docx_of([PROSE])})


@_ends("NO_NARRATIVE")
def docx_without_text() -> bytes:
    return office.docx("")


@_ends("UNSUPPORTED_TYPE")
def gzip_named_as_text() -> bytes:
    return gzip.compress(PROSE.encode())


# PDF


def _pdf(objects: Sequence[bytes], trailer: bytes = b"/Root 1 0 R") -> bytes:
    written = bytearray(b"%PDF-1.7\n")
    offsets: list[int] = []
    for number, definition in enumerate(objects, 1):
        offsets.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, definition)
    start = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    written += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return bytes(written) + b"trailer\n<< /Size %d %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)


def _stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


_CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
_FONT = b"/Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
_TEXT = b"BT /F 10 Tf 40 700 Td (%s) Tj ET" % PROSE.encode()


def _page(content: bytes, box: bytes = b"[0 0 612 792]", more: bytes = b"", catalog: bytes = _CATALOG) -> bytes:
    kids = b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>"
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox %s %s /Contents 4 0 R %s >>" % (box, _FONT, more)
    return _pdf([catalog, kids, page, content])


@_ends(ANALYSED)
def pdf_that_is_fine() -> bytes:
    return _page(_stream(_TEXT))


@_ends("CORRUPT", "NO_NARRATIVE")
def pdf_whose_page_tree_is_a_circle() -> bytes:
    return _pdf([_CATALOG, b"<< /Type /Pages /Count 9 /Kids [2 0 R 2 0 R] /Parent 2 0 R >>"])


@_ends("CORRUPT", "NO_NARRATIVE", "LIMIT_EXCEEDED")
def pdf_that_claims_millions_of_pages() -> bytes:
    return _pdf([_CATALOG, b"<< /Type /Pages /Count 2147483647 /Kids [3 0 R] >>", b"<< /Type /Page /Parent 2 0 R >>"])


@_ends("LIMIT_EXCEEDED", "NO_NARRATIVE", "CORRUPT", large=True)
def pdf_of_very_many_kids() -> bytes:
    kids = b"<< /Type /Pages /Count 400000 /Kids [%s] >>" % (b"3 0 R " * 400_000)
    return _pdf([_CATALOG, kids, b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"])


@_ends(ANALYSED, "CORRUPT")
def pdf_whose_cross_references_are_a_circle() -> bytes:
    whole = _page(_stream(_TEXT))
    start = whole.rindex(b"xref\n0")
    return whole.replace(b"/Root 1 0 R", b"/Root 1 0 R /Prev %d" % start)


@_ends(ANALYSED, "CORRUPT", "NO_NARRATIVE")
def pdf_whose_lengths_lie() -> bytes:
    return _page(_stream(_TEXT).replace(b"/Length ", b"/Length 9999999"))


@_ends("LIMIT_EXCEEDED", large=True)
def pdf_of_a_deflate_bomb() -> bytes:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"0 0 1 1 re f " * 80_000) for _ in range(100)) + packer.flush()
    return _page(_stream(packed, b"/Filter /FlateDecode"))


@_ends("LIMIT_EXCEEDED", large=True)
def pdf_of_a_bomb_in_a_bomb() -> bytes:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(600)) + packer.flush()
    return _page(_stream(zlib.compress(packed, 9), b"/Filter [/FlateDecode /FlateDecode]"))


@_ends("LIMIT_EXCEEDED", large=True)
def pdf_of_an_object_stream_bomb() -> bytes:
    packed = zlib.compress(b"1 0 " + b"[" * 60_000_000)
    return _page(_stream(packed, b"/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode"))


@_ends("NO_NARRATIVE", "CORRUPT", "LIMIT_EXCEEDED", large=True)
def pdf_of_nested_arrays() -> bytes:
    return _pdf([_CATALOG, b"[" * 200_000])


@_ends(ANALYSED, "NO_NARRATIVE", "CORRUPT")
def pdf_of_a_chain_of_filters() -> bytes:
    data = _TEXT
    for _ in range(6):
        data = base64.a85encode(data) + b"~>"
    return _page(_stream(data, b"/Filter [%s]" % (b"/ASCII85Decode " * 6)))


@_ends("NO_NARRATIVE", "CORRUPT")
def pdf_of_broken_lzw() -> bytes:
    return _page(_stream(Random(1).randbytes(50_000), b"/Filter /LZWDecode"))


@_ends("NO_NARRATIVE", "CORRUPT")
def pdf_without_pages() -> bytes:
    return _pdf([_CATALOG, b"<< /Type /Pages /Count 0 /Kids [] >>"])


@_ends(ANALYSED)
def pdf_of_a_giant_page() -> bytes:
    return _page(_stream(_TEXT), b"[0 0 100000000 100000000]")


@_ends(ANALYSED)
def pdf_with_a_program() -> bytes:
    action = b"<< /S /JavaScript /JS (while \\(true\\) {}) >>"
    return _page(_stream(_TEXT), catalog=b"<< /Type /Catalog /Pages 2 0 R /OpenAction %s >>" % action)


@_ends(ANALYSED, "CORRUPT")
def pdf_whose_update_is_cut_off() -> bytes:
    return _page(_stream(_TEXT)) + b"4 0 obj\n<< /Length 100 >>\nstream\nBT (new) Tj"


@_ends(ANALYSED, "CORRUPT")
def pdf_behind_html() -> bytes:
    return b"<html><body><p>hello\n" + _page(_stream(_TEXT))


@_ends(ANALYSED)
def pdf_before_an_archive() -> bytes:
    return _page(_stream(_TEXT)) + office.docx_of([PROSE])


@_ends("CORRUPT")
def pdf_of_a_header_alone() -> bytes:
    return b"%PDF-1.7"


# Markup


@_ends(ANALYSED)
def html_with_a_stylesheet_and_an_include() -> str:
    head = '<?xml version="1.0"?><?xml-stylesheet href="http://192.0.2.1/x.xsl"?><!DOCTYPE html SYSTEM "http://192.0.2.1/x">'
    include = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
    return f'{head}<html><base href="http://192.0.2.1/"/><body>{include}<p>{PROSE}</p></body></html>'


@_ends("NO_NARRATIVE")
def html_with_entities_in_entities() -> str:
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    return f"<!DOCTYPE html [{entities}]>{IXBRL}<p>&a9;</p></body></html>"


@_ends("LIMIT_EXCEEDED", large=True)
def html_of_a_million_tables() -> str:
    return PAGE + "<table><tr><td>" * 1_000_000


@_ends(ANALYSED)
def html_of_a_table_of_endless_columns() -> str:
    return f'{PAGE}<table><tr><td colspan="999999999" rowspan="999999999">1</td></tr></table>'


@_ends("LIMIT_EXCEEDED", large=True)
def html_of_deep_elements_with_angles_in_attributes() -> str:
    return PAGE + '<div title="<">' * 100_000


@_ends("LIMIT_EXCEEDED", large=True)
def html_of_deep_elements_between_comments() -> str:
    return PAGE + "<div><!-- </div> --><script></div></script><style></div></style>" * 50_000


@_ends("LIMIT_EXCEEDED", large=True)
def html_of_deep_foreign_elements() -> str:
    return PAGE + "<x><div></x></div>" * 100_000


@_ends("LIMIT_EXCEEDED", large=True)
def html_of_fonts_that_never_end() -> str:
    return PAGE + "".join(f"<p><font size={number}>x" for number in range(20_000))


@_ends("LIMIT_EXCEEDED", large=True)
def html_of_end_tags_that_end_nothing() -> str:
    return PAGE + "<x>" * 1_900 + "</y>" * 1_000_000


@_ends("LIMIT_EXCEEDED", large=True)
def html_of_items_in_deep_elements() -> str:
    return PAGE + "<x>" * 1_900 + "<li>" * 500_000


@_ends("LIMIT_EXCEEDED", large=True)
def html_of_millions_of_cells() -> str:
    return PAGE + "<table><tr>" + "<td>" * 3_000_000


@_ends(ANALYSED, large=True)
def html_of_an_element_with_many_attributes() -> str:
    return f"<html><body><p {' '.join(f'a{number}=1' for number in range(200_000))}>{PROSE}</p>"


@_ends(ANALYSED, large=True)
def html_of_an_attribute_of_megabytes() -> str:
    return f'<html><body><p title="{"x" * 20_000_000}">{PROSE}</p>'


@_ends(ANALYSED, large=True)
def html_of_body_after_body() -> str:
    return PAGE + "".join(f"<body a{number}=1>" for number in range(30_000))


@_ends(ANALYSED, large=True)
def html_that_ends_in_a_comment() -> str:
    return f"{PAGE}<!--{'-' * 5_000_000}"


@_ends(ANALYSED)
def html_that_ends_in_plaintext() -> str:
    return f"{PAGE}<plaintext>{'<div>' * 100}{PROSE}"


@_ends(ANALYSED)
def html_of_strange_references() -> str:
    return f"{PAGE}<p>{'&#0; &#x110000; &#xD800; &nosuch; &amp &lt &#99999999999999; &' * 1_000}</p>"


@_ends(ANALYSED)
def html_of_frames() -> str:
    frames = '<frameset cols="*,*"><frame src="http://192.0.2.1/a.htm"/>' * 50
    return f"<html>{frames}<noframes><body><p>{PROSE}</p></body></noframes></html>"


@_ends(ANALYSED, large=True)
def html_of_angles() -> str:
    return PAGE + "<" * 3_000_000


@_ends(ANALYSED, large=True)
def html_of_open_tags_without_end() -> str:
    return PAGE + "<a " * 2_000_000


@_ends(ANALYSED)
def ixbrl_of_tags_in_tags() -> str:
    return IXBRL + '<ix:nonFraction name="a:b" contextRef="c" unitRef="u">1' * 1_500 + f"<p>{PROSE * 50}</p>"


@_ends(ANALYSED, large=True)
def ixbrl_of_contexts_in_contexts() -> str:
    contexts = "".join(f'<xbrli:context id="c{number}">' for number in range(1_500))
    return f"{IXBRL}{contexts}{'<i>x</i>' * 100_000}<p>{PROSE}</p>"


@_ends(ANALYSED)
def ixbrl_of_numbers_beyond_all_bounds() -> str:
    context = '<xbrli:context id="c"><xbrli:instant>9999-12-31</xbrli:instant></xbrli:context>'
    unit = '<xbrli:unit id="u"><xbrli:measure>iso4217:USD</xbrli:measure></xbrli:unit>'
    tag = (
        '<ix:nonFraction name="us-gaap:Assets" contextRef="c" unitRef="u" decimals="{}" scale="{}">{}</ix:nonFraction>'
    )
    tags = "".join(
        tag.format(decimals, scale, number)
        for decimals in ("INF", "-999", "999", "x")
        for scale in ("30", "-30", "99", "")
        for number in ("9" * 40, "1e400", "NaN", "0." + "0" * 39, "٣")
    )
    return f"{IXBRL}<ix:header>{context}{unit}</ix:header><p>{PROSE}</p>{tags}</body></html>"


# Full submissions


@_ends(ANALYSED)
def submission_of_documents_in_documents() -> str:
    return "<DOCUMENT>\n<TYPE>10-K\n<TEXT>\n" * 50 + PROSE * 3


@_ends("LIMIT_EXCEEDED", large=True)
def submission_of_very_many_documents() -> str:
    return "<DOCUMENT>\n<TYPE>EX-99\n<TEXT>\na\n</TEXT>\n</DOCUMENT>\n" * 5_000


@_ends("NO_NARRATIVE")
def submission_of_binary_parts_alone() -> str:
    return "<DOCUMENT>\n<TYPE>GRAPHIC\n<TEXT>\nbegin 644 a.jpg\nM5&AE\nend\n</TEXT>\n</DOCUMENT>\n" * 10


# Plain text


@_ends("EMPTY", large=True)
def nothing_but_nul() -> bytes:
    return bytes(1_000_000)


@_ends("EMPTY", large=True)
def nothing_but_blank_lines() -> str:
    return "\n" * 10_000_000


@_ends("LIMIT_EXCEEDED", large=True)
def one_line_of_megabytes() -> str:
    return PROSE * 60_000


@_ends("UNSUPPORTED_TYPE", large=True)
def one_word_of_megabytes() -> str:
    return "x" * 5_000_000


@_ends("NO_NARRATIVE", large=True)
def digits_alone() -> str:
    return "1234567890 " * 200_000


@_ends("NO_NARRATIVE", large=True)
def emoji_alone() -> str:
    return "\U0001f4c8\U0001f4b0 " * 100_000


@_ends("NOT_ENGLISH", "NO_NARRATIVE")
def text_from_right_to_left() -> str:
    return "\u202eوصلت نتيجة سنة. " * 5_000


@_ends(ANALYSED, "NO_NARRATIVE", "NOT_ENGLISH", large=True)
def text_under_combining_marks() -> str:
    return "".join(letter + "\u0301\u0327\u0489" * 20 for letter in PROSE * 20)


@_ends("UNSUPPORTED_TYPE", large=True)
def base64_alone() -> bytes:
    return base64.encodebytes(Random(2).randbytes(500_000))


@_ends("NO_NARRATIVE", "NOT_ENGLISH", ANALYSED, large=True)
def json_of_figures() -> str:
    return json.dumps([{"name": f"item {number}", "value": number / 7} for number in range(20_000)], indent=1)


@_ends("NO_NARRATIVE", large=True)
def table_of_commas() -> str:
    return "year,sales,profit\n" + "2024,1284.6,183.7\n" * 100_000


@_ends(ANALYSED, "NOT_ENGLISH", "NO_NARRATIVE", large=True)
def program_source() -> str:
    return "def f(x):\n    return x.strip() or None  # what is left\n\n" * 5_000


@_ends(ANALYSED)
def mail() -> str:
    return f"From: a@example.com\nTo: b@example.com\nContent-Type: text/plain; charset=utf-16\n\n{PROSE * 5}\n"


@_ends("UNSUPPORTED_TYPE", "NO_NARRATIVE", "NOT_ENGLISH", large=True)
def random_bytes() -> bytes:
    return b"\xfe" + Random(3).randbytes(1_000_000)


@_ends("UNSUPPORTED_TYPE", "NO_NARRATIVE", "NOT_ENGLISH", "EMPTY")
def a_few_random_bytes() -> bytes:
    return b"\x81" + Random(4).randbytes(10)


@_ends("TOO_LARGE", large=True)
def a_byte_too_many() -> bytes:
    return PROSE.encode() * 243_000 + bytes(52_428_801 - 243_000 * len(PROSE))


@_ends("UNSUPPORTED_TYPE", large=True)
def control_characters_that_mark_what_we_mark() -> str:
    return PAGE + "\x1c\x1d\x1e\x1f\x02" * 200_000


@_ends(ANALYSED, large=True)
def headings_without_end() -> str:
    return f"Form 10-K\n\n{PROSE}\n\n" + "Item 7. Management's Discussion and Analysis\n\n" * 20_000 + PROSE


@_ends("LIMIT_EXCEEDED", large=True)
def lines_of_one_letter() -> str:
    return "a\n" * 5_500_000


@_ends(ANALYSED, large=True)
def prose_before_and_after_blank_lines() -> str:
    return PROSE + " \n" * 20_000_000 + PROSE


@_ends("LIMIT_EXCEEDED", large=True)
def html_of_preformatted_letters() -> str:
    return PAGE + "<pre>" + "a\n" * 20_000_000 + "</pre>"


@_ends("LIMIT_EXCEEDED", large=True)
def html_of_millions_of_angles() -> str:
    return PAGE + "<" * 5_000_000


@_ends("LIMIT_EXCEEDED", large=True)
def submission_of_millions_of_documents() -> str:
    return "<DOCUMENT>\n" * 4_700_000
