"""Headings: what stands above a section, with the number of an item or without one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reports_worker.processors import forms
from reports_worker.processors.forms import SectionType


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading found in a document."""

    type: SectionType
    item: str
    """The item's number, such as `1A`, `2.02` or `II-1A`; empty for a heading without one."""
    text: str
    """The heading itself, without what follows it in the same paragraph."""
    rest: str = ""
    """What follows the heading in its last paragraph."""
    paragraphs: int = 1
    """How many paragraphs the heading takes."""
    is_known: bool = False
    """True when the item has had this title before."""


_MAX_BARE = 110  # characters of a heading without a number
MAX_TITLE = 230
_MAX_PAGE = 40
_PAGE_ALONE = re.compile(r"(?:page\s*)?\d{1,3}(?:\s*[-–]\s*\d{1,3})?", re.IGNORECASE)
_PAGE_NUMBER = re.compile(
    r"(?:[\s.…]|\bpages?\b)+\(?(?:\d{1,3}(?:\s?[-–,]\s?\d{1,3}){0,9}|[A-Z]-\d{1,3}|[ivx]{1,5})\)?\s*$", re.IGNORECASE
)

_ACCOUNTING = re.compile(r"financial statements?|notes to|independent (?:registered|auditor|accountant)", re.IGNORECASE)
_ACCOUNTS = re.compile(r"index to\b.{0,40}\bfinancial statements", re.IGNORECASE)

_REPORTS = r"(?:letter|statement|review|message|report|foreword|address)"
_LEADERS = (
    r"(?:(?:executive |non-executive |group )?chair(?:man|woman|person)?|(?:group )?chief executive(?: officer)?|ceo"
    r"|president|managing director)"
)
_LETTER = re.compile(
    rf"(?:(?:an? )?(?:open )?(?:annual )?(?:letter|message) (?:to|from)\b.{{0,60}}|statement from\b.{{0,60}}"
    rf"|(?:dear|to (?:our|the|all|my))(?: fellow| our| valued| all)* (?:share|stock)(?:holders?|owners?)\b.{{0,40}}"
    rf"|(?:my |our )?(?:dear )?fellow (?:share|stock)(?:holders?|owners?)\b.{{0,20}}"
    rf"|dear (?:fellow )?(?:owners|investors|unitholders|members|friends|partners|shareholder)\b.{{0,30}}"
    rf"|{_LEADERS}['’]?s?['’]? (?:and {_LEADERS}['’]?s?['’]? )?{_REPORTS}\b.{{0,30}})[,:]?",
    re.IGNORECASE,
)
_ADDRESSED_TO_BOARD = re.compile(r"board of (?:directors|trustees)|audit committee", re.IGNORECASE)
_BARE_TITLES: tuple[tuple[SectionType, re.Pattern[str]], ...] = (
    (
        SectionType.MD_A,
        re.compile(
            rf"(?:{forms.MD_A_TITLE})(?:.{{0,80}}\b(?:operations?|condition|results|position|prospects|performance)\b)?"
            r"|(?:operating and )?(?:financial|business|strategic)(?: and (?:business|operating))? review"
            r"|strategic report|directors[’'] report and (?:business|operating) review",
            re.IGNORECASE,
        ),
    ),
    (
        SectionType.RISK_FACTORS,
        re.compile(
            rf"(?:{forms.RISK_TITLE}|(?:our )?risk management and (?:our )?principal risks.{{0,30}}"
            r"|(?:certain |important |risk )*factors (?:that|which) (?:may|could|might) (?:affect|impact|influence)\b"
            r".{0,70})",
            re.IGNORECASE,
        ),
    ),
    (
        SectionType.OTHER,
        re.compile(
            r"(?:(?:full[- ]year |fiscal(?: year)? |first[- ]|second[- ]|third[- ]|fourth[- ]|quarter |q[1-4] |\d{4} "
            r"|business |financial |company |annual |updated )*(?:outlook|guidance)"
            r"(?: for (?:the )?.{0,30}| and (?:guidance|outlook)| summary)?)|legal proceedings"
            r"|corporate governance(?: report)?|directors[’'] report"
            r"|quantitative and qualitative disclosures? about market risk"
            r"|report of independent .{0,60}|independent auditors?[’']?s?[’']? report.{0,60}"
            r"|index to (?:the )?(?:consolidated )?financial statements.{0,40}"
            r"|notes to (?:the )?(?:condensed |consolidated |unaudited |interim )*financial statements"
            r"|(?:safe harbor|cautionary)\b.{0,80}"
            r"|(?:note (?:on|regarding) )?forward[- ]looking (?:statements?|information).{0,40}"
            r"|(?:quarterly )?(?:earnings )?(?:conference call|webcast)(?:s|,? (?:and|information|details)\b.{0,40})?"
            r"|(?:upcoming|related) communications|(?-i:About|ABOUT) (?!the )(?-i:[A-Z0-9]).{1,50}",
            re.IGNORECASE,
        ),
    ),
)
_LEGEND = re.compile(
    r"(?P<title>(?:SAFE HARBOR|FORWARD[- ]LOOKING|CAUTIONARY)\b[A-Z0-9 ,’'()&“”\"-]{0,100})"
    r"[:.] ?(?=[A-Z][A-Za-z]* [a-z])"
)
_NUMBERED = re.compile(
    r"^(?:item\s+3\s?\.?\s?d[.):]?|(?:section |chapter )?(?:\d{1,2}(?:\.\d{1,2})*\.?[a-e]?|[a-e]|[ivx]{1,4})[.):]?)\s+",
    re.IGNORECASE,
)
_PROSPECTUS = re.compile(
    r"(?:PROSPECTUS )?SUMMARY|USE OF PROCEEDS|DIVIDEND POLICY|CAPITALIZATION|DILUTION|BUSINESS|MANAGEMENT|UNDERWRITING"
    r"|PROPERTIES|DESCRIPTION OF (?:CAPITAL STOCK|SECURITIES|BUSINESS|PROPERTY)|SELECTED .{0,30}FINANCIAL DATA"
    r"|EXECUTIVE COMPENSATION|PRINCIPAL (?:SHARE|STOCK)HOLDERS|CERTAIN RELATIONSHIPS .{0,60}|CONTROLS AND PROCEDURES"
)


def is_accounting(heading: str) -> bool:
    """Tell whether financial statements and their notes follow the heading."""
    return _ACCOUNTING.search(heading) is not None


def opens_accounts(heading: str) -> bool:
    """Tell whether this is the heading of the pages that hold a report's financial statements."""
    return _ACCOUNTS.match(heading) is not None


def without_page(paragraph: str) -> str:
    """Return a heading without the page number that follows it in a table of contents."""
    return _PAGE_NUMBER.sub("", paragraph)


def is_contents_entry(paragraph: str) -> bool:
    """Tell whether a page number follows the heading, as in a table of contents."""
    return len(paragraph) <= MAX_TITLE and _PAGE_NUMBER.search(paragraph) is not None


def is_page_number(paragraph: str) -> bool:
    """Tell whether the paragraph is nothing but the number of a page."""
    return len(paragraph) < _MAX_PAGE and _PAGE_ALONE.fullmatch(paragraph) is not None


def bare_heading(paragraph: str) -> Heading | None:
    """Return the heading without an item number that `paragraph` is, or None.

    Of headings that run into their text, only the legend on forward-looking statements is known.
    """
    legend = _LEGEND.match(paragraph)
    if legend is not None:
        return Heading(SectionType.OTHER, "", legend["title"], paragraph[legend.end() :])
    if len(paragraph) > _MAX_BARE:
        return None
    text = paragraph.replace("\t", " ").strip().rstrip(":.")
    if _LETTER.fullmatch(text) and not _ADDRESSED_TO_BOARD.search(text):  # an auditor writes to the board
        return Heading(SectionType.CEO_LETTER, "", text.rstrip(","))
    unnumbered = _NUMBERED.sub("", text)
    for section_type, title in _BARE_TITLES:
        if title.fullmatch(text if section_type is SectionType.OTHER else unnumbered):  # notes are numbered too
            return Heading(section_type, "", text)
    if is_chapter(text):
        return Heading(SectionType.OTHER, "", text)
    return None


def is_chapter(heading: str) -> bool:
    """Tell whether this is the heading of a prospectus' chapter, which ends what is told in another one."""
    return heading.isupper() and _PROSPECTUS.fullmatch(heading) is not None
