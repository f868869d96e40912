"""Client of FNA Reports: submit batches of company reports and follow their progress."""

from fna.reports.async_client import AsyncReportsClient
from fna.reports.client import ReportsClient
from fna.reports.company import COMPANY_NAMESPACE, company_id
from fna.reports.errors import (
    AccessDeniedError,
    ConflictError,
    DataLossError,
    DeadlineExceededError,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    OutOfRangeError,
    PreconditionError,
    ReportsError,
    UnavailableError,
)

__all__ = [
    "COMPANY_NAMESPACE",
    "AccessDeniedError",
    "AsyncReportsClient",
    "ConflictError",
    "DataLossError",
    "DeadlineExceededError",
    "InvalidRequestError",
    "LimitExceededError",
    "NotFoundError",
    "OutOfRangeError",
    "PreconditionError",
    "ReportsClient",
    "ReportsError",
    "UnavailableError",
    "company_id",
]
