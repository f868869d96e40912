"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

_DISTRIBUTIONS = ("grpcio", "protobuf", "asyncpg", "sqlalchemy", "protovalidate", "celery", "kombu")


def describe() -> dict[str, str]:
    """Return the machine and the versions that matter."""
    return {
        "cores": str(os.cpu_count()),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in _DISTRIBUTIONS},
    }


def of_grpc() -> str:
    """Return in a line what calls over gRPC were measured on."""
    machine = describe()
    return f"{machine['cores']} cores, Python {machine['python']}, grpcio {machine['grpcio']}, {machine['system']}"
