"""Bodies with very many parts: read without looking at each, never below the bound, never slowly."""

import json

import pytest

from tidegate.model.call import Reading
from tidegate.model.refusal import Refusal
from tidegate.policy.inputs import Inputs
from tidegate.policy.reading import MANY, read

HEAD = b'{"model":"claude-haiku-4-5","max_tokens":9,"messages":'


def good(body: bytes) -> Reading:
    result = read(body)
    assert isinstance(result, Reading), result
    return result


def bad(body: bytes) -> str:
    result = read(body)
    assert isinstance(result, Refusal), result
    return result.detail


def test_code_as_a_plain_string_is_read_as_ever() -> None:
    messages = [{"role": "user", "content": "int f() { return 1; }\n" * (2 * MANY)}]
    compact = json.dumps({"model": "m", "max_tokens": 9, "messages": messages}, separators=(",", ":")).encode()
    spaced = json.dumps({"model": "m", "max_tokens": 9, "messages": messages}).encode()
    for body in (compact, spaced):
        seen = good(body)
        assert (seen.model, seen.max_tokens, seen.text_bytes) == ("m", 9, len(body))
        assert (seen.unknown_inputs, seen.unbounded) == (0, ())


@pytest.mark.parametrize(
    "part", [b"{}", b'{"type":"text","text":"a"}', b'{"type":"image","source":{"type":"url","url":"u"}}']
)
def test_very_many_blocks_are_a_whole_window_without_a_bound(part: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []
    monkeypatch.setattr(Inputs, "objects", lambda _self, raw: looked.append(raw))
    blocks = b",".join([part] * (MANY + 1))
    seen = good(HEAD + b'[{"role":"user","content":[' + blocks + b"]}]}")
    assert seen.unknown_inputs == 1
    assert "unread_parts" in seen.unbounded
    assert not looked


@pytest.mark.parametrize("message", [b"{}", b'{"role":"user","content":"a"}', b'{"role":"user"}'])
def test_very_many_messages(message: bytes) -> None:
    seen = good(HEAD + b"[" + b",".join([message] * (MANY + 1)) + b"]}")
    assert seen.unknown_inputs == 1


def test_marks_of_the_cache_are_seen() -> None:
    block = b'{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}'
    blocks = b",".join([block] * MANY)
    assert good(HEAD + b'[{"role":"user","content":[' + blocks + b"]}]}").cache == "1h"


def test_names_there_twice_are_refused_still() -> None:
    blocks = b",".join([b"{}"] * (MANY + 1))
    start = b'{"model":"m","max_tokens":5,"messages":[{"role":"user","content":[' + blocks + b"]}]"
    assert "max_tokens" in bad(start + b',"max_tokens":9}')
    assert "max_tokens" in bad(start + rb',"max\u005ftokens":9}')
    assert "lower case" in bad(start + b',"Max_Tokens":9}')
    assert "tools" in bad(b'{"model":"m","messages":[],"tools":[' + blocks + b"]}")


def test_huge_and_odd_is_refused() -> None:
    blocks = b",".join([b'{"type":"text","text":"a"}'] * 60_000)
    body = b'{"model":"m", "max_tokens":5,"x":"\\u0041","messages":[{"role":"user","content":[' + blocks + b"]}]}"
    assert "so many parts" in bad(body)
