"""What the requests for lists, and their pages, have in common."""

from __future__ import annotations

from typing import Protocol


class Paged(Protocol):
    """A request for one page of a list."""

    page_token: str


class Page(Protocol):
    """One page of a list."""

    next_page_token: str
