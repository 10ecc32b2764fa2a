"""The head of a request: one join, and nothing in it that could start a second request."""

from collections.abc import Iterable
from operator import itemgetter

from tidegate.core.ports import Outgoing
from tidegate.model.errors import NotSent

NEVER_SENT = frozenset(
    {
        # framing and the connection are this client's own
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        # so are credentials
        b"authorization",
        b"proxy-authorization",
        b"x-api-key",
    }
)
"""Names of headers that are not taken from a request."""

_line = b": ".join
_name = itemgetter(0)
_WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


def request_head(request: Outgoing, origin: str, own: Iterable[bytes]) -> bytes:
    """Build the head: `origin` goes before the target, `own` are this upstream's lines; raises NotSent.

    Bytes, through the empty line.
    """
    method, headers, body = request.method, request.headers, request.body
    first = f"{method} {origin}{request.target} HTTP/1.1".encode("latin-1", "replace")
    if not NEVER_SENT.isdisjoint(map(_name, headers)):  # rare: the doors leave them out
        headers = [pair for pair in headers if pair[0] not in NEVER_SENT]
    lines = [first, *own, *map(_line, headers)]
    if body or method not in _WITHOUT_BODY:
        lines.append(b"content-length: %d" % len(body))
    content = b"".join(lines)  # without a break it can be searched faster than the head's breaks can be counted
    # `in` would ask first whether the break is a number, with an exception made and thrown away.
    if content.find(b"\n") >= 0 or content.find(b"\r") >= 0 or first.count(b" ") != 2:
        raise NotSent("the request's target or a header of it holds a line break or a space; nothing was sent")
    lines += (b"", b"")
    return b"\r\n".join(lines)
