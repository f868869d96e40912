"""The rules that the server reads from its image of the contract are enforced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import UUID

import protovalidate
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass

IMAGE = Path(__file__).parents[2] / "services/reports_server/contract.binpb"

# A message's name and its JSON -> the rules it breaks, each with the top-most field that does.
Violations = Callable[[str, Mapping[str, object]], list[tuple[str, str]]]


def ids(count: int) -> list[str]:
    return [str(UUID(int=number)) for number in range(1, count + 1)]


ONE = ids(1)[0]
REPORT = {"company_id": ONE, "report_type": "REPORT_TYPE_10_K"}
SOURCE = {"source_uri": "file:///filings/a.html"}

VALID = {
    "a batch of one": ("SubmitBatchRequest", {"report_ids": ids(1)}),
    "a batch of 10,000": ("SubmitBatchRequest", {"report_ids": ids(10_000)}),
    "a batch with every option": (
        "SubmitBatchRequest",
        {"report_ids": ids(2), "request_id": ONE, "labels": {"desk": "7"}, "priority": 0, "execution_timeout": "60s"},
    ),
    "a watch from the start": ("WatchBatchRequest", {"batch_id": ONE, "after_sequence": 0}),
    "a report to fetch": ("RegisterReportRequest", {"report": REPORT | SOURCE}),
    "a report to upload": ("UploadReportRequest", {"header": {"report": REPORT}}),
    "the first page": ("ListBatchItemsRequest", {"batch_id": ONE}),
}

INVALID = {
    "no reports": ("SubmitBatchRequest", {}, ("report_ids", "repeated.min_items")),
    "too many reports": ("SubmitBatchRequest", {"report_ids": ids(10_001)}, ("report_ids", "repeated.max_items")),
    "a report twice": ("SubmitBatchRequest", {"report_ids": [ONE, ONE]}, ("report_ids", "repeated.unique")),
    "a report id of another kind": ("SubmitBatchRequest", {"report_ids": ["10-K"]}, ("report_ids", "string.uuid")),
    "a request id of another kind": (
        "SubmitBatchRequest",
        {"report_ids": [ONE], "request_id": "again"},
        ("request_id", "string.uuid"),
    ),
    "a priority above 9": ("SubmitBatchRequest", {"report_ids": [ONE], "priority": 10}, ("priority", "int32.gte_lte")),
    "a label in capitals": (
        "SubmitBatchRequest",
        {"report_ids": [ONE], "labels": {"Desk": "7"}},
        ("labels", "string.pattern"),
    ),
    "no time to run": (
        "SubmitBatchRequest",
        {"report_ids": [ONE], "execution_timeout": "0s"},
        ("execution_timeout", "duration.gt_lte"),
    ),
    "an unknown view": ("GetBatchRequest", {"batch_id": ONE, "view": 99}, ("view", "enum.defined_only")),
    "no batch": ("GetBatchRequest", {}, ("batch_id", "string.uuid_empty")),
    "a sequence below 0": (
        "WatchBatchRequest",
        {"batch_id": ONE, "after_sequence": -1},
        ("after_sequence", "int64.gte"),
    ),
    "a heartbeat too fast": (
        "WatchBatchRequest",
        {"batch_id": ONE, "heartbeat_interval": "0.5s"},
        ("heartbeat_interval", "duration.gte_lte"),
    ),
    "a report from nowhere": ("RegisterReportRequest", {"report": REPORT}, ("", "register_report.source_uri_required")),
    "a report of no type": (
        "RegisterReportRequest",
        {"report": {"company_id": ONE} | SOURCE},
        ("report", "enum.not_in"),
    ),
    "an upload of nothing": ("UploadReportRequest", {}, ("payload", "required")),
    "an empty chunk": ("UploadReportRequest", {"chunk": ""}, ("chunk", "bytes.min_len")),
}


@pytest.fixture(scope="module")
def violations() -> Violations:
    """Return a validator of requests whose types come from the image, apart from those of the generated client."""
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(IMAGE.read_bytes()).file:
        pool.Add(file)
    validator = protovalidate.Validator()

    def validate(name: str, request: Mapping[str, object]) -> list[tuple[str, str]]:
        message = GetMessageClass(pool.FindMessageTypeByName(f"fna.reports.v1.{name}"))()
        found = validator.collect_violations(ParseDict(dict(request), message, descriptor_pool=pool))
        return [(topmost_field(violation), violation.proto.rule_id or "") for violation in found]

    return validate


def topmost_field(violation: protovalidate.Violation) -> str:
    path = violation.proto.field
    return (path.elements[0].field_name or "") if path else ""


@pytest.mark.parametrize(("name", "request_json"), VALID.values(), ids=VALID.keys())
def test_a_valid_request_breaks_no_rule(name: str, request_json: Mapping[str, object], violations: Violations) -> None:
    assert violations(name, request_json) == []


@pytest.mark.parametrize(("name", "request_json", "violation"), INVALID.values(), ids=INVALID.keys())
def test_an_invalid_request_is_told_its_field_and_rule(
    name: str, request_json: Mapping[str, object], violation: tuple[str, str], violations: Violations
) -> None:
    assert violations(name, request_json) == [violation]
