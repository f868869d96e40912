"""Statuses of batches and items: which may follow which, and what follows from the counters."""

from __future__ import annotations

from itertools import product

import pytest

from reports_core.domain.batch import (
    ITEM_TRANSITIONS,
    BatchStatus,
    Counters,
    ItemStatus,
    ReportStatus,
    batch_status,
    report_status,
)

SUCCESSORS: dict[str, set[str]] = {
    "PENDING": {"PROCESSING", "FAILED", "CANCELLED"},
    "PROCESSING": {"RETRYING", "COMPLETED", "FAILED", "CANCELLED"},
    "RETRYING": {"PROCESSING", "FAILED", "CANCELLED"},
    "COMPLETED": set(),
    "FAILED": set(),
    "CANCELLED": set(),
}
COUNTED = {"COMPLETED": "successful", "FAILED": "failed", "CANCELLED": "cancelled", "PROCESSING": "running"}

PAIRS = list(product(ItemStatus, ItemStatus))


def test_the_words_are_those_of_the_contract() -> None:
    assert [*BatchStatus] == [
        "PROCESSING",
        "CANCELLING",
        "COMPLETED",
        "PARTIALLY_COMPLETED",
        "FAILED",
        "CANCELLED",
    ]
    assert [*ItemStatus] == ["PENDING", "PROCESSING", "RETRYING", "COMPLETED", "FAILED", "CANCELLED"]
    assert [*ReportStatus] == ["PENDING", "PROCESSING", "COMPLETED", "FAILED"]


@pytest.mark.parametrize(("previous", "status"), PAIRS)
def test_an_item_goes_only_where_a_transition_leads(previous: ItemStatus, status: ItemStatus) -> None:
    allowed = status in SUCCESSORS[previous]
    assert (status in ITEM_TRANSITIONS[previous]) == allowed
    if not allowed:
        with pytest.raises(ValueError, match=f"from {previous} to {status}"):
            Counters(5, running=1).after(previous, status)


@pytest.mark.parametrize(("previous", "status"), [pair for pair in PAIRS if pair[1] in SUCCESSORS[pair[0]]])
def test_a_transition_is_counted_where_it_leads_and_where_it_comes_from(
    previous: ItemStatus, status: ItemStatus
) -> None:
    before = Counters(9, successful=1, failed=1, cancelled=1, running=3)
    after = before.after(previous, status, 2)
    for field in ("successful", "failed", "cancelled", "running"):
        gained = 2 * (COUNTED.get(status) == field) - 2 * (COUNTED.get(previous) == field)
        assert getattr(after, field) == getattr(before, field) + gained
    assert after.total_reports == 9


def test_a_final_item_has_no_successor_and_a_waiting_one_no_attempt() -> None:
    assert {status for status in ItemStatus if status.final} == {"COMPLETED", "FAILED", "CANCELLED"}
    assert {status for status in ItemStatus if status.waiting} == {"PENDING", "RETRYING"}


def test_a_batch_is_final_unless_it_is_processed_or_being_cancelled() -> None:
    assert {status for status in BatchStatus if not status.final} == {"PROCESSING", "CANCELLING"}


def expected_status(items: tuple[ItemStatus, ...], *, cancelling: bool) -> str:
    """State the rule from the items, as the contract does."""
    if not all(item in {"COMPLETED", "FAILED", "CANCELLED"} for item in items):
        return "CANCELLING" if cancelling else "PROCESSING"
    kinds = set(items)
    if kinds == {"COMPLETED"}:
        return "COMPLETED"
    if kinds == {"CANCELLED"}:
        return "CANCELLED"
    return "PARTIALLY_COMPLETED" if "COMPLETED" in kinds else "FAILED"


@pytest.mark.parametrize("total", [1, 2, 3, 4])
@pytest.mark.parametrize("cancelling", [False, True])
def test_the_status_of_a_batch_follows_from_all_its_items(total: int, cancelling: bool) -> None:
    for items in product(ItemStatus, repeat=total):
        counters = Counters(
            total,
            successful=items.count(ItemStatus.COMPLETED),
            failed=items.count(ItemStatus.FAILED),
            cancelled=items.count(ItemStatus.CANCELLED),
            running=items.count(ItemStatus.PROCESSING),
        )
        assert batch_status(counters, cancelling=cancelling) == expected_status(items, cancelling=cancelling), items


def test_a_reopened_batch_counts_only_what_is_not_run_again() -> None:
    counters = Counters(10, successful=4, failed=3, cancelled=3)
    assert counters.reopened(failed=2, cancelled=1) == Counters(10, successful=4, failed=1, cancelled=2)


@pytest.mark.parametrize(
    ("item", "analysed_before", "status"),
    [
        ("PENDING", False, "PENDING"),
        ("PENDING", True, "COMPLETED"),
        ("PROCESSING", False, "PROCESSING"),
        ("PROCESSING", True, "PROCESSING"),
        ("RETRYING", False, "PROCESSING"),
        ("RETRYING", True, "PROCESSING"),
        ("COMPLETED", False, "COMPLETED"),
        ("COMPLETED", True, "COMPLETED"),
        ("FAILED", False, "FAILED"),
        ("FAILED", True, "FAILED"),
        ("CANCELLED", False, "PENDING"),
        ("CANCELLED", True, "COMPLETED"),
    ],
)
def test_a_report_follows_its_item_and_forgets_a_cancelled_attempt(
    item: str, analysed_before: bool, status: str
) -> None:
    assert report_status(ItemStatus(item), analysed_before=analysed_before) == status
