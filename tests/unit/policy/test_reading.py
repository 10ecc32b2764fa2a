import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import tidegate.policy
from tidegate.model.call import Bound, Reading
from tidegate.model.refusal import Refusal
from tidegate.policy.bounds import strict
from tidegate.policy.prices import PriceBook
from tidegate.policy.reading import MAX_TOKENS, read
from unit.policy.bodies import (
    REQUEST,
    Pairs,
    body_of,
    compact,
    first_wins,
    last_wins,
    reading_of,
    respell,
    tree,
    with_a_name_twice,
)

EXAMPLES = 60
RANDOM = st.randoms(use_true_random=False)
BOOK = PriceBook.parse((Path(tidegate.policy.__file__).parent / "prices.json").read_bytes())
ENDLESS = replace(BOOK.dearest, context_window=10**15)
"""A model whose window hides nothing."""


def refusal_of(body: bytes) -> str:
    refusal = read(body)
    assert isinstance(refusal, Refusal), refusal
    assert refusal.reason == "bad_request"
    return refusal.detail


def bound_of(reading: Reading) -> Bound:
    return strict(reading, ENDLESS)


# What is read.


def test_a_plain_request() -> None:
    body = body_of(stream=True, metadata={"user_id": "u1"})
    assert read(body) == Reading(
        model="claude-opus-5",
        max_tokens=100,
        stream=True,
        metadata_user="u1",
        size=len(body),
        text_bytes=len(body),
    )


def test_fields_beside_the_messages() -> None:
    reading = reading_of(
        body_of(
            speed="fast",
            inference_geo="us",
            thinking={"type": "enabled", "budget_tokens": 2048},
            system=[{"type": "text", "text": "be kind"}],
            service_tier="auto",
            metadata={},
            top_k=5,
        )
    )
    assert (reading.speed, reading.geo, reading.thinking_budget) == ("fast", "us", 2048)
    assert reading.metadata_user is None
    assert reading.unbounded == ()
    assert reading.unknown_inputs == 0


# What is refused.


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"5",
        b"null",
        b'"a"',
        b"{",
        b'{"model":"m",}',
        b'{"model":"m"}x',
        b"\xef\xbb\xbf" + body_of(),
        body_of().decode().encode("utf-16"),
        b'{"model":"m","x":NaN}',
        b'{"model":"m","x":-Infinity}',
        b'{"model":"m","max_tokens":NaN}',
        b'{"model":"m","x":01}',
        b'{"model":"m","x":"\x00"}',
        b'{"model":"m","x":"\\ud800"}',
        b'{"model":"m","messages":[{"role":"user","content":"\xff"}]}',
        b'{"model":"m","x":{"y":["\xc0\xa2"]}}',
        b'{"model":"m","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"model":"m","messages":' + b'[{"content":' * 10_000 + b"5" + b"}]" * 10_000 + b"}",
        b'{"messages":[]}',
        b'{"model":5}',
        b'{"model":null}',
        b'{"model":""}',
        b'{"model":["m"]}',
        b'{"model":"%b"}' % (b"m" * 257),
        body_of(stream="true"),
        body_of(stream=None),
        body_of(stream=1),
        *(
            b'{"model":"m","messages":[],"max_tokens":%b}' % number
            for number in (
                b"null",
                b"true",
                b'"5"',
                b"-1",
                b"1.5",
                b"1e400",
                b"-1e3",
                b"1e-1",
                b"9" * 5_000,
                b"2147483649",
                b"{}",
            )
        ),
        body_of(Max_Tokens=5),
        b'{"model":"m","messages":[],"\\u017ftream":true}',
    ],
)
def test_refused(body: bytes) -> None:
    detail = refusal_of(body)
    assert detail
    assert detail.isascii()


@pytest.mark.parametrize(
    ("written", "value"),
    [(b"0", 0), (b"-0", 0), (b"1e3", 1_000), (b"1000.0", 1_000), (b"2147483648", MAX_TOKENS), (b"10E+1", 100)],
)
def test_max_tokens(written: bytes, value: int) -> None:
    assert reading_of(b'{"model":"m","messages":[],"max_tokens":%b}' % written).max_tokens == value
    assert reading_of(b'{"model":"m","messages":[],"max\\u005ftokens": %b }' % written).max_tokens == value


@pytest.mark.parametrize(
    ("thinking", "budget"),
    [
        ("null", None),
        ("{}", None),
        ('{"type":"adaptive"}', None),
        ('{"budget_tokens":null}', None),
        ('{"budget_tokens":2048}', 2048),
        ('{"budget_tokens":2e3}', 2000),
        ('{"budget_tokens":-5}', -5),
        ('{"budget_tokens":2048.5}', 2**31),
        ('{"budget_tokens":"2048"}', 2**31),
        ('{"budget_tokens":[]}', 2**31),
        ('{"budget_tokens":12345678901234567}', 2**31),
        ('{"budget_tokens":1e999}', 2**31),
    ],
)
def test_a_thinking_budget_that_cannot_be_read_may_be_any(thinking: str, budget: int | None) -> None:
    for separator in (":", ": "):
        body = f'{{"model":"m","messages":[],"max_tokens":5,"thinking"{separator}{thinking}}}'
        assert reading_of(body.encode()).thinking_budget == budget


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"model":"m","messages":[],"max_tokens":1,"max_tokens":100000}', "the key max_tokens appears twice"),
        (b'{"model":"m","messages":[],"max_tokens":1,"max\\u005ftokens":1}', "the key max_tokens appears twice"),
        (b'{"max_tokens":1e3,"model":"m","max_tokens":1000,"messages":[]}', "the key max_tokens appears twice"),
        (b'{"model":"m","model":"m","messages":[]}', "the key model appears twice"),
        (b'{"model":"m","messages":[],"messages":[]}', "the key messages appears twice"),
        (b'{"secret":1,"secret":2,"model":"m","messages":[]}', "a key appears twice"),
        (b'{"model":"m","messages":[],"metadata":{"user_id":"a","user_id":"b"}}', "a key appears twice"),
        (b'{"model":"m","messages":[],"thinking":{"budget_tokens":1,"budget_tokens":2}}', "a key appears twice"),
        (b'{"model":"m","messages":[{"content":"a","content":[]}]}', "a key appears twice"),
        (b'{"model":"m","messages":[],"tools":[{"type":"custom","type":"advisor_20260301"}]}', "a key appears twice"),
    ],
)
def test_a_repeated_name_is_refused(body: bytes, detail: str) -> None:
    assert refusal_of(body) == detail


def test_a_sized_number_cannot_hide_a_repeated_name() -> None:
    """`1e9` is shorter than 1000000000, so sizes must be those of the bytes."""
    for spelled in (b"1e9", b"1E+9", b"1000000000.0"):
        for extra in (b'"max_tokens":5', b'"a":1', b'"a":1,"a":1'):
            body = b'{"model":"m","messages":[],"max_tokens":%b,%b}' % (spelled, extra)
            names = [name for name, _ in json.loads(body, object_pairs_hook=list)]
            assert isinstance(read(body), Refusal) == (len(set(names)) < len(names))


def test_names_deep_inside_may_repeat_where_nobody_looks() -> None:
    body = b'{"model":"m","messages":[],"tools":[{"name":"n","input_schema":{"a":1,"a":2,"max_tokens":5}}]}'
    assert reading_of(body).tools == 1


# What no spelling changes.


@given(REQUEST, RANDOM)
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_spelling_never_lowers_the_bound(request: dict[str, Any], rng: Random) -> None:
    """Fast mode and exact mode agree, and white space and escapes only add to what is held."""
    plain = read(compact(tree(request)))
    spelled = read(respell(tree(request), rng))
    if isinstance(plain, Refusal) or isinstance(spelled, Refusal):
        assert plain == spelled
        return
    assert bound_of(spelled).cost >= bound_of(plain).cost
    assert set(spelled.unbounded) == set(plain.unbounded)
    for field in (
        "model",
        "max_tokens",
        "stream",
        "metadata_user",
        "tools",
        "geo",
        "speed",
        "thinking_budget",
        "searches",
    ):
        assert getattr(spelled, field) == getattr(plain, field), field


@given(with_a_name_twice(), RANDOM, st.booleans())
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_repeated_name_never_lowers_the_bound(body: Pairs, rng: Random, plain: bool) -> None:
    """Whichever of two members the API reads, the request is refused or holds at least as much."""
    reading = read(compact(body) if plain else respell(body, rng))
    if isinstance(reading, Refusal):
        return
    for interpret in (first_wins, last_wins):
        single = read(compact(tree(interpret(body))))
        assert isinstance(single, Reading)
        assert bound_of(reading).cost >= bound_of(single).cost
        assert set(reading.unbounded) >= set(single.unbounded)
        assert reading.metadata_user == single.metadata_user
        assert reading.thinking_budget == single.thinking_budget


@given(REQUEST, RANDOM, st.booleans())
@settings(max_examples=50, deadline=None)
def test_the_top_level_is_what_json_says(request: dict[str, Any], rng: Random, plain: bool) -> None:
    body = compact(tree(request)) if plain else respell(tree(request), rng)
    reading = read(body)
    assert isinstance(reading, Reading), reading
    said = json.loads(body)
    metadata = said.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    assert reading.model == said["model"]
    assert reading.max_tokens == said.get("max_tokens")
    assert reading.stream == said.get("stream", False)
    assert reading.metadata_user == (user if isinstance(user, str) else None)
    assert reading.size == len(body)
    assert reading.text_bytes <= len(body)
    assert ("fallbacks" in reading.unbounded) == bool(said.get("fallbacks"))


@given(st.binary(max_size=60) | st.text('{}[]",:\\u0123456789 nulltruefalse', max_size=40).map(str.encode))
def test_any_bytes_have_an_answer(body: bytes) -> None:
    assert isinstance(read(body), Reading | Refusal)
