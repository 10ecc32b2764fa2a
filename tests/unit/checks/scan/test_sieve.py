"""The fast look never misses what the close look finds, wherever it stands among other content."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.checks.scan.dig import Digger
from tidegate.checks.scan.packed import Budget, is_packed
from tidegate.checks.scan.sieve import Sieve
from tidegate.checks.scan.wide import has_mark
from unit.checks.scan.fakes import MAKERS
from unit.checks.scan.hidden import HIDDEN, NOISE, b64

AT_A_START = {name for name in HIDDEN if is_packed(HIDDEN[name].hide("x")) or has_mark(HIDDEN[name].hide("x"))}
"""Found by their first bytes, which whoever has several contents in one piece looks at."""


@pytest.mark.parametrize("place", sorted(HIDDEN.keys() - AT_A_START))
@pytest.mark.parametrize("kind", ["api-key", "app-key", "webhook-secret"])
def test_a_place_in_much_other_content_is_pointed_at(place: str, kind: object) -> None:
    rng = random.Random(1)
    before, behind = b"some code = 1\n" * 500 + NOISE + b"\n", b"\n" + NOISE + b"more code\n" * 500
    for _ in range(5):
        hidden = HIDDEN[place].hide(MAKERS[kind](rng))  # type: ignore[index]  # one of the kinds
        places = list(Sieve().places(before + hidden + behind))
        assert any(len(before) <= at < len(before) + len(hidden) for at in places)


@pytest.mark.parametrize("place", HIDDEN)
def test_whatever_holds_a_secret_needs_a_closer_look(place: str) -> None:
    for kind in MAKERS:
        data = HIDDEN[place].hide(MAKERS[kind](random.Random(1)))
        assert Sieve().may_hold(data) or has_mark(data)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_what_it_passes_over_has_no_hit(data: bytes) -> None:
    sieve = Sieve()
    if not sieve.may_hold(data):
        assert list(Digger(sieve, 10**6)._content(data, Budget(10**6), 0)) == []


def test_a_run_that_was_clean_is_remembered() -> None:
    sieve = Sieve()
    line = b64(random.Random(1).randbytes(64)).rstrip(b"=")
    assert list(sieve.places(line)) == []
    assert sieve._clean == {line}


def test_what_was_clean_only_because_of_its_depth_is_not_remembered() -> None:
    sieve = Sieve()
    inner = HIDDEN["base64"].hide(MAKERS["api-key"](random.Random(1)))
    for _ in range(4):
        inner = b64(inner)
    assert not sieve.may_hold(inner)
    assert not sieve._clean & {b64(inner), inner[:60]}
    hit = b64(HIDDEN["base64"].hide(MAKERS["api-key"](random.Random(1))))
    assert sieve.may_hold(hit)


def test_its_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.checks.scan.sieve._REMEMBERED", 10)
    sieve, rng = Sieve(), random.Random(1)
    for _ in range(100):
        list(sieve.places(b64(rng.randbytes(60))))
    assert 0 < len(sieve._clean) <= 10
