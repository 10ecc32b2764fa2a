"""A new row for the books out of a request: digests, sizes and names, no content."""

import hashlib
import re
import time
from functools import lru_cache
from typing import Any

from tidegate.fake.books import Row
from tidegate.fake.models import safe_id
from tidegate.fake.request import Request, Sender, names
from tidegate.fake.settings import Settings

LONGEST = 200
_SAFE = re.compile(r"[\w./:?=&%@*,;()+ -]*\Z", re.ASCII)


def new_row(request: Request, who: Sender, settings: Settings, *, seq: int, request_id: str, connection: int) -> Row:
    """What the headers and the raw body tell."""
    sent = request.headers
    named = names(request)
    retries = sent.get(b"x-stainless-retry-count", b"")
    return Row(
        seq=seq,
        received_at=time.time(),
        request_id=request_id,
        connection=connection,
        method=request.method,
        path=_safe(request.path.encode()),
        query=_safe(request.query.encode()),
        credential=who.fingerprint,
        credential_header=who.header,
        request_sha256=hashlib.sha256(request.body).hexdigest(),
        request_bytes=request.size,
        retry_count=int(retries) if retries.isdigit() else None,
        headers=named.all,
        forbidden=named.forbidden,
        anthropic_version=_safe(sent.get(b"anthropic-version", b"")),
        anthropic_beta=_safe(sent.get(b"anthropic-beta", b"")),
        user_agent=_safe(sent.get(b"user-agent", b"")),
        kept_headers=_all_headers(request) if settings.keep_headers else None,
    )


def describe(row: Row, body: dict[str, Any]) -> None:
    """What the parsed body tells."""
    row.model = safe_id(body.get("model"))
    row.stream = body.get("stream") is True
    most = body.get("max_tokens")
    row.max_tokens = most if type(most) is int else None


@lru_cache(maxsize=1_024)
def _safe(value: bytes) -> str:
    text = value.decode("latin-1")
    return text[:LONGEST] if _SAFE.match(text) else "?"


def _all_headers(request: Request) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.items()}
