"""The names of the contract's enum values as people and scripts write them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from google.protobuf.descriptor import EnumDescriptor

from fna.reports.v1.batch_pb2 import BatchItemStatus, BatchStatus
from fna.reports.v1.report_pb2 import (
    REPORT_TYPE_8_K,
    REPORT_TYPE_10_K,
    REPORT_TYPE_10_Q,
    REPORT_TYPE_ANNUAL,
    REPORT_TYPE_OTHER,
    ReportStatus,
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


def bare_names(enum: EnumDescriptor) -> list[str]:
    """Return the bare names of all values but the unspecified one."""
    return [value.name.removeprefix(_prefix(enum)) for value in enum.values if value.number]


def batch_statuses(names: Iterable[str]) -> list[BatchStatus.ValueType]:
    """Return the statuses of batches that have these bare names."""
    return [BatchStatus.Value(f"BATCH_STATUS_{name}") for name in names]


def item_statuses(names: Iterable[str]) -> list[BatchItemStatus.ValueType]:
    """Return the statuses of items that have these bare names."""
    return [BatchItemStatus.Value(f"BATCH_ITEM_STATUS_{name}") for name in names]


def report_statuses(names: Iterable[str]) -> list[ReportStatus.ValueType]:
    """Return the statuses of reports that have these bare names."""
    return [ReportStatus.Value(f"REPORT_STATUS_{name}") for name in names]


def report_type_name(kind: ReportType.ValueType) -> str:
    """Return what people call a type of report."""
    return next((name for name, number in REPORT_TYPES.items() if number == kind), str(kind))


def _prefix(enum: EnumDescriptor) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.name).upper() + "_"
