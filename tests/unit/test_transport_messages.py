"""What headers and properties of a kombu message become in its row."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kombu_postgres import Message


def row(headers: dict[str, object] | None = None, **properties: object) -> Message:
    return Message.of("queue", {"body": "", "headers": headers, "properties": properties})


def test_a_plain_message_has_no_conditions() -> None:
    message = row()
    assert (message.priority, message.due_at, message.expires_in, message.fairness_key) == (0, None, None, None)


@pytest.mark.parametrize(("given", "kept"), [(0, 0), (5, 5), (9, 9), (10, 9), (255, 9), (-1, 0), ("7", 7), (None, 0)])
def test_a_priority_is_kept_from_zero_to_nine(given: object, kept: int) -> None:
    assert row(priority=given).priority == kept


def test_a_priority_that_is_no_number_is_none() -> None:
    assert row(priority="urgent").priority == 0


@pytest.mark.parametrize(
    "eta", ["2100-01-01T00:00:00+00:00", "2100-01-01T00:00:00Z", datetime(2100, 1, 1, tzinfo=UTC)], ids=str
)
def test_a_time_with_a_zone_is_held_until_then(eta: object) -> None:
    due_at = row({"eta": eta}).due_at
    assert due_at is not None
    assert datetime.fromisoformat(due_at) == datetime(2100, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("eta", ["2100-01-01T00:00:00", "tomorrow", "", None])
def test_any_other_time_is_left_to_celery(eta: object) -> None:
    assert row({"eta": eta}).due_at is None


@pytest.mark.parametrize(("expiration", "seconds"), [("1500", 1.5), (0, 0.0), (250, 0.25)])
def test_an_expiration_is_in_milliseconds(expiration: object, seconds: float) -> None:
    assert row(expiration=expiration).expires_in == seconds


def test_the_id_of_a_task_goes_before_that_of_its_message() -> None:
    assert row({"id": "task"}, message_id="message").message_id == "task"
    assert row(message_id="message").message_id == "message"


@pytest.mark.parametrize(("key", "kept"), [("key", "key"), (5, "5"), ("", ""), (None, None)])
def test_a_fairness_key_is_text(key: object, kept: str | None) -> None:
    assert row({"fairness_key": key}).fairness_key == kept


@pytest.mark.parametrize("weight", [1, 50, 100])
def test_a_weight_is_a_whole_number_from_one_to_a_hundred(weight: int) -> None:
    assert row({"fairness_weight": weight}).fairness_weight == weight


@pytest.mark.parametrize("weight", [0, 101, -1, 1.5, "3", True])
def test_any_other_weight_is_refused(weight: object) -> None:
    with pytest.raises(ValueError, match="fairness_weight must be a whole number from 1 to 100"):
        row({"fairness_weight": weight})
