"""Which headers cross the gateway where `connection` names some, in one line or in several."""

import pytest

from tidegate.core.stream import by_name
from tidegate.doors.gateway.wire import SCOPED, downward, upward

Pairs = list[tuple[bytes, bytes]]

KEPT: Pairs = [(b"content-type", b"application/json"), (b"request-id", b"req_1")]
NAMED: Pairs = [(b"x-hop", b"1")]

SAID = {
    "nothing": ([], False),
    "keep-alive": ([b"keep-alive"], False),
    "close": ([b"close"], False),
    "both in capitals": ([b"Keep-Alive, Close"], False),
    "a header": ([b"x-hop"], True),
    "a header among others": ([b"keep-alive, X-Hop"], True),
    "a header in the first of two lines": ([b"x-hop", b"keep-alive"], True),
    "a header in the last of two lines": ([b"close", b"x-hop"], True),
}


@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize(("lines", "taken"), SAID.values(), ids=SAID.keys())
def test_what_connection_names_goes_no_further(way: str, lines: list[bytes], taken: bool) -> None:
    headers = [*KEPT, *NAMED, *((b"connection", line) for line in lines)]
    passed = upward(headers, by_name(headers), ()) if way == "up" else downward(headers)
    assert passed == (KEPT if taken else [*KEPT, *NAMED])


def test_a_header_that_is_there_twice_stays_so() -> None:
    twice = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    assert downward([*KEPT, *twice, (b"content-length", b"3")]) == [*KEPT, *twice]


ACCEPTED = {
    "once": ([b"gzip, br;q=1, deflate"], [b"gzip, deflate"]),
    "twice": ([b"br", b"gzip"], [b"identity", b"gzip"]),
    "twice the same": ([b"zstd", b"zstd"], [b"identity", b"identity"]),
    "at length": ([b"br, " * 100 + b"gzip"], [b"gzip"]),
}


@pytest.mark.parametrize(("said", "passed"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_no_encoding_goes_up_that_the_meter_cannot_read(said: list[bytes], passed: list[bytes]) -> None:
    for _ in range(2):  # what is remembered is the same
        headers = [KEPT[0], *((b"accept-encoding", value) for value in said), KEPT[1]]
        assert upward(headers, by_name(headers), ()) == [
            KEPT[0],
            *((b"accept-encoding", value) for value in passed),
            KEPT[1],
        ]


@pytest.mark.parametrize("scopes", [(), ("workspace",), ("workspace", "user_profile")])
def test_what_chooses_a_part_of_the_account_needs_its_scope(scopes: tuple[str, ...]) -> None:
    headers = [*KEPT, *((name, b"1") for name in SCOPED)]
    for _ in range(2):
        assert upward(headers, by_name(headers), scopes) == [
            *KEPT,
            *((name, b"1") for name, scope in SCOPED.items() if scope in scopes),
        ]


def test_names_that_nobody_knows_pass_however_many_there_were() -> None:
    own: Pairs = [(b"x-tidegate-user", b"1"), (b"cookie", b"2"), (b"x-forwarded-" + b"a" * 100, b"3")]
    for number in range(3_000):
        new: Pairs = [(b"x-%d" % number, b"1"), (b"x-long-" + b"%0100d" % number, b"2")]
        headers = [*KEPT, *own, *new]
        assert upward(headers, by_name(headers), ()) == [*KEPT, *new]
