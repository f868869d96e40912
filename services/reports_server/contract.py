"""The server's own image of the contract: descriptors with rules and comments, made by `./run generate`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet


def contract_files() -> Sequence[FileDescriptorProto]:
    """Return the files of the contract, the details of errors and what they import, each after its imports.

    The client's generated classes have no rules, so that a client needs no package of protovalidate, and no comments.
    """
    image = files("reports_server").joinpath("contract.binpb").read_bytes()
    return tuple(FileDescriptorSet.FromString(image).file)
