"""The kinds of places for documents, so that one suite holds for all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import fsspec
from fsspec.implementations.local import LocalFileSystem

from reports_core.locations import Location, RemoteUrl
from tests.support.object_store import Bucket


class DocumentPlace(Protocol):
    """Where documents are kept in a test, and what is there."""

    location: Location

    def names(self) -> list[str]:
        """Return the paths of all that is visible, from the place on."""

    def put(self, name: str, content: bytes) -> None:
        """Put something there behind the product's back."""


class FolderPlace:
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.location: Location = folder

    def names(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())

    def put(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class BucketPlace:
    """A prefix in a bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.location: Location = RemoteUrl(f"s3://{bucket.name}/some/prefix")

    def names(self) -> list[str]:
        return [key.removeprefix("some/prefix/") for key in self.bucket.names()]

    def put(self, name: str, content: bytes) -> None:
        self.bucket.put(f"some/prefix/{name}", content)


class MountedFileSystem(LocalFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Stands for file servers, where folders are real, must be made, and a rename makes a file visible."""

    protocol = "mounted"


class ServerPlace(FolderPlace):
    """A folder that is reached as a remote one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir()
        fsspec.register_implementation("mounted", MountedFileSystem, clobber=True)
        self.location = RemoteUrl(f"mounted://{folder}")
