import gzip
import zlib

import pytest

from tidegate.fake.errors import Problem
from tidegate.fake.request import Request, decoded_body, names, sender, trouble_at_the_door
from tidegate.fake.settings import Settings

PLAIN = b'{"a": 1}' * 50


def request(body: bytes = b"", **headers: str) -> Request:
    given = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return Request("POST", "/v1/messages", "", given, body, len(body))


def test_names() -> None:
    named = names(request(host="x", te="trailers", x_tidegate_route="r", x_fake_say="hi", proxy_authorization="y"))
    assert named.all == ("host", "te", "x-tidegate-route", "x-fake-say", "proxy-authorization")
    assert named.forbidden == ("te", "x-tidegate-route", "proxy-authorization")
    assert named.orders
    assert not names(request(host="x")).orders


def test_senders() -> None:
    one, other = (
        sender(request(x_api_key="sk-ant-1"), Settings()),
        sender(request(authorization="Bearer sk-ant-2"), Settings()),
    )
    assert (one.header, other.header) == ("x-api-key", "authorization")
    assert one.fingerprint != other.fingerprint
    both = sender(request(x_api_key="sk-ant-1", authorization="bearer sk-ant-1"), Settings())
    assert (both.header, both.fingerprint, both.accepted) == ("both", one.fingerprint, True)
    assert not sender(request(), Settings()).accepted


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "x-api-key header is required"),
        ({"x_api_key": "no"}, "invalid x-api-key"),
        ({"authorization": "Bearer no"}, "Invalid bearer token"),
        ({"x_api_key": "sk-ant-1"}, "anthropic-version: header is required"),
        ({"x_api_key": "sk-ant-1", "anthropic_version": "2020-01-01"}, "not a valid version"),
    ],
)
def test_the_door(headers: dict[str, str], message: str) -> None:
    asked = request(b"", **headers)
    trouble = trouble_at_the_door(asked, Settings(), sender(asked, Settings()), ("2023-06-01",))
    assert trouble is not None
    assert message in trouble.message


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("", PLAIN), ("identity", PLAIN), ("gzip", gzip.compress(PLAIN, mtime=0)), ("deflate", zlib.compress(PLAIN))],
)
def test_encodings(encoding: str, packed: bytes) -> None:
    assert decoded_body(request(packed, content_encoding=encoding), 1_000) == PLAIN


@pytest.mark.parametrize(
    ("encoding", "packed", "code"),
    [
        ("br", PLAIN, "request_body_encoding_unsupported"),
        ("gzip", PLAIN, "request_body_encoding_invalid"),
        ("gzip", gzip.compress(PLAIN, mtime=0)[:-9], "request_body_encoding_invalid"),
        ("gzip", gzip.compress(PLAIN * 9, mtime=0), "request_body_too_large_after_decoding"),
    ],
)
def test_bad_encodings(encoding: str, packed: bytes, code: str) -> None:
    found = decoded_body(request(packed, content_encoding=encoding), 1_000)
    assert isinstance(found, Problem)
    assert found.code == code
