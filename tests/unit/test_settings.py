"""Settings of the processes: from the environment and `.env`, refused by the name of the variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports_core.locations import Location, RemoteUrl
from reports_core.settings import (
    DatabaseSettings,
    ProcessSettings,
    SettingsError,
    is_loopback,
    load,
    refuse_open_address,
)
from reports_gateway.settings import GatewaySettings
from reports_server.settings import ServerSettings
from reports_worker.settings import WorkerSettings

URL = "postgresql://fna:secret@localhost:5432/fna_reports"
KINDS = (ServerSettings, WorkerSettings, GatewaySettings)
WITH_DATABASE = (ServerSettings, WorkerSettings)

on_the_database = pytest.mark.parametrize("kind", WITH_DATABASE)


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for kind in KINDS:
        for name in kind.model_fields:
            monkeypatch.delenv(f"FNA_REPORTS_{name.upper()}", raising=False)


def write_env(text: str) -> None:
    Path(".env").write_text(text, encoding="utf-8")


@on_the_database
def test_the_database_is_all_that_must_be_set(monkeypatch: pytest.MonkeyPatch, kind: type[DatabaseSettings]) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    settings = load(kind)
    assert (settings.database_url, settings.broker_url, settings.session_url) == (URL, None, URL)
    assert (settings.lease_seconds, settings.sweep_seconds) == (20, 5)


@on_the_database
def test_a_missing_database_is_named_with_an_example(kind: type[DatabaseSettings]) -> None:
    with pytest.raises(
        SettingsError, match=r"^DATABASE_URL is not set\. .*\.env.*postgresql://user:password@"
    ) as error:
        load(kind)
    assert len(str(error.value).splitlines()) == 1


@on_the_database
def test_a_file_in_the_working_directory_is_read(kind: type[DatabaseSettings]) -> None:
    write_env(f"# what this machine has\nDATABASE_URL={URL}\nFNA_REPORTS_LEASE_SECONDS=7\nUNRELATED=1\n")
    settings = load(kind)
    assert (settings.database_url, settings.lease_seconds) == (URL, 7)


def test_the_gateway_reads_the_file_too() -> None:
    write_env("FNA_REPORTS_SERVER=services.internal:50051\n")
    assert load(GatewaySettings).server == "services.internal:50051"


@on_the_database
def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, kind: type[DatabaseSettings]) -> None:
    write_env("DATABASE_URL=postgresql://file/file\nFNA_REPORTS_SWEEP_SECONDS=9\n")
    monkeypatch.setenv("DATABASE_URL", URL)
    settings = load(kind)
    assert (settings.database_url, settings.sweep_seconds) == (URL, 9)


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("FNA_REPORTS_BROKER_URL", "")
    monkeypatch.setenv("FNA_REPORTS_GRPC_ADDRESS", "")
    settings = load(ServerSettings)
    assert (settings.broker_url, settings.grpc_address) == (None, "127.0.0.1:50051")


@on_the_database
def test_the_short_scheme_of_a_database_url_is_the_same(
    monkeypatch: pytest.MonkeyPatch, kind: type[DatabaseSettings]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres" + URL.removeprefix("postgresql"))
    assert load(kind).database_url == URL


@pytest.mark.parametrize(
    ("kind", "variable", "value"),
    [
        (ServerSettings, "DATABASE_URL", "mysql://localhost/fna"),
        (ServerSettings, "DATABASE_URL", "postgresql://localhost"),
        (WorkerSettings, "DATABASE_URL", "localhost:5432"),
        (ServerSettings, "FNA_REPORTS_DIRECT_DATABASE_URL", "localhost"),
        (ServerSettings, "FNA_REPORTS_GRPC_ADDRESS", "50051"),
        (ServerSettings, "FNA_REPORTS_GRPC_ADDRESS", "localhost:"),
        (ServerSettings, "FNA_REPORTS_GRPC_ADDRESS", "localhost:65536"),
        (ServerSettings, "FNA_REPORTS_MAX_BATCH_SIZE", "10001"),
        (ServerSettings, "FNA_REPORTS_MAX_BATCH_SIZE", "0"),
        (ServerSettings, "FNA_REPORTS_MAX_WATCHERS", "many"),
        (ServerSettings, "FNA_REPORTS_POOL_SIZE", "1"),
        (ServerSettings, "FNA_REPORTS_ALLOW_UNAUTHENTICATED", "perhaps"),
        (ServerSettings, "FNA_REPORTS_SHUTDOWN_GRACE_SECONDS", "-1"),
        (WorkerSettings, "FNA_REPORTS_LEASE_SECONDS", "0"),
        (WorkerSettings, "FNA_REPORTS_SWEEP_SECONDS", "3601"),
        (WorkerSettings, "FNA_REPORTS_ANALYSIS_SECONDS", "0"),
        (WorkerSettings, "FNA_REPORTS_LEXICON_FILE", "/nowhere.csv"),
        (WorkerSettings, "FNA_REPORTS_MODEL_URL", "https://user:secret@host/v1"),
        (WorkerSettings, "FNA_REPORTS_MODEL_URL", "localhost:11434"),
        (WorkerSettings, "FNA_REPORTS_MODEL_URL", "https://host/v1?key=secret"),
        (WorkerSettings, "FNA_REPORTS_MODEL_API_KEY", "sk-1\n"),
        (WorkerSettings, "FNA_REPORTS_MODEL_API_KEY", "“sk-1”"),
        (WorkerSettings, "FNA_REPORTS_MODEL_TOKEN_BUDGET", "100"),
        (WorkerSettings, "FNA_REPORTS_MODEL_ANSWER_TOKENS", "5000"),
        (WorkerSettings, "FNA_REPORTS_ANALYSIS_MEMORY_MIB", "16"),
        (GatewaySettings, "FNA_REPORTS_REST_ADDRESS", ":8000"),
    ],
)
def test_an_invalid_value_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, kind: type[ProcessSettings], variable: str, value: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as error:
        load(kind)
    assert str(error.value).startswith(f"{variable} is invalid: ")
    assert len(str(error.value).splitlines()) == 1


def test_a_refused_database_url_does_not_show_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://fna:secret@localhost/fna")
    with pytest.raises(SettingsError) as error:
        load(ServerSettings)
    assert "secret" not in str(error.value)


def test_all_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FNA_REPORTS_POOL_SIZE", "x")
    with pytest.raises(SettingsError) as error:
        load(ServerSettings)
    assert {line.split()[0] for line in str(error.value).splitlines()} == {"DATABASE_URL", "FNA_REPORTS_POOL_SIZE"}


@pytest.mark.parametrize(
    ("value", "roots"),
    [
        ("/srv/filings::/srv/with spaces:", (Path("/srv/filings"), Path("/srv/with spaces"))),
        ("s3://bucket/filings/:/srv/filings", (RemoteUrl("s3://bucket/filings"), Path("/srv/filings"))),
        ("/srv/a:s3://one:s3://two/b", (Path("/srv/a"), RemoteUrl("s3://one"), RemoteUrl("s3://two/b"))),
        ("ftp://files:2121/filings:/srv/a", (RemoteUrl("ftp://files:2121/filings"), Path("/srv/a"))),
    ],
)
def test_places_to_read_from_are_separated_by_colons(
    monkeypatch: pytest.MonkeyPatch, value: str, roots: tuple[Location, ...]
) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("FNA_REPORTS_SOURCE_ROOTS", value)
    assert load(ServerSettings).source_roots == roots


def test_a_place_to_read_from_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("FNA_REPORTS_SOURCE_ROOTS", "/srv/filings:memory://filings")
    with pytest.raises(SettingsError, match=r"^FNA_REPORTS_SOURCE_ROOTS is invalid: memory://"):
        load(ServerSettings)


def test_a_server_reads_no_folders_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    assert load(ServerSettings).source_roots == ()


@on_the_database
def test_sessions_go_past_a_pooler_when_told_where(
    monkeypatch: pytest.MonkeyPatch, kind: type[DatabaseSettings]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://pooler:6432/fna_reports")
    monkeypatch.setenv("FNA_REPORTS_DIRECT_DATABASE_URL", URL)
    settings = load(kind)
    assert (settings.database_url, settings.session_url) == ("postgresql://pooler:6432/fna_reports", URL)


@on_the_database
def test_services_and_workers_keep_documents_in_the_same_place(
    monkeypatch: pytest.MonkeyPatch, kind: type[DatabaseSettings]
) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/data")
    assert load(kind).documents_url == Path("/srv/data/fna-reports/documents")
    monkeypatch.setenv("FNA_REPORTS_DOCUMENTS_URL", "/srv/documents")
    assert load(kind).documents_url == Path("/srv/documents")
    monkeypatch.setenv("FNA_REPORTS_DOCUMENTS_URL", "s3://bucket/prefix/")
    assert load(kind).documents_url == RemoteUrl("s3://bucket/prefix")


@on_the_database
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("memory://documents", "memory:// is seen by one process alone; use a folder"),
        ("https://example.com/documents", "https:// can only be read; use a folder"),
        ("ss3://bucket", "ss3:// is unknown to fsspec; use a folder"),
        ("dropbox://documents", "dropbox:// needs a package that is not installed: "),
        ("s3://", "names no place; it must look like s3://bucket/prefix"),
        ("s3://key:secret@bucket", "must look like s3://bucket/prefix; credentials come from the environment"),
        ("s3://bucket/a?b=c", "must look like s3://bucket/prefix"),
        ("ftp://[files/documents", "Invalid IPv6 URL"),
        ("s3:/bucket", "looks like a URL without its '//'"),
        ("file://elsewhere/documents", "must look like file:///folder"),
        ("simplecache::s3://bucket", "must be one URL, not a chain"),
    ],
)
def test_a_place_for_documents_that_cannot_be_used_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, kind: type[DatabaseSettings], value: str, said: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("FNA_REPORTS_DOCUMENTS_URL", value)
    with pytest.raises(SettingsError) as error:
        load(kind)
    assert str(error.value).startswith(f"FNA_REPORTS_DOCUMENTS_URL is invalid: {said}")
    assert len(str(error.value).splitlines()) == 1


def test_a_model_has_a_name_and_its_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("FNA_REPORTS_MODEL_URL", "http://127.0.0.1:11434/v1/")
    monkeypatch.setenv("FNA_REPORTS_MODEL_API_KEY", "sk-secret")
    with pytest.raises(SettingsError, match=r"^FNA_REPORTS_MODEL_NAME is invalid: .* so name the model"):
        load(WorkerSettings)
    monkeypatch.setenv("FNA_REPORTS_MODEL_NAME", "llama3.1")
    settings = load(WorkerSettings)
    assert settings.model_url == "http://127.0.0.1:11434/v1"
    assert "sk-secret" not in repr(settings)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.1.2.3:1", "localhost:1", "[::1]:1"])
def test_an_address_of_this_machine_alone_is_taken(address: str) -> None:
    assert is_loopback(address)
    refuse_open_address("FNA_REPORTS_GRPC_ADDRESS", address, allowed=False)


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "example.com:1", "localhost.example.com:1"])
def test_an_open_address_is_refused_unless_somebody_says_so(address: str) -> None:
    assert not is_loopback(address)
    with pytest.raises(SettingsError, match=r"FNA_REPORTS_GRPC_ADDRESS=.* FNA_REPORTS_ALLOW_UNAUTHENTICATED=true"):
        refuse_open_address("FNA_REPORTS_GRPC_ADDRESS", address, allowed=False)
    refuse_open_address("FNA_REPORTS_GRPC_ADDRESS", address, allowed=True)
