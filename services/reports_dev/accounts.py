"""The user that the embedded PostgreSQL runs as when we are root, which PostgreSQL refuses to be."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

_PREFERRED_NAMES = ("postgres", "nobody")
_NOBODY_ID = 65534


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged user; it has no supplementary groups."""

    name: str
    uid: int
    gid: int

    def can_enter(self, folder: Path) -> bool:
        """Ask the system itself, as that user: modes, owners, ACLs and mount options of all parents decide."""
        answer = subprocess.run(
            ["test", "-x", folder],
            user=self.uid,
            group=self.gid,
            extra_groups=(),
            cwd="/",
            check=False,
        )
        return answer.returncode == 0

    def take(self, path: Path) -> None:
        """Make the user the owner of the path."""
        os.chown(path, self.uid, self.gid)


def server_account() -> Account | None:
    """Choose the unprivileged user for the server; None when we are one ourselves."""
    if os.geteuid() != 0:
        return None
    for name in _PREFERRED_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    return Account(str(_NOBODY_ID), _NOBODY_ID, _NOBODY_ID)
