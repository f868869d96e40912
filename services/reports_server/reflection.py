"""Server reflection, which shows grpcurl and its like the contract with its rules and comments."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from typing import Any

import grpc.aio
from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorProto
from grpc.aio import ServicerContext
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2 as pb

from reports_server.contract import contract_files

SERVICE_NAMES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
"""One protocol under two names: newer tools ask for the first, older ones know only the second."""


class Reflection:
    """Answers from descriptors as they were compiled.

    grpcio-reflection answers from the classes in use, which have no comments and no rules, and finds no methods.
    """

    def __init__(self, services: Collection[str]) -> None:
        self._services = sorted(services)
        self._files = {file.name: file for file in _described()}
        self._symbols = {symbol: file for file in self._files.values() for symbol in _symbols(file)}
        self._extensions = _extensions(self._files.values())

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serve under both names."""
        handler = grpc.stream_stream_rpc_method_handler(
            self._answers,
            request_deserializer=pb.ServerReflectionRequest.FromString,
            response_serializer=pb.ServerReflectionResponse.SerializeToString,
        )
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": handler}) for name in SERVICE_NAMES]
        )

    async def _answers(
        self, requests: AsyncIterator[pb.ServerReflectionRequest], context: ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.ServerReflectionResponse]:
        async for request in requests:
            answer = self._answer(request)
            answer.valid_host = request.host
            answer.original_request.CopyFrom(request)
            yield answer

    def _answer(self, request: pb.ServerReflectionRequest) -> pb.ServerReflectionResponse:
        match request.WhichOneof("message_request"):
            case "list_services":
                services = [pb.ServiceResponse(name=name) for name in self._services]
                return pb.ServerReflectionResponse(list_services_response=pb.ListServiceResponse(service=services))
            case "file_by_filename":
                return self._file(request.file_by_filename, self._files.get(request.file_by_filename))
            case "file_containing_symbol":
                return self._file(request.file_containing_symbol, self._symbols.get(request.file_containing_symbol))
            case "file_containing_extension":
                wanted = request.file_containing_extension
                extended = self._extensions.get(wanted.containing_type, {})
                name = f"extension {wanted.extension_number} of {wanted.containing_type}"
                return self._file(name, extended.get(wanted.extension_number))
            case "all_extension_numbers_of_type":
                return self._numbers(request.all_extension_numbers_of_type)
            case _:
                return _refusal(grpc.StatusCode.INVALID_ARGUMENT, "a request of a kind that is not known here")

    def _file(self, name: str, file: FileDescriptorProto | None) -> pb.ServerReflectionResponse:
        if file is None:
            return _refusal(grpc.StatusCode.NOT_FOUND, f"{name} is not known here")
        serialized = [found.SerializeToString() for found in self._with_imports(file, {}).values()]
        return pb.ServerReflectionResponse(
            file_descriptor_response=pb.FileDescriptorResponse(file_descriptor_proto=serialized)
        )

    def _with_imports(
        self, file: FileDescriptorProto, found: dict[str, FileDescriptorProto]
    ) -> Mapping[str, FileDescriptorProto]:
        """Collect a file, the first one, and all that it imports."""
        found[file.name] = file
        for name in file.dependency:
            if name not in found:
                self._with_imports(self._files[name], found)
        return found

    def _numbers(self, message: str) -> pb.ServerReflectionResponse:
        if message not in self._symbols:
            return _refusal(grpc.StatusCode.NOT_FOUND, f"{message} is not known here")
        numbers = pb.ExtensionNumberResponse(
            base_type_name=message, extension_number=sorted(self._extensions.get(message, {}))
        )
        return pb.ServerReflectionResponse(all_extension_numbers_response=numbers)


def _described() -> Iterator[FileDescriptorProto]:
    """Yield the contract, health and reflection itself."""
    yield from contract_files()
    for described in (health_pb2.DESCRIPTOR, pb.DESCRIPTOR):
        yield FileDescriptorProto.FromString(described.serialized_pb)
    # Of `v1` there is no package; it is `v1alpha` under another name.
    text = text_format.MessageToString(FileDescriptorProto.FromString(pb.DESCRIPTOR.serialized_pb))
    yield text_format.Parse(text.replace("v1alpha", "v1"), FileDescriptorProto())


def _refusal(code: grpc.StatusCode, message: str) -> pb.ServerReflectionResponse:
    return pb.ServerReflectionResponse(error_response=pb.ErrorResponse(error_code=code.value[0], error_message=message))


def _symbols(file: FileDescriptorProto) -> Iterator[str]:
    """Yield the full name of everything that a file defines, as protoc scopes it."""
    scope = f"{file.package}." if file.package else ""
    for service in file.service:
        yield scope + service.name
        yield from (f"{scope}{service.name}.{method.name}" for method in service.method)
    yield from (scope + extension.name for extension in file.extension)
    for enum in file.enum_type:
        yield from _enum_symbols(scope, enum)
    for message in file.message_type:
        yield from _message_symbols(scope, message)


def _message_symbols(scope: str, message: DescriptorProto) -> Iterator[str]:
    yield scope + message.name
    scope = f"{scope}{message.name}."
    yield from (scope + field.name for field in (*message.field, *message.extension))
    yield from (scope + oneof.name for oneof in message.oneof_decl)
    for enum in message.enum_type:
        yield from _enum_symbols(scope, enum)
    for nested in message.nested_type:
        yield from _message_symbols(scope, nested)


def _enum_symbols(scope: str, enum: EnumDescriptorProto) -> Iterator[str]:
    """Yield the enum and its values, which stand beside it."""
    yield scope + enum.name
    yield from (scope + value.name for value in enum.value)


def _extensions(files: Iterable[FileDescriptorProto]) -> Mapping[str, Mapping[int, FileDescriptorProto]]:
    """Return the file of each extension, by the message that it extends and its number; the contract nests none."""
    found: dict[str, dict[int, FileDescriptorProto]] = {}
    for file in files:
        for extension in file.extension:
            found.setdefault(extension.extendee.removeprefix("."), {})[extension.number] = file
    return found
