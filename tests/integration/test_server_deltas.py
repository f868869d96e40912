"""Narrative deltas over gRPC: which report comes before which, and who may compare what."""

from __future__ import annotations

from uuid import UUID

import grpc
import pytest

from fna.reports.v1.report_service_pb2 import (
    NARRATIVE_SIGNIFICANCE_MODERATE,
    GetNarrativeDeltaRequest,
    NarrativeDelta,
)
from reports_core.domain.analysis import Score, Theme
from reports_core.storage.outcomes import Outcome
from tests.support.server import Client, refusal
from tests.support.storage import Store, analysis

COMPANY = "6c8cf1c6-5b0e-4d4f-9f0c-2b5a6b0b4f11"


def analysed(store: Store, *, optimism: float = 0.5, themes: tuple[str, ...] = (), **columns: object) -> str:
    """Register an analysed report of the company and return its id."""
    batch = store.submit(1)
    outcome = analysis(optimism=Score(optimism, 0.9), key_themes=tuple(Theme(label, 0.1) for label in themes))
    store.run(batch, 0, Outcome(analysis=outcome))
    (report_id,) = store.rows("SELECT report_id FROM batch_items WHERE batch_id = :batch_id", batch_id=batch.batch_id)[
        0
    ]
    values = {"company_id": COMPANY, "content_sha256": UUID(str(report_id)).hex * 2, **columns}
    assignments = ", ".join(f"{name} = :{name}" for name in values)
    change = f"UPDATE reports SET {assignments} WHERE report_id = :report_id"  # noqa: S608 - names of this test
    store.rows(change, report_id=report_id, **values)
    return str(report_id)


async def delta(client: Client, report_id: str, base: str = "") -> NarrativeDelta:
    request = GetNarrativeDeltaRequest(report_id=report_id, base_report_id=base)
    return (await client.reports.GetNarrativeDelta(request)).delta


async def refused(client: Client, report_id: str, base: str = "") -> tuple[grpc.StatusCode, str]:
    request = GetNarrativeDeltaRequest(report_id=report_id, base_report_id=base)
    found = await refusal(client.reports.GetNarrativeDelta(request))
    return found.code, found.reason


async def test_a_report_is_compared_with_the_one_before(client: Client, store: Store) -> None:
    before = analysed(store, optimism=0.8, themes=("growth", "cloud"), fiscal_period="FY 2023")
    later = analysed(store, optimism=0.2, themes=("cloud", "impairment"), fiscal_period="FY 2024")
    found = await delta(client, later)
    assert (found.report_id, found.base_report_id, found.base_fiscal_period) == (later, before, "FY 2023")
    assert found.changes.optimism == -0.6
    assert found.changes.overall == -0.2
    assert (list(found.themes_added), list(found.themes_removed)) == (["impairment"], ["growth"])
    assert found.significance_score == pytest.approx((2 * 0.2 + 0.2) / 3, abs=1e-4)
    assert found.significance == NARRATIVE_SIGNIFICANCE_MODERATE


async def test_quarters_follow_each_other_over_the_years(client: Client, store: Store) -> None:
    quarters = ["Q3 2024", "Q1 2025", "Q4 2023", "Q2 2024"]
    ids = {period: analysed(store, report_type="10_Q", fiscal_period=period) for period in quarters}
    assert (await delta(client, ids["Q1 2025"])).base_report_id == ids["Q3 2024"]
    assert (await delta(client, ids["Q2 2024"])).base_report_id == ids["Q4 2023"]
    assert await refused(client, ids["Q4 2023"]) == (grpc.StatusCode.NOT_FOUND, "PREVIOUS_REPORT_NOT_FOUND")


async def test_an_amendment_is_compared_with_the_period_before(client: Client, store: Store) -> None:
    before = analysed(store, fiscal_period="FY 2023")
    analysed(store, fiscal_period="FY 2024")
    amended = analysed(store, fiscal_period="FY 2024")
    assert (await delta(client, amended)).base_report_id == before


async def test_reports_without_a_period_follow_each_other_by_filing_and_then_by_registration(
    client: Client, store: Store
) -> None:
    registered = analysed(store, report_type="8_K", created_at="2020-01-01T00:00:00Z")
    filed = analysed(store, report_type="8_K", filing_date="2023-05-01")
    later = analysed(store, report_type="8_K", filing_date="2023-08-01", fiscal_period="the summer")
    assert (await delta(client, later)).base_report_id == filed
    assert (await delta(client, filed)).base_report_id == registered


async def test_reports_of_other_companies_types_owners_and_without_analysis_are_passed_over(
    client: Client, store: Store
) -> None:
    before = analysed(store, fiscal_period="FY 2020")
    analysed(store, fiscal_period="FY 2023", company_id="7c8cf1c6-5b0e-4d4f-9f0c-2b5a6b0b4f11")
    analysed(store, fiscal_period="Q3 2023", report_type="10_Q")
    analysed(store, fiscal_period="FY 2022", owner="somebody else")
    analysed(store, fiscal_period="FY 2021", latest_analysis_id=None, status="FAILED")
    assert (await delta(client, analysed(store, fiscal_period="FY 2024"))).base_report_id == before


async def test_any_report_of_the_company_may_be_named(client: Client, store: Store) -> None:
    year = analysed(store, fiscal_period="FY 2024")
    quarter = analysed(store, fiscal_period="Q3 2024", report_type="10_Q")
    assert (await delta(client, quarter, base=year)).base_report_id == year


async def test_what_cannot_be_compared_is_refused_by_its_field(client: Client, store: Store) -> None:
    report = analysed(store)
    other = analysed(store, company_id="7c8cf1c6-5b0e-4d4f-9f0c-2b5a6b0b4f11")
    theirs = analysed(store, owner="somebody else")
    for base in (report, other):
        request = GetNarrativeDeltaRequest(report_id=report, base_report_id=base)
        found = await refusal(client.reports.GetNarrativeDelta(request))
        assert (found.code, found.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["base_report_id"])
    assert await refused(client, report, base=theirs) == (grpc.StatusCode.NOT_FOUND, "REPORT_NOT_FOUND")
    assert await refused(client, theirs) == (grpc.StatusCode.NOT_FOUND, "REPORT_NOT_FOUND")
    (waiting,) = store.reports(1)
    assert await refused(client, waiting) == (grpc.StatusCode.NOT_FOUND, "ANALYSIS_NOT_FOUND")


async def test_the_previous_report_is_found_by_an_index(client: Client, store: Store) -> None:
    later = analysed(store, fiscal_period="FY 2024")
    store.rows("""
        INSERT INTO reports
            (report_id, owner, company_id, report_type, content_type, content_size_bytes, content_sha256)
        SELECT gen_random_uuid(), 'default', gen_random_uuid(), '10_K', 'text/plain', 1, repeat('a', 64)
        FROM generate_series(1, 20000)
    """)
    store.rows("ANALYZE reports")
    before = store.value("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'reports'")
    assert (await refused(client, later))[1] == "PREVIOUS_REPORT_NOT_FOUND"
    assert store.value("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'reports'") == before
