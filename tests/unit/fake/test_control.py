from typing import Any

import msgspec

BODY = b'{"model": "claude-sonnet-5", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}'
POST = (
    b"POST /v1/messages HTTP/1.1\r\nx-api-key: sk-ant-x\r\nanthropic-version: 2023-06-01\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


def control(path: str, body: bytes = b"", method: str = "GET") -> bytes:
    return f"{method} /_fake/{path} HTTP/1.1\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def told(sent: bytes) -> Any:
    return msgspec.json.decode(sent.rpartition(b"\r\n\r\n")[2])


def test_a_wait_ends_when_its_condition_holds(meet: Any, ask: Any) -> None:
    waiting, working = meet(ask.world), meet(ask.world)
    waiting.connection.data_received(control("wait?attempts=2&open=0&timeout=9"))
    assert [wait for wait, _ in waiting.loop.due] == [9.0]
    working.send(POST)
    assert waiting.wire.sent == b""
    working.send(POST)
    assert told(waiting.wire.sent)["attempts"] == 2
    assert waiting.loop.due == []
    assert ask.world.books.watchers == []


def test_a_wait_gives_up_and_is_forgotten_when_its_client_leaves(meet: Any, ask: Any) -> None:
    late, gone = meet(ask.world), meet(ask.world)
    assert late.send(control("wait?attempts=1")).startswith(b"HTTP/1.1 504")
    gone.connection.data_received(control("wait?attempts=1"))
    gone.connection.connection_lost(None)
    assert ask.world.books.watchers == []


def test_control(meet: Any, ask: Any) -> None:
    def say(path: str, body: bytes = b"", method: str = "GET") -> Any:
        meeting = meet(ask.world)
        return told(meeting.send(control(path, body, method)))

    meet(ask.world).send(POST + POST)
    assert [row["seq"] for row in say("books")["rows"]] == [1, 2]
    assert [row["seq"] for row in say("books?since=1")["rows"]] == [2]
    assert say("totals")["attempts"] == 2
    assert say("script", b'{"rules": [{"do": {"status": 500}}]}', "POST") == {"rules": 1}
    meet(ask.world).send(POST)
    assert say("state")["rules"] == [{"met": 1, "struck": 1}]
    assert "error" in say("script", b"{", "POST")
    assert "unknown condition tide" in say("wait?tide=1")["error"]
    assert "error" in say("nothing")
    assert say("reset", b"", "POST")["attempts"] == 0
    assert say("state")["rules"] == []
