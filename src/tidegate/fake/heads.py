"""Response headers as the API sends them: ids, and rate limits that run down within each minute."""

import time
from email.utils import formatdate

from tidegate.fake.settings import Settings

REASONS = {
    200: b"OK",
    400: b"Bad Request",
    401: b"Unauthorized",
    402: b"Payment Required",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    409: b"Conflict",
    413: b"Payload Too Large",
    429: b"Too Many Requests",
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
    529: b"Overloaded",
}
REQUESTS, INPUT, OUTPUT = 4_000, 4_000_000, 800_000
"""Limits a minute that the headers show; only rules enforce anything."""

_LIMITS = (
    b"anthropic-ratelimit-requests-limit: %d\r\nanthropic-ratelimit-requests-remaining: %d\r\n"
    b"anthropic-ratelimit-requests-reset: %b\r\n"
    b"anthropic-ratelimit-input-tokens-limit: %d\r\nanthropic-ratelimit-input-tokens-remaining: %d\r\n"
    b"anthropic-ratelimit-input-tokens-reset: %b\r\n"
    b"anthropic-ratelimit-output-tokens-limit: %d\r\nanthropic-ratelimit-output-tokens-remaining: %d\r\n"
    b"anthropic-ratelimit-output-tokens-reset: %b\r\n"
    b"anthropic-ratelimit-tokens-limit: %d\r\nanthropic-ratelimit-tokens-remaining: %d\r\n"
    b"anthropic-ratelimit-tokens-reset: %b\r\n"
)

FAST = tuple(
    (f"anthropic-fast-{kind}-tokens-{what}", value)
    for kind in ("input", "output")
    for what, value in (("limit", "500000"), ("remaining", "500000"), ("reset", "2026-11-22T12:00:00Z"))
)
"""What a fast message carries besides."""


class Heads:
    """Writes heads; remembers what the current minute has used."""

    def __init__(self, settings: Settings) -> None:
        self._organization = b"anthropic-organization-id: %b\r\n" % settings.organization.encode()
        self._workspace = b"anthropic-workspace-id: %b\r\n" % settings.workspace.encode()
        self._second = self._minute = -1
        self._date = self._reset = b""
        self._used = [0, 0, 0]

    def spend(self, input_tokens: int, output_tokens: int) -> None:
        """Count a message against the minute."""
        self._tick()
        self._used[0] += 1
        self._used[1] += input_tokens
        self._used[2] += output_tokens

    def write(
        self,
        status: int,
        request_id: str,
        content_type: bytes,
        *,
        known: bool = True,
        limits: bool = False,
        close: bool = False,
        extra: tuple[tuple[str, str], ...] = (),
    ) -> bytes:
        """Status line and headers, still without length or framing."""
        self._tick()
        parts = [
            b"HTTP/1.1 %d %b\r\n" % (status, REASONS.get(status, b"Status")),
            b"date: %b\r\ncontent-type: %b\r\n" % (self._date, content_type),
        ]
        if request_id:
            parts += [b"request-id: %b\r\n" % request_id.encode(), self._organization]
        if known:
            parts.append(self._workspace)
        if limits:
            parts.append(self._limits())
        if close:
            parts.append(b"connection: close\r\n")
        parts += [f"{name}: {value}\r\n".encode("latin-1", "replace") for name, value in extra]
        return b"".join(parts)

    def _tick(self) -> None:
        second = int(time.time())
        if second == self._second:
            return
        self._second = second
        self._date = formatdate(second, usegmt=True).encode()
        minute = second // 60
        if minute != self._minute:
            self._minute = minute
            self._used = [0, 0, 0]
            self._reset = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(60 * (minute + 1))).encode()

    def _limits(self) -> bytes:
        requests, input_tokens, output_tokens = self._used
        read = max(0, INPUT - input_tokens) // 1_000 * 1_000
        written = max(0, OUTPUT - output_tokens) // 1_000 * 1_000
        reset = self._reset
        return _LIMITS % (
            *(REQUESTS, max(0, REQUESTS - requests), reset),
            *(INPUT, read, reset),
            *(OUTPUT, written, reset),
            *(INPUT + OUTPUT, read + written, reset),
        )
