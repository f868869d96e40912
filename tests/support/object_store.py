"""A local server that speaks S3, as a process of its own, with buckets for tests."""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path
from typing import Any, Self

import boto3

from reports_dev.output import FileOutput
from reports_dev.processes import Process, wait_until

_START_SECONDS = 60.0
_RUNNING = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


class ObjectStore:
    """Keeps what it is given in memory, until it is left; `settings` are environment variables of the server."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._log = folder / "object-store.log"
        self._process = Process(
            "object store",
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
            output=FileOutput(self._log),
            environment=_CREDENTIALS | settings,
            folder=folder,
        )
        self._numbers = itertools.count(1)
        self.endpoint = ""

    def __enter__(self) -> Self:
        self._process.start()
        wait_until(self._running, _START_SECONDS, "the start of the object store", processes=[self._process])
        match = self._running()
        assert match
        self.endpoint = match[1]
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        self._process.kill()

    @property
    def environment(self) -> dict[str, str]:
        """What an operator sets, so that a process finds this store; it gives up soon when the store is away."""
        return _CREDENTIALS | {
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_MAX_ATTEMPTS": "1",
        }

    def new_bucket(self) -> Bucket:
        bucket = Bucket(self.endpoint, f"reports-{next(self._numbers)}")
        bucket.client.create_bucket(Bucket=bucket.name)
        return bucket

    def _running(self) -> re.Match[str] | None:
        return _RUNNING.search(self._log.read_text())


class Bucket:
    """What is in a bucket, seen past the product's own library."""

    def __init__(self, endpoint: str, name: str) -> None:
        self.name = name
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id=_CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=_CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )

    def names(self) -> list[str]:
        return [entry["Key"] for entry in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def uploads(self) -> list[str]:
        """Return the keys of the uploads that have begun and are neither complete nor given up."""
        return [entry["Key"] for entry in self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])]

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)
