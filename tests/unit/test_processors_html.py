"""Text of HTML and inline XBRL: what a reader sees, and nothing else."""

from __future__ import annotations

import pytest

from reports_worker.processor import DocumentError
from reports_worker.processors import markup
from tests.unit.processors_documents import PROSE, SAMPLES, analysed, page, sample


def text(body: str, head: str = "") -> list[str]:
    return markup.text_paragraphs(markup.parse(page(body, head)))


@pytest.mark.parametrize("name", ["halvorsen", "cindral", "lumenstack"])
def test_the_hidden_header_does_not_leak_into_the_text(name: str) -> None:
    (path,) = SAMPLES.glob(f"{name}*")
    source = path.read_text(encoding="utf-8")
    assert "http://www.sec.gov/CIK" in source
    visible = " ".join(markup.text_paragraphs(markup.parse(source)))
    assert "sec.gov" not in visible
    assert "iso4217" not in visible
    assert visible.startswith("FORM 10-")


@pytest.mark.parametrize(
    "hidden",
    [
        '<div style="color:red; DISPLAY : none">secret</div>',
        "<p hidden>secret</p>",
        '<p style="visibility:hidden">secret</p>',
        "<iframe>secret</iframe>",
        "<select><option>secret</option></select>",
        "<svg><title>secret</title><text>secret</text></svg>",
        "<!-- > secret -- > -->",
        '<p class="a x">secret</p>',
        "<script>secret</script>",
        "<style>.secret{}</style>",
        "<!-- secret -->",
        "<template>secret</template>",
        "<ix:header><ix:hidden><ix:nonNumeric>secret</ix:nonNumeric></ix:hidden></ix:header>",
    ],
)
def test_what_is_not_displayed_is_not_read(hidden: str) -> None:
    assert text(f"<p>before</p>{hidden}<p>after</p>", "<style>.x{ display:none }</style>") == ["before", "after"]


def test_blocks_are_paragraphs_and_inline_elements_are_not() -> None:
    body = '<div>One <b>bold</b> word<div style="display:inline">, inline</div>.</div><p>Two<br>Three</p>'
    assert text(body) == ["One bold word, inline.", "Two", "Three"]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<p>one <![CDATA[<b> & two]]> three</p>", ["one <b> & two three"]),
        ("<p>a wo<!-- no break -->rd</p>", ["a word"]),
        ("<p>one<plaintext>two<p>three", ["one", "two three"]),
        ("<textarea>one</textarea><xmp>two</xmp>", ["one", "two"]),
        ('<p title="a > b">one</p><p title=\'"\'>two</p>', ["one", "two"]),
        ("<p>1 < 2 and 3 > 2</p>", ["1 < 2 and 3 > 2"]),
        ("<p>one</p><p class=", ["one"]),
        ("<p>one</p><!-- two", ["one"]),
        ("<p>one</p><script>two", ["one"]),
        ("<p>caf&eacute; &#233;&#xE9;&#x92;&#0;</p>", ["café éé’\ufffd"]),
        ("<noframes><p>one</p></noframes>", ["one"]),
    ],
)
def test_text_is_found_as_browsers_find_it(body: str, found: list[str]) -> None:
    assert text(body) == found


def test_careless_markup_is_no_deep_markup() -> None:
    careless = "<p><font size=2>A line.<li>An item.<td>A cell<tr><a name=x>Anchor<br>" * 5_000
    assert len(text(f"<table>{careless}</table>")) > 5_000


def test_a_table_that_is_never_closed_is_deep_when_it_is_repeated() -> None:
    with pytest.raises(DocumentError, match="inside one another"):
        text("<table><tr><td>" * 1_000)


def test_a_short_row_is_one_line_and_a_row_that_lays_out_prose_is_not() -> None:
    row = "<table><tr><td><p>Item 7.</p></td><td><p>Discussion</p></td></tr></table>"
    layout = f"<table><tr><td><p>{PROSE * 2}</p><p>Last words.</p></td></tr></table>"
    assert text(row) == ["Item 7.\tDiscussion"]
    assert [paragraph[:11] for paragraph in text(layout)] == ["The company", "Last words."]


def test_an_element_closed_in_its_own_tag_hides_nothing_behind_it() -> None:
    assert text('<p>one</p><div id="a"/><title/><p>two<br/>three</p>') == ["one", "two", "three"]


def test_preformatted_text_is_reflowed() -> None:
    assert text("<pre>A line that is wrapped here\nand ends here.\n\nNext.</pre>") == [
        "A line that is wrapped here and ends here.",
        "Next.",
    ]


def test_typewriter_text_in_a_frame_of_html_keeps_its_paragraphs() -> None:
    typed = "\n\n".join(["They sold more machines than in the year before\nand were paid sooner &amp; better."] * 30)
    analysis = analysed(f"<html><body><div>\n{typed}\n</div></body></html>")
    assert analysis.content_type == "text/html"
    assert analysis.word_count == 30 * 14


def test_entities_are_neither_expanded_nor_fetched() -> None:
    declared = '<!DOCTYPE html [<!ENTITY a "aaaa"><!ENTITY b SYSTEM "file:///etc/hostname">]>'
    tree = markup.parse(f"{declared}<html><body><p>before &a; between &b; after</p></body></html>")
    assert markup.text_paragraphs(tree)[-1] == "before &a; between &b; after"


def test_content_and_not_the_name_decides_the_media_type() -> None:
    assert analysed(page(f"<p>{PROSE}</p>")).content_type == "text/html"
    assert sample("halvorsen").content_type == "application/xhtml+xml"
    assert sample("marlow").content_type == "application/pdf"
    assert sample("ostrander").content_type == "text/plain"


def test_a_document_that_ends_in_the_middle_is_analysed_with_a_warning() -> None:
    analysis = analysed(f"<html><body><p>{PROSE}</p><p>The next paragraph is cut o")
    assert analysis.word_count > 30
    assert "ends in the middle" in analysis.warnings[0]
