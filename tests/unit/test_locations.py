"""Where content is kept: folders and URLs, without their secrets in any text."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reports_core.locations import Location, RemoteUrl, location, without_secrets

_ACCESS_POINT = "arn:aws:s3:us-east-1:123456789012:accesspoint/reports"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/srv/documents", Path("/srv/documents")),
        ("documents", Path("documents")),
        ("file:///srv/with%20spaces", Path("/srv/with spaces")),
        ("file://localhost/srv/documents/", Path("/srv/documents")),
        ("s3://bucket", RemoteUrl("s3://bucket")),
        ("s3://bucket/a/b/", RemoteUrl("s3://bucket/a/b")),
        (f"s3://{_ACCESS_POINT}/a", RemoteUrl(f"s3://{_ACCESS_POINT}/a")),
        ("ftp://user:secret@files:2121/documents", RemoteUrl("ftp://user:secret@files:2121/documents")),
    ],
)
def test_a_path_is_a_folder_and_a_url_what_fsspec_makes_of_it(text: str, expected: Location) -> None:
    assert location(text) == expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ftp://user:s@cret@files/documents", "ftp://files/documents"),
        ("s3://key:secret@bucket/a?token=secret", "s3://bucket/a"),
        ("cannot reach http://u:p@host/a?X-Amz-Signature=5: refused", "cannot reach http://host/a refused"),
        ("what? nothing", "what? nothing"),
    ],
)
def test_credentials_and_queries_of_urls_are_not_shown(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_the_text_of_a_url_has_no_credentials() -> None:
    assert str(RemoteUrl("ftp://user:secret@files/documents?key=secret")) == "ftp://files/documents"


def test_what_a_library_says_about_a_url_is_told_without_its_secrets() -> None:
    url = RemoteUrl("ftp://user:secret@files/documents?key=hidden")
    said = url.conceal("login of user with secret at 'user:secret@files' failed, ftp://user:secret@files?key=hidden")
    assert "secret" not in said
    assert "hidden" not in said


def test_the_package_to_install_for_s3_is_named() -> None:
    program = "import sys; sys.modules['s3fs'] = None; from reports_core.locations import location; location('s3://b')"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    process = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert 'ValueError: s3:// needs a package that is not installed: pip install "fna-reports-server[s3]"' in (
        process.stderr
    )
