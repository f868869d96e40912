"""The headings of the forms that companies file, and the kind of section each begins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class SectionType(StrEnum):
    """Kind of section, as the contract names it."""

    MD_A = "MD_A"
    CEO_LETTER = "CEO_LETTER"
    RISK_FACTORS = "RISK_FACTORS"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading found in a document."""

    type: SectionType
    item: str
    """The item's number, such as `1A` or `2.02`; empty for a heading without one."""
    text: str
    """The heading itself, without what follows it in the same paragraph."""
    rest: str
    """What follows the heading in the same paragraph."""


NARRATIVE_EXHIBITS = frozenset({13, 15, 16, 17, 19, 20, 28, 99})
"""Numbers of the exhibits that tell of the company; the others are contracts, certifications, consents and data."""

FORM_OF_REPORT_TYPE = {"10_K": "10-K", "10_Q": "10-Q", "8_K": "8-K"}

_APOSTROPHE = "['’`´]?"
_MD_A_TITLE = rf"management{_APOSTROPHE}s?{_APOSTROPHE}\s+discussion\s+(?:and|&)\s+analysis|md&a\b"
_RISK_TITLE = r"(?:principal |key |material |certain |summary of )?risk factors|principal risks(?: and uncertainties)?"

_ANNUAL_ITEMS: dict[str, str] = {
    "1": r"(?:description of )?(?:the )?(?:company['’]s )?business",
    "1A": _RISK_TITLE,
    "1B": r"unresolved staff comments",
    "1C": r"cyber\s?security",
    "2": r"(?:description of )?propert(?:y|ies)",
    "3": r"legal proceedings",
    "4": r"mine safety|submission of matters|\(?\[?(?:removed|reserved)",
    "5": r"market for",
    "6": r"(?:selected|consolidated) |\(?\[?reserved",
    "7": _MD_A_TITLE,
    "7A": r"quantitative and qualitative",
    "8": r"(?:consolidated )?financial statements|index to",
    "9": r"changes? in and disagreements?",
    "9A": r"(?:disclosure )?controls? and procedures?",
    "9A(T)": r"controls? and procedures?",
    "9B": r"other information",
    "9C": r"disclosures? regarding",
    "10": r"directors",
    "11": r"executive compensation",
    "12": r"security ownership",
    "13": r"certain relationships",
    "14": r"principal account|exhibits?,?",
    "15": r"exhibits?(?:,|\s|$)",
    "16": r"form 10-?k summary",
}
_QUARTERLY_ITEMS: dict[str, str] = {
    "1": r"(?:condensed |consolidated |unaudited |interim )*financial (?:statements|information)|legal proceedings",
    "1A": _RISK_TITLE,
    "2": rf"{_MD_A_TITLE}|unregistered|changes in securities|issuer purchases|purchases of equity",
    "3": r"quantitative and qualitative|defaults?",
    "4": r"controls and procedures|mine safety|submission of matters|\(?\[?(?:removed|reserved)",
    "4T": r"controls and procedures",
    "5": r"other information",
    "6": r"exhibits?",
}
_CURRENT_ITEM = r"\d{1,2}(?:\.\d{2})?"
_CURRENT_TITLE = r"[A-Z]"  # the items of an 8-K are many: any title will do
_FOREIGN_ITEMS: dict[str, str] = {
    "1": r"identity of directors|description of business",
    "2": r"offer statistics|description of propert",
    "3": r"key information|legal proceedings",
    "4": r"information on the company|control of registrant",
    "4A": r"unresolved staff comments",
    "5": r"operating and financial review|nature of trading",
    "6": r"directors, senior management|exchange controls",
    "7": r"major (?:share|stock)holders|taxation",
    "8": r"financial information|selected financial data",
    "9": rf"the offer|{_MD_A_TITLE}",
    "10": r"additional information|directors",
    "11": r"quantitative and qualitative|compensation",
    "12": r"description of securities",
    "13": r"defaults?",
    "14": r"material modifications",
    "15": r"controls and procedures|\(?\[?reserved",
    "16": r"\(?\[?reserved|audit committee",
    "17": r"financial statements",
    "18": r"financial statements",
    "19": r"exhibits",
}
_ITEMS_OF_FORM = {"10-K": _ANNUAL_ITEMS, "10-Q": _QUARTERLY_ITEMS, "20-F": _FOREIGN_ITEMS, "40-F": _FOREIGN_ITEMS}

_FORM = re.compile(
    r"(?:united states\s.{0,90})?form\s*(?P<number>10|8|20|40|6)\s?[-–\u2011]?\s?(?P<letter>[kqf])\b", re.IGNORECASE
)
_ITEM = re.compile(
    r"(?:part\s+[iv]+\s*[,.:—–-]*\s*)?items?\s*(?P<item>\d{1,2}(?:\.\d{2})?\s?(?:[a-c]\b)?(?:\(?t\)?(?=[.:\s]))?)"
    r"[\s.:,;—–-]*(?P<title>.*)",
    re.IGNORECASE | re.DOTALL,
)
_TITLE_END = re.compile(r"[.:]\s+(?=[A-Z“\"(])|\s[—–]\s|[.:]\s*\Z")
_PAGE_NUMBER = re.compile(r"(?:[\s.…]|\bpage\b)+\(?(?:\d{1,3}|[A-Z]-\d{1,3}|[ivx]{1,5})\)?\s*$", re.IGNORECASE)
_LETTER = re.compile(
    r"(?:(?:an? )?(?:open )?(?:letter|message|statement) (?:to|from)\b.{0,60}"
    r"|(?:dear|to (?:our|the|all)|to my)(?: fellow| our| valued)* (?:share|stock)(?:holders?|owners?)\b.{0,40}"
    r"|dear (?:fellow )?(?:owners|investors|unitholders|members)\b.{0,20}"
    r"|(?:chair(?:man|woman|person)?|chief executive(?: officer)?|ceo|president)['’]?s?['’]? "
    r"(?:and chief executive(?: officer)?['’]?s?['’]? )?(?:letter|statement|review|message|report)\b.{0,30})[,:]?",
    re.IGNORECASE,
)
_BARE_TITLES: tuple[tuple[SectionType, re.Pattern[str]], ...] = (
    (
        SectionType.MD_A,
        re.compile(
            rf"(?:{_MD_A_TITLE})(?:.{{0,80}}\b(?:operations?|condition|results)\b)?"
            r"|(?:operating and )?(?:financial|business) (?:and business )?review",
            re.IGNORECASE,
        ),
    ),
    (
        SectionType.RISK_FACTORS,
        re.compile(rf"(?:{_RISK_TITLE}|risk management and principal risks)", re.IGNORECASE),
    ),
    (
        SectionType.OTHER,
        re.compile(
            r"(?:business )?outlook(?: for \d{4}| and guidance)?|guidance|legal proceedings|corporate governance"
            r"|quantitative and qualitative disclosures? about market risk|report of independent .{0,60}"
            r"|notes to (?:the )?(?:condensed |consolidated |unaudited )*financial statements",
            re.IGNORECASE,
        ),
    ),
)
_MAX_BARE = 110
_MAX_TITLE = 230


def form_of(opening: Sequence[str], declared: str) -> str:
    """Return the form that the document's opening names, or else `declared`, which may be empty."""
    for paragraph in opening:
        named = _FORM.match(paragraph)
        if named is not None:
            return f"{named['number'].upper()}-{named['letter'].upper()}"
    return declared


def is_contents_entry(paragraph: str) -> bool:
    """Tell whether a page number follows the heading, as in a table of contents."""
    return _PAGE_NUMBER.search(paragraph) is not None and len(paragraph) <= _MAX_TITLE


def item_heading(paragraph: str, form: str) -> Heading | None:
    """Return the item's heading that `paragraph` starts with in `form`, or None."""
    match = _ITEM.match(paragraph)
    if match is None:
        return None
    item = match["item"].upper().replace(" ", "")
    title, rest = _title_and_rest(match["title"])
    if len(title) > _MAX_TITLE or not _title_belongs(item, title, form):
        return None
    text = paragraph[: match.start("title")].replace("\t", " ") + title
    return Heading(_type_of(title), item, " ".join(text.split()).rstrip(" :.—–-"), rest)


def _title_and_rest(text: str) -> tuple[str, str]:
    """Split a run-in heading, `Legal Proceedings. None.`, after its title."""
    text = text.replace("\t", " ").strip()
    end = _TITLE_END.search(text)
    return (text[: end.start()], text[end.end() :]) if end else (text, "")


def bare_heading(paragraph: str) -> Heading | None:
    """Return the heading without an item number that `paragraph` is, or None."""
    text = paragraph.replace("\t", " ").strip().rstrip(":.")
    if len(text) > _MAX_BARE:
        return None
    if _LETTER.fullmatch(text) and "board of directors" not in text.lower():  # an auditor writes to the board
        return Heading(SectionType.CEO_LETTER, "", text.rstrip(","), "")
    for section_type, title in _BARE_TITLES:
        if title.fullmatch(text):
            return Heading(section_type, "", text, "")
    return None


def _title_belongs(item: str, title: str, form: str) -> bool:
    if form in {"8-K", "6-K"}:
        return re.fullmatch(_CURRENT_ITEM, item) is not None and re.match(_CURRENT_TITLE, title) is not None
    items = _ITEMS_OF_FORM.get(form)
    if items is None:
        return any(_title_belongs(item, title, known) for known in (*_ITEMS_OF_FORM, "8-K"))
    expected = items.get(item)
    return expected is not None and re.match(expected, title, re.IGNORECASE) is not None


def _type_of(title: str) -> SectionType:
    if re.match(rf"{_MD_A_TITLE}|operating and financial review", title, re.IGNORECASE):
        return SectionType.MD_A
    if re.match(_RISK_TITLE, title, re.IGNORECASE):
        return SectionType.RISK_FACTORS
    return SectionType.OTHER
