"""The gateway as an application: who asks, what is asked, and the way through the Gate."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tidegate.core.call import Call, Exchange
from tidegate.core.gate import Gate
from tidegate.core.ports import Clock, Outgoing
from tidegate.doors.gateway.asgi import AsgiRequest, Receive, Scope, Send
from tidegate.doors.gateway.body import Left, read_body, too_large, unpack
from tidegate.doors.gateway.keyring import Keyring
from tidegate.doors.gateway.own import OwnPages
from tidegate.doors.gateway.paths import Path, exact, find_path
from tidegate.doors.gateway.relay import Relay
from tidegate.doors.gateway.request import Request
from tidegate.doors.gateway.wire import downward, upward
from tidegate.model.call import Caller, Reading
from tidegate.model.errors import Broken, StoreDown
from tidegate.model.facts import CallRefused
from tidegate.model.keys import AppKey
from tidegate.model.labels import is_label, label
from tidegate.model.refusal import Refusal
from tidegate.policy.features import unbounded_betas
from tidegate.policy.plan import ANONYMOUS
from tidegate.policy.reading import read

NO_USER = "A call named no user; such calls share the limits and budgets of one user, `anonymous`."

STACKED = (
    "An SDK of this app repeats calls that tidegate has already repeated; set max_retries=0 there, or make its key "
    "with --transparent."
)
_MOST_APPS = 1_000

_NOBODY = Caller("unknown", ANONYMOUS, "default")


class Gateway:
    """The application: `answer` for our own protocol, a call as ASGI has it for any other server."""

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
        ping: float,
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
        self._ping = ping
        self._stacked: set[str] = set()
        """Apps whose clients repeat calls by themselves; each is told once."""
        self.closing: set[asyncio.Task[None]] = set()
        """Exchanges whose callers have gone, on the way to their settlement."""
        self._draining = draining
        self._tell = tell
        self._warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request, as ASGI has it."""
        if scope["type"] != "http":
            raise RuntimeError(f"the gateway does not speak {scope['type']}")
        await self.answer(AsgiRequest(scope, receive, send))

    async def answer(self, request: Request) -> None:
        """One HTTP request."""
        call_id = self._new_id()
        try:
            if self._pages.has(request.path):  # no second spelling, as in `find_path`
                await self._pages.answer(request)
                return
            key = self._keyring.known(request.headers, request.said) or self._key(request)
            call = self._asked(call_id, request, key) or await self._asked_slowly(call_id, request, key)
            if isinstance(call, Call):
                exchange = None
                with request.leaving(drain=partial(self._gate.drains, call)):
                    exchange = await self._gate.open(call)
                if exchange is None:  # the client has left meanwhile: the call is cancelled and settled
                    return
            else:
                exchange = await self._refused(call_id, request, key, call)
            if exchange.body is None:
                del call  # a stream lives long, and its request may be large
                await self._relay(exchange, request)
            else:
                await request.reply(exchange.status, downward(exchange.headers), exchange.body)
        except Left:
            return
        except asyncio.CancelledError:  # the drain is over; the call is settled
            await self._cut_off(call_id, request)
        except Exception as error:  # noqa: BLE001 - nobody outside may see a bug as it is, least of all an SDK that repeats it
            await self._broken(error, request)

    async def _cut_off(self, call_id: str, request: Request) -> None:
        """The gateway ends: whoever has nothing of a reply yet gets one, any other connection just ends."""
        if request.begun() or not self._draining():
            request.abort()
            return
        await _whole(self._gate.ending(f"req_{call_id}"), request)

    async def _broken(self, error: Exception, request: Request) -> None:
        """A bug of ours: its name goes to the log, a whole reply that no SDK repeats goes to the client."""
        self._tell("error", "request_failed", error_type=type(error).__name__)
        if request.begun():
            request.abort()
            return
        await _whole(self._gate.broken(f"req_{self._new_id()}"), request)

    async def settled(self) -> None:
        """Wait until every exchange whose caller has left is settled."""
        while self.closing:
            await asyncio.wait(self.closing)

    def _asked(self, call_id: str, request: Request, key: AppKey | Refusal) -> Call | Refusal | None:
        """The call of a request; None when its body is still to come."""
        if not isinstance(key, AppKey):
            return key
        path = self._allowed(request, key)
        if not isinstance(path, Path):
            return path
        if self._draining():
            return Refusal(reason="draining", retry_after=1.0)
        body = request.whole()
        return None if body is None else self._called(call_id, request, key, path, body)

    async def _asked_slowly(self, call_id: str, request: Request, key: AppKey | Refusal) -> Call | Refusal:
        """The same, once the body is here."""
        if not isinstance(key, AppKey):
            return key
        path = self._allowed(request, key)
        if not isinstance(path, Path):
            return path
        body = await read_body(request, self._max_body, self._body_timeout)
        return body if isinstance(body, Refusal) else self._called(call_id, request, key, path, body)

    def _key(self, request: Request) -> AppKey | Refusal:
        try:
            return self._keyring.check(request.headers, request.said, request.address)
        except StoreDown:
            return Refusal(reason="store_down", retry_after=2.0)

    def _allowed(self, request: Request, key: AppKey) -> Path | Refusal:
        path = exact(request.path) or find_path(request.path)
        if path is None:
            return Refusal(reason="unknown_path")
        if request.method not in path.methods:
            return Refusal(reason="bad_method", detail=f"Use {' or '.join(path.methods)}.")
        if path.handling == "denied" or path.scope not in key.scopes:
            return Refusal(reason="not_allowed", scope="path")
        return path

    def _called(self, call_id: str, request: Request, key: AppKey, path: Path, body: bytes) -> Call | Refusal:
        """The call of a request whose key and path are good."""
        if len(body) > self._max_body:
            return too_large(self._max_body)
        said = request.said
        plain = body
        if b"content-encoding" in said:
            unpacked = unpack(body, said[b"content-encoding"], self._max_body)
            if not isinstance(unpacked, bytes):
                return unpacked
            plain = unpacked
        reading: Reading | None = None
        if path.handling == "messages":
            found = read(plain)
            if not isinstance(found, Reading):
                return found
            reading = found
        if said.get(b"x-stainless-retry-count", b"0") != b"0" and not key.transparent:
            self._tell_stacked(key.app)
        caller = self._caller(key, said, reading)
        if not isinstance(caller, Caller):
            return caller
        up = upward(request.headers, said, key.scopes)
        if plain is not body:
            up = [(name, value) for name, value in up if name != b"content-encoding"]
        betas: tuple[str, ...] = ()
        if b"anthropic-beta" in said:
            betas = unbounded_betas(b",".join(value for name, value in request.headers if name == b"anthropic-beta"))
        query = request.query
        target = f"{request.path}?{query.decode('latin-1')}" if query else request.path
        model = "" if reading is None else reading.model
        return Call(
            call_id=call_id,
            caller=caller,
            reading=reading,
            model=model if is_label(model) or reading is None else label(model, self._label_secret),
            outgoing=Outgoing(request.method, target, up, plain),
            betas=betas,
            models=key.models,
            transparent=key.transparent,
            started=self._clock.ticks(),
        )

    def _caller(self, key: AppKey, said: Mapping[bytes, bytes], reading: Reading | None) -> Caller | Refusal:
        user = key.user_id
        if not user and b"x-tidegate-user" in said:
            user = _text(said[b"x-tidegate-user"])
        if not user and reading is not None:
            user = self._without_user(key, reading)
        route, routes = "default", key.routes
        if routes or b"x-tidegate-route" in said:
            route = routes[0] if len(routes) == 1 else _text(said.get(b"x-tidegate-route", b"")) or "default"
            if routes and route not in routes:
                return Refusal(reason="not_allowed", scope="route")
            route = label(route, self._label_secret)
        if not user:
            user = ANONYMOUS
        elif not is_label(user):
            user = label(user, self._label_secret)
        return Caller(key.app, user, route)

    def _without_user(self, key: AppKey, reading: Reading) -> str | None:
        """The user of a call that does not name one in its headers."""
        user = reading.metadata_user if key.user_from == "metadata" else None
        if not user and not self._warned:
            self._warned = True
            self._tell("warning", "no_user", error_message=NO_USER)
        return user

    def _tell_stacked(self, app: str) -> None:
        if app not in self._stacked and len(self._stacked) < _MOST_APPS:
            self._stacked.add(app)
            self._tell("warning", "stacked_retries", app=app, error_message=STACKED)

    async def _refused(self, call_id: str, request: Request, key: AppKey | Refusal, refusal: Refusal) -> Exchange:
        caller = Caller(key.app, ANONYMOUS, "default") if isinstance(key, AppKey) else _NOBODY
        fact = CallRefused(call_id=call_id, at=self._clock.now(), caller=caller, model="", refusal=refusal)
        exchange = await self._gate.refused(fact)
        path = find_path(request.path) if exchange.status == 405 else None
        if path is not None:  # HTTP demands it
            exchange.headers = [*exchange.headers, (b"allow", ", ".join(path.methods).encode())]
        return exchange

    # -- the way back

    async def _relay(self, exchange: Exchange, request: Request) -> None:
        """Pass a stream on, piece by piece; the client's leaving ends the upstream's work at once."""

        def farewell() -> bytes:
            return self._gate.farewell(exchange) if self._draining() else b""

        try:
            # The patience is for a client that stops reading: it must not hold a stream for ever.
            with request.leaving(drain=_yes if exchange.drains else _no) as leaving:
                async with asyncio.timeout(self._total + 5):
                    await request.send(_start(exchange))
                    _forget(exchange)
                    request.forget()
                    await Relay(exchange, request.send, self._ping, farewell, left=lambda: leaving.left).run()
                    leaving.done()
                    await request.send({"type": "http.response.body", "body": b"", "more_body": False})
        except (Broken, TimeoutError):
            request.abort()
        finally:
            closing = asyncio.ensure_future(exchange.close())
            self.closing.add(closing)
            closing.add_done_callback(self.closing.discard)


def _yes() -> bool:
    return True


def _no() -> bool:
    return False


def _start(exchange: Exchange) -> dict[str, Any]:
    return {"type": "http.response.start", "status": exchange.status, "headers": downward(exchange.headers)}


def _forget(exchange: Exchange) -> None:
    """Nobody asks for the headers of a stream that has begun; of thousands of streams they are a good part."""
    headers = exchange.headers
    exchange.headers = [pair for pair in headers if pair[0] == b"request-id"]
    if isinstance(headers, list):  # the upstream's reply has the same list
        headers.clear()


async def _whole(exchange: Exchange, request: Request) -> None:
    await request.reply(exchange.status, downward(exchange.headers), exchange.body or b"")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace").strip()
