import re

from tidegate.fake.heads import INPUT, Heads
from tidegate.fake.settings import Settings


def fields(head: bytes) -> dict[str, str]:
    lines = head.decode().split("\r\n")[1:-1]
    return dict(line.split(": ", 1) for line in lines)


def test_what_a_good_reply_carries() -> None:
    heads = Heads(Settings())
    heads.spend(12_345, 678)
    head = heads.write(200, "req_1", b"application/json", limits=True, extra=(("x-a", "1"),))
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    told = fields(head)
    assert (told["request-id"], told["x-a"]) == ("req_1", "1")
    assert int(told["anthropic-ratelimit-input-tokens-remaining"]) in (INPUT - 13_000, INPUT)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00Z", told["anthropic-ratelimit-tokens-reset"])
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", told["date"])


def test_what_others_do_not_carry() -> None:
    heads = Heads(Settings())
    assert "anthropic-workspace-id" not in fields(heads.write(401, "req_1", b"application/json", known=False))
    page = fields(heads.write(413, "", b"text/html", known=False, close=True))
    assert "request-id" not in page
    assert page["connection"] == "close"
    assert heads.write(599, "", b"x").startswith(b"HTTP/1.1 599 Status\r\n")
