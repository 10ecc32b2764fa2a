"""The bytes of a request's head."""

import pytest

from tidegate.core.ports import Outgoing
from tidegate.model.errors import NotSent
from tidegate.upstreams.head import NEVER_SENT, request_head


def head(method: str = "POST", target: str = "/v1/messages", body: bytes = b"{}", **headers: str) -> bytes:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return request_head(Outgoing(method, target, pairs, body), "", (b"host: h", b"x-api-key: k"))


def test_everything_in_its_place() -> None:
    assert head(anthropic_version="2023-06-01", accept="*/*") == (
        b"POST /v1/messages HTTP/1.1\r\nhost: h\r\nx-api-key: k\r\nanthropic-version: 2023-06-01\r\naccept: */*\r\n"
        b"content-length: 2\r\n\r\n"
    )


@pytest.mark.parametrize("name", sorted(NEVER_SENT))
def test_framing_and_credentials_are_never_taken_from_the_request(name: bytes) -> None:
    made = request_head(Outgoing("POST", "/", [(name, b"evil"), (b"x", b"y")], b""), "", ())
    assert made == b"POST / HTTP/1.1\r\nx: y\r\ncontent-length: 0\r\n\r\n"


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_no_length_without_a_body(method: str) -> None:
    assert b"content-length" not in head(method, body=b"")
    assert b"content-length: 2\r\n" in head(method)


def test_an_origin_goes_before_the_target() -> None:
    request = Outgoing("GET", "/v1/models?limit=5", [], b"")
    assert request_head(request, "/anthropic", ()) == b"GET /anthropic/v1/models?limit=5 HTTP/1.1\r\n\r\n"
    assert request_head(request, "http://h", ()).startswith(b"GET http://h/v1/models?limit=5 HTTP/1.1\r\n")


@pytest.mark.parametrize("evil", ["a\r\nx: y", "a\nx: y", "a\rx: y"])
def test_nothing_can_start_a_second_line(evil: str) -> None:
    with pytest.raises(NotSent, match="line break"):
        head(x=evil)
    with pytest.raises(NotSent, match="line break"):
        head(target=f"/{evil}")


def test_a_target_is_one_word() -> None:
    with pytest.raises(NotSent):
        head(target="/v1/messages HTTP/1.1")
