"""A forked child has nothing of its parent's connections: neither end reaches into the other's work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import kombu
import pytest
from kombu import Queue

from tests.support.transport import QUEUE, SECONDS, Tables, connection, message, with_parameters
from tests.support.waiting import eventually

# Holds two messages of two channels, then forks.
PARENT = """
import multiprocessing, os, sys, time
import kombu
from kombu import Queue
from tests.support.transport import QUEUE, connection

def child_lives_on():
    print("child", flush=True)
    sys.stdin.readline()

def child_uses_its_own_connection():
    with connection(url) as own:
        own.Producer().publish("of the child", routing_key="another", content_type="text/plain")

def child_closes_what_it_inherited():
    broker.release()

def child_drops_and_collects_what_it_inherited():
    import gc
    global broker, channels, consumers
    broker = channels = consumers = None
    messages.clear()
    gc.collect()

def child_publishes_through_what_it_inherited():
    broker.Producer().publish("of the child", routing_key="another", content_type="text/plain", retry=True,
        retry_policy={"max_retries": 3})

def child_consumes_through_what_it_inherited():
    try:
        broker.drain_events(timeout=1)
    except TimeoutError:
        pass

child = globals()[sys.argv[1]]
url = sys.argv[2]
messages = []
with connection(url) as broker:
    channels = [broker.channel() for _ in range(2)]
    consumers = []
    for channel in channels:
        consumer = kombu.Consumer(channel, [Queue(QUEUE)], on_message=messages.append, prefetch_count=1)
        consumer.consume()
        consumers.append(consumer)
        received = len(messages)
        while len(messages) == received:
            broker.drain_events(timeout=10)
        consumer.cancel()
    if sys.argv[3] == "fork":
        pid = os.fork()
        if not pid:
            status = 1
            try:
                child()
                status = 0
            finally:
                os._exit(status)
        print("status", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    else:
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join()
        print("status", process.exitcode, flush=True)
    sys.stdin.readline()
    for received in list(messages):
        received.ack()
    print("acknowledged", flush=True)
"""
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(60)


class Parent:
    """The process that forks; its sessions have the name `parent`."""

    def __init__(self, url: str, child: str, way: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PARENT, child, with_parameters(url, application_name="parent"), way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *(path for path in sys.path if path)])},
        )

    def next_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@pytest.fixture
def tables(empty_database_url: str) -> Iterator[Tables]:
    """Give the tables with a message for each of the parent's channels."""
    with connection(empty_database_url) as broker:
        broker.connect()
    with Tables(empty_database_url) as tables:
        tables.publish(message("first"), message("second"))
        yield tables


@pytest.mark.parametrize("way", ["fork", "multiprocessing"])
@pytest.mark.parametrize(
    ("child", "published"),
    [
        ("child_uses_its_own_connection", 1),
        ("child_closes_what_it_inherited", 0),
        ("child_drops_and_collects_what_it_inherited", 0),
        ("child_publishes_through_what_it_inherited", 1),
        ("child_consumes_through_what_it_inherited", 0),
    ],
)
def test_a_parent_keeps_sessions_and_claims_whatever_its_child_does(
    empty_database_url: str, tables: Tables, child: str, published: int, way: str
) -> None:
    parent = Parent(empty_database_url, child, way)
    with parent.process:
        assert parent.next_line() == "status 0"
        assert (
            tables.rows("SELECT visible, deliveries FROM kombu_message WHERE queue = :queue", queue=QUEUE)
            == [(False, 1)] * 2
        )
        assert tables.count("kombu_message", "queue = 'another'") == published
        # Those of the child end a moment after it.
        eventually(lambda: len(tables.sessions("parent")) == 3, SECONDS, "the parent's three sessions alone")
        parent.go_on()
        assert parent.next_line() == "acknowledged"
        assert parent.process.wait(SECONDS) == 0
    assert tables.count("kombu_message", "queue = :queue", queue=QUEUE) == 0


def test_the_end_of_a_parent_is_seen_although_its_child_lives(empty_database_url: str, tables: Tables) -> None:
    parent = Parent(empty_database_url, "child_lives_on", "fork")
    with parent.process, connection(empty_database_url) as broker, broker.channel() as channel:
        assert parent.next_line() == "child"
        received: list[object] = []
        with kombu.Consumer(channel, [Queue(QUEUE)], on_message=received.append):
            parent.process.kill()
            eventually(lambda: not tables.sessions("parent"), SECONDS, "the end of the sessions")
            while len(received) < 2:
                broker.drain_events(timeout=SECONDS)
        # The child reads the end of our pipe, and ends.
        parent.go_on()
