"""How much the compressed streams of a PDF unpack to, found before a reader unpacks them whole."""

from __future__ import annotations

import re
import zlib

from reports_worker.processors import errors

_STREAM = re.compile(rb"(?<!end)stream\r?\n")
_IMAGE = re.compile(rb"/Subtype\s*/Image\b")
_DICTIONARY = 2_000  # bytes before a stream that describe it
_MAX_STREAM = 16_777_216  # the pages of a report have below one million, and a reader takes 30 times that in memory
_MAX_TOTAL = 536_870_912
_READ = 65_536
_WRITE = 1_048_576


def refuse_bombs(content: bytes) -> None:
    """Raise DocumentError when a stream that is no image, or all together, unpack to more than any report has."""
    total = 0
    for stream in _STREAM.finditer(content):
        described = content[max(0, stream.start() - _DICTIONARY) : stream.start()]
        if _IMAGE.search(described, max(described.rfind(b"obj"), 0)):
            continue  # only its size is looked at, as it is not drawn
        size = _inflated(content, stream.end())
        total += size
        if size > _MAX_STREAM or total > _MAX_TOTAL:
            raise errors.limit_exceeded("streams that unpack to more than a report of 3,000 pages has")


def _inflated(content: bytes, start: int) -> int:
    """Return to how much the deflated data at `start` unpacks, but no more than is needed to refuse it."""
    inflater = zlib.decompressobj()
    size = 0
    position, pending = start, b""
    try:
        while size <= _MAX_STREAM and not inflater.eof:
            if not pending:
                pending = content[position : position + _READ]
                position += _READ
                if not pending:
                    break
            size += len(inflater.decompress(pending, _WRITE))
            pending = inflater.unconsumed_tail
    except zlib.error:
        pass  # not compressed this way, encrypted or damaged: what came before counts
    return size
