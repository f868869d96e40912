"""The tags of an HTML or XHTML source, found as browsers find them, and written so that a parser meets no surprise."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Collection, Iterator

from reports_worker.processors import errors, tidiness
from reports_worker.processors.nesting import Nesting

# Nothing here can match in two ways or fail after having read far, so that no source takes more than linear time:
# what is never closed reaches to the end.
_TOKEN = re.compile(
    r"""<(?:(?P<close>/?)(?P<name>[A-Za-z][^ \t\n\f\r/>]*+)
        (?P<rest>(?:[ \t\n\f\r/]++|[^ \t\n\f\r/>][^ \t\n\f\r/>=]*+
            (?:[ \t\n\f\r]*+=[ \t\n\f\r]*+(?:"[^"]*+"?+|'[^']*+'?+|[^ \t\n\f\r>"'][^ \t\n\f\r>]*+|))?+)*+)(?P<end>>?+)
      |!--(?:-?>|(?:[^-]++|-(?!-!?>))*+(?:--!?>)?+)
      |!\[CDATA\[(?P<data>(?:[^\]]++|\](?!\]>))*+)(?:\]\]>)?+)""",
    re.VERBOSE,
)
_RAW = {name: re.compile(rf"</{name}(?=[ \t\n\f\r/>])", re.IGNORECASE) for name in ("script", "style")}
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
# Elements whose content a parser would read by rules of its own. What stands for them is shown, or not shown, alike.
_PLAIN = {
    "applet": "div",
    "frameset": "div",
    "iframe": "object",
    "image": "img",
    "listing": "pre",
    "marquee": "div",
    "math": "span",
    "noembed": "object",
    "noframes": "div",
    "plaintext": "pre",
    "select": "object",
    "svg": "object",
    "template": "object",
    "textarea": "div",
    "title": "object",
    "xmp": "pre",
}
_FEW_TIMES = frozenset({"html", "head", "body"})  # a parser adds the attributes of each to the first
_MAX_TIMES = 20
_LONG_REST = 4_096  # characters
_MAX_ATTRIBUTES = 1_000  # of one element: a parser compares each with all others
_SEPARATOR = re.compile(r"[ \t\n\f\r/]+")
_MAX_ANGLES = 4_000_000  # of tags and others, each of which a parser keeps apart
_NO_COMMENT = "<!---->"  # keeps apart what a comment or a section kept apart, and shows nothing


def normalised(source: str) -> str:
    """Return the source without comments and scripts, with CDATA sections as text and `<a/>` as `<a></a>`.

    To an HTML parser `<a/>` would be an element that never ends. Raise DocumentError for a source that asks more of a
    parser than a report does.
    """
    if source.count("<") > _MAX_ANGLES:
        raise errors.limit_exceeded(f"more than {_MAX_ANGLES:,} tags")
    closed = tidiness.self_closed(source)
    return "".join(_pieces(source)) if closed is None else _opened(source, closed)


def _opened(source: str, names: Collection[str]) -> str:
    """Write `<a/>` as `<a></a>` for elements of these names."""
    if not names:
        return source
    either = "|".join(map(re.escape, names))
    return re.sub(rf"<({either})((?:[ \t\n\f\r][^<>]*?)?)/>", r"<\1\2></\1>", source)


def _pieces(source: str) -> Iterator[str]:
    nesting = Nesting()
    seen: Counter[str] = Counter()
    copied = at = 0
    while token := _TOKEN.search(source, at):
        at = token.end()
        tag = token["name"]
        if tag is None:
            replacement: str | None = _NO_COMMENT + html.escape(token["data"] or "", quote=False)
        elif not token["end"]:
            at = len(source)  # a tag that never ends is none
            replacement = ""
        elif (name := tag.lower()) in _RAW:
            replacement = _NO_COMMENT
            if not token["close"] and not token["rest"].endswith("/"):
                closing = _RAW[name].search(source, at)
                content_end = closing.start() if closing else len(source)
                if name == "style":
                    sheet = source[at:content_end].replace("<", " ")
                    replacement = f"<style>{sheet}</style>"
                at = content_end
        else:
            seen[name] += name in _FEW_TIMES
            replacement = _rewritten(token, name, nesting) if seen[name] <= _MAX_TIMES else _NO_COMMENT
        if replacement is not None:
            yield source[copied : token.start()]
            yield replacement
            copied = at
    yield source[copied:]


def _rewritten(token: re.Match[str], name: str, nesting: Nesting) -> str | None:
    """Return what to write for the tag, or None for what stands there."""
    plain = _PLAIN.get(name, name)
    if token["close"]:
        nesting.close(plain)
        return None if plain is name else f"</{plain}>"
    rest = token["rest"]
    closed = rest.endswith("/")
    if len(rest) > _LONG_REST and len(_SEPARATOR.split(rest)) > _MAX_ATTRIBUTES:
        rest = ""
    if plain in _VOID:
        nesting.add()
    else:
        nesting.open(plain, rest)
        if closed:
            nesting.close(plain)
            return f"<{plain}{rest.removesuffix('/')}></{plain}>"
    return None if plain is name and rest is token["rest"] else f"<{plain}{rest}>"
