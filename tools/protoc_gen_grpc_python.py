"""Serve grpcio-tools' built-in `grpc_python` generator to buf as a protoc plugin.

grpcio-tools compiles the generator into its own protoc and ships no plugin executable. This speaks the plugin
protocol on stdin and stdout, and runs that protoc on the descriptors that buf passes.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc


def generate(request: CodeGeneratorRequest) -> CodeGeneratorResponse:
    """Return the `_pb2_grpc.py` files of the requested .proto files, or the reason why there are none."""
    response = CodeGeneratorResponse(supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "output")
        output.mkdir()
        descriptors = Path(folder, "descriptors.binpb")
        descriptors.write_bytes(FileDescriptorSet(file=request.proto_file).SerializeToString())
        if status := run_protoc(descriptors, output, request):
            response.error = f"grpc_tools.protoc exited with {status}; what it said is above"
        for path in sorted(path for path in output.rglob("*") if path.is_file()):
            response.file.add(name=path.relative_to(output).as_posix(), content=path.read_text())
    return response


def run_protoc(descriptors: Path, output: Path, request: CodeGeneratorRequest) -> int:
    """Run grpcio-tools' protoc with its stdout on stderr: ours carries the response."""
    target = f"{request.parameter}:{output}" if request.parameter else str(output)
    arguments = ("protoc", f"--descriptor_set_in={descriptors}", f"--grpc_python_out={target}")
    with contextlib.redirect_stdout(sys.stderr):
        status: int = protoc.main([*arguments, *request.file_to_generate])
    return status


def main() -> None:
    """Answer the one request that protoc's plugin protocol sends."""
    request = CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    sys.stdout.buffer.write(generate(request).SerializeToString())


if __name__ == "__main__":
    main()
