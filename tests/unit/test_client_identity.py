"""Secrets go with every call, and never where others can read them unless the caller says so."""

from __future__ import annotations

import pytest

from fna.reports import AsyncReportsClient, ReportsClient, tls_credentials
from fna.reports._identity import Identity, is_local


@pytest.mark.parametrize(
    "target",
    [
        "localhost:50051",
        "127.0.0.1:50051",
        "[::1]:50051",
        "unix:/run/fna.sock",
        "dns:///localhost:50051",
        "ipv4:127.0.0.1:1",
    ],
)
def test_a_connection_to_this_machine_is_read_by_no_other(target: str) -> None:
    assert is_local(target)
    ReportsClient(target, token="secret").close()


@pytest.mark.parametrize(
    "target", ["reports.example.com:443", "10.0.0.1:50051", "[2001:db8::1]:50051", "", "localhost.example.com:1"]
)
def test_a_secret_does_not_go_unencrypted_to_another_machine(target: str) -> None:
    assert not is_local(target)
    for client in (ReportsClient, AsyncReportsClient):
        with pytest.raises(ValueError, match="unencrypted: give credentials=tls_credentials"):
            client(target, api_key="secret")


def test_a_secret_goes_where_the_caller_says_that_it_may_or_where_it_is_encrypted() -> None:
    ReportsClient("10.0.0.1:50051", token="secret", allow_plaintext_secrets=True).close()
    ReportsClient("10.0.0.1:50051", token="secret", credentials=tls_credentials()).close()


def test_a_token_that_is_a_function_is_asked_for_each_time() -> None:
    tokens = iter(["first", "second"])
    identity = Identity(lambda: next(tokens))
    assert [identity.metadata(), identity.metadata()] == [
        (("authorization", "Bearer first"),),
        (("authorization", "Bearer second"),),
    ]
    assert Identity("t", "k").metadata() == (("authorization", "Bearer t"), ("x-api-key", "k"))
    assert Identity().metadata() == ()


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(ValueError, match="belong together"):
        tls_credentials(cert_file="client.pem")
