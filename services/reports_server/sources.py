"""The folders that a `source_uri` may point into."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reports_core.domain.errors import InvalidRequest

_FIELD = "report.source_uri"


class Sources:
    """Turns URIs into paths, and refuses what is not under a folder that the operator named."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = [root.resolve() for root in roots]

    def path(self, source_uri: str) -> Path:
        """Return the file of a `file:` URI, links resolved. Raises InvalidRequest."""
        if not self._roots:
            raise InvalidRequest(
                _FIELD, "this server reads no files; upload the content, or have FNA_REPORTS_SOURCE_ROOTS set"
            )
        parts = urlsplit(source_uri)
        if parts.scheme != "file" or parts.netloc not in {"", "localhost"}:
            raise InvalidRequest(_FIELD, "must be a file:/// URI under a storage root of the server")
        path = self._resolve(unquote(parts.path))
        if path is None or not any(path.is_relative_to(root) for root in self._roots):
            # The same answer for a file that exists and one that does not: outside of the roots nobody learns which.
            raise InvalidRequest(_FIELD, "is not under a storage root of the server")
        if not path.is_file():
            raise InvalidRequest(_FIELD, "there is no such file")
        return path

    @staticmethod
    def _resolve(text: str) -> Path | None:
        try:
            return Path(text).resolve()
        except (OSError, ValueError):
            return None
