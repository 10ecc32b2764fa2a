"""The meter: what it reads, the same for every chunking, and never more than the wire said it was final."""

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest

from tidegate.model.usage import Metered, Part, Usage
from tidegate.policy.meter import StreamMeter, read_message

MODEL = "claude-opus-5"


def said(data: bytes) -> Metered:
    """What a message reports."""
    metered = read_message(data)
    assert metered is not None
    return metered


def event(name: str, **body: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **body})}\n\n".encode()


def start(usage: Any = None, model: str | None = MODEL) -> bytes:
    usage = {"input_tokens": 10, "output_tokens": 1} if usage is None else usage
    return event("message_start", message={"id": "msg_1", "model": model, "content": [], "usage": usage})


def delta(usage: Any, stop_reason: str | None = "end_turn") -> bytes:
    return event("message_delta", delta={"stop_reason": stop_reason}, usage=usage)


BLOCK = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
TEXT = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello"})
STOP = event("message_stop")


def meter(*chunks: bytes, encoding: bytes | None = None) -> StreamMeter:
    found = StreamMeter(encoding)
    for chunk in chunks:
        found.feed(chunk)
    return found


def read(*chunks: bytes) -> Metered:
    return meter(*chunks).metered()


def test_a_whole_answer() -> None:
    usage = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 70,
        "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 40},
        "cache_read_input_tokens": 5,
        "output_tokens": 1,
        "service_tier": "standard",
        "speed": "fast",
        "inference_geo": "us",
    }
    final = {
        "output_tokens": 99,
        "output_tokens_details": {"thinking_tokens": 40},
        "server_tool_use": {"web_search_requests": 2},
    }
    total = Usage(
        input_tokens=10,
        cache_read_tokens=5,
        cache_write_5m_tokens=30,
        cache_write_1h_tokens=40,
        output_tokens=99,
        thinking_tokens=40,
        web_searches=2,
        service_tier="standard",
        speed="fast",
        geo="us",
    )
    assert read(start(usage), event("ping"), BLOCK, TEXT * 3, delta(final), STOP) == Metered(
        model=MODEL,
        usage=total,
        parts=(Part(MODEL, total),),
        stop_reason="end_turn",
        started=True,
        finished=True,
        ended=True,
        silent=False,
    )


def test_reports_replace_each_other() -> None:
    found = read(
        start({"input_tokens": 10, "cache_read_input_tokens": 3, "output_tokens": 4}),
        delta({"output_tokens": 50, "input_tokens": None, "server_tool_use": {"web_search_requests": 1}}, None),
        delta(
            {
                "output_tokens": 20,
                "input_tokens": 30,
                "cache_read_input_tokens": None,
                "server_tool_use": {"web_fetch_requests": 1},
            }
        ),
    )
    assert found.usage == Usage(input_tokens=30, cache_read_tokens=3, output_tokens=20, web_searches=1)
    assert found.finished
    assert not found.ended


@pytest.mark.parametrize("bad", [None, -1, 1.5, 2.0, "7", True, [], {}, 10**13, 10**40])
def test_ill_typed_counts_are_as_if_missing(bad: Any) -> None:
    found = read(
        start({"input_tokens": 10, "cache_read_input_tokens": 4}),
        delta({"output_tokens": 5, "cache_read_input_tokens": bad}),
    )
    assert found.usage == Usage(input_tokens=10, cache_read_tokens=4, output_tokens=5)
    assert found.finished
    progress = read(start(), delta({"output_tokens": 5}, None), delta({"output_tokens": bad}))
    assert not progress.finished
    assert not read(start({"input_tokens": bad, "output_tokens": 1})).started
    assert not said(json.dumps({"usage": {"input_tokens": 3, "output_tokens": bad}}).encode()).finished


@pytest.mark.parametrize(
    "bad",
    [
        None,
        1,
        "text",
        [1],
        {"message": 3},
        {"message": {"usage": []}},
        {"message": {"model": 3, "usage": {"cache_creation": 7, "input_tokens": "x"}}},
    ],
)
def test_ill_typed_objects_never_raise(bad: Any) -> None:
    data = json.dumps(bad).encode()
    found = meter(
        *[b"event: %s\ndata: %s\n\n" % (name, data) for name in (b"message_start", b"message_delta", b"error")], STOP
    )
    metered = found.metered()
    assert not metered.started
    assert not metered.finished
    garbage = not isinstance(bad, dict)
    assert (found.malformed_at, found.broken or not garbage) == (0 if garbage else None, True)
    assert (metered.ended, metered.error_type) == ((False, None) if garbage else (True, "other"))
    read_message(data)


def test_a_report_that_cannot_be_read_takes_finality_back() -> None:
    garbage = b"event: message_delta\ndata: {oops}\n\n"
    found = meter(start(), delta({"output_tokens": 5}), garbage, STOP)
    assert found.broken
    assert not found.metered().finished
    assert read(start(), garbage, delta({"output_tokens": 5})).finished


def test_without_an_input_side_nothing_is_final() -> None:
    assert not read(delta({"output_tokens": 5}), STOP).finished
    assert not read(start({"input_tokens": 0, "output_tokens": 1}), delta({"output_tokens": 5}), STOP).finished
    assert read(start({"input_tokens": 0, "output_tokens": 1}), delta({"output_tokens": 5, "input_tokens": 7})).finished
    assert read(start({"input_tokens": 0, "cache_read_input_tokens": 9}), delta({"output_tokens": 5})).finished


def test_cut_streams_say_what_was_known() -> None:
    found = read(start(), BLOCK, TEXT)
    assert (found.started, found.finished, found.ended, found.silent) == (True, False, False, False)
    assert found.usage == Usage(input_tokens=10, output_tokens=1)
    assert read() == Metered()
    assert read(start()[:-1]) == Metered()
    progress = read(start(), BLOCK, TEXT, delta({"output_tokens": 30}, None))
    assert progress.usage == Usage(input_tokens=10, output_tokens=30)
    assert not progress.finished
    assert read(start(), BLOCK, TEXT, delta({"output_tokens": 30}, None), STOP).finished


def test_refusals() -> None:
    assert read(start(), delta({"output_tokens": 1}, "refusal"), STOP).silent
    assert read(start(), delta({"output_tokens": 1}, "refusal"), STOP).stop_reason == "refusal"
    assert not read(start(), BLOCK, delta({"output_tokens": 1}, "refusal"), STOP).silent
    refused = {"model": MODEL, "stop_reason": "refusal", "usage": {"input_tokens": 9, "output_tokens": 1}}
    assert said(json.dumps({**refused, "content": []}).encode()).silent
    assert not said(json.dumps({**refused, "content": [{"type": "text", "text": ""}]}).encode()).silent


def test_error_events() -> None:
    found = read(start(), BLOCK, event("error", error={"type": "overloaded_error", "message": "Overloaded"}))
    assert found.error_type == "overloaded_error"
    assert not found.finished
    assert read(event("error", error={"type": "user said secret"})).error_type == "other"


NO_MESSAGES = [
    b'{"type":"error","error":{"type":"api_error","message":"x"}}',
    b'{"error":{"type":"api_error","message":"x"}}',
    b'{"type":"error"}',
    b'{"type":"message_batch","id":"b","usage":{"input_tokens":1,"output_tokens":1}}',
    b'{"type":"error","note":NaN}',
    b'{"status":"created"}',
    b'{"note":NaN}',
    b"{}",
    b"[]",
    b'"message"',
]


@pytest.mark.parametrize("body", NO_MESSAGES)
def test_what_is_no_message(body: bytes) -> None:
    assert read_message(body) is None


MESSAGES = [
    b'{"type":"message"}',
    b'{"type":"message","content":[]}',
    b'{"type":"message","error":null,"content":null}',
    b'{"type":"message","content":[{"type":"text","text":"\\ud800"}],"usage":7}',
    b'{"type":"message","content":[{"type":"tool_use","input":NaN}]}',
    b'{"content":[]}',
    b'{"usage":{"input_tokens":1,"output_tokens":1}}',
]


@pytest.mark.parametrize("body", MESSAGES)
def test_what_is_a_message_though_an_odd_one(body: bytes) -> None:
    assert read_message(body) is not None


def test_garbage_behind_the_end_takes_nothing_from_the_bill() -> None:
    whole = start() + delta({"output_tokens": 5}) + STOP
    found = meter(whole + b"event: message_delta\ndata: <html>\n\n")
    assert found.malformed_at == len(whole)
    assert found.metered().finished
    cut = meter(start() + delta({"output_tokens": 5}) + b"event: message_delta\ndata: <html>\n\n")
    assert not cut.metered().finished


def test_unknown_words_become_other() -> None:
    usage = {"input_tokens": 1, "service_tier": "secret text", "speed": "warp", "inference_geo": "mars"}
    found = read(start(usage, model="a model with spaces"), delta({"output_tokens": 1}, "user's secret"))
    assert found.model == "other"
    assert found.stop_reason == "other"
    assert found.usage is not None
    assert (found.usage.service_tier, found.usage.speed, found.usage.geo) == ("other", "other", "other")


@pytest.mark.parametrize("encoding", [b"br", b"zstd", b"gzip, deflate", b"compress"])
def test_encodings_that_we_cannot_read(encoding: bytes) -> None:
    found = meter(start(), delta({"output_tokens": 1}), STOP, encoding=encoding)
    assert found.broken
    assert not found.at_boundary
    assert found.metered() == Metered()
    assert read_message(b"{}", encoding) == Metered()


def test_a_zip_bomb_costs_no_memory() -> None:
    bomb = gzip.compress(b"event: content_block_delta\ndata: " + b"x" * 100_000_000, 9)
    tracemalloc.start()
    found = meter(bomb, encoding=b"gzip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not found.broken
    assert peak < 2_000_000
    assert read_message(bomb, b"gzip") == Metered()


def test_a_json_message() -> None:
    body = {
        "id": "msg_1",
        "type": "message",
        "model": MODEL,
        "content": [{"type": "text", "text": "secret"}],
        "stop_reason": "max_tokens",
        "usage": {"input_tokens": 3, "output_tokens": 4, "service_tier": "batch", "new_field": {"a": 1}},
    }
    usage = Usage(input_tokens=3, output_tokens=4, service_tier="batch")
    expected = Metered(
        model=MODEL,
        usage=usage,
        parts=(Part(MODEL, usage),),
        stop_reason="max_tokens",
        started=True,
        finished=True,
        ended=True,
        silent=False,
    )
    data = json.dumps(body).encode()
    assert read_message(data) == expected
    assert read_message(gzip.compress(data), b"gzip") == expected
    assert read_message(zlib.compress(data), b"deflate") == expected
    assert read_message(data, b"gzip") == Metered()
    assert read_message(data[:-1]) is None


def test_deep_nesting_does_not_raise() -> None:
    deep = b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    assert read_message(deep) is None
    assert meter(b"event: message_delta\ndata: " + deep + b"\n\n").broken
