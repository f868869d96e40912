"""Headings: what a paragraph must look like to begin a section."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reports_worker.processors import forms
from reports_worker.processors.forms import Form, SectionType


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


MAX_BARE = 110
_MAX_TITLE = 230
_MAX_FOLLOWING = 150
_MAX_FOLLOWERS = 3
_MIN_UNFINISHED = 40
_CAPITALISED = 0.6  # of the longer words of a title
_LONGER_WORD = 4

_DASHES = "‐‑‒–—―−-"
_NUMBER = r"\d{1,2}(?:\.\d{2}(?!\d))?|[ivx]{1,4}(?=[.:\s])"
_ITEM = re.compile(
    rf"(?:part\s+(?P<part>i{{1,3}}|iv)\b[^a-z0-9]{{0,6}}(?:(?:financial|other)\s+information[^a-z0-9]{{0,6}})?)?"
    rf"i\s?t\s?e\s?m\s?s?\s*[.:#]?\s*[{_DASHES}]?\s*(?P<number>{_NUMBER})"
    rf"(?:[\s{_DASHES}]?\(?(?P<letter>[a-k])\)?(?!\w|\((?!t\))))?(?P<temporary>\s?\(?t\)?(?=[.:\s]))?"
    rf"(?P<more>(?:\s*(?:,|and|&|/|through|to|[{_DASHES}])\s*(?:items?\s*)?\d{{1,2}}(?:\([a-c]\)|[a-c]\b)?(?!\d)){{0,6}})"
    rf"(?!\d|\([a-z1]\))[\s.:;,|•{_DASHES}]*(?P<title>.*)",
    re.IGNORECASE | re.DOTALL,
)
_PART = re.compile(r"part\s+(?P<part>i{1,3}|iv)\b(?!\s*,?\s*(?:of|items?)\b)", re.IGNORECASE)
_MENTION = re.compile(r"[“\"”‘(]|(?:of|in|and|to|or|above|below|herein|hereof)\b", re.IGNORECASE)
_SENTENCE = re.compile(
    r"\b(?:is|are|was|were|will|has|have|had|contains?|describes?|includes?|should|shall|may|entitled|captioned"
    r"|of (?:this|our|its|part)|of the (?:annual|form|registrant.s annual)|(?:in|to) (?:this|our|its)"
    r"|in the (?:annual|form|company.s annual))\b"
)
_PAGE_ALONE = re.compile(r"(?:page\s*)?\d{1,3}(?:\s*[-–]\s*\d{1,3})?", re.IGNORECASE)
_SECOND_ITEM = re.compile(r"\bitems?\s+\d", re.IGNORECASE)
_NO_TITLE = re.compile(r"[\[(]?(?:removed|reserved|omitted|intentionally (?:omitted|left blank)|not applicable|none)\b.{0,40}$", re.IGNORECASE)
_CONTINUED = re.compile(r"\W{0,3}cont(?:inued|’d|'d|d)?\b\W{0,3}", re.IGNORECASE)
_TITLE_END = re.compile(rf"[.:]\s+(?=[A-Z“\"(])|[.:]?\s[—–―]\s|[.:][—–―]\s?|[.:]\s*\Z")
_UNFINISHED = re.compile(
    r"(?:\b(?:in|of|to|and|or|the|see|under|with|by|from|at|this|our|per|refer to)|[,“(])$", re.IGNORECASE
)
_OPEN_TITLE = re.compile(rf"(?:\b(?:and|of|or|in|on|for|with|to|the|about|by|from)|[,;&{_DASHES}])$", re.IGNORECASE)
_SPLIT_WORD = re.compile(r"(?<![\w’'-])([A-Z]) (?=[A-Z]{2,})")
_SPLIT_FOR_SURE = re.compile(r"(?<![\w’'-])[B-HJ-Z] [A-Z]{2,}")
_PAGE_NUMBER = re.compile(r"(?:[\s.…]|\bpage\b)+\(?(?:\d{1,3}|[A-Z]-\d{1,3}|[ivx]{1,5})\)?\s*$", re.IGNORECASE)

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
        re.compile(rf"(?:{forms.RISK_TITLE}|(?:our )?risk management and (?:our )?principal risks.{{0,30}})", re.IGNORECASE),
    ),
    (
        SectionType.OTHER,
        re.compile(
            r"(?:(?:full[- ]year |fiscal(?: year)? |first[- ]|second[- ]|third[- ]|fourth[- ]|quarter |q[1-4] |\d{4} "
            r"|business |financial |company |annual |updated )*(?:outlook|guidance)"
            r"(?: for (?:the )?.{0,30}| and (?:guidance|outlook)| summary)?)|legal proceedings"
            r"|corporate governance(?: report)?|directors[’'] report|quantitative and qualitative disclosures? about market risk"
            r"|report of independent .{0,60}|independent auditors?[’']?s?[’']? report.{0,60}"
            r"|index to (?:the )?(?:consolidated )?financial statements.{0,40}"
            r"|notes to (?:the )?(?:condensed |consolidated |unaudited |interim )*financial statements"
            r"|(?:safe harbor|cautionary)\b.{0,80}|(?:note (?:on|regarding) )?forward[- ]looking (?:statements?|information).{0,40}"
            r"|(?:quarterly )?(?:earnings )?(?:conference call|webcast)(?:s|,? (?:and|information|details|webcast)\b.{0,40})?"
            r"|(?:upcoming|related) communications|about (?!the )[A-Z0-9].{1,50}",
            re.IGNORECASE,
        ),
    ),
)


def part_of(paragraph: str) -> str:
    """Return the part of a form, `I` to `IV`, that the paragraph is the heading of, else an empty string."""
    named = _PART.match(paragraph)
    return named["part"].upper() if named and len(paragraph) <= _MAX_FOLLOWING else ""


def is_accounting(heading: str) -> bool:
    """Tell whether financial statements and their notes follow the heading."""
    return _ACCOUNTING.search(heading) is not None


def opens_accounts(heading: str) -> bool:
    """Tell whether this is the heading of the pages that hold a report's financial statements."""
    return _ACCOUNTS.match(heading) is not None


def is_contents_entry(paragraph: str) -> bool:
    """Tell whether a page number follows the heading, as in a table of contents."""
    return _PAGE_NUMBER.search(paragraph) is not None and len(paragraph) <= _MAX_TITLE


def is_page_number(paragraph: str) -> bool:
    """Tell whether the paragraph is nothing but the number of a page."""
    return len(paragraph) < _MIN_UNFINISHED and _PAGE_ALONE.fullmatch(paragraph) is not None


def item_heading(lines: Sequence[str], position: int, form: Form, part: str = "") -> Heading | None:
    """Return the heading of an item that starts in the paragraph at `position`, or None.

    `part` is the part of the form that the reader is in. A title may stand in the paragraphs after its number, and
    go on over several of them.
    """
    paragraph = lines[position].replace("\t", " ")
    match = _ITEM.match(paragraph)
    if match is None or _MENTION.match(match["title"]) or _CONTINUED.fullmatch(match["title"]):
        return None
    if position and _is_unfinished(lines[position - 1]):
        return None
    item = _number(match)
    label = " ".join(paragraph[: match.start("title")].split()).rstrip(f" •|,{_DASHES}")
    title, rest = _title_and_rest(_rejoined(match["title"].strip()))
    followers = lines[position + 1 : position + 1 + _MAX_FOLLOWERS]
    key = _key(form, item, (match["part"] or part).upper(), title)
    paragraphs = 1
    if not rest:
        title, rest, paragraphs = _continued(form, item, title, followers)
        key = _key(form, item, (match["part"] or part).upper(), title)
    if len(title) > _MAX_TITLE or (_SENTENCE.search(title) and not rest):
        title, rest = _cut(form, key, f"{title} {rest}".strip())
    if not _is_title(form, key, title):
        return None
    text = f"{label} {title}".rstrip(f" :.,|{_DASHES}")
    return Heading(forms.type_of(form, key, title), key, text, rest, paragraphs)


def bare_heading(paragraph: str) -> Heading | None:
    """Return the heading without an item number that `paragraph` is, or None."""
    text = paragraph.replace("\t", " ").strip().rstrip(":.")
    if len(text) > MAX_BARE:
        return None
    if _LETTER.fullmatch(text) and not _ADDRESSED_TO_BOARD.search(text):  # an auditor writes to the board
        return Heading(SectionType.CEO_LETTER, "", text.rstrip(","))
    for section_type, title in _BARE_TITLES:
        if title.fullmatch(text):
            return Heading(section_type, "", text)
    return None


def _number(match: re.Match[str]) -> str:
    number = match["number"].upper()
    if "." in number:  # 9.01(d) is a paragraph of Item 9.01
        return number
    return f"{number}{(match['letter'] or '').upper()}{'(T)' if match['temporary'] else ''}"


def _is_unfinished(previous: str) -> bool:
    """Tell whether a sentence goes on after `previous`, so that what follows is mentioned by it."""
    return len(previous) >= _MIN_UNFINISHED and _UNFINISHED.search(previous) is not None


def _key(form: Form, item: str, part: str, title: str) -> str:
    """Return the item's name in the form, which for a form in two parts says the part as well."""
    if form.name != "10-Q":
        return item
    named = [f"{of}-{item.removesuffix('T').removesuffix('(T)')}" for of in ("I", "II")]
    titled = [key for key in named if forms.has_title(form, key, title)]
    if titled:
        return titled[0]
    return named[part == "II"]


def _rejoined(title: str) -> str:
    """Join the words that small capitals have torn: `R ISK F ACTORS`."""
    return _SPLIT_WORD.sub(r"\1", title) if _SPLIT_FOR_SURE.search(title) else title


def _title_and_rest(title: str) -> tuple[str, str]:
    """Split a run-in heading, `Legal Proceedings. None.`, after its title."""
    end = _TITLE_END.search(title)
    return (title[: end.start()], title[end.end() :]) if end else (title, "")


def _continued(form: Form, item: str, title: str, followers: Sequence[str]) -> tuple[str, str, int]:
    """Return the title with what the following paragraphs add to it, the rest of the last, and their number."""
    rest = ""
    paragraphs = 1
    for follower in followers:
        addition = _rejoined(follower.replace("\t", " ").strip())
        if rest or len(addition) > _MAX_TITLE or _ITEM.match(addition) or _PART.match(addition):
            break
        if title and not _goes_on(title, addition):
            break
        if not title and not any(forms.has_title(form, key, addition) for key in (item, f"I-{item}", f"II-{item}")):
            break
        more, rest = _title_and_rest(addition)
        if len(more) > _MAX_FOLLOWING:
            return title, "", paragraphs
        title = f"{title} {more}".strip()
        paragraphs += 1
        if addition.endswith("."):
            break
    return title, rest, paragraphs


def _goes_on(title: str, addition: str) -> bool:
    if len(addition) > _MAX_FOLLOWING or _is_sentence(addition):
        return False
    if _OPEN_TITLE.search(title) or addition[:1].islower():
        return True
    words = forms.words_of(_PAGE_NUMBER.sub("", addition))
    last = forms.words_of(title)[-1:]
    pairs = forms.title_pairs()
    return bool(words and last) and all(pair in pairs for pair in zip([*last, *words], words, strict=False))


def _cut(form: Form, key: str, text: str) -> tuple[str, str]:
    """Split a title that runs into its text without a stop, where a known title of the item ends."""
    words = list(re.finditer(r"\S+", text[: 2 * _MAX_TITLE]))
    folded = ["".join(forms.words_of(word[0])) for word in words]
    for title in sorted(form.items.get(key, ()), key=lambda known: -len(known.words)):
        count = len(title.words)
        if tuple(folded[:count]) == title.words and len(words) > count and words[count][0][:1].isupper():
            return text[: words[count - 1].end()], text[words[count].start() :]
    return text, ""


def _is_title(form: Form, key: str, title: str) -> bool:
    if len(title) > _MAX_TITLE or _SECOND_ITEM.search(title):
        return False
    if forms.has_title(form, key.removesuffix("(T)"), title):
        return not _is_sentence(title)
    if not title:
        return key in form.items
    if _NO_TITLE.match(title):
        return True
    return _may_have_any_title(form, key) and _looks_like_title(title)


def _may_have_any_title(form: Form, key: str) -> bool:
    """Tell whether an unfamiliar title may be that of a new item, and not of a paragraph that is numbered so."""
    if key in form.items:
        return True
    return key.isalpha() or (form.name == "8-K" and "." in key)


def _is_sentence(text: str) -> bool:
    return _SENTENCE.search(text) is not None


def _looks_like_title(title: str) -> bool:
    """Tell whether most of the longer words begin with a capital, as in a heading and not in a sentence."""
    longer = [word for word in re.findall(r"[A-Za-z][\w’'-]*", title) if len(word) >= _LONGER_WORD]
    if not longer or len(title) > _MAX_FOLLOWING or _is_sentence(title):
        return False
    return sum(1 for word in longer if word[0].isupper()) >= _CAPITALISED * len(longer)
