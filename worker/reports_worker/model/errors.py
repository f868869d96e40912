"""What can go wrong with the model; none of it fails a report.

    ModelError
    ├── MayPass              the same request may succeed later
    │   ├── Unreachable      there is no endpoint, or no way to it
    │   ├── TimedOut         it did not answer in time
    │   └── Overloaded       it takes no more requests for now, or fails
    ├── Refused              it will refuse the next request too
    ├── OutOfTime            the report's time is over
    └── InvalidAnswer        it answered what cannot be used; another request may do better

The text of each is one for the reader of a report's warnings: cause and remedy, and nothing secret.
"""

from __future__ import annotations


class ModelError(Exception):
    """The model gave no answer. The caller turns it into a warning of the analysis."""


class MayPass(ModelError):
    """The caller may repeat the request, after `retry_after` seconds where the endpoint named a time."""

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class Unreachable(MayPass):
    """The caller may spare other requests the same wait for a while."""


class TimedOut(MayPass):
    """The request was given up; the endpoint may still be at it."""


class Overloaded(MayPass):
    """The endpoint asks for patience, or had an accident."""


class Refused(ModelError):
    """The caller should send nothing more of this report: settings or account must change first."""


class OutOfTime(ModelError):
    """The caller should go on with what it has."""


class InvalidAnswer(ModelError):
    """The caller goes on without this answer."""
