"""What runs for every message reads by index, and no more rows than it needs, however many wait."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from psycopg2 import extensions

from kombu_postgres import Message, database, statements
from kombu_postgres.consumer import Consumer
from kombu_postgres.keeper import Keeper
from kombu_postgres.options import Options, connection_parameters
from kombu_postgres.publishing import publish_with
from kombu_postgres.silence import Silence
from kombu_postgres.statements import pyformat
from tests.support.waiting import eventually

Plan = dict[str, Any]

QUEUE = "plans"
TABLES = {"kombu_message", "kombu_claim"}
BACKLOG = 100_000
ROOM = 10
# In one step of a plan; a claim looks at some more messages than it has room for, as others may take them.
MOST_ROWS = 100
# Half of them wait, a tenth is due, the rest is held for tomorrow.
FILL = """
    INSERT INTO kombu_message (queue, payload, fairness_key, due_at)
    SELECT %(queue)s, repeat('x', 100), CASE WHEN n %% 4 = 0 THEN 'large' END,
        CASE WHEN n %% 10 = 1 THEN now() WHEN n %% 2 = 1 THEN now() + interval '1 day' END
    FROM generate_series(1, %(backlog)s) n
"""
# A fifth is claimed, some hundreds by the consumer that a test registers: the first one.
CLAIM = """
    WITH claimed AS (
        UPDATE kombu_message SET visible = false WHERE id %% 5 = 3 RETURNING id
    )
    INSERT INTO kombu_claim (consumer_id, message_id) SELECT 1 + id / 5 %% 50, id FROM claimed
"""


Fill = Callable[[], None]


@pytest.fixture(params=["never analyzed", "analyzed when empty", "analyzed"])
def statistics(request: pytest.FixtureRequest) -> str:
    """Say what the planner knows of the backlog."""
    return str(request.param)


@pytest.fixture
def session(empty_database_url: str, statistics: str) -> Iterator[extensions.connection]:
    """Give a session of a database with empty tables, which only this test analyzes."""
    with contextlib.closing(database.connect(connection_parameters(empty_database_url))) as connection:
        run(connection, "ALTER TABLE kombu_message SET (autovacuum_enabled = false)")
        run(connection, "ALTER TABLE kombu_claim SET (autovacuum_enabled = false)")
        if statistics == "analyzed when empty":
            run(connection, "ANALYZE")
        yield connection


@pytest.fixture
def fill(session: extensions.connection, statistics: str) -> Fill:
    """Give what makes the backlog."""

    def fill() -> None:
        run(session, FILL, queue=QUEUE, backlog=BACKLOG)
        run(session, CLAIM)
        if statistics == "analyzed":
            run(session, "ANALYZE")

    return fill


def run(connection: extensions.connection, statement: str, **values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def explain(cursor: extensions.cursor, statement: bytes) -> Plan:
    """Run a statement, take back what it did, and return how it was done."""
    cursor.execute(b"BEGIN; EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + statement)
    ((answer,),) = cursor.fetchall()
    cursor.execute("ROLLBACK")
    plan: Plan = answer[0]["Plan"]
    return plan


def explaining(plans: list[Plan]) -> type[extensions.cursor]:
    """Return cursors that add the plan of each statement that they execute again and again."""

    class Cursor(extensions.cursor):
        def execute(self, query: Any, values: Any = None) -> None:
            statement = self.mogrify(query, values)
            if statement.startswith(b"EXECUTE") or query == pyformat(statements.KEEP):
                plans.append(explain(self.connection.cursor(cursor_factory=extensions.cursor), statement))
            super().execute(query, values)

    return Cursor


def nodes(plan: Plan) -> Iterator[Plan]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def rows(node: Plan) -> float:
    """Return how many rows a node went through."""
    discarded = sum(value for name, value in node.items() if name.startswith("Rows Removed by"))
    return float((node["Actual Rows"] + discarded) * node["Actual Loops"])


def assert_frugal(plan: Plan) -> None:
    """Demand that it reads the large tables, by index, and nowhere more than a few rows."""
    executed = [node for node in nodes(plan) if node["Actual Loops"]]
    for node in executed:
        assert rows(node) <= MOST_ROWS, f"goes through {rows(node):.0f} rows: {node}"
    read = {node["Node Type"] for node in executed if node.get("Relation Name") in TABLES}
    assert read
    assert "Seq Scan" not in read


@pytest.fixture
def plans() -> list[Plan]:
    """Give the plans of what the consumer has executed."""
    return []


@pytest.fixture
def parameters(empty_database_url: str, session: extensions.connection, plans: list[Plan]) -> dict[str, Any]:
    """Give the parameters of connections whose statements are explained."""
    return {**connection_parameters(empty_database_url), "cursor_factory": explaining(plans)}


@pytest.fixture
def consumer(parameters: dict[str, Any]) -> Iterator[Consumer]:
    """Give a consumer of the backlog."""
    # Without a patrol, whose look would be among the plans.
    consumer = Consumer(parameters, Options(patrol_seconds=1000.0, lease_seconds=4000.0), lambda: None, Silence())
    consumer.subscribe([QUEUE], [])
    yield consumer
    consumer.close()


def test_claims_and_acknowledgements_read_what_they_take(consumer: Consumer, plans: list[Plan], fill: Fill) -> None:
    # Sessions plan their statements once: this one while there is nothing yet.
    assert consumer.receive([QUEUE], ROOM, 0) == []
    fill()
    plans.clear()
    for _ in range(5):
        consumer.look()
        deliveries = consumer.receive([QUEUE], ROOM, 0)
        assert len(deliveries) == ROOM
        for delivery in deliveries:
            consumer.ack(delivery.tag)
    consumer.settle()
    assert len(plans) == 6
    for plan in plans:
        assert_frugal(plan)


def test_a_single_message_is_got_without_reading_others(consumer: Consumer, plans: list[Plan], fill: Fill) -> None:
    assert not consumer.get(QUEUE, keep=True)
    assert not consumer.get(QUEUE, keep=False)
    fill()
    plans.clear()
    assert consumer.get(QUEUE, keep=True)
    assert consumer.get(QUEUE, keep=False)
    for plan in plans:
        assert_frugal(plan)


def test_a_consumer_looks_for_what_was_overlooked_without_reading_it(
    parameters: dict[str, Any], plans: list[Plan], fill: Fill
) -> None:
    fill()
    keeper = Keeper(parameters, Options(patrol_seconds=0.1), lambda: None)
    keeper.waiting = True
    keeper.register([QUEUE], [])
    eventually(lambda: len(plans) >= 2, 10, "a second look")
    keeper.stop()
    for plan in plans:
        assert_frugal(plan)


def test_publishing_with_a_fairness_key_reads_the_ends_of_the_backlog_alone(
    session: extensions.connection, fill: Fill
) -> None:
    fill()
    messages = [Message(QUEUE, "{}", fairness_key=key) for key in ("large", "small")]
    with session.cursor() as cursor:
        plans: list[Plan] = []
        publish_with(
            lambda statement, values: plans.append(explain(cursor, cursor.mogrify(pyformat(statement), values))),
            messages,
        )
    (plan,) = plans
    assert_frugal(plan)
