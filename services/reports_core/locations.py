"""Where content is kept: a folder of this machine, or a URL of a file system that fsspec reaches."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from fsspec.registry import get_filesystem_class


@dataclass(frozen=True, slots=True)
class RemoteUrl:
    """A URL such as `s3://bucket/prefix`, without a slash at its end.

    As text it shows neither credentials nor a query, so it may stand in logs and messages.
    """

    value: str

    @property
    def protocol(self) -> str:
        return self.value.partition("://")[0]

    def __str__(self) -> str:
        return without_secrets(self.value)

    def conceal(self, text: str) -> str:
        """Return a text about this place, such as an error of a library, without what the URL has of secrets."""
        parts = urlsplit(self.value)
        for secret in filter(None, (parts.password, parts.query)):
            text = text.replace(secret, "***")
        return without_secrets(text)


Location: TypeAlias = Path | RemoteUrl


def location(text: object) -> Location:
    """Return the location that a setting names: the path of a folder, a `file:` URL, or any URL known to fsspec.

    Reaches nothing. Raises ValueError, whose text says what is wrong and what to do.
    """
    if isinstance(text, Path | RemoteUrl):
        return text
    if not isinstance(text, str):
        raise ValueError("must be the path of a folder or a URL")
    protocol, separator, rest = text.partition("://")
    if not separator:
        if _URL_WITHOUT_SLASHES.match(text):
            raise ValueError("looks like a URL without its '//'; write s3://bucket/prefix, or the path of a folder")
        return Path(text)
    if protocol == "file":
        return _folder(text)
    if "::" in text:
        raise ValueError("must be one URL, not a chain of URLs")
    urlsplit(text)
    _require_usable(protocol)
    if not rest.partition("?")[0].strip("/"):
        raise ValueError(f"names no place; it must look like {protocol}://bucket/prefix")
    if protocol in _S3 and not _BUCKET_AND_PREFIX.fullmatch(rest):
        raise ValueError(f"must look like {protocol}://bucket/prefix; credentials come from the environment")
    return RemoteUrl(text.rstrip("/"))


def without_secrets(text: str) -> str:
    """Return the text with user, password and query removed from the URLs in it."""
    return _QUERY.sub(r"\1", _USER.sub("", text))


_URL_WITHOUT_SLASHES = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)
_USER = re.compile(r"(?<=://)[^/\s]*@")
_QUERY = re.compile(r"(://[^?\s]*)\?[^\s\"']*")

_ELSEWHERE = "use a folder that all processes share, or an object store such as s3://bucket/prefix"
_UNSUITABLE = {
    "memory": f"memory:// is seen by one process alone; {_ELSEWHERE}",
    "http": f"http:// can only be read; {_ELSEWHERE}",
    "https": f"https:// can only be read; {_ELSEWHERE}",
}
_S3 = ("s3", "s3a")
_BUCKET_AND_PREFIX = re.compile(r"(arn:[^/?#@]+|[a-z0-9._-]+)(/[^?#]*)?", re.IGNORECASE)
_REMEDIES = dict.fromkeys(_S3, 'pip install "fna-reports-server[s3]"')


def _folder(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"} or not parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must look like file:///folder when it is a file: URL")
    return Path(unquote(parts.path))


def _require_usable(protocol: str) -> None:
    if protocol in _UNSUITABLE:
        raise ValueError(_UNSUITABLE[protocol])
    try:
        get_filesystem_class(protocol)
    except ImportError as error:
        remedy = _REMEDIES.get(protocol, str(error))
        raise ValueError(f"{protocol}:// needs a package that is not installed: {remedy}") from None
    except ValueError:
        raise ValueError(f"{protocol}:// is unknown to fsspec; {_ELSEWHERE}") from None
