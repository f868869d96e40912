"""Client of FNA Reports: submit batches of company reports and follow their progress."""

from fna.reports._channel import tls_credentials
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
from fna.reports.handle import AsyncBatchHandle, BatchHandle, BatchOutcome

__all__ = [
    "COMPANY_NAMESPACE",
    "AccessDeniedError",
    "AsyncBatchHandle",
    "AsyncReportsClient",
    "BatchHandle",
    "BatchOutcome",
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
    "tls_credentials",
]
