"""Reads the answer to a submission."""

from __future__ import annotations

import grpc

from fna.reports.errors import NotFoundError
from fna.reports.v1.batch_pb2 import Batch
from fna.reports.v1.batch_submission_service_pb2 import SubmitBatchResponse


def submitted_batch(response: SubmitBatchResponse) -> Batch:
    """Return the batch.

    Raises: `NotFoundError`, reason `REPORT_NOT_FOUND`, when a validation found unknown reports: the error that the
    submission would have met, with all ids in `metadata["report_ids"]`, not only the first 100.
    """
    unknown = response.unknown_report_ids
    if unknown:
        raise NotFoundError(
            f"{len(unknown)} of the reports do not exist",
            code=grpc.StatusCode.NOT_FOUND,
            reason="REPORT_NOT_FOUND",
            metadata={"report_ids": ",".join(unknown), "unknown_count": str(len(unknown))},
        )
    return response.batch
