"""One HTTP request as the fake sees it, and what its headers say about the sender."""

import hashlib
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import msgspec

from tidegate.fake.errors import Problem, problem
from tidegate.fake.settings import Settings

HOP_BY_HOP = frozenset(b"keep-alive te trailer upgrade proxy-connection proxy-authorization proxy-authenticate".split())
FORBIDDEN = frozenset(b"cookie forwarded api-key".split()) | HOP_BY_HOP
FORBIDDEN_PREFIXES = (b"x-tidegate-", b"x-forwarded-", b"proxy-")
"""Headers that no gateway should let through."""


class Request(msgspec.Struct, frozen=True, gc=False):
    """Method, target, headers (names in lower case) and body."""

    method: str
    path: str
    query: str
    headers: Mapping[bytes, bytes]
    body: bytes
    size: int
    """Bytes that came; more than `body` holds where that was too large to keep."""
    keep_alive: bool = True


class Sender(NamedTuple):
    """Whose credential came, and in which header."""

    fingerprint: str
    header: str
    accepted: bool


def header(request: Request, name: bytes) -> str:
    """A header's value, or the empty string."""
    value = request.headers.get(name)
    return value.decode("latin-1") if value is not None else ""


class Names(NamedTuple):
    """The names of a request's headers, looked through once for every set of them that comes."""

    all: tuple[str, ...]
    forbidden: tuple[str, ...]
    orders: bool
    """Whether some of them are `x-fake-` orders."""


def names(request: Request) -> Names:
    """The names of the headers, in their order."""
    return _names(tuple(request.headers))


@lru_cache(maxsize=1_024)
def _names(given: tuple[bytes, ...]) -> Names:
    return Names(
        tuple(name.decode("latin-1") for name in given),
        tuple(name.decode("latin-1") for name in given if name in FORBIDDEN or name.startswith(FORBIDDEN_PREFIXES)),
        any(name.startswith(b"x-fake-") for name in given),
    )


def sender(request: Request, settings: Settings) -> Sender:
    """Who asks; with two headers both must hold an accepted credential."""
    key = request.headers.get(b"x-api-key", b"")
    bearer = request.headers.get(b"authorization", b"")
    return _sender(key, bearer, settings.keys)


@lru_cache(maxsize=1_024)
def _sender(key: bytes, bearer: bytes, keys: tuple[str, ...]) -> Sender:
    token = bearer[7:].strip() if bearer[:7].lower() == b"bearer " else b""
    given = [each for each in (key, token) if each]
    where = "both" if key and bearer else "x-api-key" if key else "authorization" if bearer else ""
    if not given or (bearer and not token):
        return Sender("", where, accepted=False)
    mark = hashlib.sha256(given[0]).hexdigest()[:16]
    return Sender(mark, where, accepted=all(_accepted(each, keys) for each in given))


def _accepted(key: bytes, keys: tuple[str, ...]) -> bool:
    text = key.decode("latin-1")
    return text in keys if keys else text.startswith("sk-ant-")


def trouble_at_the_door(request: Request, settings: Settings, who: Sender, versions: tuple[str, ...]) -> Problem | None:
    """What is wrong before anybody looks at the body."""
    if not who.accepted:
        if not who.header:
            return problem(401, "x-api-key header is required")
        return problem(401, "Invalid bearer token" if who.header == "authorization" else "invalid x-api-key")
    version = header(request, b"anthropic-version")
    if not version:
        return problem(400, "anthropic-version: header is required")
    if version not in versions:
        return problem(400, "anthropic-version: the given version is not a valid version")
    if request.size > settings.max_body:
        return problem(413, "Request exceeds the maximum size")
    return None


def decoded_body(request: Request, most: int) -> bytes | Problem:
    """The body without its Content-Encoding."""
    encoding = header(request, b"content-encoding").lower()
    if encoding in ("", "identity"):
        return request.body
    if encoding not in ("gzip", "deflate"):
        return problem(400, "Unsupported Content-Encoding.", code="request_body_encoding_unsupported")
    try:
        unpacker = zlib.decompressobj(wbits=47)
        body = unpacker.decompress(request.body, most)
    except zlib.error:
        return problem(400, "The request body could not be decoded.", code="request_body_encoding_invalid")
    if unpacker.unconsumed_tail:
        return problem(413, "The decoded body is too large.", code="request_body_too_large_after_decoding")
    if not unpacker.eof:
        return problem(400, "The request body could not be decoded.", code="request_body_encoding_invalid")
    return body
