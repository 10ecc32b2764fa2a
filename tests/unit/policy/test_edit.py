import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.model.call import Reading
from tidegate.policy.edit import COUNTED, count_tokens_body, with_max_tokens, with_model
from tidegate.policy.reading import read
from unit.policy.bodies import REQUEST, compact, respell, tree

RANDOM = st.randoms(use_true_random=False)


@given(REQUEST, RANDOM, st.integers(0, 2**31), st.booleans())
@settings(max_examples=50, deadline=None)
def test_only_the_number_changes(request: dict[str, Any], rng: Random, value: int, plain: bool) -> None:
    body = compact(tree(request)) if plain else respell(tree(request), rng)
    edited = with_max_tokens(body, value)
    assert json.loads(edited) == json.loads(body) | {"max_tokens": value}
    number = str(value).encode()
    if "max_tokens" in request:
        start = _common_start(body, edited)
        rest = _common_start(body[::-1], edited[::-1])
        assert len(body) - start - rest <= len(str(request["max_tokens"]))
    else:
        assert edited.replace(b'"max_tokens":' + number + b",", b"", 1) == body
        assert with_max_tokens(body, value, absent=True) == edited


@pytest.mark.parametrize(
    ("body", "edited"),
    [
        (b"{}", b'{"max_tokens":5}'),
        (b" { } ", b' {"max_tokens":5 } '),
        (b'{"model":"m"}', b'{"max_tokens":5,"model":"m"}'),
        (b'{"max_tokens": 1e3 ,"a":1}', b'{"max_tokens": 5 ,"a":1}'),
        (b'{"a":{"max_tokens":1},"max\\u005ftokens":100}', b'{"a":{"max_tokens":1},"max\\u005ftokens":5}'),
        (b'{"a":"\\"max_tokens\\":1,","max_tokens":100}', b'{"a":"\\"max_tokens\\":1,","max_tokens":5}'),
        (b'{"tools":[{"max_tokens":1}]}', b'{"max_tokens":5,"tools":[{"max_tokens":1}]}'),
    ],
)
def test_examples(body: bytes, edited: bytes) -> None:
    assert with_max_tokens(body, 5) == edited


@given(REQUEST, RANDOM)
@settings(max_examples=50, deadline=None)
def test_an_edited_request_reads_the_same_but_for_the_number(request: dict[str, Any], rng: Random) -> None:
    body = respell(tree(request), rng)
    before, after = read(body), read(with_max_tokens(body, 77))
    if isinstance(before, Reading):
        assert isinstance(after, Reading)
        assert after.max_tokens == 77
        assert (after.unbounded, after.images, after.cache) == (before.unbounded, before.images, before.cache)


@given(REQUEST, RANDOM, st.sampled_from(["claude-haiku-4-5", "m", "my/own:model@2026_01-x.y"]), st.booleans())
@settings(max_examples=50, deadline=None)
def test_only_the_model_changes(request: dict[str, Any], rng: Random, model: str, plain: bool) -> None:
    body = compact(tree(request)) if plain else respell(tree(request), rng)
    edited = with_model(body, model)
    assert json.loads(edited) == json.loads(body) | {"model": model}
    name = b'"' + model.encode() + b'"'
    assert any(
        body[:at] + name + body[len(body) - (len(edited) - at - len(name)) :] == edited
        for at in range(len(edited))
        if edited.startswith(name, at)
    ), "more than one value has changed"


@pytest.mark.parametrize(
    ("body", "edited"),
    [
        (b'{"model":"a","max_tokens":1}', b'{"model":"x","max_tokens":1}'),
        (b'{ "max_tokens" : 1 ,\n "model" :\t"a" } ', b'{ "max_tokens" : 1 ,\n "model" :\t"x" } '),
        (b'{"mod\\u0065l":"a","messages":[]}', b'{"mod\\u0065l":"x","messages":[]}'),
        (b'{"metadata":{"model":"a"},"model":"a"}', b'{"metadata":{"model":"a"},"model":"x"}'),
        (b'{"system":"\\"model\\":\\"a\\",","model":"a"}', b'{"system":"\\"model\\":\\"a\\",","model":"x"}'),
        (b'{"model":"a\\"b\\u002c","stream":true}', b'{"model":"x","stream":true}'),
    ],
)
def test_examples_of_models(body: bytes, edited: bytes) -> None:
    assert with_model(body, "x") == edited


@given(REQUEST, RANDOM)
@settings(max_examples=50, deadline=None)
def test_a_count_takes_its_fields_as_they_are_written(request: dict[str, Any], rng: Random) -> None:
    body = respell(tree(request), rng)
    counted = count_tokens_body(body)
    assert json.loads(counted) == {name: item for name, item in json.loads(body).items() if name in COUNTED}


def test_a_count_keeps_bytes() -> None:
    body = b'{ "stream":true, "messages" : [ {"role":"user", "content":"\\u00e9"} ], "max_tokens":5,"model":"m" }'
    assert count_tokens_body(body) == b'{"model":"m","messages":[ {"role":"user", "content":"\\u00e9"} ]}'


def _common_start(one: bytes, other: bytes) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
