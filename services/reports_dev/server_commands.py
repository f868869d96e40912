"""The command lines that make a PostgreSQL cluster and run its server."""

import os
from pathlib import Path

from reports_dev.binaries import Binaries
from reports_dev.server_folder import ServerFolder

USER = "fna"

Words = list[str | Path]

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # Sockets are files that every local user reaches, in paths that may be too long.
    "unix_socket_directories": "",
    "max_connections": "200",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_SETTINGS_WHEN_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def commands_that_make_data(folder: ServerFolder, programs: Binaries) -> list[Words]:
    """Make the cluster under another name, so that one with its own name is complete; nothing when it is there."""
    if folder.data.exists():
        return []
    initdb: Words = [
        programs.folder / "initdb",
        f"--pgdata={folder.unfinished_data}",
        f"--username={USER}",
        f"--pwfile={folder.password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        # Sorts by code point and logs in English, on every machine.
        "--locale=C",
        "--data-checksums",
    ]
    if folder.temporary:
        initdb.append("--no-sync")
    return [initdb, ["mv", folder.unfinished_data, folder.data]]


def server_command(folder: ServerFolder, programs: Binaries, port: int, *, durable: bool) -> Words:
    """Run the server on the port; without `durable` it does not wait for the disk, as said in `EmbeddedPostgres`."""
    settings = _SETTINGS if durable else _SETTINGS | _SETTINGS_WHEN_NOT_DURABLE
    options = [f"--{name}={value}" for name, value in settings.items()]
    return [programs.folder / "postgres", "-D", folder.data, "-p", str(port), *options]


def environment() -> dict[str, str]:
    """Take ours without what would lead the server elsewhere, such as PGDATA or PGPORT, or translate its log."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C"}
