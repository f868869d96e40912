"""Deliveries in the database: one for each execution, whatever ends it, and attempts that count once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from reports_core.domain.errors import WebhookDeliveryNotFound, WebhookSecretMissing
from reports_core.domain.webhook import DeliveryStatus, new_secret
from reports_core.storage import queue, webhooks
from reports_core.storage.batches import NewBatch
from reports_core.storage.queue import CeleryQueue
from reports_core.storage.records import Batch
from reports_core.storage.webhooks import Attempt, Delivery
from tests.support.storage import BROKEN, OWNER, REFUSED, SUCCESS, Store

URL = "https://example.com/hooks"
TAKEN = Attempt(datetime.now(UTC), timedelta(seconds=0.25), 200, None)
FAILED = Attempt(datetime.now(UTC), timedelta(seconds=0.5), 500, "the receiver answered 500")


@pytest.fixture(autouse=True)
def secret(store: Store) -> str:
    secret = new_secret()
    store.do(webhooks.set_secret, OWNER, secret)
    return secret


def deliveries(store: Store, batch: Batch) -> list[Delivery]:
    return store.do(webhooks.list_of, OWNER, batch.batch_id)


def only(store: Store, batch: Batch) -> Delivery:
    (found,) = deliveries(store, batch)
    return found


def finished(store: Store) -> Batch:
    """Return a batch that is over and has a webhook, whose message waits."""
    batch = store.submit(1, webhook_url=URL)
    return store.run(batch).batch


def end(store: Store, delivery: Delivery, attempt: Attempt = FAILED, *, minutes: float = 1) -> Delivery | None:
    delay = None if attempt is TAKEN else timedelta(minutes=minutes)
    status = DeliveryStatus.DELIVERED if attempt is TAKEN else DeliveryStatus.RETRYING
    return store.do(webhooks.end, delivery, attempt, status, delay, store.queue)


def dispatched_by_sweep(store: Store) -> int:
    swept = store.sweep()
    assert swept is not None
    return swept.webhooks_dispatched


def make_due(store: Store) -> None:
    store.rows(
        "UPDATE webhook_deliveries SET next_attempt_at = next_attempt_at - interval '1 hour', "
        "dispatched_at = dispatched_at - interval '1 hour'"
    )


def test_the_last_report_of_a_batch_leaves_one_webhook_and_its_message(store: Store) -> None:
    batch = store.submit(2, webhook_url=URL, labels={"desk": "north"})
    store.run(batch, 0)
    assert deliveries(store, batch) == []
    ended = store.run(batch, 1, REFUSED).batch
    delivery = only(store, batch)
    assert (delivery.task_id, delivery.url, delivery.status) == (batch.task_id, URL, DeliveryStatus.PENDING)
    data = delivery.payload["data"]
    assert delivery.payload["type"] == "batch.finished"
    assert (data["status"], data["successful"], data["failed"]) == ("PARTIALLY_COMPLETED", 1, 1)
    assert (data["labels"], data["last_sequence"]) == ({"desk": "north"}, ended.last_sequence)
    assert store.waiting(queue.DEFAULT_QUEUE) == 1


def test_a_batch_without_a_url_has_no_webhook(store: Store) -> None:
    batch = store.submit(1)
    store.run(batch)
    assert deliveries(store, batch) == []
    assert store.waiting(queue.DEFAULT_QUEUE) == 0


def test_a_batch_has_the_url_of_its_owner_unless_it_has_its_own(store: Store) -> None:
    store.do(webhooks.set_url, OWNER, "https://example.com/all")
    batches = [store.submit(1), store.submit(1, webhook_url=URL)]
    for batch in batches:
        store.run(batch)
    assert [only(store, batch).url for batch in batches] == ["https://example.com/all", URL]
    store.do(webhooks.set_url, OWNER, "")
    later = store.submit(1)
    assert store.run(later).batch.webhook_url is None


def test_a_batch_that_is_cancelled_has_one_too_and_the_sweep_sends_it(store: Store) -> None:
    batch = store.submit(3, webhook_url=URL)
    store.cancel(batch)
    assert only(store, batch).payload["data"]["cancelled"] == 3
    assert dispatched_by_sweep(store) == 1
    assert store.waiting(queue.DEFAULT_QUEUE) == 1


def test_a_batch_whose_time_is_over_has_one_too(store: Store) -> None:
    batch = store.submit(2, webhook_url=URL, execution_timeout=timedelta(seconds=1))
    store.rows("UPDATE batch_executions SET deadline_at = now() - interval '1 second'")
    store.sweep()
    assert only(store, batch).payload["data"]["status"] == "FAILED"
    assert store.waiting(queue.DEFAULT_QUEUE) == 1


def test_each_execution_has_its_own(store: Store) -> None:
    batch = store.submit(1, webhook_url=URL)
    store.run(batch, 0, REFUSED)
    store.run(store.retry(batch))
    newest, first = deliveries(store, batch)
    assert [found.payload["data"]["status"] for found in (first, newest)] == ["FAILED", "COMPLETED"]
    assert [found.payload["data"]["execution_count"] for found in (first, newest)] == [1, 2]


def test_an_attempt_that_will_be_repeated_leaves_none(store: Store) -> None:
    batch = store.submit(1, webhook_url=URL)
    store.run(batch, 0, BROKEN)
    assert deliveries(store, batch) == []


def test_finishers_at_once_leave_one(store: Store) -> None:
    batch = store.submit(8, webhook_url=URL)
    attempts = [store.start(batch, position) for position in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(store.finish, attempts))
    assert only(store, batch).payload["data"]["successful"] == 8


def test_a_webhook_is_signed_with_both_secrets_for_a_day_after_the_change(store: Store, secret: str) -> None:
    delivery = only(store, finished(store))
    newer = new_secret()
    store.do(webhooks.set_secret, OWNER, newer)
    taken = store.do(webhooks.take, delivery.delivery_id, 0)
    assert taken is not None
    assert taken.secrets == [newer, secret]
    store.rows("UPDATE webhook_settings SET previous_secret_until = now()")
    taken = store.do(webhooks.take, delivery.delivery_id, 0)
    assert taken is not None
    assert taken.secrets == [newer]


def test_a_failed_attempt_is_logged_and_the_next_one_waits(store: Store) -> None:
    batch = finished(store)
    after = end(store, only(store, batch))
    assert after is not None
    assert (after.status, after.attempt, after.failures) == (DeliveryStatus.RETRYING, 1, 1)
    (logged,) = after.attempts
    assert (logged.response_status, logged.error, logged.duration) == (500, FAILED.error, FAILED.duration)
    assert after.next_attempt_at is not None
    due = store.value("SELECT due_at FROM kombu_message WHERE queue = 'default' ORDER BY id DESC LIMIT 1")
    assert abs((due - after.next_attempt_at).total_seconds()) < 1


def test_an_attempt_counts_once(store: Store) -> None:
    delivery = only(store, finished(store))
    assert end(store, delivery) is not None
    assert end(store, delivery, TAKEN) is None
    assert store.do(webhooks.take, delivery.delivery_id, 0) is None
    assert store.do(webhooks.take, delivery.delivery_id, 1) is not None


def test_what_was_delivered_is_not_attempted_again(store: Store) -> None:
    batch = finished(store)
    after = end(store, only(store, batch), TAKEN)
    assert after is not None
    assert (after.status, after.next_attempt_at) == (DeliveryStatus.DELIVERED, None)
    assert after.delivered_at is not None
    assert store.do(webhooks.take, after.delivery_id, after.attempt) is None
    make_due(store)
    assert dispatched_by_sweep(store) == 0


def test_the_log_keeps_the_last_fifty_attempts(store: Store) -> None:
    batch = finished(store)
    for _ in range(53):
        assert end(store, only(store, batch)) is not None
    delivery = only(store, batch)
    assert (delivery.attempt, len(delivery.attempts)) == (53, 50)


def test_a_message_that_is_lost_is_put_again_once(store: Store) -> None:
    batch = finished(store)
    store.rows("DELETE FROM kombu_message WHERE queue = 'default'")
    make_due(store)
    assert [dispatched_by_sweep(store) for _ in range(2)] == [1, 0]
    assert store.waiting(queue.DEFAULT_QUEUE) == 1
    assert only(store, batch).status is DeliveryStatus.PENDING


def test_a_message_that_waits_is_left_alone_however_old(store: Store) -> None:
    finished(store)
    make_due(store)
    assert dispatched_by_sweep(store) == 0
    assert store.waiting(queue.DEFAULT_QUEUE) == 1


def test_with_a_broker_elsewhere_the_sweep_publishes_what_is_due(store: Store) -> None:
    store.queue = CeleryQueue("memory://")
    batch = store.submit(1, webhook_url=URL)
    store.run(batch)
    assert dispatched_by_sweep(store) == 1
    assert end(store, only(store, batch)) is not None
    assert dispatched_by_sweep(store) == 0
    make_due(store)
    assert dispatched_by_sweep(store) == 1


def test_a_delivery_is_sent_again_when_it_is_asked_for(store: Store) -> None:
    batch = finished(store)
    end(store, only(store, batch))
    end(store, only(store, batch), TAKEN)
    store.take(queue.DEFAULT_QUEUE)
    again = store.do(webhooks.redeliver, OWNER, batch.batch_id, only(store, batch).delivery_id, store.queue)
    assert (again.status, again.attempt, again.failures) == (DeliveryStatus.PENDING, 2, 0)
    assert store.waiting(queue.DEFAULT_QUEUE) == 1
    assert store.do(webhooks.take, again.delivery_id, 2) is not None


def test_nobody_redelivers_or_sees_what_is_not_theirs(store: Store) -> None:
    batch = finished(store)
    delivery_id = only(store, batch).delivery_id
    assert store.do(webhooks.list_of, "other", batch.batch_id) == []
    for owner, batch_id, wanted in (
        ("other", batch.batch_id, delivery_id),
        (OWNER, UUID(int=1), delivery_id),
        (OWNER, batch.batch_id, UUID(int=1)),
    ):
        with pytest.raises(WebhookDeliveryNotFound):
            store.do(webhooks.redeliver, owner, batch_id, wanted, store.queue)


def test_without_a_secret_nothing_can_be_sent_and_it_is_said_at_once(store: Store) -> None:
    store.rows("DELETE FROM webhook_settings")
    with pytest.raises(WebhookSecretMissing):
        store.submit(1, webhook_url=URL)
    with pytest.raises(WebhookSecretMissing):
        store.do(webhooks.set_url, OWNER, URL)
    store.submit(1)


def test_old_deliveries_are_deleted(store: Store) -> None:
    old, new = finished(store), finished(store)
    store.rows(
        "UPDATE webhook_deliveries SET created_at = now() - interval '31 days' WHERE batch_id = :batch_id",
        batch_id=old.batch_id,
    )
    store.do(webhooks.expire, timedelta(days=30))
    assert deliveries(store, old) == []
    assert len(deliveries(store, new)) == 1


def test_a_request_with_another_url_is_another_request(store: Store) -> None:
    ids = store.reports(1)
    prints = {NewBatch(owner=OWNER, report_ids=ids, webhook_url=url).fingerprint for url in ("", URL, URL + "2")}
    assert len(prints) == 3


def test_a_success_is_kept_with_the_batch(store: Store) -> None:
    batch = store.submit(1, webhook_url=URL)
    assert store.run(batch, 0, SUCCESS).batch.webhook_url == URL
