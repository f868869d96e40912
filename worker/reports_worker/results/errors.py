"""The errors of the result backend."""


class BatchNotSuccessful(Exception):
    """What `AsyncResult.get()` raises for an execution in which no report succeeded."""


class DatabaseUnreachable(Exception):
    """The connection broke or none could be made; what was asked may have been done, and can be asked again."""
