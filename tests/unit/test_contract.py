"""The contract offers what was agreed, and says of every method how it fails."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

ROOT = Path(__file__).parents[2]
BUF = Path(sys.executable).with_name("buf")
SITE_PACKAGES = Path(sysconfig.get_path("purelib"))

SERVICES = {
    "BatchSubmissionService": {
        "SubmitBatch",
        "CancelBatch",
        "RetryBatch",
        "GetWebhookSettings",
        "UpdateWebhookSettings",
        "RotateWebhookSecret",
        "RedeliverWebhook",
    },
    "BatchStatusService": {
        "GetBatch",
        "ListBatches",
        "ListBatchItems",
        "ListBatchResults",
        "WatchBatch",
        "WatchBatches",
        "ListWebhookDeliveries",
    },
    "ReportService": {
        "RegisterReport",
        "UploadReport",
        "GetReport",
        "ListReports",
        "GetReportAnalysis",
        "GetNarrativeDelta",
    },
    "DiagnosticsService": {"GetDiagnostics"},
}
STREAMS_OF_RESPONSES = {"WatchBatch", "WatchBatches"}
STREAMS_OF_REQUESTS = {"UploadReport"}
METHODS = sorted(f"{service}.{method}" for service, methods in SERVICES.items() for method in methods)

# Field numbers in descriptor.proto, of which the path to a method's comment is made.
FILE_SERVICES, SERVICE_METHODS = 6, 2


@dataclass(frozen=True, slots=True)
class Method:
    """A method of the contract with the comment above it."""

    service: str
    name: str
    comment: str
    takes_stream: bool
    returns_stream: bool


@pytest.fixture(scope="module")
def methods(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Method]:
    """Return the methods of the contract, read from the .proto files because images have no comments."""
    image = tmp_path_factory.mktemp("contract") / "image.binpb"
    subprocess.run([BUF, "build", "--path", "protos/fna", "--output", image], cwd=ROOT, check=True, timeout=60)
    files = FileDescriptorSet.FromString(image.read_bytes()).file
    return {f"{method.service}.{method.name}": method for file in files for method in methods_of(file)}


def methods_of(file: FileDescriptorProto) -> list[Method]:
    comments = {tuple(location.path): location.leading_comments for location in file.source_code_info.location}
    return [
        Method(
            service=service.name,
            name=method.name,
            comment=comments[FILE_SERVICES, service_index, SERVICE_METHODS, method_index],
            takes_stream=method.client_streaming,
            returns_stream=method.server_streaming,
        )
        for service_index, service in enumerate(file.service)
        for method_index, method in enumerate(service.method)
    ]


def test_the_services_are_a_pair_for_batches_one_for_reports_and_one_for_operators(methods: dict[str, Method]) -> None:
    assert sorted(methods) == METHODS


def test_only_watches_stream_responses_and_only_uploads_stream_requests(methods: dict[str, Method]) -> None:
    assert {method.name for method in methods.values() if method.returns_stream} == STREAMS_OF_RESPONSES
    assert {method.name for method in methods.values() if method.takes_stream} == STREAMS_OF_REQUESTS


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_with_which_status_it_fails(name: str, methods: dict[str, Method]) -> None:
    method = methods[name]
    _, heading, errors = method.comment.partition("Errors:")
    assert heading, "the comment has no paragraph that starts with 'Errors:'"
    named = set(re.findall(r"`(\w+)`", errors))
    statuses = named & {code.name for code in grpc.StatusCode}
    others = (named & SERVICES[method.service]) - {method.name}
    assert statuses or others, "'Errors:' names neither a status code nor another method that has the same ones"


@pytest.mark.parametrize("service", SERVICES)
def test_the_generated_client_has_every_method(service: str) -> None:
    file = re.sub(r"(?<!^)(?=[A-Z])", "_", service).lower()
    module = importlib.import_module(f"fna.reports.v1.{file}_pb2")
    descriptor = module.DESCRIPTOR.services_by_name[service]
    assert set(descriptor.methods_by_name) == SERVICES[service]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "clients/python/fna/reports/v1").glob("*_pb2.py")), ids=lambda p: p.name
)
def test_the_generated_client_needs_no_validation_package(path: Path) -> None:
    assert "buf/validate" not in path.read_text()


def test_the_vendored_rules_are_those_of_the_installed_protovalidate() -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / "tools/print_proto.py"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    assert (ROOT / "third_party/protovalidate/buf/validate/validate.proto").read_text() == printed


def test_the_vendored_google_protos_are_those_of_the_installed_distribution() -> None:
    folder = ROOT / "third_party/googleapis"
    paths = [path.relative_to(folder) for path in folder.rglob("*.proto")]
    assert paths
    assert [path for path in paths if (folder / path).read_bytes() != (SITE_PACKAGES / path).read_bytes()] == []
