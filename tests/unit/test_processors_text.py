"""Text of plain files: encodings, wrapped lines and full submissions."""

from __future__ import annotations

import pytest

from reports_worker.processor import DocumentError
from reports_worker.processors import decoding, paragraphs, plaintext, submission
from tests.unit.processors_documents import PROSE, SAMPLES, analysed, sample

TEXT = "The company’s café in Malmö earned more – much more – than in the year before. " + PROSE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_text_in_any_encoding_is_read(encoding: str) -> None:
    assert decoding.decode(TEXT.encode(encoding)) == TEXT


def test_a_page_that_says_latin_1_is_read_as_windows_1252() -> None:
    assert decoding.decode(b'<meta charset="iso-8859-1"><p>It\x92s a \x93good\x94 year') == (
        '<meta charset="iso-8859-1"><p>It’s a “good” year'
    )


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("gb2312", "gb18030"),
        ("Shift_JIS", "cp932"),
        ("koi8-r", "koi8-r"),
        ("windows-1251", "cp1251"),
        ("ks_c_5601-1987", "cp949"),
        ("macintosh", "mac-roman"),
        ("x-user-defined", "cp1252"),
        ("utf-16", "cp1252"),
        ("unicode_escape", "cp1252"),
    ],
)
def test_a_declared_encoding_is_read_as_browsers_read_it(declared: str, encoding: str) -> None:
    text = {
        "gb18030": "公司的业务",
        "cp932": "事業の内容",
        "koi8-r": "Отчёт",
        "cp1251": "Отчёт",
        "cp949": "사업의 내용",
    }
    page = f'<meta charset="{declared}"><p>{text.get(encoding, "café – “open”")}'
    assert decoding.decode(page.encode(encoding)) == page


@pytest.mark.parametrize("encoding", ["gb18030", "koi8-r"])
def test_a_report_in_another_script_is_not_in_english(encoding: str) -> None:
    sentence = {"gb18030": "公司的营业收入比上年增加。净利润也有所增长。", "koi8-r": "Выручка выросла за год. "}[
        encoding
    ]
    page = f'<html><meta charset="{encoding}"><p>{sentence * 60}</p></html>'
    with pytest.raises(DocumentError) as refused:
        analysed(page.encode(encoding))
    assert refused.value.reason == "NOT_ENGLISH"


def test_a_byte_order_mark_outweighs_what_is_declared() -> None:
    page = '<meta charset="iso-8859-1"><p>café'
    assert decoding.decode(page.encode("utf-8-sig")) == page
    assert decoding.decode(page.encode("utf-16")) == page


def test_a_text_of_an_old_mac_keeps_its_quotes() -> None:
    text = "“A good year”, it’s said.\rAnd more."
    assert decoding.decode(text.encode("mac-roman")) == text


def test_a_few_damaged_bytes_do_not_spoil_the_rest() -> None:
    damaged = TEXT.encode() + b"\xff\x00" + b" end"
    assert decoding.decode(damaged) == TEXT + "\ufffd end"


def test_the_encoding_does_not_change_the_analysis() -> None:
    text = (SAMPLES / "ostrander_10k_fy2024.txt").read_text(encoding="utf-8")
    assert analysed(text.encode("utf-16"), "10_K") == analysed(text.encode("utf-8"), "10_K")


def test_wrapped_lines_become_paragraphs_and_figures_stay_apart() -> None:
    text = """
The first paragraph is wrapped after every few words by the typewriter, and
it goes on here until its end. A second sentence follows it on the same line
and ends.

Sales                    1,284.6      1,126.7
Net income                 183.7        148.9
  The next paragraph begins with an indent, as typists did, and it is also
wrapped.
"""
    found = plaintext.text_paragraphs(text)
    assert [line[:22] for line in found] == [
        "The first paragraph is",
        "Sales\t1,284.6\t1,126.7",
        "Net income\t183.7\t148.9",
        "The next paragraph beg",
    ]
    assert [paragraphs.is_narrative(line) for line in found] == [True, False, False, True]


def test_page_headers_and_numbers_are_left_out_and_sentences_made_whole() -> None:
    machines = ["lathes", "mills", "drills", "saws", "presses", "looms"]
    pages = [
        f"The company sold many more {name} than in the year\n\n7\n\nACME REPORT 2024\n\nbefore." for name in machines
    ]
    assert plaintext.text_paragraphs("\n".join(pages)) == [
        f"The company sold many more {name} than in the year before." for name in machines
    ]


def test_a_submission_is_read_without_graphics_and_agreements() -> None:
    analysis = sample("greymoor")
    headings = [section.heading for section in analysis.sections]
    assert headings == ["ITEM 1.05 MATERIAL CYBERSECURITY INCIDENTS", "ITEM 8.01 OTHER EVENTS", "LETTER TO CUSTOMERS"]
    assert analysis.content_type == "text/plain"
    assert "EX-10.4" in analysis.warnings[0]


def test_documents_that_hold_no_text_are_no_part_of_a_submission() -> None:
    def document(kind: str, body: str) -> str:
        return f"<DOCUMENT>\n<TYPE>{kind}\n<SEQUENCE>1\n<TEXT>\n{body}\n</TEXT>\n</DOCUMENT>\n"

    text = (
        document("8-K", "<XBRL>\nmain\n</XBRL>")
        + document("GRAPHIC", "begin 644 a.jpg\nM5&AE\nend")
        + document("EX-99.2", "<PDF>\nbegin 644 a.pdf\n</PDF>")
        + document("EX-101.SCH", "<schema/>")
        + document("EX-99.1", "release")
    )
    found = submission.split(text)
    assert [(part.type, part.text) for part in found.parts] == [("8-K", "main"), ("EX-99.1", "release")]
    assert found.left_out == ()


DOCUMENT = "<DOCUMENT>\n<TYPE>{}\n<SEQUENCE>1\n<TEXT>\n{}\n</TEXT>\n</DOCUMENT>\n"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("-----BEGIN PRIVACY-ENHANCED MESSAGE-----\nProc-Type: 2001\n\n" + DOCUMENT.format("8-K", "main"), ["main"]),
        ("<SEC-HEADER>\nFILER\n</SEC-HEADER>\nmain", ["\nmain"]),
        ("<DOCUMENT>\n<TYPE>8-K\n<TEXT>\nmain\n<DOCUMENT>\n<TYPE>EX-99\n<TEXT>\nnews", ["main", "news"]),
        (f"{DOCUMENT.format('8-K', 'main').strip()}{DOCUMENT.format('EX-99', 'news')}", ["main", "news"]),
        ("  <DOCUMENT>\n  <TYPE>8-K\n  <TEXT>\nmain\n  </TEXT>", ["main"]),
        (DOCUMENT.format("8-K", "before\nbegin 644 a.gif\nM5&AE\n`\nend\nafter"), ["before\n\nafter"]),
        (DOCUMENT.format("8-K", "before\nbegin 644 a.gif\nM5&AE\nmore prose"), ["before\nmore prose"]),
        (DOCUMENT.format("8-K", "begin 644 a.pdf\nM5&AE\nend"), []),
    ],
)
def test_a_submission_is_divided_also_where_its_tags_are_damaged(text: str, parts: list[str]) -> None:
    assert [part.text for part in submission.split(text).parts] == parts


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_the_ends_of_lines_do_not_change_the_analysis(end: str) -> None:
    text = DOCUMENT.format("8-K", PROSE) + DOCUMENT.format("EX-99.1", PROSE)
    assert analysed(text.replace("\n", end), "8_K") == analysed(text, "8_K")


def test_an_exhibit_that_cannot_be_read_spoils_nothing_else() -> None:
    def document(kind: str, body: str) -> str:
        return f"<DOCUMENT>\n<TYPE>{kind}\n<TEXT>\n{body}\n</TEXT>\n</DOCUMENT>\n"

    deep = "<html>" + "<div>" * 3_000 + "</html>"
    analysis = analysed(document("8-K", PROSE) + document("EX-99.1", deep), "8_K")
    assert analysis.word_count > 30
    assert analysis.warnings[0].startswith("EX-99.1 was not analysed.")


def test_a_text_with_tables_marked_by_tags_is_plain_text() -> None:
    assert analysed(f"<PAGE>\n{PROSE}\n<TABLE>\n<S> <C>\nSales 1 2\n</TABLE>\n").content_type == "text/plain"
