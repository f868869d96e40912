"""Reflection shows the contract with its comments and rules, and finds everything in it by name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha.reflection_pb2 import ExtensionRequest, ServerReflectionRequest, ServerReflectionResponse

from reports_server.reflection import SERVICE_NAMES, Reflection

BATCH = "fna/reports/v1/batch.proto"
STATUS = "fna/reports/v1/batch_status_service.proto"
RULES = "buf/validate/validate.proto"
VALIDATE_FIELD = 1159
"""Number of the extension `buf.validate.field`."""

SYMBOLS = {
    "fna.reports.v1.BatchStatusService": STATUS,
    "fna.reports.v1.BatchStatusService.WatchBatch": STATUS,
    "fna.reports.v1.BatchFilter.LabelsEntry": STATUS,
    "fna.reports.v1.Batch": BATCH,
    "fna.reports.v1.Batch.batch_id": BATCH,
    "fna.reports.v1.BatchEvent.event": BATCH,
    "fna.reports.v1.BATCH_STATUS_COMPLETED": BATCH,
    "fna.reports.v1.UploadReportRequest.Footer": "fna/reports/v1/report_service.proto",
    "buf.validate.field": RULES,
    "google.rpc.BadRequest": "google/rpc/error_details.proto",
    "grpc.health.v1.HealthCheckResponse.SERVING": "grpc_health/v1/health.proto",
    "grpc.reflection.v1.ServerReflection": "grpc_reflection/v1/reflection.proto",
    "grpc.reflection.v1alpha.ServerReflection": "grpc_reflection/v1alpha/reflection.proto",
}


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    """Give a channel to a server that has nothing but reflection."""
    server = grpc.aio.server()
    Reflection(["b.Second", "a.First"]).add_to(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def asked(
    channel: grpc.aio.Channel, *questions: ServerReflectionRequest, name: str = SERVICE_NAMES[0]
) -> list[ServerReflectionResponse]:
    """Ask all questions in one stream and return the answers."""
    method: Any = channel.stream_stream(
        f"/{name}/ServerReflectionInfo",
        request_serializer=ServerReflectionRequest.SerializeToString,
        response_deserializer=ServerReflectionResponse.FromString,
    )
    return [answer async for answer in method(iter(questions), timeout=20)]


def files(answer: ServerReflectionResponse) -> Sequence[FileDescriptorProto]:
    return [FileDescriptorProto.FromString(file) for file in answer.file_descriptor_response.file_descriptor_proto]


@pytest.mark.parametrize("name", SERVICE_NAMES)
async def test_services_are_listed_under_both_names_of_the_protocol(channel: grpc.aio.Channel, name: str) -> None:
    question = ServerReflectionRequest(host="here", list_services="")
    (answer,) = await asked(channel, question, name=name)
    assert [service.name for service in answer.list_services_response.service] == ["a.First", "b.Second"]
    assert (answer.valid_host, answer.original_request) == ("here", question)


async def test_everything_is_found_by_its_name_with_all_that_it_needs(channel: grpc.aio.Channel) -> None:
    questions = [ServerReflectionRequest(file_containing_symbol=symbol) for symbol in SYMBOLS]
    answers = dict(zip(SYMBOLS, map(files, await asked(channel, *questions)), strict=True))
    assert {symbol: found[0].name for symbol, found in answers.items()} == SYMBOLS
    for found in answers.values():
        imported = {name for file in found for name in file.dependency}
        assert imported <= {file.name for file in found}


async def test_a_file_has_the_comments_and_the_rules_of_the_contract(channel: grpc.aio.Channel) -> None:
    (answer,) = await asked(channel, ServerReflectionRequest(file_by_filename=STATUS))
    described, *imports = files(answer)
    comments = {tuple(place.path): place.leading_comments for place in described.source_code_info.location}
    assert comments[6, 0, 2, 0].startswith(" Returns one batch.\n")
    assert not any(file.HasField("source_code_info") for file in imports if not file.name.startswith("fna/"))
    (request,) = (message for message in described.message_type if message.name == "GetBatchRequest")
    # Its number and wire type, as the first bytes of the extension: this process has no class for the rules.
    assert bytes([0xBA, 0x48]) in request.field[0].options.SerializeToString()


async def test_extensions_are_found_by_their_number(channel: grpc.aio.Channel) -> None:
    wanted = ExtensionRequest(containing_type="google.protobuf.FieldOptions", extension_number=VALIDATE_FIELD)
    file, numbers, none = await asked(
        channel,
        ServerReflectionRequest(file_containing_extension=wanted),
        ServerReflectionRequest(all_extension_numbers_of_type=wanted.containing_type),
        ServerReflectionRequest(all_extension_numbers_of_type="fna.reports.v1.Batch"),
    )
    assert files(file)[0].name == RULES
    assert VALIDATE_FIELD in numbers.all_extension_numbers_response.extension_number
    assert not none.all_extension_numbers_response.extension_number
    assert none.all_extension_numbers_response.base_type_name == "fna.reports.v1.Batch"


async def test_what_is_not_known_is_an_answer_and_not_the_end(channel: grpc.aio.Channel) -> None:
    answers = await asked(
        channel,
        ServerReflectionRequest(file_by_filename="nowhere.proto"),
        ServerReflectionRequest(file_containing_symbol="no.Where"),
        ServerReflectionRequest(file_containing_extension=ExtensionRequest(containing_type="no.Where")),
        ServerReflectionRequest(all_extension_numbers_of_type="no.Where"),
        ServerReflectionRequest(),
    )
    unknown, invalid = grpc.StatusCode.NOT_FOUND.value[0], grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert [answer.error_response.error_code for answer in answers] == [*[unknown] * 4, invalid]
