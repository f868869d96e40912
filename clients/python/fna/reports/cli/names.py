"""The names of the contract's enum values as people and scripts write them."""

from __future__ import annotations

import re

from google.protobuf.descriptor import EnumDescriptor

from fna.reports.v1.report_pb2 import (
    REPORT_TYPE_8_K,
    REPORT_TYPE_10_K,
    REPORT_TYPE_10_Q,
    REPORT_TYPE_ANNUAL,
    REPORT_TYPE_OTHER,
    ReportType,
)

REPORT_TYPES: dict[str, ReportType.ValueType] = {
    "10-K": REPORT_TYPE_10_K,
    "10-Q": REPORT_TYPE_10_Q,
    "8-K": REPORT_TYPE_8_K,
    "annual": REPORT_TYPE_ANNUAL,
    "other": REPORT_TYPE_OTHER,
}


def bare_name(enum: EnumDescriptor, number: int) -> str:
    """Return the name of a value without its prefix, `PROCESSING` for `BATCH_STATUS_PROCESSING`.

    A value that a newer server knows and this client does not is its number.
    """
    value = enum.values_by_number.get(number)
    return value.name.removeprefix(_prefix(enum)) if value else str(number)


def bare_names(enum: EnumDescriptor) -> dict[str, int]:
    """Return the numbers of all values but the unspecified one, by their bare names."""
    return {value.name.removeprefix(_prefix(enum)): value.number for value in enum.values if value.number}


def _prefix(enum: EnumDescriptor) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.name).upper() + "_"
