"""The path parameter of a resource's identifier."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from starlette.convertors import StringConvertor, register_url_convertor


class _Segment(StringConvertor):
    """One segment without a colon: what follows a colon is a verb (`:cancel`), an unknown one is a 404."""

    regex = "[^/:]+"


register_url_convertor("segment", _Segment())

BATCH = "/v1/reports/batch/{batch_id:segment}"
DELIVERY = f"{BATCH}/webhook-deliveries/{{delivery_id:segment}}"
REPORT = "/v1/reports/{report_id:segment}"

# What is no UUID is refused by the service, in the words of the contract.
_UUID = Path(json_schema_extra={"format": "uuid"})
BatchId = Annotated[str, _UUID]
ReportId = Annotated[str, _UUID]
DeliveryId = Annotated[str, _UUID]
