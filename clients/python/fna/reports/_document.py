"""The content of a report on its way to the server."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import grpc

from fna.reports.errors import LimitExceededError
from fna.reports.v1.report_pb2 import Report
from fna.reports.v1.report_service_pb2 import UploadReportRequest

Content = str | os.PathLike[str] | bytes | BinaryIO
OnProgress = Callable[[int, int], None]

MAX_CONTENT_BYTES = 52_428_800  # The contract's limit; an operator may set a lower one.
_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes to upload, held whole: so an upload can be repeated, and the digest is that of what is sent."""

    data: bytes
    sha256: str
    file_name: str

    @classmethod
    def read(cls, content: Content) -> Document:
        """Read the content: a path, bytes, or a binary stream, which is read to its end.

        Raises: `OSError` when the file cannot be read; `LimitExceededError` when there are more than 50 MiB.
        """
        if isinstance(content, bytes):
            return cls._of(content)
        if isinstance(content, str | os.PathLike):
            path = Path(content)
            with path.open("rb") as stream:
                return cls._of(stream.read(MAX_CONTENT_BYTES + 1), path.name)
        return cls._of(content.read(MAX_CONTENT_BYTES + 1))

    @classmethod
    def _of(cls, data: bytes, file_name: str = "") -> Document:
        if len(data) > MAX_CONTENT_BYTES:
            raise LimitExceededError(
                f"{file_name or 'the content'} has more than {MAX_CONTENT_BYTES} bytes, the most a report may have",
                code=grpc.StatusCode.RESOURCE_EXHAUSTED,
                reason="CONTENT_TOO_LARGE",
            )
        return cls(data, hashlib.sha256(data).hexdigest(), file_name)

    def messages(self, report: Report, on_progress: OnProgress | None = None) -> Iterator[UploadReportRequest]:
        """Yield the messages that upload the content as `report`.

        `on_progress` is told the bytes that were taken for sending, and how many there are.
        """
        header = UploadReportRequest.Header(
            report=report,
            content_size_bytes=len(self.data),
            content_sha256=self.sha256,
        )
        yield UploadReportRequest(header=header)
        for start in range(0, len(self.data), _CHUNK_BYTES):
            yield UploadReportRequest(chunk=self.data[start : start + _CHUNK_BYTES])
            if on_progress is not None:
                on_progress(min(start + _CHUNK_BYTES, len(self.data)), len(self.data))
