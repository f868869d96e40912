"""Damaged documents, made from good ones."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Sequence
from random import Random

_LARGEST = 400_000  # bytes: more is cut out of the middle, as large documents only take longer
_MOST_EDITS = 6
_LONGEST_REPEAT = 2_000

_TOKENS = (
    b"<ix:nonFraction name='us-gaap:Assets' contextRef='c' unitRef='u' scale='99'>",
    b"</ix:nonFraction>",
    b"<ix:header>",
    b"<ix:continuation id='f'>",
    b"<xbrli:context id='c'>",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"-->",
    b"<!DOCTYPE html [<!ENTITY a '&b;'>]>",
    b"&a;",
    b"&#x110000;",
    b"&#0;",
    b"<table>",
    b"<tr><td>",
    b"<plaintext>",
    b"<select>",
    b"<svg><foreignObject>",
    b"<pre>",
    b"<div style='display:none'>",
    b"<br/>",
    b"<template>",
    b"\n<DOCUMENT>\n<TYPE>10-K\n<TEXT>\n",
    b"\n</TEXT>\n</DOCUMENT>\n",
    b"<PDF>\nbegin 644 a.pdf\n",
    b"-----BEGIN PRIVACY-ENHANCED MESSAGE-----\n",
    b"\nItem 7. Management's Discussion and Analysis\n",
    b"\nSIGNATURES\nEX-99.1\n",
    b"%PDF-1.7\n",
    b" obj <<",
    b"endobj",
    b"/Length 99999999",
    b"/Filter [/ASCIIHexDecode /LZWDecode]",
    b"/Kids [2 0 R]",
    b"/Prev 0",
    b"/MediaBox [0 0 1e9 1e9]",
    b"BT (a) Tj ET",
    b"<w:p><w:r><w:t>",
    b"</w:t></w:r></w:p>",
    b"<w:tbl><w:tr><w:tc>",
    b"<w:del>",
    b"<w:footnoteReference w:id='1'/>",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\x00",
    b"\xff",
    b"\x1c\x1d\x1e\x1f\x02",
    "\u202e\u0301\u200b\u2028".encode(),
    "\U0001f4a9".encode(),
    b"-1",
    b"4294967296",
    b"1e400",
)


def mutated(documents: Sequence[bytes], random: Random) -> bytes:
    """Return one of `documents` with one or several of its bytes, tokens or pieces changed."""
    document = _cut(random.choice(documents))
    others = [_cut(random.choice(documents))]
    if zipfile.is_zipfile(io.BytesIO(document)) and random.random() < 0.8:
        return _repacked(document, others, random)
    return _edited(document, others, random)


def _cut(document: bytes) -> bytes:
    return document if len(document) <= _LARGEST else document[: _LARGEST // 2] + document[-_LARGEST // 2 :]


def _edited(content: bytes, others: Sequence[bytes], random: Random) -> bytes:
    edited = bytearray(content)
    for _ in range(random.randint(1, _MOST_EDITS)):
        random.choice(_EDITS)(edited, others, random)
    return bytes(edited)


def _repacked(archive: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Change what is inside an archive: its checksums would give a change from outside away."""
    written = io.BytesIO()
    try:
        with (
            zipfile.ZipFile(io.BytesIO(archive)) as source,
            zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as copy,
        ):
            for name in source.namelist():
                content = source.read(name)
                copy.writestr(
                    zipfile.ZipInfo(name), _edited(content, others, random) if random.random() < 0.5 else content
                )
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError):
        return _edited(archive, others, random)  # a seed that is no whole archive itself
    return written.getvalue()


def _flip(edited: bytearray, others: Sequence[bytes], random: Random) -> None:
    for _ in range(random.randint(1, 16)):
        if edited:
            edited[random.randrange(len(edited))] ^= 1 << random.randrange(8)


def _overwrite(edited: bytearray, others: Sequence[bytes], random: Random) -> None:
    start, end = _span(edited, random)
    edited[start:end] = random.randbytes(end - start)


def _delete(edited: bytearray, others: Sequence[bytes], random: Random) -> None:
    start, end = _span(edited, random)
    del edited[start:end]


def _duplicate(edited: bytearray, others: Sequence[bytes], random: Random) -> None:
    start, end = _span(edited, random)
    edited[start:start] = edited[start:end]


def _splice(edited: bytearray, others: Sequence[bytes], random: Random) -> None:
    other = random.choice(others)
    start, end = _span(other, random)
    at = random.randint(0, len(edited))
    edited[at:at] = other[start:end]


def _insert(edited: bytearray, others: Sequence[bytes], random: Random) -> None:
    at = random.randint(0, len(edited))
    edited[at:at] = random.choice(_TOKENS) * (1 if random.random() < 0.8 else random.randint(2, _LONGEST_REPEAT))


def _exchange(edited: bytearray, others: Sequence[bytes], random: Random) -> None:
    """Put one token in the place of another, wherever that stands."""
    present = [token for token in _TOKENS if token in edited]
    if present:
        changed = edited.replace(random.choice(present), random.choice(_TOKENS), random.randint(1, 50))
        edited[:] = changed


def _truncate(edited: bytearray, others: Sequence[bytes], random: Random) -> None:
    del edited[random.randint(0, len(edited)) :]


def _number(edited: bytearray, others: Sequence[bytes], random: Random) -> None:
    """Put an extreme number in the place of a digit."""
    at = random.randint(0, len(edited))
    digit = next((place for place in range(at, min(at + 500, len(edited))) if 0x30 <= edited[place] <= 0x39), None)
    if digit is not None:
        edited[digit : digit + 1] = random.choice((b"0", b"-1", b"65536", b"2147483648", b"9" * 20, b"9" * 400))


def _span(content: bytes | bytearray, random: Random) -> tuple[int, int]:
    start = random.randint(0, len(content))
    return start, min(len(content), start + int(2 ** random.uniform(0, 15)))


_EDITS: tuple[Callable[[bytearray, Sequence[bytes], Random], None], ...] = (
    _flip,
    _overwrite,
    _delete,
    _duplicate,
    _splice,
    _insert,
    _insert,
    _exchange,
    _truncate,
    _number,
)
