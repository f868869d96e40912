"""Streams recorded messages to whoever watches a batch: `python -m benchmarks.clients.replay FILE`."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import grpc.aio
import uvloop
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from benchmarks.clients import history

_Context = grpc.aio.ServicerContext[bytes, bytes]


async def _serve(messages: Sequence[bytes]) -> None:
    async def watch(request: bytes, context: _Context) -> AsyncIterator[bytes]:
        for message in messages:
            yield message

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    _, service, method = history.WATCH.split("/")
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {method: grpc.unary_stream_rpc_method_handler(watch)}
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
    # The gateway asks for it.
    healthy = health.aio.HealthServicer()
    await healthy.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on 127.0.0.1:{port}: {service}", flush=True)
    await stop.wait()
    await server.stop(0)


if __name__ == "__main__":
    uvloop.run(_serve(history.read(Path(sys.argv[1]))))
