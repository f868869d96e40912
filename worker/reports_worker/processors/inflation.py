"""How much the compressed streams of a PDF unpack to, found before a reader unpacks them whole."""

from __future__ import annotations

import re
import zlib

from reports_worker.processors import errors

_STREAM = re.compile(rb"(?<!end)stream\r?\n")
_NOT_PARSED = re.compile(rb"/Subtype\s*/(?:Image|Type1C|CIDFontType0C|OpenType)\b|/Length1\b")
_DICTIONARY = 2_000  # bytes before a stream that describe it
# The pages of a report have below one million; a reader takes 30 times that in memory, and seconds.
_MAX_STREAM = 8_388_608
_MAX_TOTAL = 536_870_912
_MAX_LAYERS = 3
_READ = 65_536
_WRITE = 262_144


def refuse_bombs(content: bytes) -> None:
    """Raise DocumentError when a stream, images and fonts aside, or all together unpack to more than any report has."""
    total = 0
    for stream in _STREAM.finditer(content):
        described = content[max(0, stream.start() - _DICTIONARY) : stream.start()]
        if _NOT_PARSED.search(described, max(described.rfind(b"obj"), 0)):
            continue  # images are not drawn, and fonts are no program
        size = _inflated(content, stream.end(), described.count(b"/FlateDecode", max(described.rfind(b"obj"), 0)))
        total += size
        if size > _MAX_STREAM or total > _MAX_TOTAL:
            raise errors.limit_exceeded("streams that unpack to more than a report of 3,000 pages has")


def _inflated(content: bytes, start: int, layers: int) -> int:
    """Return to how much the deflated data at `start` unpacks, but no more than is needed to refuse it."""
    data, position, most = content, start, 0
    for _ in range(min(max(layers, 1), _MAX_LAYERS)):
        inflated = _one_layer(data, position)
        most = max(most, len(inflated))
        data, position = bytes(inflated), 0
    return most


def _one_layer(content: bytes, start: int) -> bytearray:
    inflater = zlib.decompressobj()
    inflated = bytearray()
    position, pending = start, b""
    try:
        while len(inflated) <= _MAX_STREAM and not inflater.eof:
            if not pending:
                pending = content[position : position + _READ]
                position += _READ
                if not pending:
                    break
            inflated += inflater.decompress(pending, _WRITE)
            pending = inflater.unconsumed_tail
    except zlib.error:
        pass  # not compressed this way, encrypted or damaged: what came before counts
    return inflated
