"""Settings are those of options, the environment, `.env` and profiles, in this order, and the command says which."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fna.reports.cli import main
from fna.reports.cli.config_file import SettingsError
from fna.reports.cli.connection import TokenCommand
from fna.reports.v1.batch_pb2 import BATCH_STATUS_PROCESSING
from fna.reports.v1.batch_status_service_pb2 import ListBatchesResponse
from fna.reports.v1.report_pb2 import Report
from fna.reports.v1.report_service_pb2 import UploadReportResponse
from tests.support.tls import Authority, Guard
from tests.unit.client_peer import Peer, batch

pytestmark = pytest.mark.timeout(60)

Configure = Callable[[str], Path]


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the test a working directory and a folder of settings of its own, and no variables."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("CONFIG", "PROFILE", "SERVER", "TOKEN", "API_KEY", "TIMEOUT", "COMPANY", "TLS", "CA_FILE"):
        monkeypatch.delenv(f"FNA_REPORTS_{name}", raising=False)


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Return what writes the configuration file."""

    def write(text: str) -> Path:
        path = tmp_path / "config" / "fna-reports" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        return path

    return write


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as peer:
        peer.answers["ListBatches"] = [ListBatchesResponse(batches=[batch(status=BATCH_STATUS_PROCESSING)])]
        yield peer


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, tuple[str, str]]:
    """Return the value and the source of each setting."""
    assert main(["profiles", "--json", *words]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {row["setting"]: (row["value"], row["source"]) for row in rows}


def test_an_option_comes_before_the_environment_that_before_env_that_before_the_profile(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(capsys)["server"] == ("127.0.0.1:50051", "default")
    configure('default_profile = "a"\n[profiles.a]\nserver = "profile:1"\ntimeout = 2.5\n')
    assert shown(capsys)["server"] == ("profile:1", "profiles.a.server")
    Path(".env").write_text("FNA_REPORTS_SERVER=file:1\n")
    assert shown(capsys)["server"] == ("file:1", ".env: FNA_REPORTS_SERVER")
    monkeypatch.setenv("FNA_REPORTS_SERVER", "environment:1")
    assert shown(capsys)["server"] == ("environment:1", "FNA_REPORTS_SERVER")
    settings = shown(capsys, "--server", "option:1", "--ca-file", "ca.pem")
    assert settings["server"] == ("option:1", "--server")
    assert settings["timeout"] == ("2.5", "profiles.a.timeout")
    assert settings["ca_file"] == ("ca.pem", "--ca-file")
    assert settings["tls"] == ("true", "default")


def test_a_profile_is_named_by_option_environment_env_file_or_default(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    profiles = "".join(f'[profiles.{name}]\nserver = "{name}:1"\n' for name in ("one", "two", "three", "four"))
    configure(f'default_profile = "one"\n{profiles}')
    assert shown(capsys)["server"][0] == "one:1"
    Path(".env").write_text("FNA_REPORTS_PROFILE=two\n")
    assert shown(capsys)["server"][0] == "two:1"
    monkeypatch.setenv("FNA_REPORTS_PROFILE", "three")
    assert shown(capsys)["server"][0] == "three:1"
    assert shown(capsys, "--profile", "four")["server"][0] == "four:1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "x is no setting; there is: default_profile, profiles"),
        ("[profiles.a]\nserve = 'x:1'", "profiles.a.serve is no setting; there is: server, tls, ca_file"),
        ("[profiles.a]\nserver = 5", 'profiles.a.server must be text, "HOST:PORT"'),
        ("[profiles.a]\ntls = 'yes'", "profiles.a.tls must be true or false"),
        ("[profiles.a]\ntimeout = true", "profiles.a.timeout must be a number of seconds"),
        ("[profiles.a]\ntoken_command = ['x', 1]", "profiles.a.token_command must be a command, as text or as a list"),
        ("[profiles.a]\ntimeout = -1", "profiles.a.timeout: must be seconds above 0, not -1"),
        ("[profiles.a]\nserver = 'https://x'", "profiles.a.server: must be HOST:PORT of the gRPC service"),
        ("profiles = 1", "profiles must be a table"),
        ("default_profile = 1", "default_profile must be text"),
        ("default_profile = 'b'\n[profiles.a]", "there is no profile b, which default_profile names; there is: a"),
        ("[profiles.a", "is not TOML: "),
    ],
)
def test_what_is_wrong_in_the_file_is_told_with_its_place(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    path = configure(text)
    if "default_profile" not in text:
        monkeypatch.setenv("FNA_REPORTS_PROFILE", "a")
    assert main(["list"]) == 1
    assert capsys.readouterr().err.startswith(f"fna-reports: {path}: {said}")


def test_what_is_wrong_elsewhere_is_told_with_its_place(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = configure("[profiles.a]")
    assert main(["--profile", "b", "list"]) == 1
    assert (
        capsys.readouterr().err == f"fna-reports: {path}: there is no profile b, which --profile names; there is: a\n"
    )
    Path(".env").write_text("FNA_REPORTS_TIMEOUT=soon\n")
    assert main(["list"]) == 1
    assert capsys.readouterr().err == "fna-reports: .env: FNA_REPORTS_TIMEOUT: must be seconds above 0, not soon\n"
    monkeypatch.setenv("FNA_REPORTS_TIMEOUT", "soon")
    assert main(["list"]) == 1
    assert capsys.readouterr().err == "fna-reports: FNA_REPORTS_TIMEOUT: must be seconds above 0, not soon\n"
    monkeypatch.setenv("FNA_REPORTS_CONFIG", str(tmp_path / "missing.toml"))
    assert main(["list"]) == 1
    assert f"{tmp_path}/missing.toml: there is no such file, which FNA_REPORTS_CONFIG names" in capsys.readouterr().err


def test_the_profiles_are_listed_and_secrets_are_hidden(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    path = configure(
        'default_profile = "a"\n[profiles.a]\nserver = "a:1"\ntoken = "very secret"\n'
        '[profiles.b]\nserver = "b:1"\napi_key = "other secret"\n'
    )
    assert main(["profiles"]) == 0
    out, err = capsys.readouterr()
    assert "secret" not in out.replace("allow_plaintext_secrets", "")
    assert "(hidden)  profiles.a.token" in out
    assert out.splitlines()[-3:] == [f"Profiles of {path}:", "* a  a:1", "  b  b:1"]
    assert err == ""


def test_a_file_with_secrets_that_others_can_read_is_warned_about(
    configure: Configure, peer: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    path = configure(f'default_profile = "a"\n[profiles.a]\nserver = "{peer.target}"\ntoken = "x"\n')
    assert main(["list"]) == 0
    assert capsys.readouterr().err == ""
    path.chmod(0o644)
    assert main(["list"]) == 0
    assert capsys.readouterr().err == (
        f"fna-reports: warning: {path} has secrets and can be read by others: chmod 600 {path}\n"
    )


def test_the_secrets_of_a_profile_are_sent_to_its_server_alone(
    configure: Configure, peer: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    configure('default_profile = "a"\n[profiles.a]\nserver = "elsewhere:443"\ntoken = "x"\ncompany = "Acme"\n')
    Path(".env").write_text(f"FNA_REPORTS_SERVER={peer.target}\n")
    settings = shown(capsys)
    assert settings["token"] == ("-", "default")
    assert settings["company"][0] == "Acme"
    assert main(["profiles"]) == 0
    told = f"The credentials of profile a are not sent: they are for elsewhere:443, not for {peer.target}."
    assert told in capsys.readouterr().out


@pytest.mark.parametrize("setting", ["TLS=false", "CA_FILE=theirs.pem"])
def test_a_file_of_the_folder_does_not_say_how_the_server_of_a_profile_is_reached(
    configure: Configure, capsys: pytest.CaptureFixture[str], setting: str
) -> None:
    configure('default_profile = "a"\n[profiles.a]\nserver = "elsewhere:443"\ntls = true\ntoken = "x"\n')
    assert shown(capsys)["token"] == ("(hidden)", "profiles.a.token")
    Path(".env").write_text(f"FNA_REPORTS_{setting}\n")
    assert shown(capsys)["token"] == ("-", "default")


@pytest.mark.parametrize("name", ["FNA_REPORTS_TOKEN_COMMAND", "FNA_REPORTS_ALLOW_PLAINTEXT_SECRETS"])
@pytest.mark.usefixtures("configure")
def test_a_file_of_the_folder_neither_runs_commands_nor_has_secrets_sent_unencrypted(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    Path(".env").write_text(f"{name}=true\n")
    assert main(["list"]) == 1
    assert capsys.readouterr().err == (
        f"fna-reports: .env: {name} is not taken from here: export it, or use a profile\n"
    )


def test_a_profile_reaches_a_server_that_wants_tls_a_certificate_and_a_token(
    configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = Authority(tmp_path)
    authority.client()
    with Peer(authority.server(demand_certificate=True), [Guard("authorization", "Bearer secret")]) as peer:
        peer.answers["ListBatches"] = [ListBatchesResponse(batches=[batch()])]
        profile = f'server = "{peer.target}"\nca_file = "../../ca.pem"\ncert_file = "../../client.pem"\n'
        profile += 'key_file = "../../client.key"\n'
        printing = json.dumps([sys.executable, "-c", "print('secret')"])
        configure(
            f'[profiles.token]\n{profile}token = "secret"\n[profiles.command]\n{profile}token_command = {printing}\n'
            f'[profiles.wrong]\n{profile}token = "other"\n[profiles.failing]\n{profile}token_command = "false"\n'
        )
        assert main(["list", "--profile", "token"]) == 0
        assert main(["list", "--profile", "command"]) == 0
        capsys.readouterr()
        assert main(["list", "--profile", "wrong"]) == 1
        assert capsys.readouterr().err.splitlines()[1].startswith("Set FNA_REPORTS_TOKEN or FNA_REPORTS_API_KEY")
        assert main(["list", "--profile", "failing"]) == 1
        assert "token_command false: ended with exit code 1: and printed nothing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"TOKEN": "x", "SERVER": "example.com:1"}, "would go to example.com:1 unencrypted: use --tls"),
        ({"TOKEN": "x", "API_KEY": "y"}, "of which one is enough: FNA_REPORTS_TOKEN and FNA_REPORTS_API_KEY"),
        ({"CERT_FILE": "x"}, "cert_file and key_file belong together"),
        ({"CA_FILE": "nowhere.pem"}, "nowhere.pem: No such file or directory"),
        ({"TLS": "perhaps"}, "FNA_REPORTS_TLS: must be true or false, not perhaps"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"FNA_REPORTS_{name}", value)
    assert main(["list"]) == 1
    assert said in capsys.readouterr().err


def test_a_token_is_asked_for_again_when_it_is_old(tmp_path: Path) -> None:
    now = 0.0
    count = tmp_path / "count"
    script = f"echo >> {count}; wc -l < {count}"
    token = TokenCommand(["sh", "-c", script], clock=lambda: now)
    assert (token(), token()) == ("1", "1")
    now = 61.0
    assert token() == "2"
    with pytest.raises(SettingsError, match="token_command nowhere-to-be-found: No such file or directory"):
        TokenCommand(["nowhere-to-be-found"])()


def test_the_company_of_documents_may_be_set_once(
    configure: Configure, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.answers["UploadReport"] = [UploadReportResponse(report=Report(title="x"))]
    monkeypatch.setenv("FNA_REPORTS_COMPANY", "Acme")
    Path("10k.txt").write_text("text")
    for words in ([], ["--company", "ACME"]):
        assert main(["--server", peer.target, "upload", "10k.txt", *words]) == 0
    first, second = (messages[0] for messages in peer.requests["UploadReport"])
    assert first == second
