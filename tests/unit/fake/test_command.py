from typing import Any

import pytest

from tidegate.fake.command import FAULTS, PLAIN, BadCommandError, Command, build, fault_name, from_headers, from_marker


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        (b"status=529; retry-after=2", {"status": 529, "retry_after": 2}),
        (b"malformed", {"malformed": True}),
        (b"gap=0.5; should-retry=false", {"gap": 0.5, "should_retry": False}),
        (b"say=12 o'clock", {"say": "12 o'clock"}),
        (b'message="a b"; stall=before', {"message": "a b", "stall": "before"}),
        (b"", {}),
    ],
)
def test_the_fault_header(text: bytes, orders: dict[str, Any]) -> None:
    assert from_headers({b"accept": b"x", b"x-fake-fault": text}) == orders


def test_one_order_a_header() -> None:
    headers = {b"x-fake-output-tokens": b"max", b"x-fake-say": b"a; b=c", b"x-fake-pings": b"3"}
    assert from_headers(headers) == {"output_tokens": "max", "say": "a; b=c", "pings": 3}


def test_the_last_marker_counts() -> None:
    body = b'{"content": "[[fake: status=500]] and [[fake: output_tokens=max; gap=0.1]]"}'
    assert from_marker(body) == {"output_tokens": "max", "gap": 0.1}
    assert from_marker(b'{"content": "[[fake: broken"}') == {}


@pytest.mark.parametrize("orders", [{"stauts": 1}, {"status": "high"}, {"refuse": "never"}, {"stall": "sometime"}])
def test_what_is_not_understood_is_said(orders: dict[str, Any]) -> None:
    with pytest.raises(BadCommandError, match="the fake knows: bill, content_type"):
        build(orders)


def test_build() -> None:
    assert build({}) is PLAIN
    assert build({"pace": "real", "gap": 1.0}) == Command(pace="real", first_byte=0.3, gap=1.0)
    assert build({"delay": 1}).delay == 1.0


def test_fault_names() -> None:
    assert fault_name(PLAIN) == ""
    assert fault_name(build({"status": 529, "delay": 1.0, "say": "canary"})) == "status=529"
    assert fault_name(build({"cut": 0, "malformed": True, "pings": 2})) == "cut=0; malformed; pings=2"
    assert set(FAULTS) <= set(Command.__struct_fields__)
