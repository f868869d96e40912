"""Requests and answers of the report routes, uploads included."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import grpc
import httpx
import pytest
from google.protobuf.duration_pb2 import Duration

from fna.reports.v1 import report_pb2, report_service_pb2
from tests.unit.gateway_peer import (
    ANALYSIS_ID,
    COMPANY_ID,
    REPORT_ID,
    Peer,
    in_process,
    refusal,
    report,
    running,
    serve,
)

OTHER_ID = "0b0e7b6e-6f0f-4c55-8c0a-3f8f3a1d2c99"
FORM = {"company_id": COMPANY_ID, "report_type": "10_K"}


@pytest.fixture
def peer() -> Peer:
    return Peer(
        answers={
            "RegisterReport": report_service_pb2.RegisterReportResponse(report=report()),
            "UploadReport": report_service_pb2.UploadReportResponse(report=report()),
            "GetReport": report_service_pb2.GetReportResponse(report=report(title="Annual report")),
            "ListReports": report_service_pb2.ListReportsResponse(reports=[report()]),
        }
    )


@pytest.fixture
async def client(peer: Peer) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(peer) as target, in_process(target) as client:
        yield client


def only(peer: Peer) -> object:
    (request,) = peer.requests
    return request


async def test_a_report_has_bare_enums_numbers_and_nulls(client: httpx.AsyncClient, peer: Peer) -> None:
    answer = await client.get(f"/v1/reports/{REPORT_ID}")
    assert only(peer) == report_service_pb2.GetReportRequest(report_id=REPORT_ID)
    assert answer.json() == {
        "report_id": REPORT_ID,
        "company_id": COMPANY_ID,
        "report_type": "10_K",
        "title": "Annual report",
        "source_uri": None,
        "content_type": None,
        "content_size_bytes": 5_000_000_000,
        "content_sha256": None,
        "status": "PENDING",
        "latest_analysis_id": None,
        "created_at": None,
        "updated_at": None,
        "fiscal_period": None,
        "filing_date": None,
        "file_name": None,
    }


async def test_reports_are_listed_by_company_and_status(client: httpx.AsyncClient, peer: Peer) -> None:
    answer = await client.get(
        "/v1/reports",
        params={
            "company_id": COMPANY_ID,
            "status": ["FAILED", "PENDING"],
            "page_size": 3,
            "page_token": "before",
        },
    )
    assert only(peer) == report_service_pb2.ListReportsRequest(
        company_id=COMPANY_ID,
        statuses=[report_pb2.REPORT_STATUS_FAILED, report_pb2.REPORT_STATUS_PENDING],
        page_size=3,
        page_token="before",
    )
    assert [found["report_id"] for found in answer.json()["reports"]] == [REPORT_ID]
    assert answer.json()["next_page_token"] is None


async def test_a_report_is_registered_by_json(client: httpx.AsyncClient, peer: Peer) -> None:
    body = FORM | {"source_uri": "file:///filings/a.html", "title": "A", "fiscal_period": "FY 2024"}
    answer = await client.post("/v1/reports", json=body, params={"request_id": OTHER_ID})
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/reports/{REPORT_ID}")
    assert only(peer) == report_service_pb2.RegisterReportRequest(
        report=report_pb2.Report(
            company_id=COMPANY_ID,
            report_type=report_pb2.REPORT_TYPE_10_K,
            source_uri="file:///filings/a.html",
            title="A",
            fiscal_period="FY 2024",
        ),
        request_id=OTHER_ID,
    )


async def test_a_registration_with_a_key_is_idempotent(client: httpx.AsyncClient, peer: Peer) -> None:
    body = FORM | {"source_uri": "file:///filings/a.html"}
    await client.post("/v1/reports", json=body, headers={"Idempotency-Key": "filing 1"})
    request = only(peer)
    assert isinstance(request, report_service_pb2.RegisterReportRequest)
    assert len(request.request_id) == 36


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "company_id"),
        (FORM, "source_uri"),
        (FORM | {"source_uri": "x", "report_id": REPORT_ID}, "report_id"),
        (FORM | {"source_uri": "x", "report_type": "10-K"}, "report_type"),
        (FORM | {"source_uri": "x", "report_type": "UNSPECIFIED"}, "report_type"),
    ],
)
async def test_a_registration_with_a_wrong_field_names_it(
    client: httpx.AsyncClient, peer: Peer, body: dict[str, str], field: str
) -> None:
    answer = await client.post("/v1/reports", json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert peer.requests == []


@pytest.mark.parametrize("size", [0, 1, 128 * 1024, 3 * 1024 * 1024 + 1])
async def test_an_upload_arrives_in_chunks_and_whole(peer: Peer, size: int) -> None:
    content = bytes(index % 251 for index in range(1000)) * (size // 1000 + 1)
    content = content[:size]
    fields = FORM | {"title": "Bericht für 2024", "fiscal_period": "Q1 2024", "filing_date": "2024-05-01"}
    async with serve(peer) as target, running(target) as gateway:
        answer = await gateway.client.post(
            "/v1/reports", data=fields, files={"file": ("jahresbericht ü.html", content, "text/html")}
        )
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/reports/{REPORT_ID}")
    (upload,) = peer.uploads
    assert upload.sha256 == hashlib.sha256(content).hexdigest()
    assert all(chunk == 128 * 1024 for chunk in upload.chunk_sizes[:-1])
    assert all(0 < chunk <= 128 * 1024 for chunk in upload.chunk_sizes)
    assert upload.header == report_service_pb2.UploadReportRequest.Header(
        report=report_pb2.Report(
            company_id=COMPANY_ID,
            report_type=report_pb2.REPORT_TYPE_10_K,
            title="Bericht für 2024",
            fiscal_period="Q1 2024",
            filing_date="2024-05-01",
            file_name="jahresbericht ü.html",
            content_type="text/html",
        ),
        footer_follows=True,
    )


async def test_an_upload_of_known_content_answers_200(client: httpx.AsyncClient, peer: Peer) -> None:
    peer.answers["UploadReport"] = report_service_pb2.UploadReportResponse(report=report(), already_existed=True)
    answer = await client.post("/v1/reports", data=FORM, files={"file": b"text"})
    assert (answer.status_code, answer.json()["report_id"]) == (200, REPORT_ID)


@pytest.mark.parametrize(
    ("data", "files", "field"),
    [
        (FORM, {"other": b"x"}, "other"),
        (FORM, {"title": b"x"}, "title"),
        ({"company_id": COMPANY_ID}, {"file": b"x"}, "report_type"),
        (FORM | {"owner": "me"}, {"file": b"x"}, "owner"),
        (FORM | {"title": ["a", "b"]}, {"file": b"x"}, "title"),
        (FORM | {"file": "text"}, {"file": b"x"}, "file"),
    ],
)
async def test_an_upload_with_a_wrong_part_names_it(
    client: httpx.AsyncClient, peer: Peer, data: dict[str, object], files: dict[str, bytes], field: str
) -> None:
    answer = await client.post("/v1/reports", data=data, files=files)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert peer.uploads == []


async def test_an_upload_without_a_file_says_how_to_send_one(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/reports", files={name: (None, value) for name, value in FORM.items()})
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"field": "file", "message": "must be a file; with curl: -F file=@report.html"}]


async def test_a_damaged_form_is_400(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v1/reports", content=b"--x\r\nnothing", headers={"Content-Type": "multipart/form-data; boundary=y"}
    )
    assert (answer.status_code, answer.json()["reason"]) == (400, "INVALID_REQUEST")


async def test_a_service_that_refuses_an_upload_decides_the_status(client: httpx.AsyncClient, peer: Peer) -> None:
    peer.answers["UploadReport"] = refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "CONTENT_TOO_LARGE", limit="52428800")
    answer = await client.post("/v1/reports", data=FORM, files={"file": b"x" * 300_000})
    assert (answer.status_code, answer.json()["metadata"]) == (413, {"limit": 52_428_800})


@pytest.mark.parametrize("size", [52_428_801, 54_000_000])
async def test_an_upload_over_the_limit_is_refused_and_the_service_keeps_nothing(peer: Peer, size: int) -> None:
    async with serve(peer) as target, running(target) as gateway:
        answer = await gateway.client.post("/v1/reports", data=FORM, files={"file": b"x" * size})
    assert (answer.status_code, answer.json()["reason"]) == (413, "CONTENT_TOO_LARGE")
    assert peer.uploads == []


async def test_an_analysis_has_scores_sections_and_a_duration(client: httpx.AsyncClient, peer: Peer) -> None:
    score = report_pb2.Score(value=0.25, confidence=0.9)
    peer.answers["GetReportAnalysis"] = report_service_pb2.GetReportAnalysisResponse(
        analysis=report_pb2.ReportAnalysis(
            analysis_id=ANALYSIS_ID,
            report_id=REPORT_ID,
            model_version="lexicon-1",
            optimism=score,
            key_themes=[report_pb2.NarrativeTheme(label="supply chain", weight=0.5)],
            risk_indicators=[report_pb2.RiskIndicator(label="going concern", severity=1, excerpt="may not")],
            sections=[report_pb2.NarrativeSection(type=report_pb2.SECTION_TYPE_MD_A, word_count=900, risk=score)],
            financial_metrics=[
                report_pb2.FinancialMetric(concept="us-gaap:Revenues", value=1e9, unit="USD", period_end="2024-12-31")
            ],
            warnings=["tags were malformed"],
            processing_time=Duration(seconds=3, nanos=200_000_000),
            model_review=report_pb2.ModelReview(
                model="m",
                summary="It grew.",
                findings=[
                    report_pb2.ModelFinding(
                        statement="Sales grew.", quote="sales grew", section_type=report_pb2.SECTION_TYPE_MD_A
                    )
                ],
                prompt_tokens=1200,
                completion_tokens=90,
            ),
        )
    )
    answer = await client.get(f"/v1/reports/{REPORT_ID}/analysis", params={"analysis_id": ANALYSIS_ID})
    assert only(peer) == report_service_pb2.GetReportAnalysisRequest(report_id=REPORT_ID, analysis_id=ANALYSIS_ID)
    assert answer.json() == {
        "analysis_id": ANALYSIS_ID,
        "report_id": REPORT_ID,
        "model_version": "lexicon-1",
        "optimism": {"value": 0.25, "confidence": 0.9},
        "risk": None,
        "uncertainty": None,
        "key_themes": [{"label": "supply chain", "weight": 0.5}],
        "risk_indicators": [{"label": "going concern", "severity": 1.0, "excerpt": "may not"}],
        "sections": [
            {
                "type": "MD_A",
                "heading": None,
                "word_count": 900,
                "optimism": None,
                "risk": {"value": 0.25, "confidence": 0.9},
                "uncertainty": None,
            }
        ],
        "financial_metrics": [
            {
                "concept": "us-gaap:Revenues",
                "value": 1e9,
                "unit": "USD",
                "period_start": None,
                "period_end": "2024-12-31",
            }
        ],
        "warnings": ["tags were malformed"],
        "processing_time": "3.200s",
        "completed_at": None,
        "model_review": {
            "model": "m",
            "summary": "It grew.",
            "findings": [
                {
                    "statement": "Sales grew.",
                    "quote": "sales grew",
                    "section_type": "MD_A",
                    "section_heading": None,
                }
            ],
            "prompt_tokens": 1200,
            "completion_tokens": 90,
        },
    }


async def test_a_delta_has_changes_themes_and_its_significance(client: httpx.AsyncClient, peer: Peer) -> None:
    changes = report_service_pb2.ScoreChanges(optimism=-0.5, risk=0.25, overall=-0.25)
    peer.answers["GetNarrativeDelta"] = report_service_pb2.GetNarrativeDeltaResponse(
        delta=report_service_pb2.NarrativeDelta(
            report_id=REPORT_ID,
            base_report_id=ANALYSIS_ID,
            changes=changes,
            themes_added=["tariffs"],
            significance_score=0.2,
            significance=report_service_pb2.NARRATIVE_SIGNIFICANCE_MODERATE,
            sections=[report_service_pb2.SectionDelta(type=report_pb2.SECTION_TYPE_MD_A, changes=changes)],
            metrics=[
                report_service_pb2.MetricDelta(concept="a:b", unit="USD", value=2, base_value=1, relative_change=1),
                report_service_pb2.MetricDelta(concept="a:c", unit="USD", value=2),
            ],
        )
    )
    answer = await client.get(f"/v1/reports/{REPORT_ID}/delta", params={"base_report_id": ANALYSIS_ID})
    assert answer.status_code == 200
    delta = answer.json()
    assert delta["changes"] == {"optimism": -0.5, "risk": 0.25, "uncertainty": 0.0, "overall": -0.25}
    assert (delta["significance"], delta["themes_added"], delta["themes_removed"]) == ("MODERATE", ["tariffs"], [])
    assert delta["sections"] == [{"type": "MD_A", "changes": delta["changes"]}]
    assert [metric["relative_change"] for metric in delta["metrics"]] == [1.0, None]
    assert delta["base_fiscal_period"] is None
    (request,) = peer.requests
    assert request == report_service_pb2.GetNarrativeDeltaRequest(report_id=REPORT_ID, base_report_id=ANALYSIS_ID)


async def test_a_report_without_a_predecessor_has_no_delta(client: httpx.AsyncClient, peer: Peer) -> None:
    peer.answers["GetNarrativeDelta"] = refusal(grpc.StatusCode.NOT_FOUND, "PREVIOUS_REPORT_NOT_FOUND")
    answer = await client.get(f"/v1/reports/{REPORT_ID}/delta")
    assert (answer.status_code, answer.json()["reason"]) == (404, "PREVIOUS_REPORT_NOT_FOUND")


async def test_an_analysis_without_a_model_has_no_review(client: httpx.AsyncClient, peer: Peer) -> None:
    analysis = report_pb2.ReportAnalysis(analysis_id=ANALYSIS_ID, report_id=REPORT_ID)
    peer.answers["GetReportAnalysis"] = report_service_pb2.GetReportAnalysisResponse(analysis=analysis)
    answer = await client.get(f"/v1/reports/{REPORT_ID}/analysis")
    assert answer.json()["model_review"] is None
