"""Where webhooks may go, how they are signed, and how long a failed one waits."""

from __future__ import annotations

import ipaddress
from datetime import timedelta

import pytest

from reports_core.domain.webhook import (
    DELAYS,
    complaint,
    delay_after_failure,
    is_public,
    new_secret,
    signature,
    unmapped,
)

# The example of the Standard Webhooks specification and its libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_a_signature_is_that_of_the_specification() -> None:
    signed = signature(SECRET, MESSAGE_ID, 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_new_secret_signs_and_is_another_one_each_time() -> None:
    first, second = new_secret(), new_secret()
    assert first != second
    assert signature(first, "a", 1, b"") != signature(second, "a", 1, b"")


def test_what_is_no_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="whsec_"):
        signature("whsec_!", "a", 1, b"")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hooks",
        "http://example.com:8080",
        "https://8.8.8.8/hooks?token=a",
        "https://[2001:4860:4860::8888]/",
        "https://xn--bcher-kva.example/",
        "https://xn--i-7iq.ws/",
        "https://a_b.example.com./",
    ],
)
def test_a_public_url_is_accepted(url: str) -> None:
    assert complaint(url, allow_private=False) is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.com", "https://"),
        ("example.com/hooks", "https://"),
        ("https:///hooks", "https://"),
        ("https://example.com:0/", "https://"),
        ("https://example.com:99999/", "https://"),
        ("https://[::1", "https://"),
        ("https://user:pw@example.com/", "user or password"),
        ("https://@example.com/", "user or password"),
        ("https://example.com/#a", "fragment"),
        ("https://a..b/", "looked up"),
        ("https://.example.com/", "looked up"),
        (f"https://{64 * 'a'}.com/", "looked up"),
        ("https://[v1.a]/", "looked up"),
    ],
)
@pytest.mark.parametrize("allow_private", [True, False])
def test_a_url_that_is_none_of_a_webhook_is_refused(url: str, words: str, allow_private: bool) -> None:
    assert words in (complaint(url, allow_private=allow_private) or "")


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "LOCALHOST"),
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0", "255.255.255.255"),
        *("224.0.0.1", "192.0.2.1", "198.18.0.1", "240.0.0.1"),
        *("[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[ff02::1]", "[::ffff:127.0.0.1]", "[2001:db8::1]"),
        *("[2002:7f00:1::]", "[2002:808:808::]", "[2001:0:808:808::1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::808:808]"),
        *("[::7f00:1]", "[::ffff:0:7f00:1]", "[fec0::1]", "[3fff::1]", "[4000::1]", "192.0.0.170", "192.88.99.1"),
    ],
)
def test_a_private_address_is_refused_unless_allowed(host: str) -> None:
    url = f"https://{host}/hooks"
    assert "FNA_REPORTS_WEBHOOK_ALLOW_PRIVATE" in (complaint(url, allow_private=False) or "")
    assert complaint(url, allow_private=True) is None


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_a_public_address_is_one_in_every_form(address: str) -> None:
    assert is_public(unmapped(ipaddress.ip_address(address)))


def test_waits_grow_and_end_after_about_a_day() -> None:
    waits = [delay_after_failure(failures) for failures in range(1, len(DELAYS) + 2)]
    assert waits[0] == timedelta(seconds=5)
    assert waits[-1] is None
    known = [wait for wait in waits if wait is not None]
    assert known == sorted(known)
    assert timedelta(hours=20) < sum(known, timedelta()) < timedelta(hours=28)


def test_waits_are_spread_by_a_tenth() -> None:
    assert delay_after_failure(2, luck=1) == timedelta(seconds=33)
    assert delay_after_failure(2, luck=-1) == timedelta(seconds=27)


@pytest.mark.parametrize(("asked", "expected"), [(1, 30), (300, 300), (86_400, 3600)])
def test_a_receiver_may_ask_for_a_longer_wait_of_at_most_an_hour(asked: int, expected: int) -> None:
    assert delay_after_failure(2, asked=timedelta(seconds=asked)) == timedelta(seconds=expected)
