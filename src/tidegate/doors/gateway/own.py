"""The gateway's own pages: health, readiness and the dashboard; never behind an app key."""

import asyncio
import contextlib
import hmac
import time
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import msgspec

from tidegate.doors.gateway.dashboard import dashboard
from tidegate.doors.gateway.request import Request
from tidegate.ledgers.usage import UsageReader
from tidegate.model.errors import StoreDown
from tidegate.model.times import rfc3339
from tidegate.policy.breaker import Circuit

_PATHS = frozenset({"/healthz", "/readyz", "/api/hello", "/dashboard", "/", "/favicon.ico"})

_FRESH = 5.0
"""Seconds that a dashboard is shown again as it is."""

_DASHBOARD = b"dashboard"
"""Stands for the page until it is made."""

_PATIENCE = 0.5
"""Seconds that `/readyz` waits for the store."""

_READY = b"ready"
"""Stands for the answer of `/readyz`, which asks the store."""

_SAFE_PAGE = [
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]


class OwnPages:
    """Answers what is not Claude's."""

    def __init__(
        self,
        *,
        reader: Callable[[], UsageReader],
        admin_token: str | None,
        ready: Callable[[], Mapping[str, Any]],
        circuits: Callable[[], Awaitable[Mapping[str, Circuit]]],
        upstreams: Collection[str],
    ) -> None:
        self._reader = reader
        self._admin_token = admin_token
        self._ready = ready
        self._circuits = circuits
        self._upstreams = upstreams
        self._making: asyncio.Future[bytes] | None = None
        self._made = 0.0

    has = staticmethod(_PATHS.__contains__)
    """True for a path that is answered here."""

    async def answer(self, request: Request) -> None:
        """One request to an own page."""
        status, headers, body = self._page(request)
        if body is _DASHBOARD:
            try:
                body = await self._dashboard_page()
            except StoreDown:
                status, headers, body = _text(503, "The ledger cannot be read at the moment.")
        elif body is _READY:
            status, headers, body = await self._readiness()
        await request.reply(status, headers, body)

    def _page(self, request: Request) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        path = request.path
        if request.method not in ("GET", "HEAD"):
            return _text(405, "Use GET.", (b"allow", b"GET, HEAD"))
        if path == "/dashboard":
            return self._dashboard(request)
        if path in ("/healthz", "/api/hello"):  # the latter is how Claude Code asks whether anybody is there
            return _json(200, {"status": "ok"})
        if path == "/readyz":
            return 200, [], _READY
        if path == "/":
            return _text(302, "See the dashboard.", (b"location", b"/dashboard"))
        return _text(404, "Not found.")

    async def _readiness(self) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        state = dict(self._ready())
        if state["store"] == "up":
            # A locked file must not look like a gateway that is not ready.
            with contextlib.suppress(StoreDown, TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    circuits = await self._circuits()
                state["breaker"] = self._standings(circuits)
        return _json(200 if state["ready"] else 503, state)

    def _standings(self, circuits: Mapping[str, Circuit]) -> list[dict[str, Any]]:
        """Of the upstreams that there are now; the store remembers those of earlier configurations, too."""
        found = [(*name.partition("/")[::2], circuit) for name, circuit in sorted(circuits.items())]
        return [_standing(*one) for one in found if one[0] in self._upstreams]

    def _dashboard(self, request: Request) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        if not self._admin_token:
            return _text(404, "Set TIDEGATE_ADMIN_TOKEN (32 characters or more) and restart to open the dashboard.")
        if not _is_admin(request.said, self._admin_token):
            realm = (b"www-authenticate", b'Basic realm="tidegate: any name, the password is TIDEGATE_ADMIN_TOKEN"')
            return _text(401, "The dashboard needs the admin token.", realm)
        return 200, list(_SAFE_PAGE), _DASHBOARD

    async def _dashboard_page(self) -> bytes:
        """The page, made on another thread and at most once in a few seconds: reports must not hold up a call."""
        if self._making is None or (self._making.done() and time.monotonic() - self._made > _FRESH):
            self._made = time.monotonic()
            self._making = asyncio.ensure_future(asyncio.to_thread(lambda: dashboard(self._reader())))
        return await asyncio.shield(self._making)


def _standing(upstream: str, family: str, circuit: Circuit) -> dict[str, Any]:
    """How it stands with an upstream and a model family."""
    if not circuit.probe_at:
        return {"upstream": upstream, "family": family, "state": "closed"}
    times = {"since": rfc3339(circuit.opened_at), "next_probe": rfc3339(circuit.probe_at)}
    return {"upstream": upstream, "family": family, "state": "open", **times}


def _is_admin(said: Mapping[bytes, bytes], token: str) -> bool:
    """The token as a bearer, or as the password that a browser asks for; compared in constant time."""
    scheme, _, given = said.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"basic":
        try:
            given = b64decode(given, validate=True).partition(b":")[2]
        except NotBase64:
            return False
    elif scheme.lower() != b"bearer":
        return False
    return hmac.compare_digest(given.strip(), token.encode())


def _json(status: int, value: Mapping[str, Any]) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    return status, [(b"content-type", b"application/json"), (b"cache-control", b"no-store")], msgspec.json.encode(value)


def _text(status: int, text: str, *more: tuple[bytes, bytes]) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    return status, [(b"content-type", b"text/plain; charset=utf-8"), *more], f"{text}\n".encode()
