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
_C1_CONTROLS = re.compile("[\x80-\x9f]")
_FEW_ZEROS = 0.01
# What a declared encoding is read as, as in browsers: the larger set that it is a part of, and none in which ASCII
# means something else, as the declaration itself is read as ASCII.
_DECLARABLE = {
    "big5": "big5hkscs",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso8859-1": "cp1252",
    "iso8859-11": "cp874",
    "shift_jis": "cp932",
    "tis-620": "cp874",
} | {
    name: name
    for name in (
        "big5hkscs cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp866 cp874 cp932 cp949 euc_jp "
        "gb18030 iso8859-10 iso8859-13 iso8859-14 iso8859-15 iso8859-16 iso8859-2 iso8859-3 iso8859-4 iso8859-5 "
        "iso8859-6 iso8859-7 iso8859-8 iso8859-9 koi8-r koi8-u mac-cyrillic mac-roman"
    ).split()
}


def decode(content: bytes) -> str:
    """Return the text of `content`; what no encoding explains becomes U+FFFD, and NUL is dropped.

    A byte order mark decides, then UTF-16 by its zero bytes, then UTF-8 unless more of it is damaged than not, then
    the declared encoding, and else Windows-1252, which is what undeclared Western filings are in, or Mac Roman when
    lines end as on old Macs.
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
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if odd > _WIDE_ZERO_SHARE * half and even <= _FEW_ZEROS * half:
        return content.decode("utf-16-le", errors="replace")
    if even > _WIDE_ZERO_SHARE * half and odd <= _FEW_ZEROS * half:
        return content.decode("utf-16-be", errors="replace")
    return None


def _decode_narrow(content: bytes) -> str:
    text = content.decode("utf-8", errors="replace")
    damaged = text.count(_REPLACEMENT)
    beyond_ascii = len(text) - len(text.encode("ascii", errors="ignore"))
    if not damaged or damaged < beyond_ascii - damaged:
        return text
    text = content.decode(_declared_encoding(content), errors="replace")
    # Pages that say ISO-8859-1 mean Windows-1252, as browsers know: its C1 range holds quotes and dashes.
    return _C1_CONTROLS.sub(lambda match: match[0].encode("latin-1").decode("cp1252", errors="replace"), text)


def _declared_encoding(content: bytes) -> str:
    """Return the declared encoding, or the most likely; UTF-8 was tried and failed, so it counts as not declared."""
    undeclared = "mac-roman" if b"\r" in content and b"\n" not in content else "cp1252"
    declared = _DECLARED.search(content[:_SAMPLE_BYTES])
    if declared is None:
        return undeclared
    try:
        name = codecs.lookup(declared[1].decode("ascii")).name
    except LookupError:
        return undeclared
    return _DECLARABLE.get(name, undeclared)
