from pathlib import Path
from typing import Any

import msgspec
import pytest

from tidegate.fake.command import BadCommandError
from tidegate.fake.script import Playing, Seen, load_script, read_script

SEEN: dict[str, Any] = {
    "path": "/v1/messages",
    "model": "claude-sonnet-5",
    "stream": False,
    "body": b"{}",
    "headers": {},
}


def playing(*rules: dict[str, Any], seed: int = 0, **script: Any) -> Playing:
    return Playing(read_script({"rules": list(rules), **script}), seed)


def struck(play: Playing, times: int = 10, **seen: Any) -> list[int]:
    """The numbers, from 1, of the requests that a rule struck."""
    return [number for number in range(1, times + 1) if play.orders(Seen(**{**SEEN, **seen}))]


DO = {"do": {"status": 500}}


@pytest.mark.parametrize(
    ("rule", "numbers"),
    [
        ({}, list(range(1, 11))),
        ({"when": {"nth": 3}}, [3]),
        ({"when": {"nth": [1, 4]}}, [1, 4]),
        ({"when": {"every": 4}}, [4, 8]),
        ({"when": {"first": 2}}, [1, 2]),
        ({"when": {"after": 8}}, [9, 10]),
        ({"times": 2}, [1, 2]),
        ({"when": {"every": 2}, "times": 2}, [2, 4]),
        ({"when": {"probability": 0.0}}, []),
        ({"when": {"probability": 1.0}}, list(range(1, 11))),
    ],
)
def test_counting(rule: dict[str, Any], numbers: list[int]) -> None:
    assert struck(playing({**rule, **DO})) == numbers


@pytest.mark.parametrize(
    ("when", "seen"),
    [
        ({"path": "/v1/models"}, {"path": "/v1/models"}),
        ({"path": "*"}, {"path": "/v1/models"}),
        ({"model": "claude-haiku-4-5"}, {"model": "claude-haiku-4-5"}),
        ({"stream": True}, {"stream": True}),
        ({"user": "ann"}, {"user": "ann"}),
        ({"marker": "boom"}, {"body": b'{"content": "boom"}'}),
        ({"header": "x-a"}, {"headers": {b"x-a": b"1"}}),
        ({"header": "X-A: 1"}, {"headers": {b"x-a": b"1"}}),
    ],
)
def test_conditions(when: dict[str, Any], seen: dict[str, Any]) -> None:
    assert len(struck(playing({"when": when, **DO}), **seen)) == 10
    assert len(struck(playing({"when": when, **DO}))) == (0 if when != {"path": "*"} else 10)


def test_only_requests_that_meet_the_rest_are_counted() -> None:
    play = playing({"when": {"user": "ann", "nth": 2}, **DO})
    assert struck(play, user="bob") == []
    assert struck(play, user="ann") == [2]
    assert play.counts() == [{"met": 10, "struck": 1}]


def test_luck_is_repeatable() -> None:
    rule = {"when": {"probability": 0.5}, **DO}
    play = playing(rule, seed=7)
    first = struck(play, 100)
    play.restart()
    assert struck(play, 100) == first
    assert struck(playing(rule, seed=8), 100) != first
    assert 30 < len(first) < 70


def test_the_first_rule_that_applies_decides_and_orders_add_up() -> None:
    play = playing(
        {"when": {"nth": 1}, "do": {"status": 500}}, {"do": {"gap": 0.5}}, defaults={"delay": 1.0, "gap": 0.1}
    )
    assert play.orders(Seen(**SEEN)) == {"delay": 1.0, "gap": 0.1, "status": 500}
    headed = Seen(**{**SEEN, "headers": {b"x-fake-gap": b"2.0"}, "body": b"[[fake: gap=1.5; say=hi]]"})
    assert play.orders(headed) == {"delay": 1.0, "gap": 2.0, "say": "hi"}


@pytest.mark.parametrize(
    "script",
    [{"rule": []}, {"rules": [{"when": {"nt": 1}}]}, {"settings": {"bil": "worst"}}, {"rules": [{"times": "x"}]}],
)
def test_mistakes_in_scripts_are_found(script: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        read_script(script)


def test_mistakes_in_orders_are_found_at_once() -> None:
    with pytest.raises(BadCommandError, match="stauts"):
        playing({"do": {"stauts": 500}})


def test_files(tmp_path: Path) -> None:
    toml, json = tmp_path / "a.toml", tmp_path / "a.json"
    toml.write_text("[defaults]\ngap = 0.5\n[[rules]]\nwhen = { nth = [1] }\ndo = { status = 500 }\n")
    json.write_text('{"defaults": {"gap": 0.5}, "rules": [{"when": {"nth": [1]}, "do": {"status": 500}}]}')
    assert load_script(toml) == load_script(json)
