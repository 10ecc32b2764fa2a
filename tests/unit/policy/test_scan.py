import json
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.policy.scan import TwiceError, check_unique, insertion, items_size, leading_span, spans
from unit.policy.bodies import JUNK, TEXTS, Pairs, compact, objects_of, respell, tree

MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
RANDOM = st.randoms(use_true_random=False)


def found(body: bytes) -> dict[str, Any]:
    values = MEMBERS.decode(body)
    return {name: json.loads(body[start:end]) for name, (start, end) in spans(body, values).items()}


@given(st.lists(st.tuples(TEXTS | st.sampled_from(["a", "b"]), JUNK), max_size=5), RANDOM)
@settings(max_examples=50, deadline=None)
def test_finds_every_value_or_the_repeated_name(pairs: list[tuple[str, Any]], rng: Random) -> None:
    body = respell(tree_of(pairs), rng, escapes=0.3)
    names = [name for name, _ in json.loads(body, object_pairs_hook=list)]
    if len(set(names)) < len(names):
        with pytest.raises(TwiceError) as caught:
            found(body)
        assert names.count(caught.value.name) > 1
    else:
        assert list(found(body).items()) == list(json.loads(body).items())


@given(st.dictionaries(TEXTS, JUNK, max_size=5), RANDOM)
@settings(max_examples=50, deadline=None)
def test_a_leading_value_is_found_where_it_stands(members: dict[str, Any], rng: Random) -> None:
    body = respell(tree(members), rng)
    values = MEMBERS.decode(body)
    for name in members:
        assert leading_span(body, name) in (None, spans(body, values)[name])
    plain = [name for name, item in members.items() if isinstance(item, int | None)]
    if members and next(iter(members)) in plain:
        first = next(iter(members))
        assert leading_span(body, first) == spans(body, values)[first]


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":1}',
        b'{"a":12,"a":1}',
        b'{"a":1,"a":12}',
        b'{"a":-1,"\\u0061":1}',
        b'{"a":{"b":1},"a":{}}',
        b'{"a":"x","a":"x"}',
        b'{ "a" : 1 , "b":2, "a" : 1 }',
        b'{"a":1.5,"a":1}',
        b'{"a":1e5,"a":1}',
    ],
)
def test_a_repeated_name_is_found(body: bytes) -> None:
    with pytest.raises(TwiceError) as caught:
        found(body)
    assert caught.value.name == "a"
    with pytest.raises(TwiceError):
        check_unique(msgspec.Raw(body), MEMBERS.decode(body))


@given(st.lists(st.dictionaries(TEXTS, JUNK, max_size=3), max_size=4), RANDOM)
@settings(max_examples=50, deadline=None)
def test_the_size_is_never_more_than_the_true_one(items: list[dict[str, Any]], rng: Random) -> None:
    for spell in (compact, lambda value: respell(value, rng)):
        written = [spell(tree(item)) for item in items]
        true = sum(map(len, written)) + len(written)
        assert items_size([MEMBERS.decode(item) for item in written]) <= true


@given(st.dictionaries(st.text("abc_", min_size=1), JUNK, min_size=1, max_size=4), st.data())
@settings(max_examples=50, deadline=None)
def test_equal_sizes_prove_that_no_name_is_repeated(members: dict[str, Any], data: st.DataObject) -> None:
    pairs = tree(members)
    assert items_size([MEMBERS.decode(compact(pairs))]) == len(compact(pairs)) + 1
    twice = Pairs([*pairs, data.draw(st.sampled_from(pairs))])
    assert items_size([MEMBERS.decode(compact(twice))]) < len(compact(twice)) + 1


def test_a_long_name_and_deep_values_are_no_trouble() -> None:
    name = "n\\\\" * 200_000
    body = b'{"%b":%b,"a":1}' % (name.encode(), b"[" * 500 + b"]" * 500)
    assert list(spans(body, MEMBERS.decode(body))) == ["n\\" * 200_000, "a"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b"{}", (1, True)), (b" \n{ \t}", (3, True)), (b'{"a":1}', (1, False)), (b'{ "a":1}', (1, False))],
)
def test_insertion(body: bytes, expected: tuple[int, bool]) -> None:
    assert insertion(body) == expected


def tree_of(pairs: list[tuple[str, Any]]) -> Pairs:
    made = Pairs((name, tree(item)) for name, item in pairs)
    assert objects_of(made)[0] is made
    return made
