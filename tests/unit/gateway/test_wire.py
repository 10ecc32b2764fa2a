"""Which headers cross the gateway where `connection` names some, in one line or in several."""

import pytest

from tidegate.doors.gateway.wire import downward, upward

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
    passed = upward(headers, ()) if way == "up" else downward(headers)
    assert passed == (KEPT if taken else [*KEPT, *NAMED])


def test_a_header_that_is_there_twice_stays_so() -> None:
    twice = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    assert downward([*KEPT, *twice, (b"content-length", b"3")]) == [*KEPT, *twice]
