"""The keyring by a clock of its own: how long a key is believed, and what is never believed."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tidegate.core.stream import by_name
from tidegate.doors.gateway.keyring import Keyring
from tidegate.model.keys import AppKey, compose, key_id, keyed_hash
from tidegate.model.refusal import Refusal
from tidegate.system.clock import AsyncClock

SECRET = "s" * 32
KEY = compose("abcd1234", bytes(range(24)))
OTHER = compose("abcd1234", bytes(range(1, 25)))
"""Well-formed, with the same id, and not the key."""


class Time(AsyncClock):
    """A clock that is moved by hand."""

    at = 1_000.0

    def now(self) -> int:
        return int(self.at * 1_000_000)

    def ticks(self) -> float:
        return self.at


class Source:
    """Keys as the database has them, and how often they were looked up."""

    def __init__(self) -> None:
        self.key: AppKey | None = AppKey(
            id="abcd1234", hash=keyed_hash(KEY, SECRET), app="shop", created_at=0, scopes=()
        )
        self.asked = 0

    def find(self, key_id: str) -> AppKey | None:
        self.asked += 1
        return self.key if self.key is not None and key_id == self.key.id else None


HEADERS = (
    pytest.param(lambda key: [(b"x-api-key", key.encode())], id="x-api-key"),
    pytest.param(lambda key: [(b"authorization", b"Bearer " + key.encode())], id="bearer"),
    pytest.param(lambda key: [(b"x-api-key", key.encode()), (b"authorization", key.encode())], id="both"),
)
Headers = Callable[[str], list[tuple[bytes, bytes]]]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def keyring(source: Source, time: Time) -> Keyring:
    return Keyring(source, SECRET, time)


def check(keyring: Keyring, headers: list[tuple[bytes, bytes]], address: str) -> AppKey | Refusal:
    return keyring.check(headers, by_name(headers), address)


def reason(found: AppKey | Refusal) -> str:
    return found.reason if isinstance(found, Refusal) else found.app


@pytest.mark.parametrize("headers", HEADERS)
def test_a_key_is_looked_up_twice_a_second_at_most(
    keyring: Keyring, source: Source, time: Time, headers: Headers
) -> None:
    for _ in range(40):
        assert reason(check(keyring, headers(KEY), "a")) == "shop"
        time.at += 0.05
    assert source.asked == 4


@pytest.mark.parametrize("headers", HEADERS)
def test_a_revocation_works_within_a_second(keyring: Keyring, source: Source, time: Time, headers: Headers) -> None:
    assert reason(check(keyring, headers(KEY), "a")) == "shop"
    assert source.key is not None
    source.key = replace(source.key, revoked_at=time.now())
    time.at += 0.999
    assert reason(check(keyring, headers(KEY), "a")) == "key_revoked"


@pytest.mark.parametrize("headers", HEADERS)
def test_a_key_that_is_gone_works_no_more_after_a_second(
    keyring: Keyring, source: Source, time: Time, headers: Headers
) -> None:
    assert reason(check(keyring, headers(KEY), "a")) == "shop"
    source.key = None
    time.at += 0.999
    assert reason(check(keyring, headers(KEY), "a")) == "bad_key"


@pytest.mark.parametrize("headers", HEADERS)
def test_a_key_expires_at_once_although_it_is_believed(
    keyring: Keyring, source: Source, time: Time, headers: Headers
) -> None:
    assert source.key is not None
    source.key = replace(source.key, expires_at=time.now() + 100_000)
    assert reason(check(keyring, headers(KEY), "a")) == "shop"
    time.at += 0.1
    assert reason(check(keyring, headers(KEY), "a")) == "key_expired"


@pytest.mark.parametrize("headers", HEADERS)
def test_another_secret_with_the_id_of_a_believed_key_is_bad(keyring: Keyring, headers: Headers) -> None:
    assert key_id(OTHER) == key_id(KEY)
    assert reason(check(keyring, headers(KEY), "a")) == "shop"
    assert reason(check(keyring, headers(OTHER), "a")) == "bad_key"
    assert reason(check(keyring, headers(KEY), "a")) == "shop"


def test_two_different_keys_are_refused_although_one_is_believed(keyring: Keyring) -> None:
    assert reason(check(keyring, [(b"x-api-key", KEY.encode())], "a")) == "shop"
    both = [(b"x-api-key", KEY.encode()), (b"x-api-key", OTHER.encode())]
    assert reason(check(keyring, both, "a")) == "bad_request"


def test_what_is_good_as_a_bearer_is_bad_as_a_bare_key(keyring: Keyring) -> None:
    value = b"Bearer " + KEY.encode()
    assert reason(check(keyring, [(b"authorization", value)], "a")) == "shop"
    assert reason(check(keyring, [(b"x-api-key", value)], "a")) == "bad_key"


def test_bad_keys_of_one_address_are_held_up_and_good_ones_pass(keyring: Keyring, time: Time) -> None:
    bad = [(b"x-api-key", OTHER.encode())]
    told = [reason(check(keyring, bad, "a")) for _ in range(21)]
    assert told == ["bad_key"] * 20 + ["rate_limited"]
    assert reason(check(keyring, bad, "b")) == "bad_key"
    assert reason(check(keyring, [(b"x-api-key", KEY.encode())], "a")) == "shop"
    time.at += 60
    assert reason(check(keyring, bad, "a")) == "bad_key"
