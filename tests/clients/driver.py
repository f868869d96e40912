"""Drives the Python clients for the conformance suite: makes the calls that come on stdin; see README.md."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any, cast

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from fna.reports import AsyncReportsClient, ReportsClient, ReportsError
from fna.reports.handle import AsyncBatchHandle, BatchHandle
from fna.reports.v1.batch_pb2 import BatchEvent, BatchItemStatus, BatchStatus
from fna.reports.v1.report_pb2 import ReportType

Arguments = dict[str, Any]

LISTS = {"list_reports": "reports", "list_batches": "batches", "list_items": "items", "list_results": "results"}
WATCHES = {"watch", "watch_batches"}
CALLS = {"upload", "get_report", "get_analysis", "submit", "cancel", "retry", "get_batch", *LISTS}


class Answers:
    """Writes lines, one at a time, whichever thread they come from."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def say(self, call: int, **answer: object) -> None:
        with self._lock:
            sys.stdout.write(json.dumps({"id": call, **answer}) + "\n")
            sys.stdout.flush()

    def event(self, call: int, event: BatchEvent) -> None:
        self.say(call, event=as_json(event))

    def result(self, call: int, name: str, result: object) -> None:
        if name in LISTS:
            messages = cast("list[Message]", result)
            self.say(call, result={LISTS[name]: [as_json(message) for message in messages]})
        elif isinstance(result, BatchHandle | AsyncBatchHandle):
            self.say(call, result=as_json(result.message))
        else:
            self.say(call, result=as_json(cast("Message", result)))


def as_json(message: Message) -> Any:
    return MessageToDict(message, preserving_proto_field_name=True)


def error_as_json(error: ReportsError) -> dict[str, object]:
    return {
        "code": error.code.name,
        "reason": error.reason,
        "message": error.message,
        "metadata": error.metadata,
        "fields": [{"field": one.field, "description": one.description} for one in error.field_violations],
        "retry_delay_seconds": None if error.retry_delay is None else error.retry_delay.total_seconds(),
    }


def unimplemented(what: str) -> dict[str, object]:
    return {"code": grpc.StatusCode.UNIMPLEMENTED.name, "message": f"this driver has no call {what}"}


def prepared(name: str, arguments: Arguments) -> tuple[list[Any], Arguments]:
    """Return positional and named arguments of the client's method."""
    named = dict(arguments)
    if name == "upload":
        named["report_type"] = ReportType.Value(named["report_type"])
        return [named.pop("content").encode()], named
    if "statuses" in named:
        named["statuses"] = [BatchItemStatus.Value(status) for status in named["statuses"]]
    if name == "submit":
        return [named.pop("report_ids")], named
    return [named.pop(first) for first in ("batch_id", "report_id") if first in named], named


def watch_arguments(arguments: Arguments) -> Arguments:
    named = dict(arguments)
    seconds = named.pop("heartbeat_seconds", None)
    if "statuses" in named:
        named["statuses"] = [BatchStatus.Value(status) for status in named["statuses"]]
    return named | {"heartbeat_interval": None if seconds is None else timedelta(seconds=seconds)}


class BlockingDriver:
    """Makes each call in a thread of its own."""

    def __init__(self, client: ReportsClient, answers: Answers) -> None:
        self._client = client
        self._answers = answers
        self._stopped: dict[int, threading.Event] = {}

    def run(self, lines: Iterator[Arguments]) -> None:
        for line in lines:
            self._stopped[line["id"]] = threading.Event()
            # Of no use once stdin has ended.
            threading.Thread(target=self._make, args=(line,), daemon=True).start()

    def _make(self, line: Arguments) -> None:
        call, name, arguments = line["id"], line["call"], line["arguments"]
        try:
            if name in WATCHES:
                self._watch(call, name, arguments)
            elif name == "stop":
                self._stopped[arguments["call"]].set()
                self._answers.say(call, result={})
            elif name == "count":
                self._answers.say(call, result=self._count(arguments))
            elif name in CALLS:
                positional, named = prepared(name, arguments)
                result = getattr(self._client, name)(*positional, **named)
                self._answers.result(call, name, list(result) if name in LISTS else result)
            else:
                self._answers.say(call, error=unimplemented(name))
        except ReportsError as error:
            self._answers.say(call, error=error_as_json(error))

    def _count(self, arguments: Arguments) -> dict[str, object]:
        count, began = 0, time.perf_counter()
        for event in self._client.watch(**watch_arguments(arguments)):
            count, last = count + 1, event.sequence
        return {"count": count, "last_sequence": last, "seconds": time.perf_counter() - began}

    def _watch(self, call: int, name: str, arguments: Arguments) -> None:
        interrupted = telling(self._answers, call)
        for event in getattr(self._client, name)(**watch_arguments(arguments), on_interruption=interrupted):
            if self._stopped[call].is_set():
                break
            self._answers.event(call, event)
        self._answers.say(call, done=True)


class AsyncDriver:
    """Makes each call in a task of its own."""

    def __init__(self, client: AsyncReportsClient, answers: Answers) -> None:
        self._client = client
        self._answers = answers
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def run(self, lines: AsyncIterator[Arguments]) -> None:
        async for line in lines:
            self._tasks[line["id"]] = asyncio.create_task(self._make(line))

    async def _make(self, line: Arguments) -> None:
        call, name, arguments = line["id"], line["call"], line["arguments"]
        try:
            if name in WATCHES:
                await self._watch(call, name, arguments)
            elif name == "stop":
                self._tasks[arguments["call"]].cancel()
                self._answers.say(call, result={})
            elif name == "count":
                self._answers.say(call, result=await self._count(arguments))
            elif name in CALLS:
                positional, named = prepared(name, arguments)
                result = getattr(self._client, name)(*positional, **named)
                self._answers.result(call, name, [each async for each in result] if name in LISTS else await result)
            else:
                self._answers.say(call, error=unimplemented(name))
        except ReportsError as error:
            self._answers.say(call, error=error_as_json(error))

    async def _count(self, arguments: Arguments) -> dict[str, object]:
        count, began = 0, time.perf_counter()
        async for event in self._client.watch(**watch_arguments(arguments)):
            count, last = count + 1, event.sequence
        return {"count": count, "last_sequence": last, "seconds": time.perf_counter() - began}

    async def _watch(self, call: int, name: str, arguments: Arguments) -> None:
        interrupted = telling(self._answers, call)
        try:
            async for event in getattr(self._client, name)(**watch_arguments(arguments), on_interruption=interrupted):
                self._answers.event(call, event)
        except asyncio.CancelledError:
            self._answers.say(call, done=True)
            raise
        self._answers.say(call, done=True)


def telling(answers: Answers, call: int) -> Callable[[ReportsError], None]:
    return lambda error: answers.say(call, interrupted=error_as_json(error))


def lines() -> Iterator[Arguments]:
    for line in sys.stdin:
        yield json.loads(line)


async def lines_async() -> AsyncIterator[Arguments]:
    while line := await asyncio.to_thread(sys.stdin.readline):
        yield json.loads(line)


async def drive_async(address: str, answers: Answers, options: Arguments) -> None:
    async with AsyncReportsClient(address, **options) as client:
        await AsyncDriver(client, answers).run(lines_async())


def main() -> None:
    """Drive the client that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--asynchronous", action="store_true")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS")
    parser.add_argument("--reconnect-timeout", type=float, metavar="SECONDS")
    given = parser.parse_args()
    options: Arguments = {"timeout": timedelta(seconds=given.timeout)}
    if given.reconnect_timeout is not None:
        options["reconnect_timeout"] = timedelta(seconds=given.reconnect_timeout)
    if given.asynchronous:
        asyncio.run(drive_async(given.address, Answers(), options))
        return
    with ReportsClient(given.address, **options) as client:
        BlockingDriver(client, Answers()).run(lines())


if __name__ == "__main__":
    main()
