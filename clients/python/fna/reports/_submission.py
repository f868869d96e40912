"""Reads the answer to the validation of a submission."""

from __future__ import annotations

import grpc

from fna.reports.errors import NotFoundError
from fna.reports.v1.batch_submission_service_pb2 import SubmitBatchResponse


def require_known(response: SubmitBatchResponse) -> None:
    """Require that all reports exist.

    Raises: `NotFoundError`, reason `REPORT_NOT_FOUND`: the error that the submission would have met, with all ids in
    `metadata["report_ids"]`, not only the first 100.
    """
    unknown = response.unknown_report_ids
    if unknown:
        raise NotFoundError(
            f"{len(unknown)} of the reports do not exist",
            code=grpc.StatusCode.NOT_FOUND,
            reason="REPORT_NOT_FOUND",
            metadata={"report_ids": ",".join(unknown), "unknown_count": str(len(unknown))},
        )
