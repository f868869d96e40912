"""Passes the lines of the conformance suite to the TypeScript client in a page of Chromium, and its answers back."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

from selenium.webdriver import Chrome

from tests.support import chromium
from tools import toolchains

# What came meanwhile, or soon comes; so that an answer is not waited for longer than it takes.
_TAKE = """
const done = arguments[arguments.length - 1];
const until = performance.now() + 200;
const look = () => {
  const lines = window.fnaDriver.take();
  if (lines.length || performance.now() > until) done(lines); else setTimeout(look, 5);
};
look();
"""


def lines_of_stdin() -> SimpleQueue[str | None]:
    """Return a queue of the lines as they come; None is the end."""
    queue: SimpleQueue[str | None] = SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            queue.put(line)
        queue.put(None)

    threading.Thread(target=read, daemon=True).start()
    return queue


def waiting(queue: SimpleQueue[str | None]) -> Iterator[str | None]:
    with contextlib.suppress(Empty):
        while True:
            yield queue.get_nowait()


def drive(page: Chrome, queue: SimpleQueue[str | None]) -> None:
    """Pass lines both ways until stdin ends."""
    while True:
        for line in waiting(queue):
            if line is None:
                return
            page.execute_script("window.fnaDriver.send(arguments[0])", line)
        for answer in page.execute_async_script(_TAKE):
            sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def main() -> None:
    """Open a page of the gateway, so that requests are of its own origin, and drive the client in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--timeout", type=float)
    parser.add_argument("--reconnect-timeout", type=float)
    given = parser.parse_args()
    queue = lines_of_stdin()
    bundle = (toolchains.typescript_build() / "browser_driver.js").read_text()
    named = {"timeout": given.timeout, "reconnectTimeout": given.reconnect_timeout}
    options = json.dumps({name: value for name, value in named.items() if value is not None})
    with tempfile.TemporaryDirectory() as profile, chromium.browser(Path(profile)) as page:
        page.get(f"{given.address}/healthz")
        page.execute_script(bundle)
        page.execute_script(f"window.fnaDriver.start(arguments[0], {options})", given.address)
        page.set_script_timeout(30)
        drive(page, queue)


if __name__ == "__main__":
    main()
