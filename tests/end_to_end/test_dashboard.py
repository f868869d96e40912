"""The dashboard in a browser, in front of the real processes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from fna.reports import company_id
from fna.reports.v1.report_pb2 import REPORT_TYPE_10_K, ReportType
from reports_core.storage import migrations
from tests.support import chromium, dashboard
from tests.support.dashboard import Page
from tests.support.databases import Databases
from tests.support.stack import ROOT, Running, Stack, python_path

pytestmark = pytest.mark.timeout(180)

SAMPLES = ROOT / "services/reports_dev/samples"
ARTIFACTS = ROOT / "artifacts"
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><b>Bold</b>"

EARLIER = (
    """Item 7. Management's Discussion and Analysis
"""
    + 30
    * (
        "Demand declined sharply and margins weakened. We may be unable to pass on higher costs, and losses could "
        "widen if customers delay their orders. Restructuring was difficult and its outcome remains uncertain. "
    )
)


@pytest.fixture(scope="module")
def stack(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a server and a gateway whose workers read documents with our own processors."""
    with (
        databases.migrated(migrations.upgrade) as url,
        Stack(url, tmp_path_factory.mktemp("stack"), PYTHONPATH=python_path()) as stack,
    ):
        stack.start_server()
        yield stack


@pytest.fixture(scope="module")
def gateway(stack: Stack) -> Running:
    return stack.start_gateway()


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium.browser(tmp_path_factory.mktemp("profile")) as driver:
        driver.set_window_size(1280, 900)
        yield driver


@pytest.fixture
def page(stack: Stack, gateway: Running, driver: Chrome) -> Iterator[Page]:
    with dashboard.opened(driver, f"http://{stack.rest_address}") as page:
        yield page


def test_dropped_files_are_watched_to_their_end_and_their_results_opened(stack: Stack, page: Page) -> None:
    names = ["halvorsen_10k_fy2024.htm", "marlow_10k_fy2024.pdf", "greymoor_8k_2024-02-06_submission.txt"]
    page.upload(*(SAMPLES / name for name in names))
    page.until(lambda: len(page.all("tr[data-status=PENDING]")) == 3, "the reports of the batch")
    assert page.batch_status() == "PROCESSING"
    with stack.start_worker():
        # Nothing is loaded again meanwhile.
        page.driver.execute_script("window.sameDocument = true")
        page.until(lambda: page.batch_status() == "COMPLETED", "the end of the batch")
    assert page.driver.execute_script("return window.sameDocument")
    page.until(lambda: len(page.all("tr[data-status=COMPLETED]")) == 3, "the end of all reports")
    assert page.one("[role=progressbar]").get_attribute("aria-valuenow") == "100"
    page.until(lambda: names[2] in page.text(), "the names of the reports")
    page.provoke("/delta")
    page.driver.find_element(By.LINK_TEXT, names[2]).click()
    page.one("#scores")
    assert len(page.all(".gauge strong")) == 3
    assert "no earlier report" in page.text()
    page.driver.back()
    page.one("#batch-status")


def test_a_batch_is_cancelled_after_a_question_and_can_be_retried(stack: Stack, page: Page) -> None:
    page.upload(SAMPLES / "ostrander_10k_fy2024.txt")
    page.one("#cancel").click()
    page.one("dialog").send_keys(Keys.ESCAPE)
    page.until(lambda: not page.all("dialog"), "the end of the question")
    assert page.batch_status() == "PROCESSING"
    page.one("#cancel").click()
    page.one("#confirm").click()
    page.until(lambda: page.batch_status() == "CANCELLED", "the cancellation")
    page.one("tr[data-status=CANCELLED]")
    page.one("#retry").click()
    page.one("#confirm").click()
    page.until(lambda: page.batch_status() == "PROCESSING", "the new execution")
    page.one("tr[data-status=PENDING]")
    batch_id = page.driver.current_url.rpartition("/")[2]
    with stack.client() as client:
        client.cancel(batch_id)
        page.until(lambda: page.batch_status() == "CANCELLED", "the cancellation by somebody else")
        client.retry(batch_id)
    page.until(lambda: page.batch_status() == "PROCESSING", "the execution that somebody else started")


def test_a_new_batch_appears_and_is_found_by_status_label_and_id(stack: Stack, page: Page) -> None:
    page.open("#/batches")
    page.one("#batches")
    with stack.client() as client:
        batch = client.submit(stack.upload("quick"), labels={"desk": "north"})
    card = f"[data-batch='{batch.batch_id}']"
    page.one(card)
    page.open("#/batches?label=desk:north&status=PROCESSING")
    page.one(card)
    assert len(page.all("[data-batch]")) == 1
    page.one("[name=search]").send_keys(batch.batch_id, Keys.ENTER)
    page.until(lambda: page.driver.current_url.endswith(f"#/batches/{batch.batch_id}"), "the batch that was searched")
    page.one("#batch-status")


def test_text_of_others_is_shown_and_never_run(stack: Stack, page: Page) -> None:
    with stack.client() as client:
        report = client.upload(
            b"hostile", company_id=company_id("Anybody"), report_type=REPORT_TYPE_10_K, title=HOSTILE
        )
    page.open("#/reports")
    page.until(lambda: HOSTILE in page.text(), "the title as it was written")
    page.open(f"#/reports/{report.report_id}")
    page.until(lambda: HOSTILE in page.text(), "the title as it was written")
    assert not page.all("main img")
    assert page.driver.title == "Reports · FNA Reports"


def test_a_refused_file_says_why_and_keeps_the_others(page: Page, tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_bytes(b"")
    page.open("#/upload")
    page.drop(empty, SAMPLES / "cindral_10q_q3_2024.htm")
    page.one("[name=company]").send_keys("Cindral")
    page.one("#submit").click()
    page.until(lambda: "1 of 2 files could not be uploaded" in page.text(), "the refusal")
    assert "The file is empty" in page.one("[data-file='empty.txt']").text
    page.one("[aria-label='Remove empty.txt']").click()
    page.one("#submit").click()
    page.one("#batch-status")


def test_the_main_controls_are_reached_by_keyboard(page: Page) -> None:
    page.open("#/batches", anew=True)
    page.one("[name=search]")
    reached: list[str] = []
    for _ in range(12):
        page.driver.switch_to.active_element.send_keys(Keys.TAB)
        focused = page.driver.switch_to.active_element
        reached.append(focused.get_attribute("id") or focused.get_attribute("name") or focused.text)
    assert reached[0] == "skip"
    wanted = {"Batches", "Reports", "Upload", "theme", "Upload reports", "search", "status", "label"}
    assert wanted <= set(reached), reached
    page.one("main").send_keys("u")
    page.one("#dropzone")
    page.one("main").send_keys("b")
    page.one("main").send_keys("/")
    assert page.driver.switch_to.active_element.get_attribute("name") == "search"


@pytest.mark.parametrize(
    "company",
    ["Halvorsen  Precision\tTools ", "STRASSE & Straße", "Ἀγορὰς", "{0B0E7B6E-6F0F-4C55-8C0A-3F8F3A1D2C05}"],
)
def test_the_browser_identifies_companies_as_the_command_does(page: Page, company: str) -> None:
    page.open("#/upload")
    script = "import('/static/company.js').then((module) => arguments[1](module.companyId(arguments[0])))"
    found = page.driver.execute_async_script(script, company)
    assert found == str(company_id(company))


def test_a_gateway_that_was_away_is_found_again(stack: Stack, page: Page, gateway: Running) -> None:
    page.provoke("net::ERR_CONNECTION_REFUSED", "net::ERR_INCOMPLETE_CHUNKED_ENCODING")
    page.open("#/batches")
    gateway.terminate()
    page.until(lambda: "The gateway is away" in page.one("#banner").text, "the banner")
    gateway.ended_well()
    stack.start_gateway()
    page.one("#live[data-status=open]")
    page.until(lambda: not page.driver.find_element(By.ID, "banner").is_displayed(), "the end of the banner")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1600])
def test_every_page_fits_its_window(page: Page, analysed: tuple[str, str], width: int, theme: str) -> None:
    batch_id, report_id = analysed
    metrics = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    still = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", still)
    ARTIFACTS.mkdir(exist_ok=True)
    links = {
        "reports": "#/reports",
        "batches": "#/batches",
        "batch": f"#/batches/{batch_id}",
        "report": f"#/reports/{report_id}",
        "upload": "#/upload",
    }
    for name, link in links.items():
        page.open(link)
        page.driver.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
        page.driver.execute_script("dispatchEvent(new Event('themechange'))")
        page.until(lambda: not page.all(".skeleton"), "the content")
        if name == "upload":
            page.drop(SAMPLES / "halvorsen_10k_fy2024.htm", SAMPLES / "marlow_10k_fy2024.pdf")
        overflow = page.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{name} is {overflow} px wider than its window"
        shot = {"captureBeyondViewport": True, "format": "png"}
        taken = page.driver.execute_cdp_cmd("Page.captureScreenshot", shot)
        (ARTIFACTS / f"dashboard-{name}-{width}-{theme}.png").write_bytes(base64.b64decode(taken["data"]))
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture(scope="module")
def analysed(stack: Stack) -> tuple[str, str]:
    """Give the ids of a batch of samples that is done, and of a report in it that has an earlier one."""
    with stack.client() as client:
        report_ids = [
            client.upload(
                (SAMPLES / sample["file"]).read_bytes(),
                company_id=company_id(sample["company"]),
                report_type=ReportType.Value(f"REPORT_TYPE_{sample['report_type']}"),
                title=f"{sample['company']}: {sample['title']}",
                fiscal_period=sample["fiscal_period"],
                filing_date=sample["filing_date"],
                file_name=sample["file"],
            ).report_id
            for sample in json.loads((SAMPLES / "manifest.json").read_text())
        ]
        scan = client.upload(
            b"%PDF-1.4 broken", company_id=company_id("Anybody"), report_type=REPORT_TYPE_10_K, file_name="broken.pdf"
        )
        earlier = client.upload(
            EARLIER.encode(),
            company_id=company_id("Halvorsen Precision Tools"),
            report_type=REPORT_TYPE_10_K,
            fiscal_period="FY 2023",
            filing_date="2024-02-20",
            title="Halvorsen Precision Tools: A hard year",
        )
        batch = client.submit(
            [*report_ids, scan.report_id, earlier.report_id], labels={"quarter": "Q4", "desk": "north"}
        )
    with stack.start_worker():
        stack.finished(batch.batch_id, 120)
    return batch.batch_id, report_ids[0]


def test_the_page_forbids_scripts_of_others(stack: Stack, gateway: Running) -> None:
    answer = httpx.get(f"http://{stack.rest_address}/", headers={"Accept": "text/html"})
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy


def test_the_reference_of_the_api_shows_its_operations_and_tries_one(page: Page) -> None:
    page.driver.get(f"{page.url}/docs#?route=get-/healthz")
    reference = page.one("openapi-explorer")

    def shown(text: str) -> bool:
        return text in page.driver.execute_script("return arguments[0].shadowRoot.textContent", reference)

    page.until(lambda: shown("Submit Batch"), "the operations")
    page.until(lambda: shown("Answer as long as the gateway itself runs."), "the operation of the link")
    # All of it is inside of one custom element; its answer is in others inside of that one.
    inside = """
        const inside = (root) => [...root.querySelectorAll("*")].flatMap((element) => [
          element, ...(element.shadowRoot ? inside(element.shadowRoot) : []),
        ]);
    """
    find = f"{inside} return inside(document).find((element) => element.matches(arguments[0]))"
    page.until(lambda: page.driver.execute_script(find, "button.btn-execute"), "the button that tries it").click()
    everything = f"{inside} return inside(document).map((element) => element.shadowRoot?.textContent ?? '').join()"
    page.until(lambda: '"alive"' in page.driver.execute_script(everything), "the answer")
    page.driver.save_screenshot(str(ARTIFACTS / "reference.png"))
