"""The headings of a form's items, in all the ways in which companies write them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reports_worker.processors import forms, headings
from reports_worker.processors.forms import Form
from reports_worker.processors.headings import MAX_TITLE, Heading

_MAX_RUN_IN = 1_000  # characters behind an item's number among which its title is
_MAX_FOLLOWING = 150
_MAX_FOLLOWERS = 3
_MIN_UNFINISHED = 40
_CAPITALISED = 0.6  # of the longer words of a title
_LONGER_WORD = 4

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212-"
_NUMBER = r"\d{1,2}(?:\.\d{2}(?!\d))?|[ivx]{1,4}(?=[.:\s])"
_ITEM = re.compile(
    rf"(?:part\s+(?P<part>i{{1,3}}|iv)\b[^a-z0-9]{{0,6}}(?:(?:financial|other)\s+information[^a-z0-9]{{0,6}})?)?"
    rf"i\s?t\s?e\s?m\s?s?\s*[.:#]?\s*[{_DASHES}]?\s*(?P<number>{_NUMBER})"
    rf"(?:[\s{_DASHES}]?\(?(?P<letter>[a-k])\)?(?!\w|\((?!t\))))?(?P<temporary>\s?\(?t\)?(?=[.:\s]))?"
    rf"(?P<more>(?:\s*(?:,|and|&|/|through|to|[{_DASHES}])\s*(?:items?\s*)?\d{{1,2}}(?:\([a-c]\)|[a-c]\b)?(?!\d)){{0,6}})"
    rf"(?!\d|\([a-z1]\))[\s.:;,|•{_DASHES}]*",
    re.IGNORECASE,
)
_CANDIDATE = re.compile(r"i\s?t\s?e\s?m|part\s+[iv]", re.IGNORECASE)
_SPLIT_LABEL = re.compile(r"\bi\s?t\s?e\s?m", re.IGNORECASE)
_PART = re.compile(r"part\s+(?P<part>i{1,3}|iv)\b(?!\s*,?\s*(?:of|items?)\b)", re.IGNORECASE)
_MENTION = re.compile(
    r"[“\"”‘]|\((?!\W*(?:removed|reserved|omitted|intentionally|not))|(?:of|in|and|to|or|above|below|herein|hereof)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(
    r"\b(?:is|are|was|were|will|has|have|had|contains?|describes?|includes?|should|shall|may|entitled|captioned"
    r"|of (?:this|our|its|part)|of the (?:annual|form|registrant.s annual)|(?:in|to) (?:this|our|its)"
    r"|in the (?:annual|form|company.s annual))\b"
)
_SECOND_ITEM = re.compile(r"\bitems?\s+\d", re.IGNORECASE)
_NO_TITLE = re.compile(
    r"[\[(]?(?:removed|reserved|omitted|intentionally (?:omitted|left blank)|not applicable|none)\b.{0,40}$",
    re.IGNORECASE,
)
_CONTINUED = re.compile(r"\W{0,3}cont(?:inued|’d|'d|d)?\b\W{0,3}", re.IGNORECASE)
_TITLE_END = re.compile(r"[.:]\s+(?=[A-Z“\"(])|[.:]?\s[—–―]\s|[.:][—–―]\s?|—(?=[A-Z][a-z])|[.:]\s*\Z")
_UNFINISHED = re.compile(
    r"(?:\b(?:in|of|to|and|or|the|see|under|with|by|from|at|this|our|per|refer to)|[,“(])$", re.IGNORECASE
)
_OPEN_TITLE = re.compile(rf"(?:\b(?:and|of|or|in|on|for|with|to|the|about|by|from)|[,;&{_DASHES}])$", re.IGNORECASE)
_SMALL_WORD = re.compile(r"[a-z]{2}|a ")  # and not `e)`
_SPLIT_WORD = re.compile(r"(?<![\w’'-])([A-Z]) (?=[A-Z]{2,})")
_SPLIT_FOR_SURE = re.compile(r"(?<![\w’'-])[B-HJ-Z] [A-Z]{2,}")


def may_begin(paragraph: str) -> bool:
    """Tell whether this may be the heading of an item or of a part, which most paragraphs are not."""
    return _CANDIDATE.match(paragraph) is not None


def part_of(paragraph: str) -> str:
    """Return the part of a form, `I` to `IV`, that the paragraph is the heading of, else an empty string."""
    named = _PART.match(paragraph)
    return named["part"].upper() if named and len(paragraph) <= _MAX_FOLLOWING else ""


def heading_at(lines: Sequence[str], position: int, form: Form, part: str = "") -> Heading | None:
    """Return the heading of an item that starts in the paragraph at `position`, or None.

    `part` is the part of the form that the reader is in. A title may stand in the paragraphs after its number, and
    go on over several of them.
    """
    paragraph = lines[position].replace("\t", " ")
    match = _ITEM.match(paragraph)
    if match is None:
        return None
    behind = paragraph[match.end() : match.end() + _MAX_RUN_IN].strip()
    if _MENTION.match(behind) or _CONTINUED.fullmatch(behind):
        return None
    if position and _is_unfinished(lines[position - 1]):
        return None
    item = _number(match)
    title, rest = _title_and_rest(_rejoined(behind))
    followers = lines[position + 1 : position + 1 + _MAX_FOLLOWERS]
    key = _key(form, item, (match["part"] or part).upper(), title)
    paragraphs = 1
    if not rest:
        title, rest, paragraphs = _continued(form, item, title, followers)
        key = _key(form, item, (match["part"] or part).upper(), title)
    if not _looks_like_title(title):
        title, rest = _cut(form, key, title, rest)
    if not _is_title(form, key, title):
        return None
    text = f"{_label(match[0])}{title}".rstrip(f" :.,|{_DASHES}")
    rest += paragraph[match.end() + _MAX_RUN_IN :]
    is_known = forms.has_title(form, key.removesuffix("(T)"), title)
    return Heading(forms.type_of(form, key, title), key, text, rest, paragraphs, is_known)


def _label(text: str) -> str:
    """Return `Item 1A. ` from what stands before a title."""
    label = _SPLIT_LABEL.sub(lambda split: "".join(split[0].split()), " ".join(text.split()))
    return label if label[-1] in _DASHES and not text[-1].isspace() else f"{label} "


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
    named = [f"{of}-{item.removesuffix('(T)')}" for of in ("I", "II")]
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
        if rest or len(addition) > MAX_TITLE or _ITEM.match(addition) or _PART.match(addition):
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
    if _OPEN_TITLE.search(title) or _SMALL_WORD.match(addition):
        return True
    words = forms.words_of(headings.without_page(addition))
    last = forms.words_of(title)[-1:]
    pairs = forms.title_pairs()
    return bool(words and last) and all(pair in pairs for pair in zip([*last, *words], words, strict=False))


def _cut(form: Form, key: str, title: str, rest: str) -> tuple[str, str]:
    """Split a title that runs into its text without a stop, where a known title of the item ends."""
    words = list(re.finditer(r"\S+", title[: 2 * MAX_TITLE]))
    folded = ["".join(forms.words_of(word[0])) for word in words]
    for known in sorted(form.items.get(key, ()), key=lambda known: -len(known.words)):
        count = len(known.words)
        if tuple(folded[:count]) == known.words and len(words) > count and words[count][0][:1].isupper():
            behind = title[words[count].start() :]
            return title[: words[count - 1].end()], f"{behind}. {rest}" if rest else behind
    return title, rest


def _is_title(form: Form, key: str, title: str) -> bool:
    if len(title) > MAX_TITLE or _SECOND_ITEM.search(title):
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
