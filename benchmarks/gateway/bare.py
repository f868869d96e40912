"""The limit that the gateway is held against: `python -m benchmarks.gateway.bare TARGET` only forwards GetBatch.

It runs on the same server, parser and loop, and has no validation, no models, no errors and no other routes.
"""

from __future__ import annotations

import socket
import sys

import grpc.aio
import uvicorn
import uvloop
from fastapi import FastAPI
from google.protobuf.json_format import MessageToJson
from starlette.responses import Response

from fna.reports.v1.batch_status_service_pb2 import GetBatchRequest
from fna.reports.v1.batch_status_service_pb2_grpc import BatchStatusServiceStub


async def _serve(target: str) -> None:
    app = FastAPI(openapi_url=None)
    async with grpc.aio.insecure_channel(target) as channel:
        stub = BatchStatusServiceStub(channel)

        @app.get("/v1/reports/batch/{batch_id}")
        async def get_batch(batch_id: str) -> Response:
            answer = await stub.GetBatch(GetBatchRequest(batch_id=batch_id))
            text = MessageToJson(answer.batch, preserving_proto_field_name=True, indent=None)
            return Response(text, media_type="application/json")

        config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None, access_log=False)
        with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
            print(f"Listening on http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
            await uvicorn.Server(config).serve([listening])


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1]))
