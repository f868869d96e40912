"""What `npm pack` makes is complete and typed, and its README's programs analyse files, in Node.js and in a page."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.npm_package import Project, install
from tests.clients.readme import LETTERS, blocks, require_short, require_story, run, write_letters
from tests.support import chromium
from tests.support.stack import ROOT, Stack
from tests.support.waiting import eventually
from tools import toolchains

README = ROOT / "clients" / "typescript" / "README.md"
WRONG = [
    ("event.sequence", "event.sequenze"),
    ('companyId("Acme")', "companyId(7)"),
    ("client.submit", "client.send"),
]
"""Misuses in place of a part of the example, each of which the compiler has to see."""

pytestmark = pytest.mark.timeout(300)

_ANALYSE = """
const [files, done] = arguments;
const printed = [];
console.log = (...words) => printed.push(words.map(String).join(" "));
const transfer = new DataTransfer();
for (const [name, content] of files) {
  transfer.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name));
}
page.analyse(location.origin, transfer.files).then(() => done(printed), (error) => done(["failed: " + error]));
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return install(tmp_path_factory.mktemp("npm"))


@pytest.fixture(scope="module")
def examples() -> list[str]:
    """Give the programs of the README: for Node.js, for a page, and about all batches."""
    found = blocks(README, "ts")
    for program in found:
        require_short(program)
    return found


def test_the_package_has_what_it_needs_and_nothing_else(project: Project) -> None:
    assert {"package.json", "README.md", "LICENSE", "dist/index.js", "dist/index.d.ts"} <= project.packed
    others = {path for path in project.packed if not path.startswith("dist/")}
    assert others == {"package.json", "README.md", "LICENSE"}
    assert not [path for path in project.packed if re.search(r"test|conformance|(?<!\.d)\.ts$", path)]


def test_the_compiler_accepts_the_examples_and_sees_misuses(project: Project, examples: list[str]) -> None:
    node, page, batches = examples
    project.write("page.ts", page)
    project.write("batches.ts", batches)
    path = project.write("node.ts", node)
    assert project.complaints() == ""
    for right, wrong in WRONG:
        assert right in node
        path.write_text(node.replace(right, wrong))
        assert "node.ts" in project.complaints()
    path.write_text(node)


def test_the_example_for_node_analyses_files(
    project: Project, examples: list[str], working_stack: Stack, tmp_path: Path
) -> None:
    program = project.write("node.ts", examples[0])
    require_story(run([node_js(), str(program), *write_letters(tmp_path)], working_stack, tmp_path))


def test_the_example_for_a_page_analyses_files(
    project: Project, examples: list[str], working_stack: Stack, tmp_path: Path
) -> None:
    project.write("page.ts", examples[1])
    files = [[name, base64.b64encode(text.encode()).decode()] for name, text in LETTERS.items()]
    with chromium.browser(tmp_path) as browser:
        browser.get(f"http://{working_stack.rest_address}/healthz")
        browser.set_script_timeout(100)
        # A variable of a script of ours is gone with it.
        browser.execute_script(project.bundle("page.ts").replace("var page =", "window.page =", 1))
        printed = browser.execute_async_script(_ANALYSE, files)
    require_story("\n".join(printed))


def test_the_example_about_all_batches_tells_how_they_ended(
    project: Project, examples: list[str], working_stack: Stack, tmp_path: Path
) -> None:
    program = project.write("batches.ts", examples[2])
    environment = working_stack.environment(FNA_REPORTS_SERVER=working_stack.grpc_address)
    reports = working_stack.upload(*LETTERS.values())
    printed = tmp_path / "printed.txt"
    with printed.open("w") as output, working_stack.client() as client:
        running = subprocess.Popen([node_js(), str(program)], env=environment, stdout=output, stderr=output)
        ended = []

        def told() -> list[str]:
            # A batch that is over before the watch begins is not told, but one after it is.
            ended.append(client.submit(reports, labels={"desk": "north"}).result().batch.batch_id)
            return printed.read_text().splitlines()

        try:
            lines = eventually(told, 60, "the end of a batch")
        finally:
            running.terminate()
            running.wait(20)
    assert set(lines) <= {f"{batch_id} COMPLETED" for batch_id in ended}


def node_js() -> str:
    """Return the program that runs examples."""
    found = shutil.which("node", path=toolchains.environment()["PATH"])
    assert found
    return found
