"""Fakes of the Gate's ports that write down what happens, fail at the n-th effect, and suspend only to be cancelled."""

from collections import Counter, deque
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from importlib import resources
from typing import Any, TypeVar

import msgspec

from tidegate.core.call import Call, Exchange
from tidegate.core.gate import Gate
from tidegate.core.ports import Headers, Outgoing, Upstream
from tidegate.core.run_now import run_now
from tidegate.model.call import Caller, Reading
from tidegate.model.errors import Broken, NotSent, StoreDown
from tidegate.model.facts import CallFailed, CallRefused, CallSucceeded, Fact
from tidegate.model.hold import Adjustment, Ask, Charge, Hold
from tidegate.model.refusal import Refusal
from tidegate.model.texts import parse_texts
from tidegate.policy.breaker import Circuit
from tidegate.policy.crash import crashed
from tidegate.policy.prices import PriceBook
from tidegate.policy.reading import read
from tidegate.policy.rules import Retry, Rules, Timeouts

T = TypeVar("T")

MODEL = "claude-haiku-4-5"
PRICES = PriceBook.parse((resources.files("tidegate.policy") / "prices.json").read_bytes())
TEXTS = parse_texts((resources.files("tidegate.model") / "texts" / "en.toml").read_bytes())
JSON: Headers = ((b"content-type", b"application/json"), (b"request-id", b"req_up"))
SSE: Headers = ((b"content-type", b"text/event-stream"), (b"request-id", b"req_up"))


_MONEY = ("admit", "settle", "release")


class Cancelled(BaseException):
    """What a cancelled task sees."""


class Pause:
    """An await that suspends once: the only points at which a task can be cancelled."""

    def __await__(self) -> Generator[None, None, None]:
        yield


def drive(coro: Coroutine[Any, Any, T], cancel_at: Sequence[int] = ()) -> T:
    """Run a coroutine over suspending ports; cancel it at these suspensions, counted from 1."""

    def go_on() -> None:
        coro.send(None)

    def cancel() -> None:
        coro.throw(Cancelled())

    count, step = 0, go_on
    try:
        while True:
            step()
            count += 1
            step = cancel if count in cancel_at else go_on
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # StopIteration.value is typed Any


class Ended(msgspec.Struct, frozen=True):
    """An upstream that answers with an HTTP reply; `end` is how its body ends."""

    status: int = 200
    headers: Headers = JSON
    pieces: tuple[bytes, ...] = ()
    end: Broken | None = None


Answer = Ended | NotSent | Broken


class World:
    """All ports in one; `journal` has the effects in order.

    `fail_at` makes the n-th effect raise `error`.  Calls that may happen at once and take effect even when they are
    cancelled (that is what the ports promise) take effect before they raise a cancellation; errors come instead of
    the effect, except for `Broken` in `send`, which comes after the first byte.
    """

    def __init__(self, answers: Sequence[Answer] = (), *, refusals: Sequence[Refusal | None] = ()) -> None:
        self.name = "fake"
        self.journal: list[str] = []
        self.facts: list[Fact] = []
        self.answers = deque(answers)
        self.refusals = deque(refusals)
        self.effects = 0
        self.fail_at = 0
        self.error: BaseException | None = None
        self.store_dies_after: int | None = None
        """After so many effects the store takes nothing any more."""
        self.suspends = False
        self.lost = False
        """An effect waits and then fails."""
        self.observe_fails = False
        self.new_key = False
        """The key has been changed where it comes from."""
        self.probing = False
        """Every hold is a probe's."""
        self.asks: list[Ask] = []
        self.unreached: list[str] = []
        """Attempts that were given back because their upstream could not be reached."""
        self.replies: list[FakeReply] = []
        self.sent: list[Outgoing] = []
        self.open: dict[str, Hold] = {}
        self.admitted: dict[str, Hold] = {}
        self.charges: dict[str, Charge] = {}
        self.released: Counter[str] = Counter()
        self.began: set[str] = set()
        """Attempts whose first byte was handed over."""
        self.late: list[Charge] = []
        self.refused_: list[CallRefused] = []
        self._now = 1_790_000_000_000_000
        self._ids = 0
        self._attempt = ""

    # -- effects

    async def _effect(self, name: str, effect: Callable[[], T], *, quiet: bool = False) -> T:
        if self.store_dies_after is not None and self.effects >= self.store_dies_after and name.startswith(_MONEY):
            self.journal.append(f"{name}: StoreDown")
            raise StoreDown("locked")
        self.effects += 1
        error = self.error if self.effects == self.fail_at else None
        if error is not None and not isinstance(error, Cancelled):
            self.journal.append(f"{name}: {type(error).__name__}")
            raise error
        if self.lost:
            await Pause()
            raise StoreDown("locked")
        found = effect()
        if not quiet:
            self.journal.append(name)
        if self.suspends:
            await Pause()
        if error is not None:
            self.journal.append(f"{name}: cancelled")
            raise error
        return found

    def heal(self) -> None:
        """Nothing fails from now on."""
        self.fail_at = 0
        self.store_dies_after = None
        self.suspends = self.lost = False
        self.observe_fails = False

    # -- Clock

    def now(self) -> int:
        return self._now

    def ticks(self) -> float:
        return self._now / 1e6

    def advance(self, seconds: float) -> None:
        self._now += round(seconds * 1e6)

    async def sleep(self, seconds: float) -> None:
        await self._effect(f"sleep {seconds:g}", lambda: self.advance(seconds))

    # -- Store

    async def admit(self, ask: Ask, now: int) -> Hold | Refusal:
        refusal = self.refusals.popleft() if self.refusals else None
        self.asks.append(ask)
        name = f"admit {ask.attempt}" if refusal is None else f"admit {ask.attempt} refused"
        return await self._effect(name, lambda: refusal or self._hold(ask, now))

    def _hold(self, ask: Ask, now: int) -> Hold:
        hold = Hold(ask=ask, admitted_at=now, lease_until=now + ask.lease, entries=(), probe=self.probing)
        assert ask.attempt_id not in self.admitted
        self.open[ask.attempt_id] = self.admitted[ask.attempt_id] = hold
        self._attempt = ask.attempt_id
        return hold

    async def settle(self, hold: Hold, charge: Charge) -> bool:
        assert hold.ask.attempt_id == charge.attempt_id
        assert hold.ask.bound.cost == charge.held
        return await self._effect(f"settle {charge.outcome} {charge.exactness}", lambda: self._write(charge))

    def _write(self, charge: Charge) -> bool:
        if self.charges.get(charge.attempt_id) == charge:
            return False  # once more, because nobody heard of the first time
        if self.open.pop(charge.attempt_id, None) is None:
            self.late.append(charge)
            return False
        assert charge.attempt_id not in self.charges
        self.charges[charge.attempt_id] = charge
        return True

    async def release(self, attempt_id: str, lost_at: int = 0) -> None:
        await self._effect("release", lambda: self._give_back(attempt_id))
        if lost_at:
            self.unreached.append(attempt_id)

    async def probed(self, attempt_id: str, now: int) -> None:
        assert attempt_id in self.open
        await self._effect("probed", lambda: None)

    async def circuits(self) -> Mapping[str, Circuit]:
        raise AssertionError("the Gate never asks")

    def _give_back(self, attempt_id: str) -> None:
        if self.open.pop(attempt_id, None) is not None:
            self.released[attempt_id] += 1

    async def renew(self, attempt_ids: Sequence[str], until: int) -> None:
        def move() -> None:
            for attempt_id in attempt_ids:
                if attempt_id in self.open:
                    self.open[attempt_id] = msgspec.structs.replace(self.open[attempt_id], lease_until=until)

        await self._effect(f"renew {len(attempt_ids)}", move)

    async def sweep(self, now: int) -> Sequence[Charge]:
        def charge_all() -> list[Charge]:
            dead = [hold for hold in self.open.values() if hold.lease_until <= now]
            charges = [crashed(hold, now) for hold in dead]
            for charge in charges:
                self._write(charge)
            return charges

        return await self._effect("sweep", charge_all, quiet=True)

    # -- Ledger

    async def append(self, charge: Charge) -> bool:
        raise AssertionError("the Gate writes charges through the store")

    async def adjust(self, adjustment: Adjustment) -> bool:
        raise AssertionError("the Gate never adjusts")

    async def cost(self, attempt_id: str) -> int | None:
        raise AssertionError("the Gate never asks")

    async def refused(self, refused: CallRefused) -> None:
        await self._effect(f"refused {refused.refusal.reason}", lambda: self.refused_.append(refused))

    # -- Upstream

    async def send(self, request: Outgoing, timeouts: Timeouts, on_sent: Callable[[], None]) -> "FakeReply":
        return await self.sent_to("send", self.answers, request, on_sent)

    async def sent_to(
        self, name: str, answers: deque[Answer], request: Outgoing, on_sent: Callable[[], None]
    ) -> "FakeReply":
        """What an upstream with these answers does."""
        free = request.target != "/v1/messages"
        name = f"{name} {request.target}" if free else name
        answer = answers.popleft() if answers else Ended(500)
        self.effects += 1
        error = self.error if self.effects == self.fail_at else None
        if isinstance(error, NotSent) or (error is None and isinstance(answer, NotSent)):
            self.journal.append(f"{name}: NotSent")
            raise error or answer  # type: ignore[misc]  # one of them is an exception
        if self.suspends:
            await Pause()  # for a connection
        self.sent.append(request)
        on_sent()
        if not free:
            self.began.add(self._attempt)
        if self.suspends:
            await Pause()  # for the headers
        if error is not None:
            self.journal.append(f"{name}: {type(error).__name__}")
            raise error
        if isinstance(answer, Broken):
            self.journal.append(f"{name}: Broken {answer.kind}")
            raise answer
        assert isinstance(answer, Ended)
        self.journal.append(f"{name}: {answer.status}")
        self.replies.append(FakeReply(self, answer))
        return self.replies[-1]

    async def renew_key(self) -> bool:
        new, self.new_key = self.new_key, False
        await self._effect("renew key", lambda: None)
        return new

    # -- the rest

    def observe(self, fact: Fact) -> None:
        self.facts.append(fact)
        if isinstance(fact, CallSucceeded | CallFailed | CallRefused):
            self.journal.append(f"tell {type(fact).__name__}")
        if self.observe_fails:
            raise RuntimeError("an observer must not raise, and this one does")

    def new_id(self) -> str:
        self._ids += 1
        return f"id{self._ids}"

    def gate(self, *others: Upstream, **rules: Any) -> Gate:
        """A Gate over this world, by default in `strict` and with full retries without luck; `others` come after it."""
        chosen: dict[str, Any] = {"bound": "strict", "retry": Retry(attempts=4, base=1.0, deadline=60.0), **rules}
        return Gate(
            rules=Rules(**chosen),
            prices=PRICES,
            store=self,
            ledger=self,
            upstreams=[self, *others],
            clock=self,
            observe=self.observe,
            rng=lambda: 1.0,
            new_id=self.new_id,
            texts=TEXTS,
        )

    def calls_told(self) -> list[Fact]:
        """The facts about whole calls."""
        return [fact for fact in self.facts if isinstance(fact, CallSucceeded | CallFailed | CallRefused)]

    def check_every_hold_ended_once(self) -> None:
        """Each hold was charged or given back, never both, never twice; and who was sent was charged."""
        assert not self.open
        assert not self.late
        for attempt_id in self.admitted:
            assert (attempt_id in self.charges) + self.released[attempt_id] == 1, attempt_id
        assert set(self.charges) | set(self.released) == set(self.admitted)
        assert self.began <= set(self.charges), "an attempt was sent and not charged"


class Elsewhere:
    """Another upstream of the same world."""

    def __init__(self, world: World, name: str, answers: Sequence[Answer] = ()) -> None:
        self.name = name
        self.answers = deque(answers)
        self._world = world

    async def send(self, request: Outgoing, timeouts: Timeouts, on_sent: Callable[[], None]) -> "FakeReply":
        return await self._world.sent_to(f"send to {self.name}", self.answers, request, on_sent)

    async def renew_key(self) -> bool:
        await self._world._effect(f"renew key of {self.name}", lambda: None)
        return False


class FakeReply:
    """A reply whose pieces are given."""

    def __init__(self, world: World, answer: Ended) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.closed = 0
        self._world = world
        self._pieces = deque(answer.pieces)
        self._end = answer.end

    def whole(self) -> None:
        """It must be read."""

    async def read(self) -> bytes:
        piece = await self._world._effect("read", lambda: self._pieces.popleft() if self._pieces else b"", quiet=True)
        if self.closed:
            raise Broken("closed from this side", "cut")
        if not piece and self._end is not None:
            raise self._end
        return piece

    async def close(self) -> None:
        self.closed += 1
        await self._world._effect("close", lambda: None, quiet=True)


def ask(**fields: Any) -> bytes:
    """The body of a request."""
    body = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "How high?"}], **fields}
    return msgspec.json.encode(body)


def call(world: World, body: bytes | None = None, *, path: str = "/v1/messages", **fields: Any) -> Call:
    """A call; the free paths have no reading."""
    raw = ask() if body is None else body
    found = read(raw) if path == "/v1/messages" else None
    assert found is None or isinstance(found, Reading)
    return Call(
        **{
            "call_id": "call",
            "caller": Caller("app", "user", "default"),
            "reading": found,
            "model": found.model if found is not None else "",
            "outgoing": Outgoing("POST", path, [(b"content-type", b"application/json")], raw),
            "started": world.ticks(),
            **fields,
        }
    )


def message(output_tokens: int = 7, **fields: Any) -> bytes:
    """A JSON answer."""
    return msgspec.json.encode(
        {
            "type": "message",
            "model": MODEL,
            "content": [{"type": "text", "text": "high"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 10, "output_tokens": output_tokens},
            **fields,
        }
    )


def events(*, stop: bool = True, output_tokens: int = 7) -> tuple[bytes, ...]:
    """A stream, one piece an event."""
    start = {"type": "message_start", "message": {"model": MODEL, "usage": {"input_tokens": 10, "output_tokens": 1}}}
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": output_tokens}}
    text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "high"}}
    made = [_sse("message_start", start), _sse("content_block_delta", text)]
    if stop:
        made += [_sse("message_delta", delta), _sse("message_stop", {"type": "message_stop"})]
    return tuple(made)


def _sse(name: str, data: Any) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"


def error(status: int, kind: str = "overloaded_error", **headers: str) -> Ended:
    """An error reply."""
    body = msgspec.json.encode({"type": "error", "error": {"type": kind, "message": "no"}})
    more = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Ended(status, [*JSON, *more], (body,))


def well() -> Ended:
    """A whole JSON answer."""
    return Ended(pieces=(message(),))


def stream(*pieces: bytes, end: Broken | None = None) -> Ended:
    """An event stream."""
    return Ended(headers=SSE, pieces=pieces or events(), end=end)


async def relayed(gate: Gate, asked: Call, *, leave_after: int | None = None) -> tuple[int, bytes]:
    """What a door does: open, pass every piece on, close in any case.  `leave_after`: the caller leaves."""
    exchange = await gate.open(asked)
    if exchange.body is not None:
        return exchange.status, exchange.body
    return await passed_on(exchange, leave_after)


async def passed_on(exchange: Exchange, leave_after: int | None = None) -> tuple[int, bytes]:
    got: list[bytes] = []
    try:
        while (leave_after is None or len(got) < leave_after) and (piece := await exchange.read()):
            got.append(piece)
    finally:
        await exchange.close()
    return exchange.status, b"".join(got)


def chores(world: World, gate: Gate, *, after: float = 0.0) -> None:
    """The store is well again; the chores of some seconds run."""
    world.heal()
    run_now(gate.keep())
    world.advance(after)
    run_now(gate.keep())
