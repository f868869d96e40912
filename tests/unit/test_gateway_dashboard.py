"""The gateway serves the dashboard's files, and nothing else, with headers that forbid scripts of others."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

import reports_gateway
from tests.unit.gateway_peer import Peer, in_process, serve

STATIC = Path(reports_gateway.__file__).parent / "static"
VARY = "Accept, Accept-Encoding"
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
REFERENCES = re.compile(r"""(?:src|href)="(/static/[^"]+)"|(?:from|import) "(\.[^"]+)";""")


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with serve(Peer()) as target, in_process(target) as client:
        yield client


async def test_browsers_get_the_page_and_programs_the_index(http: httpx.AsyncClient) -> None:
    page, index = await http.get("/", headers=HTML), await http.get("/", headers={"Accept": "*/*"})
    assert (page.headers["content-type"], page.headers["vary"]) == ("text/html; charset=utf-8", VARY)
    assert "<title>FNA Reports</title>" in page.text
    assert (index.headers["content-type"], index.headers["vary"]) == ("application/json", "Accept")


async def test_the_index_names_only_places_that_exist(http: httpx.AsyncClient) -> None:
    places = (await http.get("/")).json()
    for path in ("/docs", "/openapi.json", "/healthz"):
        assert path in places.values()
        assert (await http.get(path)).status_code == 200
    paths = (await http.get("/openapi.json")).json()["paths"]
    assert set(places.values()) - {"/docs", "/openapi.json"} <= set(paths)


async def test_the_reference_may_set_styles_and_runs_no_script_but_files(http: httpx.AsyncClient) -> None:
    page, dashboard = await http.get("/docs"), await http.get("/", headers=HTML)
    policy = dashboard.headers["content-security-policy"]
    assert "openapi-explorer" in page.text
    assert page.headers["content-security-policy"] == policy.replace(
        "style-src 'self'", "style-src 'self' 'unsafe-inline'"
    )


@pytest.mark.parametrize("path", ["/", "/static/main.js"])
async def test_the_dashboard_loads_and_calls_its_own_gateway_alone(http: httpx.AsyncClient, path: str) -> None:
    headers = (await http.get(path, headers=HTML)).headers
    policy = dict(directive.split(" ", 1) for directive in headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("main.js", "text/javascript; charset=utf-8"),
        ("vendor/uplot/uPlot.iife.min.js", "text/javascript; charset=utf-8"),
        ("tokens.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
async def test_files_have_the_media_type_that_browsers_demand(
    http: httpx.AsyncClient, path: str, media_type: str
) -> None:
    answer = await http.get(f"/static/{path}")
    assert answer.headers["content-type"] == media_type
    assert answer.content == (STATIC / path).read_bytes()


@pytest.mark.parametrize("path", ["/", "/static/views/batch.js"])
async def test_a_file_that_the_browser_has_is_not_sent_again(http: httpx.AsyncClient, path: str) -> None:
    first = await http.get(path, headers=HTML)
    assert first.headers["cache-control"] == "no-cache"
    again = await http.get(path, headers={**HTML, "If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (await http.get(path, headers={**HTML, "If-None-Match": '"other"'})).status_code == 200


@pytest.mark.parametrize(
    "path", ["../app.py", "%2e%2e/app.py", "..%2fapp.py", "views/../../app.py", "/etc/passwd", "", "views", "none.js"]
)
async def test_nothing_but_the_files_of_the_dashboard_is_served(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(f"/static/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


async def test_every_file_that_another_one_names_is_served(http: httpx.AsyncClient) -> None:
    sources = [path for path in STATIC.rglob("*") if path.suffix in {".js", ".html"} and "vendor" not in path.parts]
    for source in sources:
        base = f"/static/{source.relative_to(STATIC).as_posix()}"
        for absolute, relative in REFERENCES.findall(source.read_text()):
            url = httpx.URL(base).join(absolute or relative)
            assert (await http.get(url)).status_code == 200, f"{source.name} names {url}"


def test_no_file_has_scripts_or_styles_that_the_policy_forbids() -> None:
    for source in [
        path for path in STATIC.rglob("*") if path.suffix in {".js", ".html"} and "vendor" not in path.parts
    ]:
        found = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function|\sstyle=|<script>", source.read_text()
        )
        assert found == [], source.name
