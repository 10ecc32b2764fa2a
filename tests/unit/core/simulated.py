"""Simulated time: many calls through one real Gate over a real store, with an upstream that fails as it is told.

A coroutine that waits gives the moment at which it goes on; the earliest goes on first.  An hour takes as long as its
events do, and the same seed gives the same hour.
"""

import heapq
from collections.abc import Callable, Coroutine, Generator
from itertools import count
from random import Random
from typing import Any, Literal

from msgspec import Struct

from tidegate.core.gate import Gate
from tidegate.core.ports import Outgoing
from tidegate.model.call import Caller
from tidegate.model.errors import Broken, NotSent
from tidegate.model.facts import CallRefused
from tidegate.model.hold import Adjustment, Ask, Charge, Hold
from tidegate.model.refusal import Refusal
from tidegate.policy.breaker import Circuit, wait
from tidegate.policy.rules import Rules, Timeouts
from tidegate.policy.scopes import Scopes
from tidegate.stores.memory import MemoryStore
from unit.core.world import JSON, PRICES, SSE, TEXTS, ask, call, error, events, message

Health = Literal["well", "refusing", "hanging", "overloaded", "silent"]
"""How the upstream is: it answers; nobody is there; connections hang; 529; it takes requests and never answers."""

EPOCH = 1_790_000_000_000_000
LATENCY = 0.4
"""Seconds from a request to the headers of its answer."""
GAP = 0.1
"""Seconds between the events of a stream."""
COST = 10 * 1_000 + 7 * 5_000
"""Nano-dollars of every answer: ten tokens in and seven out, of Haiku."""
ASKED = {streamed: ask(stream=True) if streamed else ask() for streamed in (False, True)}
HAIKU = "fake/haiku"


class Until:
    """An await that goes on at a moment, seconds."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __await__(self) -> Generator[float, None, None]:
        yield self.at


class Time:
    """The clock of the simulation, and all who wait for it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._waiting: list[tuple[float, int, Coroutine[Any, Any, None]]] = []
        self._order = count()

    def start(self, at: float, coro: Coroutine[Any, Any, None]) -> None:
        heapq.heappush(self._waiting, (at, next(self._order), coro))

    def run(self) -> None:
        """Until nobody waits any more."""
        while self._waiting:
            at, _, coro = heapq.heappop(self._waiting)
            self.seconds = max(self.seconds, at)
            try:
                self.start(coro.send(None), coro)
            except StopIteration:
                continue

    def now(self) -> int:
        return EPOCH + round(self.seconds * 1e6)

    def ticks(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        await Until(self.seconds + seconds)


class Ledger:
    """All charges."""

    def __init__(self) -> None:
        self.charges: dict[str, Charge] = {}
        self.refusals = 0

    async def append(self, charge: Charge) -> bool:
        return self.charges.setdefault(charge.attempt_id, charge) is charge

    async def adjust(self, adjustment: Adjustment) -> bool:
        raise AssertionError(adjustment)

    async def cost(self, attempt_id: str) -> int | None:
        found = self.charges.get(attempt_id)
        return None if found is None else found.cost

    async def refused(self, refused: CallRefused) -> None:
        self.refusals += 1

    @property
    def total(self) -> int:
        return sum(charge.cost for charge in self.charges.values())


class Noting(MemoryStore):
    """A store that notes when it admitted which attempt of a call, and that no budget is ever exceeded."""

    def __init__(self, rules: Rules, ledger: Ledger, time: Time) -> None:
        super().__init__(Scopes(rules), ledger, rules.breaker)
        self.admitted: list[tuple[float, int, bool]] = []
        """When, which attempt of its call, whether as a probe."""
        self._time = time
        self._amount = min((budget.amount for budget in rules.budgets), default=None)

    async def admit(self, asked: Ask, now: int) -> Hold | Refusal:
        answer = await super().admit(asked, now)
        if isinstance(answer, Hold):
            self.admitted.append((self._time.seconds, asked.attempt, answer.probe))
        if self._amount is not None:
            assert all(settled + held <= self._amount for settled, held in self.money().values())
        return answer

    def money(self) -> dict[str, tuple[int, int]]:
        """Settled and held money of each budget."""
        return {key: (tally.settled, tally.held) for key, tally in self._tallies.items() if key[0] == "b"}

    @property
    def circuit(self) -> Circuit:
        return self.live.circuits.get(HAIKU, Circuit())


class Sea:
    """An upstream whose health changes with the time; it keeps books of its own."""

    name = "fake"

    def __init__(self, time: Time, health: Callable[[float], Health]) -> None:
        self._time = time
        self._health = health
        self.asked: list[float] = []
        """When somebody tried."""
        self.taken = 0
        """Requests that reached it."""
        self.billed = 0

    async def send(self, request: Outgoing, timeouts: Timeouts, on_sent: Callable[[], None]) -> "Wave":
        self.asked.append(self._time.seconds)
        health = self._health(self._time.seconds)
        if health == "refusing":
            await self._time.sleep(0.001)
            raise NotSent("refused")
        if health == "hanging":
            await self._time.sleep(timeouts.connect)
            raise NotSent("could not be connected in time")
        on_sent()
        self.taken += 1
        if health == "silent":
            await self._time.sleep(timeouts.first_byte)
            raise Broken("it never began", "timeout")
        await self._time.sleep(LATENCY)
        if health == "overloaded":
            return Wave(self._time, 529, error(529).pieces)
        self.billed += COST
        streamed = request.body == ASKED[True]
        return Wave(self._time, 200, events() if streamed else (message(),), streamed=streamed)

    async def renew_key(self) -> bool:
        return False


class Wave:
    """A reply; a stream takes its time."""

    def __init__(self, time: Time, status: int, pieces: tuple[bytes, ...], *, streamed: bool = False) -> None:
        self.status = status
        self.headers = SSE if streamed else JSON
        self._time = time
        self._pieces = list(pieces)
        self._gap = GAP if streamed else 0.0

    def whole(self) -> None:
        """It must be read."""

    async def read(self) -> bytes:
        if not self._pieces:
            return b""
        if self._gap:
            await self._time.sleep(self._gap)
        return self._pieces.pop(0)

    async def close(self) -> None:
        self._pieces.clear()


class Done(Struct, frozen=True):
    """One call as its caller saw it."""

    started: float
    took: float
    status: int
    reason: str
    was_open: bool
    """The breaker was open when it began, and it was not the time for a probe."""


class Coast:
    """Callers at a steady pace, through one Gate, to one upstream."""

    def __init__(self, rules: Rules, health: Callable[[float], Health], seed: int = 7) -> None:
        self.time = Time()
        self.ledger = Ledger()
        self.store = Noting(rules, self.ledger, self.time)
        self.sea = Sea(self.time, health)
        self.done: list[Done] = []
        self._ids = count()
        self.gate = Gate(
            rules=rules,
            prices=PRICES,
            store=self.store,
            ledger=self.ledger,
            upstreams=[self.sea],
            clock=self.time,
            observe=lambda _: None,
            rng=Random(seed).random,
            new_id=lambda: f"id{next(self._ids)}",
            texts=TEXTS,
        )

    def run(self, *, a_second: int, seconds: float, streams: float = 0.5) -> None:
        """Callers who come for so long; then until the last of them has its answer."""
        luck = Random(11)
        for number in range(round(a_second * seconds)):
            self.time.start(number / a_second, self._call(number, streamed=luck.random() < streams))
        self.time.start(0.0, self._chores(seconds))
        self.time.run()

    async def _call(self, number: int, *, streamed: bool) -> None:
        started = self.time.seconds
        was_open = bool(wait(self.store.circuit, self.time.now() + 1_000))
        asked = call(
            self,  # type: ignore[arg-type]  # it looks at the clock only
            ASKED[streamed],
            call_id=f"call{number}",
            caller=Caller("app", f"user{number % 100}", "default"),
        )
        exchange = await self.gate.open(asked)
        status = exchange.status
        while piece := await exchange.read():
            if piece.startswith(b"event: error"):
                status = 0
        await exchange.close()
        reason = dict(exchange.headers).get(b"x-tidegate-reason", b"").decode()
        self.done.append(Done(started, self.time.seconds - started, status, reason, was_open))

    def ticks(self) -> float:
        """The clock, for the call that is made here."""
        return self.time.seconds

    async def _chores(self, seconds: float) -> None:
        while self.time.seconds < seconds or self.store.live.holds:
            await self.gate.keep()
            await self.time.sleep(1.0)
