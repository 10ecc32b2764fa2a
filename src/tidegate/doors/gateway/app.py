"""The gateway as an ASGI application: who asks, what is asked, and the way through the Gate."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tidegate.core.call import Call, Exchange
from tidegate.core.gate import Gate
from tidegate.core.ports import Clock, Outgoing
from tidegate.doors.gateway.body import Left, Receive, read_body, unpack
from tidegate.doors.gateway.keyring import Keyring
from tidegate.doors.gateway.leaving import Leaving, connection_of
from tidegate.doors.gateway.own import OwnPages
from tidegate.doors.gateway.paths import Path, find_path
from tidegate.doors.gateway.wire import downward, single, upward
from tidegate.model.call import Caller, Reading
from tidegate.model.errors import Broken, StoreDown
from tidegate.model.facts import CallRefused
from tidegate.model.keys import AppKey
from tidegate.model.labels import label
from tidegate.model.refusal import Refusal
from tidegate.policy.features import unbounded_betas
from tidegate.policy.plan import ANONYMOUS
from tidegate.policy.reading import read

Scope = Mapping[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

NO_USER = "A call named no user; such calls share the limits and budgets of one user, `anonymous`."

_NOBODY = Caller("unknown", ANONYMOUS, "default")


class Gateway:
    """The ASGI application."""

    def __init__(
        self,
        *,
        gate: Gate,
        keyring: Keyring,
        pages: OwnPages,
        clock: Clock,
        new_id: Callable[[], str],
        label_secret: bytes,
        max_body: int,
        body_timeout: float,
        total: float,
        draining: Callable[[], bool],
        tell: Callable[..., None],
    ) -> None:
        self._gate = gate
        self._keyring = keyring
        self._pages = pages
        self._clock = clock
        self._new_id = new_id
        self._label_secret = label_secret
        self._max_body = max_body
        self._body_timeout = body_timeout
        self._total = total
        self._closing: set[asyncio.Task[None]] = set()
        self._draining = draining
        self._tell = tell
        self._warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the gateway does not speak {scope['type']}")
        if self._pages.has(scope["raw_path"].decode("latin-1")):  # no second spelling, as in `find_path`
            await self._pages.answer(scope, send)
            return
        try:
            await self._serve(scope, receive, send)
        except Left:
            return
        except asyncio.CancelledError:  # the drain is over; the call is settled, and its connection ends
            _abort(send)
        except Exception as error:  # noqa: BLE001 - nobody outside may see a bug as it is, least of all an SDK that repeats it
            await self._broken(error, send)

    async def _broken(self, error: Exception, send: Send) -> None:
        """A bug of ours: its name goes to the log, a whole reply that no SDK repeats goes to the client."""
        self._tell("error", "request_failed", error_type=type(error).__name__)
        if getattr(getattr(send, "__self__", None), "response_started", False):
            _abort(send)
            return
        await _whole(self._gate.broken(f"req_{self._new_id()}"), "POST", send)

    async def settled(self) -> None:
        """Wait until every exchange whose caller has left is settled."""
        while self._closing:
            await asyncio.wait(self._closing)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = await self._exchange(scope, receive)
        if exchange is None:
            return
        if exchange.body is None:
            await self._relay(exchange, receive, send)
        else:
            await _whole(exchange, scope["method"], send)

    async def _exchange(self, scope: Scope, receive: Receive) -> Exchange | None:
        """The exchange of a request; None when the client has left meanwhile."""
        call_id = self._new_id()
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        client = scope.get("client")
        key = self._key(headers, client[0] if client else "")
        if isinstance(key, Refusal):
            return await self._refused(call_id, _NOBODY, key)
        caller = Caller(key.app, ANONYMOUS, "default")
        path = self._allowed(scope, key)
        if isinstance(path, Refusal):
            return _with_methods(await self._refused(call_id, caller, path), scope)
        if self._draining():
            return await self._refused(call_id, caller, Refusal(reason="draining", retry_after=1.0))
        body = await read_body(receive, single(headers, b"content-length"), self._max_body, self._body_timeout)
        if isinstance(body, Refusal):
            return await self._refused(call_id, caller, body)
        call = self._call(call_id, scope, key, path, body)
        if isinstance(call, Refusal):
            return await self._refused(call_id, caller, call)
        return await self._opened(call, receive)

    def _key(self, headers: list[tuple[bytes, bytes]], address: str) -> AppKey | Refusal:
        try:
            return self._keyring.check(headers, address)
        except StoreDown:
            return Refusal(reason="store_down", retry_after=2.0)

    def _allowed(self, scope: Scope, key: AppKey) -> Path | Refusal:
        path = find_path(scope["raw_path"].decode("latin-1"))
        if path is None:
            return Refusal(reason="unknown_path")
        if scope["method"] not in path.methods:
            return Refusal(reason="bad_method", detail=f"Use {' or '.join(path.methods)}.")
        if path.handling == "denied" or (path.scope is not None and path.scope not in key.scopes):
            return Refusal(reason="not_allowed", scope="path")
        return path

    def _call(self, call_id: str, scope: Scope, key: AppKey, path: Path, body: bytes) -> Call | Refusal:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        encoding = single(headers, b"content-encoding")
        plain = body if encoding is None else unpack(body, encoding, self._max_body)
        if isinstance(plain, Refusal):
            return plain
        reading: Reading | None = None
        if path.handling == "messages":
            read_ = read(plain)
            if isinstance(read_, Refusal):
                return read_
            reading = read_
        caller = self._caller(key, headers, reading)
        if isinstance(caller, Refusal):
            return caller
        up = upward(headers, key.scopes)
        if plain is not body:
            up = [(name, value) for name, value in up if name != b"content-encoding"]
        query = scope["query_string"]
        target = scope["raw_path"].decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
        betas = b",".join(value for name, value in headers if name == b"anthropic-beta")
        return Call(
            call_id=call_id,
            caller=caller,
            reading=reading,
            model="" if reading is None else label(reading.model, self._label_secret),
            outgoing=Outgoing(scope["method"], target, up, plain),
            betas=unbounded_betas(betas) if betas else (),
            models=key.models,
            transparent=key.transparent,
            started=self._clock.ticks(),
        )

    def _caller(self, key: AppKey, headers: list[tuple[bytes, bytes]], reading: Reading | None) -> Caller | Refusal:
        user = key.user_id or _text(single(headers, b"x-tidegate-user"))
        if not user and key.user_from == "metadata" and reading is not None:
            user = reading.metadata_user
        if not user and reading is not None and not self._warned:
            self._warned = True
            self._tell("warning", "no_user", error_message=NO_USER)
        route = key.routes[0] if len(key.routes) == 1 else _text(single(headers, b"x-tidegate-route")) or "default"
        if key.routes and route not in key.routes:
            return Refusal(reason="not_allowed", scope="route")
        return Caller(
            key.app,
            label(user, self._label_secret) if user else ANONYMOUS,
            label(route, self._label_secret),
        )

    async def _refused(self, call_id: str, caller: Caller, refusal: Refusal) -> Exchange:
        fact = CallRefused(call_id=call_id, at=self._clock.now(), caller=caller, model="", refusal=refusal)
        return await self._gate.refused(fact)

    # -- the way back

    async def _opened(self, call: Call, receive: Receive) -> Exchange | None:
        """Open the call; None when the client leaves meanwhile: it is then cancelled and settled."""
        with Leaving(receive, drain=self._gate.drains(call)):
            return await self._gate.open(call)
        return None

    async def _relay(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        """Pass a stream on, piece by piece; the client's leaving ends the upstream's work at once."""
        start = {"type": "http.response.start", "status": exchange.status, "headers": downward(exchange.headers)}
        try:
            # The patience is for a client that stops reading: it must not hold a stream for ever.
            with Leaving(receive, drain=exchange.drains) as leaving:
                async with asyncio.timeout(self._total + 5):
                    await send(start)
                    while piece := await exchange.read():
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                    leaving.done()
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (Broken, TimeoutError):
            _abort(send)
        finally:
            closing = asyncio.ensure_future(exchange.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


def _with_methods(exchange: Exchange, scope: Scope) -> Exchange:
    """A reply of status 405 names the methods that there are, as HTTP demands."""
    path = find_path(scope["raw_path"].decode("latin-1")) if exchange.status == 405 else None
    if path is not None:
        exchange.headers = [*exchange.headers, (b"allow", ", ".join(path.methods).encode())]
    return exchange


def _abort(send: Send) -> None:
    """End the connection in the middle of a message, so that the client sees that it is not whole."""
    connection = connection_of(send)
    if connection is not None:
        connection.transport.abort()
        send.__self__.disconnected = True  # type: ignore[attr-defined]  # uvicorn's; it would complain otherwise


async def _whole(exchange: Exchange, method: str, send: Send) -> None:
    body = exchange.body or b""
    headers = downward(exchange.headers)
    connection = connection_of(send) if method != "HEAD" else None
    if connection is not None and connection.reply(send.__self__, exchange.status, headers, body):  # type: ignore[attr-defined]  # uvicorn's cycle
        return
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": exchange.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace").strip()
