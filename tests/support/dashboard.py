"""The dashboard as a person uses it, in a browser that writes down all that goes wrong."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.support import chromium

T = TypeVar("T")

PATIENCE_SECONDS = 60

# What a stream or a download that its page ended leaves behind.
_ENDED = "net::ERR_ABORTED"

_DROP = """
const [zone, files] = arguments;
const transfer = new DataTransfer();
for (const {name, content} of files) {
  transfer.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name));
}
for (const kind of ["dragover", "drop"]) {
  zone.dispatchEvent(new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true}));
}
"""


@contextmanager
def opened(driver: Chrome, url: str) -> Iterator[Page]:
    """Give the dashboard; afterwards nothing may have failed but what the test said, and nobody else been asked."""
    page = Page(driver, url)
    chromium.network_events(driver)
    driver.get_log("browser")
    yield page
    elsewhere, failed = page.traffic()
    assert elsewhere == []
    assert page.unexpected(failed) == []
    assert page.unexpected(str(entry["message"]) for entry in driver.get_log("browser")) == []


class Page:
    """The dashboard in one tab."""

    def __init__(self, driver: Chrome, url: str) -> None:
        self.driver = driver
        self.url = url
        self._provoked: list[str] = []

    def provoke(self, *failures: str) -> None:
        """Say which requests this test makes fail: a part of their addresses, or of what the browser says of them."""
        self._provoked.extend(failures)

    def unexpected(self, messages: Iterator[str] | list[str]) -> list[str]:
        """Return what went wrong and was not provoked."""
        return [message for message in messages if not any(part in message for part in self._provoked)]

    def traffic(self) -> tuple[list[str], list[str]]:
        """Return what others were asked for since the last call, and which requests failed."""
        asked: dict[str, str] = {}
        failed = []
        for method, params in chromium.network_events(self.driver):
            request = params.get("requestId", "")
            match method:
                case "Network.requestWillBeSent":
                    asked[request] = params["request"]["url"]
                case "Network.responseReceived" if params["response"]["status"] >= 400:
                    failed.append(f"{params['response']['status']} {params['response']['url']}")
                case "Network.loadingFailed" if params["errorText"] != _ENDED:
                    failed.append(f"{params['errorText']} {asked.get(request, request)}")
        own = (self.url, "data:", "chrome:", "about:")
        return [url for url in asked.values() if not url.startswith(own)], failed

    def open(self, link: str, *, anew: bool = False) -> None:
        """Follow a link within the page, as a person does, unless it is the present one or the page is wanted anew."""
        if anew or self.driver.current_url == f"{self.url}/{link}":
            self.driver.get("about:blank")
        self.driver.get(f"{self.url}/{link}")
        self.one("#live[data-status=open]")

    def one(self, selector: str) -> WebElement:
        """Wait for an element that is shown."""
        return self.until(lambda: next((found for found in self.all(selector) if found.is_displayed()), None), selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "body").text

    def until(self, condition: Callable[[], T | None], what: str) -> T:
        # What was found may be replaced before it is looked at: the page is live.
        wait = WebDriverWait(self.driver, PATIENCE_SECONDS, ignored_exceptions=[StaleElementReferenceException])
        return wait.until(lambda _: condition() or False, what)

    def set_value(self, selector: str, value: str) -> None:
        """Set a control at once: what keys do to a field for a date depends on the language of the browser."""
        script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change', {bubbles: true}))"
        self.driver.execute_script(script, self.one(selector), value)

    def drop(self, *paths: Path) -> None:
        files = [{"name": path.name, "content": base64.b64encode(path.read_bytes()).decode()} for path in paths]
        self.driver.execute_script(_DROP, self.one("#dropzone"), files)

    def upload(self, *paths: Path) -> None:
        """Drop files, say whose they are, and wait for the page of their batch."""
        self.open("#/upload")
        self.drop(*paths)
        self.one("[name=company]").send_keys("A company of this test")
        self.one("#submit").click()
        self.one("#batch-status .badge")

    def batch_status(self) -> str | None:
        return self.one("#batch-status .badge").get_attribute("data-status")
