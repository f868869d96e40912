"""Text of bytes in any of the encodings that filings come in."""

from __future__ import annotations

import codecs
import re

_BYTE_ORDER_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # UTF-32 first: its little-endian mark starts with that of UTF-16
_SAMPLE_BYTES = 4096
_WIDE_ZERO_SHARE = 0.3
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""", re.IGNORECASE)
_REPLACEMENT = "\ufffd"
_NON_ASCII = re.compile(r"[^\x00-\x7f]")
_C1_CONTROLS = re.compile("[\x80-\x9f]")
_ASCII_SUPERSETS = frozenset(
    {"utf-8", "cp1252", "iso8859-1", "iso8859-2", "iso8859-9", "iso8859-15", "mac-roman", "cp1250", "cp1251"}
)


def decode(content: bytes) -> str:
    """Return the text of `content`; what no encoding explains becomes U+FFFD, and NUL is dropped.

    A byte order mark decides, then UTF-16 by its zero bytes, then UTF-8 unless more of it is damaged than not, then
    the declared encoding, and else Windows-1252, which is what undeclared Western filings are in.
    """
    text = _decode_marked(content) or _decode_wide(content) or _decode_narrow(content)
    return text.replace("\x00", "").removeprefix("\ufeff")


def _decode_marked(content: bytes) -> str | None:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, errors="replace")
    return None


def _decode_wide(content: bytes) -> str | None:
    sample = content[:_SAMPLE_BYTES]
    half = len(sample) // 2
    if sample[1::2].count(0) > _WIDE_ZERO_SHARE * half and sample[::2].count(0) == 0:
        return content.decode("utf-16-le", errors="replace")
    if sample[::2].count(0) > _WIDE_ZERO_SHARE * half and sample[1::2].count(0) == 0:
        return content.decode("utf-16-be", errors="replace")
    return None


def _decode_narrow(content: bytes) -> str:
    text = content.decode("utf-8", errors="replace")
    damaged = text.count(_REPLACEMENT)
    if not damaged or damaged < len(_NON_ASCII.findall(text)) - damaged:
        return text
    text = content.decode(_declared_encoding(content), errors="replace")
    # Pages that say ISO-8859-1 mean Windows-1252, as browsers know: its C1 range holds quotes and dashes.
    return _C1_CONTROLS.sub(lambda match: match[0].encode("latin-1").decode("cp1252", errors="replace"), text)


def _declared_encoding(content: bytes) -> str:
    """Return a declared single-byte encoding; UTF-8 was tried and failed, so it counts as not declared."""
    declared = _DECLARED.search(content[:_SAMPLE_BYTES])
    if declared is None:
        return "cp1252"
    try:
        name = codecs.lookup(declared[1].decode("ascii")).name
    except LookupError:
        return "cp1252"
    return name if name in _ASCII_SUPERSETS and name != "utf-8" else "cp1252"
