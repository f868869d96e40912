"""What single views of the dashboard show, and what their controls do."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from fna.reports import company_id
from fna.reports.v1.report_pb2 import REPORT_TYPE_10_K
from reports_core.domain.analysis import Metric
from reports_core.storage import migrations
from reports_core.storage.outcomes import Outcome
from tests.support import chromium, dashboard
from tests.support.dashboard import Page
from tests.support.databases import Databases
from tests.support.stack import Stack
from tests.support.storage import REFUSED, Store, analysis
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)

THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A batch of two years of one company and one refused report."""

    batch_id: str
    earlier_id: str
    later_id: str


@pytest.fixture(scope="module")
def database_url(databases: Databases) -> Iterator[str]:
    with databases.migrated(migrations.upgrade) as url:
        yield url


@pytest.fixture(scope="module")
def stack(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(database_url, tmp_path_factory.mktemp("stack")) as stack:
        stack.start_server()
        stack.start_gateway()
        yield stack


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium.browser(tmp_path_factory.mktemp("profile")) as driver:
        driver.set_window_size(1280, 900)
        yield driver


@pytest.fixture
def page(stack: Stack, driver: Chrome) -> Iterator[Page]:
    with dashboard.opened(driver, f"http://{stack.rest_address}") as page:
        yield page


@pytest.fixture(scope="module")
def reviewed(stack: Stack, database_url: str) -> Reviewed:
    company = company_id("Halvorsen Precision Tools")
    with stack.client() as client:
        earlier, later, refused = (
            client.upload(period.encode(), company_id=company, report_type=REPORT_TYPE_10_K, fiscal_period=period)
            for period in ("FY 2023", "FY 2024", "FY 2025")
        )
    with Store(database_url) as store:
        batch = store.submit([earlier.report_id, later.report_id, refused.report_id])
        store.run_all(batch, grown(1e9), grown(1.1e9), REFUSED)
    return Reviewed(str(batch.batch_id), earlier.report_id, later.report_id)


def grown(revenue: float) -> Outcome:
    metrics = (Metric("us-gaap:Revenues", revenue, "USD", "2024-01-01", "2024-12-31"),)
    return Outcome(analysis=analysis(financial_metrics=metrics))


def test_a_report_shows_how_its_figures_moved_and_what_the_model_found(page: Page, reviewed: Reviewed) -> None:
    page.open(f"#/reports/{reviewed.later_id}")
    row = page.one(".metrics tbody tr").text
    assert "Revenues" in row
    assert "1.1B" in row
    assert "+10.0 %" in row
    review = page.one("[aria-label='Model review']").text
    assert "Written by m;" in review
    assert "It grew." in review
    assert "Sales grew." in review
    assert "sales grew" in page.one("[aria-label='Model review'] blockquote").text
    page.driver.find_element(By.LINK_TEXT, "FY 2023").click()
    page.provoke(f"/v1/reports/{reviewed.earlier_id}/delta")
    page.until(lambda: "no earlier report" in page.text(), "the report before")


def test_the_results_are_downloaded_with_a_row_for_every_report(page: Page, reviewed: Reviewed, tmp_path: Path) -> None:
    page.open(f"#/batches/{reviewed.batch_id}")
    allowed = {"behavior": "allow", "downloadPath": str(tmp_path)}
    page.driver.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
    for form in ("csv", "json"):
        page.one(f"a[download$='.{form}']").click()
    table, document = (tmp_path / f"batch-{reviewed.batch_id}.{form}" for form in ("csv", "json"))
    eventually(lambda: table.exists() and document.exists(), 20, "the end of the downloads")
    rows = list(csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines()))
    results = json.loads(document.read_text())["results"]
    assert [row["status"] for row in rows] == ["COMPLETED", "COMPLETED", "FAILED"]
    assert [result["item"]["status"] for result in results] == ["COMPLETED", "COMPLETED", "FAILED"]
    assert [row["report_id"] for row in rows][:2] == [reviewed.earlier_id, reviewed.later_id]


def test_the_colours_that_were_chosen_are_kept(page: Page) -> None:
    page.open("#/batches")
    before = theme(page)
    page.one("#theme").click()
    chosen = theme(page)
    assert {before, chosen} == set(THEMES)
    assert page.one("#theme").get_attribute("aria-label") == f"Switch to {before} colours"
    page.open("#/batches", anew=True)
    assert theme(page) == chosen
    page.one("#theme").click()
    assert theme(page) == before


def theme(page: Page) -> str:
    return str(page.driver.execute_script("return document.documentElement.dataset.theme"))


def is_headed(page: Page, heading: str) -> bool:
    return page.one("h1").text == heading


def test_every_shortcut_goes_where_it_says_unless_something_is_being_typed(page: Page, reviewed: Reviewed) -> None:
    page.open("#/batches")
    for key, heading in (("r", "Reports"), ("u", "Upload reports"), ("b", "Batches")):
        page.one("main").send_keys(key)
        page.until(partial(is_headed, page, heading), heading)
    page.one("main").send_keys("/")
    page.driver.switch_to.active_element.send_keys("urb")
    assert page.one("[name=search]").get_attribute("value") == "urb"
    assert page.one("h1").text == "Batches"
    page.until(lambda: "No batch matches" in page.text(), "the empty list")
    page.one("[name=search]").clear()
    page.one("[name=search]").send_keys(reviewed.batch_id[:8])
    page.one(f"[data-batch='{reviewed.batch_id}']")


def test_batches_are_filtered_by_status_and_an_unknown_one_is_named(page: Page, reviewed: Reviewed) -> None:
    page.open("#/batches")
    card = f"[data-batch='{reviewed.batch_id}']"
    page.one(card)
    page.set_value("[name=status]", "CANCELLED")
    page.until(lambda: not page.all(card), "the filtered list")
    assert page.driver.current_url.endswith("?status=CANCELLED")
    page.set_value("[name=status]", "PARTIALLY_COMPLETED")
    page.one(card)
    unknown = "00000000-0000-4000-8000-000000000000"
    page.provoke(unknown)
    page.one("[name=search]").send_keys(unknown, Keys.ENTER)
    page.one(".toast.tone-bad")
    page.open(f"#/batches/{unknown}")
    assert page.one("[role=alert] h1").text == "Not found"


def test_what_is_wrong_with_a_field_is_said_at_the_field(page: Page, tmp_path: Path) -> None:
    report = tmp_path / "annual.txt"
    report.write_text("It grew.")
    page.provoke("/v1/reports")
    page.open("#/upload")
    page.drop(report)
    page.one("[name=company]").send_keys("Cindral")
    page.one("[name=fiscal_period]").send_keys("the year that ended in December of 2024")
    page.set_value("[name=filing_date]", "2024-12-30")
    page.one("#submit").click()
    wrong = page.one("[name=fiscal_period][aria-invalid=true]")
    described = wrong.get_attribute("aria-describedby")
    assert "32" in page.one(f"#{described}").text
    page.until(lambda: page.driver.switch_to.active_element == wrong, "the focus on the field")
    wrong.clear()
    wrong.send_keys("FY 2024")
    page.one("#submit").click()
    page.one("#batch-status .badge")
    page.until(lambda: "Annual report · FY 2024" in page.text(), "the period of the report")
    page.driver.find_element(By.LINK_TEXT, "annual.txt").click()
    page.until(lambda: "FY 2024 · filed 2024-12-30" in page.text(), "the day of its filing")
