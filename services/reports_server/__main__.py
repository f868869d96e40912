"""Runs the gRPC server: `python -m reports_server`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Collection

import uvloop
from sqlalchemy.exc import DBAPIError

from reports_core.settings import SettingsError, load, refuse_open_address
from reports_core.storage.preparation import prepare
from reports_server.server import Service, serving
from reports_server.settings import ServerSettings

logger = logging.getLogger("reports_server")

_EPILOG = """\
environment (also read from .env; the environment wins):
  DATABASE_URL                          postgresql://user:password@host:port/database (required)
  FNA_REPORTS_GRPC_ADDRESS              address to listen on, default 127.0.0.1:50051; port 0 takes a free one
  FNA_REPORTS_ALLOW_UNAUTHENTICATED     true: listen on an address that other machines can reach
  FNA_REPORTS_DOCUMENTS_URL             folder or URL with the content of reports, shared with the workers
  FNA_REPORTS_SOURCE_ROOTS              folders and URLs, separated by ':', that RegisterReport may read from
  FNA_REPORTS_DIRECT_DATABASE_URL       the same database past PgBouncer, if DATABASE_URL leads to it
  FNA_REPORTS_BROKER_URL                Celery broker, default: the database of DATABASE_URL
  FNA_REPORTS_MAX_BATCH_SIZE            most reports in a batch, default 10000
  FNA_REPORTS_MAX_WATCHERS              most watches at once, default 20000
  FNA_REPORTS_POOL_SIZE                 connections to the database, default 10
  FNA_REPORTS_EVENT_RETENTION_HOURS     how long the history of a batch is kept after its end, default 168
  FNA_REPORTS_WEBHOOK_ALLOW_PRIVATE     true: webhooks may go to private addresses; also for workers
  FNA_REPORTS_SHARE_PORT                true: let several servers listen on one address (Linux)
  FNA_REPORTS_LEASE_SECONDS, FNA_REPORTS_SWEEP_SECONDS, FNA_REPORTS_SHUTDOWN_GRACE_SECONDS
  FNA_REPORTS_STATEMENT_TIMEOUT_SECONDS, FNA_REPORTS_MAX_WATCHERS_PER_OWNER
  FNA_REPORTS_KEEPALIVE_SECONDS, FNA_REPORTS_KEEPALIVE_TIMEOUT_SECONDS
  FNA_REPORTS_MAX_CONNECTION_AGE_SECONDS, FNA_REPORTS_MAX_CONNECTION_AGE_GRACE_SECONDS
                                        see docs/operations.md
"""


def main() -> None:
    """Run until SIGTERM or SIGINT; exits with 0 after a graceful stop and with 1 when it cannot start."""
    services = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        settings = load(ServerSettings)
        refuse_open_address("FNA_REPORTS_GRPC_ADDRESS", settings.grpc_address, allowed=settings.allow_unauthenticated)
        prepare(settings)
        uvloop.run(_serve(settings, services))
    except SettingsError as error:
        sys.exit(str(error))
    except (DBAPIError, OSError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        sys.exit(f"cannot work with the database of DATABASE_URL: {str(cause).strip()}")


async def _serve(settings: ServerSettings, services: Collection[Service]) -> None:
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with serving(settings, services) as address:
        names = ", ".join(service.rpartition(".")[2] for service in services)
        logger.info("listening on %s: %s", address, names)
        await stop.wait()
        logger.info("stopping")
    logger.info("stopped")


def _arguments() -> list[Service]:
    parser = argparse.ArgumentParser(
        prog="python -m reports_server",
        description="gRPC services of FNA Reports: batch submission, batch status, reports and diagnostics.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = {service.name.lower(): service for service in Service}
    parser.add_argument(
        "--services",
        default=",".join(names),
        metavar="NAME[,NAME...]",
        help=f"services to run in this process, of {', '.join(names)} (default: all)",
    )
    chosen = [name.strip() for name in parser.parse_args().services.split(",")]
    unknown = [name for name in chosen if name not in names]
    if unknown:
        parser.error(f"--services: unknown service {unknown[0]!r}; choose from {', '.join(names)}")
    return [names[name] for name in dict.fromkeys(chosen)]


if __name__ == "__main__":
    main()
