"""The Gate: the life of a call.  The only place where the order of effects is written.

    plan      route, price, bound                        pure
    admit     one atomic hold in every scope             durable before anything is sent
    send      upstream; retries are owned here           each attempt has its own hold and charge
    relay     pieces as they come, metered on the way    stream.py
    settle    once per attempt, however it ended         books.py
    degrade   where a call goes on after an outage       policy/degrade.py has the order
    tell      once per call, however it ended            telling.py

Admit to settle stand in attempts.py.  A refusal is a reply.  The rules for code in this ring stand in run_now.py.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from msgspec.structs import replace

from tidegate.core.attempts import Attempts
from tidegate.core.books import Books, lease_of
from tidegate.core.call import Call, Exchange
from tidegate.core.ports import Clock, Ledger, Observe, Outgoing, Store, Upstream
from tidegate.core.stream import by_name
from tidegate.core.telling import Telling, unfailing
from tidegate.model.call import Reading
from tidegate.model.errors import StoreDown
from tidegate.model.facts import CallRefused
from tidegate.model.refusal import Refusal
from tidegate.model.texts import fill
from tidegate.policy.degrade import HEADER, Step, has_thinking, is_outage, steps
from tidegate.policy.edit import with_max_tokens, with_model
from tidegate.policy.final import Failed, final_answer
from tidegate.policy.learning import Ratio
from tidegate.policy.plan import Plan, plan
from tidegate.policy.prices import PriceBook
from tidegate.policy.replies import error_body, refusal_reply, sse_error
from tidegate.policy.retry import RetryBudget
from tidegate.policy.rules import Rules
from tidegate.policy.static_reply import static_reply

UNRECORDED = frozenset({"bad_key", "store_down"})
"""Refusals that stand in the log only: anybody at all can cause the first, and nothing can be written at the second."""


class Gate:
    """The policy core behind every door.

    `upstreams` by priority.  `books` and `retries` are given by a door that calls from several threads at once.
    """

    def __init__(
        self,
        *,
        rules: Rules,
        prices: PriceBook,
        store: Store,
        ledger: Ledger,
        upstreams: Sequence[Upstream],
        clock: Clock,
        observe: Observe,
        rng: Callable[[], float],
        new_id: Callable[[], str],
        texts: Mapping[str, str],
        books: Books | None = None,
        retries: RetryBudget | None = None,
    ) -> None:
        self._rules = rules
        self._prices = prices
        self._ledger = ledger
        self._clock = clock
        self._observe = unfailing(observe)
        self._texts = texts
        self._lease = lease_of(rules.timeouts.total)
        self._ratios: dict[str, Ratio] = {}
        """By the price's model name: no more than there are prices."""
        self.books = books or Books(store, clock, self._observe)
        retries = retries or RetryBudget(rules.retry.budget, rules.breaker.window)
        self._places = {
            upstream.name: Attempts(
                upstream,
                rules=rules,
                prices=prices,
                books=self.books,
                retries=retries,
                ratios=self._ratios,
                clock=clock,
                rng=rng,
                new_id=new_id,
                texts=texts,
                lease=self._lease,
            )
            for upstream in upstreams
        }
        self._may_drain = "drain" in {rules.on_cut, *(route.on_cut for route in rules.routes.values())}
        self._steps: dict[str, tuple[Step, ...]] = {}
        """By the name of a declared route."""

    async def open(self, call: Call) -> Exchange:
        """The exchange of a call: an answer, an error of the upstream, or a refusal."""
        if call.reading is None:
            return await self._open_free(call)
        telling = Telling(call, self._clock, self._observe)
        try:
            chain = self._chain(call)
            first = await self._at(chain[0], call, call.reading, telling)
            if isinstance(first, Exchange):
                return first
            exchange, refusal = await self._after(first, chain, call, call.reading, telling)
        except BaseException:  # cancelled: the caller has left, perhaps between two attempts
            telling.left()
            raise
        refused = await self.refuse(call, refusal) if refusal is not None else None
        found = exchange or refused
        assert found is not None
        return found

    def drains(self, call: Call) -> bool:
        """True when the call is to be read to its end although its caller has left."""
        if not self._may_drain:
            return False
        on_cut = self._rules.route(call.caller.route).on_cut or self._rules.on_cut
        return on_cut == "drain" and call.reading is not None

    async def refuse(self, call: Call, refusal: Refusal) -> Exchange:
        """Answer without sending."""
        at = self._clock.now()
        fact = CallRefused(call_id=call.call_id, at=at, caller=call.caller, model=call.model, refusal=refusal)
        return await self.refused(fact)

    async def refused(self, fact: CallRefused) -> Exchange:
        """The reply of a refusal, recorded and told."""
        self._observe(fact)
        if fact.refusal.reason not in UNRECORDED:
            with suppress(StoreDown):  # a refusal moves no money, and the log has it
                await self._ledger.refused(fact)
        status, headers, body = refusal_reply(fact.refusal, f"req_{fact.call_id}", self._texts)
        return Exchange(status, headers, body)

    def broken(self, request_id: str) -> Exchange:
        """The reply when tidegate itself has failed; SDKs must not repeat it, for it may have cost something."""
        body = error_body("api_error", fill(self._texts, "crashed"), request_id)
        headers = [(b"content-type", b"application/json"), (b"request-id", request_id.encode())]
        return Exchange(500, [*headers, (b"x-should-retry", b"false")], body)

    def ending(self, request_id: str) -> Exchange:
        """The reply for a call that the end of the gateway has cut off; another gateway may answer it."""
        status, headers, body = refusal_reply(Refusal(reason="draining"), request_id, self._texts)
        return Exchange(status, headers, body)

    def farewell(self, exchange: Exchange) -> bytes:
        """The event that ends a stream whose rest cannot be waited for."""
        said = by_name(exchange.headers).get(b"request-id", b"")
        return sse_error("api_error", fill(self._texts, "cut"), said.decode("latin-1"))

    async def keep(self) -> None:
        """The chores of every second; raises StoreDown."""
        await self.books.keep(self._lease)

    # -- the steps of a call

    def _chain(self, call: Call) -> tuple[Step, ...]:
        """The steps of the call's route."""
        route = self._rules.route(call.caller.route)
        chain = self._steps.get(route.name)
        if chain is None:
            chain = self._steps[route.name] = steps(route, tuple(self._places))
        return chain

    def _at(self, step: Step, call: Call, reading: Reading, telling: Telling) -> Awaitable[Exchange | Failed | Refusal]:
        """What comes of a step at an upstream."""
        planned = plan(
            self._rules,
            self._prices,
            call.caller,
            reading,
            call.betas,
            call.models,
            self._ratios,
            own_model=step.model is None,
        )
        if not isinstance(planned, Plan):
            return _at_once(planned)
        outgoing = call.outgoing
        if planned.reading is not call.reading:
            outgoing = _edited(call, step, planned)
        return self._places[step.upstream].run(call, planned, outgoing, telling)

    async def _after(
        self, first: Failed | Refusal, chain: tuple[Step, ...], call: Call, reading: Reading, telling: Telling
    ) -> tuple[Exchange | None, Refusal | None]:
        """After the first step: the further ones behind an outage, until one answers.

        The second value is a refusal that is still to be recorded; it is the answer where there is no exchange.
        """
        said: Exchange | None = None
        if len(chain) > 1 and is_outage(first) and not call.transparent:
            found = await self._elsewhere(chain[1:], call, reading, telling)
            if isinstance(found, Exchange):
                return found, None
            if found is not None:
                said = self._say(found, call, reading, telling)
        if isinstance(first, Refusal):
            return said, first
        failed = self._fail(call, first, telling)  # told with a sentence of the route as without
        return said or failed, None

    async def _elsewhere(
        self, further: Sequence[Step], call: Call, reading: Reading, telling: Telling
    ) -> Exchange | str | None:
        """The first answer of these steps, or the text of a sentence whose turn it is; None: there is neither."""
        late_from: int | None = None
        for step in further:
            if step.static is not None:
                return step.static
            if self._clock.ticks() - call.started > self._rules.retry.deadline:
                # One more may be sent, as the operator asked for; nobody waits for all of them.
                if late_from is None:
                    late_from = telling.attempts
                elif telling.attempts > late_from:
                    continue
            found = await self._further(step, call, reading, telling)
            if found is not None:
                return found
        return None

    async def _further(self, step: Step, call: Call, reading: Reading, telling: Telling) -> Exchange | None:
        """The answer of a further step; None when it has none, and the next may try."""
        if step.model is not None:
            other = self._for_model(step.model, call, reading)
            if other is None:
                return None
            reading = other
        telling.degraded = step.name
        result = await self._at(step, call, reading, telling)
        if not isinstance(result, Exchange):
            telling.degraded = None
            return None
        result.headers = [*result.headers, (HEADER, step.name.encode())]
        return result

    def _for_model(self, model: str, call: Call, reading: Reading) -> Reading | None:
        """The reading with another model, and no more tokens than that one can write; None where it may not be asked.

        The caller's own model under another of its names is none: the retries have asked it often enough.
        """
        route = self._rules.route(call.caller.route)
        price, own = self._prices.find(model), self._prices.find(reading.model)
        if model == reading.model or (price is not None and price is own):
            return None
        if not route.lose_thinking and has_thinking(call.outgoing.body):
            return None
        tokens = route.max_tokens if reading.max_tokens is None else reading.max_tokens
        if price is not None and tokens is not None:
            tokens = min(tokens, price.max_output)
        return replace(reading, model=model, max_tokens=tokens)

    def _say(self, text: str, call: Call, reading: Reading, telling: Telling) -> Exchange:
        """The route's own sentence."""
        telling.degraded = "static"
        headers, body = static_reply(text, model=call.model, call_id=call.call_id, stream=reading.stream)
        return Exchange(200, [*headers, (HEADER, b"static")], body)

    def _fail(self, call: Call, failed: Failed, telling: Telling) -> Exchange:
        """The reply after the last failure."""
        answer = final_answer(failed, f"req_{call.call_id}", self._texts, transparent=call.transparent)
        telling.failed(answer, failed.failure.status)
        return Exchange(answer.status, answer.headers, answer.body)

    async def _open_free(self, call: Call) -> Exchange:
        """A path that costs nothing: the same retries and upstreams, no hold."""
        telling = Telling(call, self._clock, self._observe)
        first: Failed | None = None
        for name, place in self._places.items():
            result = await self._tried_free(call, place, telling)
            if isinstance(result, Exchange):
                if first is not None:
                    result.headers = [*result.headers, (HEADER, f"upstream:{name}".encode())]
                return result
            if first is None:
                first = result
                if call.transparent or not is_outage(result):
                    break
        assert first is not None  # there is an upstream
        return self._fail(call, first, telling)

    async def _tried_free(self, call: Call, place: Attempts, telling: Telling) -> Exchange | Failed:
        renewed = False
        while True:
            telling.attempts += 1
            keys = place.keys
            result = await place.send_free(call)
            if isinstance(result, Exchange):
                return result
            if not renewed and await place.renewed(result, keys):
                renewed = True
                continue
            place.heard(result, telling)
            delay = place.delay(call, telling.attempts, result)
            if delay is None:
                return result
            await self._clock.sleep(delay)


async def _at_once(refusal: Refusal) -> Refusal:
    """A refusal that nothing was awaited for."""
    return refusal


def _edited(call: Call, step: Step, planned: Plan) -> Outgoing:
    """What goes upstream: the caller's bytes, but for the numbers and the name that the policy changes."""
    outgoing, reading = call.outgoing, planned.reading
    asked = call.reading.max_tokens if call.reading is not None else None
    tokens = reading.max_tokens
    if step.model is None and tokens == asked:
        return outgoing
    body = outgoing.body if step.model is None else with_model(outgoing.body, reading.model)
    if tokens is not None and tokens != asked:
        body = with_max_tokens(body, tokens, absent=asked is None)
    return replace(outgoing, body=body)
