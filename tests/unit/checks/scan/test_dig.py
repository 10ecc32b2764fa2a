"""Every kind of credential in every hiding place is found, with its line, and in content of any size."""

import gzip
import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.checks.scan import dig as dig_module
from tidegate.checks.scan.dig import Digger, Hit
from tidegate.checks.scan.kinds import KindName
from tidegate.checks.scan.sieve import Sieve
from unit.checks.scan.fakes import MAKERS
from unit.checks.scan.hidden import HIDDEN, NOISE, b64, env, wrapped

UNPACK = 10**7


def dug(data: bytes, unpack: int = UNPACK) -> list[Hit]:
    hits, cut = Digger(Sieve(), unpack).dig(data)
    assert cut is None
    return hits


@pytest.mark.parametrize(
    "kind", ["api-key", "oauth-token", "session-key", "app-key", "webhook-secret", "session-token"]
)
@pytest.mark.parametrize("place", HIDDEN)
def test_every_hiding_place(place: str, kind: KindName) -> None:
    hidden = HIDDEN[place]
    for seed in range(3):
        secret = MAKERS[kind](random.Random(seed))
        hits = dug(hidden.hide(secret))
        assert {(hit.kind, hit.secret.decode(), hit.via, hit.inside) for hit in hits} == {
            (kind, secret, hidden.via, hidden.inside)
        }
        assert not hidden.line or hits[0].line == hidden.line


def test_columns_count_characters() -> None:
    key = MAKERS["api-key"](random.Random(1))
    (hit,) = dug(f"größe = '{key}'\n".encode())
    assert (hit.line, hit.column) == (1, 10)


def test_a_secret_twice_has_two_places() -> None:
    key = MAKERS["api-key"](random.Random(1))
    assert [(hit.line, hit.column) for hit in dug(f"{key}\n\n  {key}\n".encode())] == [(1, 1), (3, 3)]


def test_what_has_no_secret_has_no_hit() -> None:
    assert dug(NOISE * 50) == []
    assert dug(b64(NOISE * 50)) == []
    assert dug(wrapped(NOISE * 50)) == []


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dig_module, "WINDOW", 20_000)


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("before", [0, 1, 500, 19_850, 19_900, 19_990, 20_000, 20_050, 36_000, 77_777])
@pytest.mark.parametrize("form", ["as it is", "UTF-16 LE", "base64"])
def test_a_secret_anywhere_in_large_content(before: int, form: str) -> None:
    key = MAKERS["api-key"](random.Random(1))
    text = b"0123456789 abcdefg\n" * 10_000
    data = text[:before] + b"\n" + HIDDEN[form].hide(key) + b"\n" + text[:50_000]
    hits, cut = Digger(Sieve(), UNPACK).dig_large(io.BytesIO(data))
    assert cut is None
    assert [(hit.secret.decode(), hit.via) for hit in hits] == [(key, HIDDEN[form].via)]
    assert hits[0].line == data[: data.index(HIDDEN[form].hide(key))].count(b"\n") + HIDDEN[form].line


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("place", [name for name, hidden in HIDDEN.items() if hidden.inside or "gzip" in hidden.via])
def test_packed_content_is_read_in_windows(place: str) -> None:
    key = MAKERS["api-key"](random.Random(1))
    data = HIDDEN[place].hide(("x" * 70 + "\n") * 1000 + key)
    hits, cut = Digger(Sieve(), UNPACK).dig_large(io.BytesIO(data))
    assert cut is None
    assert {hit.secret.decode() for hit in hits} == {key}


@pytest.mark.usefixtures("small_windows")
def test_of_the_largest_content_only_the_beginning_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dig_module, "LARGEST", 60_000)
    key = MAKERS["api-key"](random.Random(1)).encode()
    hits, cut = Digger(Sieve(), UNPACK).dig_large(io.BytesIO(key + b"\n" + bytes(100_000) + key))
    assert [(hit.line, hit.column) for hit in hits] == [(1, 1)]
    assert cut == "it is larger than 0 MB"


def test_what_unpacks_to_too_much_is_told() -> None:
    for place in ("gzip", "zip", "tar.gz", "bzip2", "xz"):
        data = HIDDEN[place].hide("x" * 100_000 + "\n" + MAKERS["api-key"](random.Random(1)))
        hits, cut = Digger(Sieve(), 50_000).dig(data)
        assert (hits, cut) == ([], "it unpacks to more than 0 MB"), place


def test_nesting_has_an_end_and_it_is_told() -> None:
    data = env(MAKERS["api-key"](random.Random(1)))
    for _ in range(6):
        data = gzip.compress(data)
    hits, cut = Digger(Sieve(), UNPACK).dig(data)
    assert hits == []
    assert cut == "archives are nested more than 4 deep in it"


STARTS = [
    b"",
    b"\x1f\x8b\x08",
    b"BZh9",
    b"\xfd7zXZ\0",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\xff\xfe",
    bytes(257) + b"ustar",
]


@settings(deadline=None)
@given(st.sampled_from(STARTS), st.binary(max_size=400), st.sampled_from(sorted(HIDDEN)))
def test_no_content_makes_it_fail(start: bytes, noise: bytes, place: str) -> None:
    for data in (start + noise, start + HIDDEN[place].hide("x") + noise, b64(start + noise)):
        assert dug(data) == []
