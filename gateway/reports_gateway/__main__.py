"""Command of the REST gateway: wires settings, services, application and server."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import socket
import sys

from uvicorn.loops.auto import auto_loop_factory

from reports_core.settings import SettingsError
from reports_gateway.app import create_app
from reports_gateway.request_ids import RequestIdFilter
from reports_gateway.server import GatewayServer, listen, url
from reports_gateway.settings import GatewaySettings, load_settings
from reports_gateway.upstream import connect
from reports_gateway.watches import Watches

logger = logging.getLogger("reports_gateway")

_SETTINGS = """\
settings, from the environment or .env:
  FNA_REPORTS_REST_ADDRESS           where to listen (127.0.0.1:8000); port 0 takes a free one
  FNA_REPORTS_SERVER                 gRPC target of the services (127.0.0.1:50051)
  FNA_REPORTS_SUBMISSION_SERVER      target of BatchSubmissionService, when it is deployed apart
  FNA_REPORTS_STATUS_SERVER          target of BatchStatusService, when it is deployed apart
  FNA_REPORTS_REPORT_SERVER          target of ReportService, when it is deployed apart
  FNA_REPORTS_ALLOW_UNAUTHENTICATED  true allows an address that other machines can reach
  FNA_REPORTS_CORS_ORIGINS           origins whose pages may call the gateway, separated by spaces; * for any
"""


def main() -> None:
    """Run the gateway until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="fna-reports-gateway",
        description=str(sys.modules["reports_gateway"].__doc__),
        epilog=_SETTINGS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--openapi", action="store_true", help="print the OpenAPI document and exit")
    if parser.parse_args().openapi:
        asyncio.run(_print_openapi())
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s [%(request_id)s]")
    for handler in logging.getLogger().handlers:
        handler.addFilter(RequestIdFilter())
    # It tells at INFO what the lines below tell already; its access log is another logger.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.exit(str(error))
    try:
        listening = listen(settings.rest_address)
    except OSError as error:
        sys.exit(f"FNA_REPORTS_REST_ADDRESS={settings.rest_address}: {error.strerror}; choose another address.")
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(_serve(settings, listening))


async def _print_openapi() -> None:
    async with connect(GatewaySettings()) as services:
        print(json.dumps(create_app(services, Watches()).openapi(), indent=2, ensure_ascii=False))


async def _serve(settings: GatewaySettings, listening: socket.socket) -> None:
    watches = Watches()
    async with connect(settings) as services:
        server = GatewayServer(create_app(services, watches, settings.cors_origins.split()), watches)
        logger.info("Listening on %s", url(listening))
        await server.serve([listening])
    logger.info("Stopped")


if __name__ == "__main__":
    main()
