"""The Gate: the life of a call.  The only place where the order of effects is written.

    plan      route, price, bound                        pure
    admit     one atomic hold in every scope             durable before anything is sent
    send      upstream; retries are owned here           each attempt has its own hold and charge
    relay     pieces as they come, metered on the way    stream.py
    settle    once per attempt, however it ended         books.py
    tell      once per call, however it ended            telling.py

A refusal is a reply.  The rules for code in this ring stand in run_now.py.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Literal

import msgspec

from tidegate.core.attempt import Attempt
from tidegate.core.books import Books, lease_of
from tidegate.core.call import Call, Exchange
from tidegate.core.ports import Clock, Ledger, Observe, Outgoing, Reply, Store, Upstream
from tidegate.core.stream import Stream, header, is_event_stream, read_all
from tidegate.core.telling import Telling, unfailing
from tidegate.model.errors import Broken, NotSent, StoreDown
from tidegate.model.facts import CallRefused
from tidegate.model.hold import Ask, Hold
from tidegate.model.refusal import Refusal
from tidegate.model.texts import fill
from tidegate.model.usage import Metered
from tidegate.policy import bounds, retry
from tidegate.policy.edit import count_tokens_body, with_max_tokens
from tidegate.policy.error_json import read_error
from tidegate.policy.final import DOWN_AGAIN, Failed, final_answer
from tidegate.policy.learning import Ratio, new_ratio
from tidegate.policy.meter import read_message
from tidegate.policy.plan import Plan, plan
from tidegate.policy.prices import PriceBook
from tidegate.policy.pricing import cost
from tidegate.policy.replies import error_body, refusal_reply
from tidegate.policy.rules import Rules
from tidegate.policy.settlement import CostOf, Ending

UNRECORDED = frozenset({"bad_key", "store_down"})
"""Refusals that stand in the log only: anybody at all can cause the first, and nothing can be written at the second."""

NOTHING = Metered()
"""What is known of a reply that never came."""


class Gate:
    """The policy core behind every door."""

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
    ) -> None:
        self._rules = rules
        self._prices = prices
        self._ledger = ledger
        self._upstream = upstreams[0]
        self._clock = clock
        observe = unfailing(observe)
        self._observe = observe
        self._rng = rng
        self._new_id = new_id
        self._texts = texts
        self._lease = lease_of(rules.timeouts.total)
        self._patient = msgspec.structs.replace(rules.timeouts, first_byte=rules.timeouts.total)
        """For whole answers: their first byte comes when all is written."""
        self._retries = retry.RetryBudget(rules.retry.budget, rules.breaker.window)
        self._ratios: dict[str, Ratio] = {}
        """By the price's model name: no more than there are prices."""
        self.books = Books(store, clock, observe)

    async def open(self, call: Call) -> Exchange:
        """The exchange of a call: an answer, an error of the upstream, or a refusal."""
        if call.reading is None:
            return await self._open_free(call)
        planned = plan(self._rules, self._prices, call.caller, call.reading, call.betas, call.models, self._ratios)
        if isinstance(planned, Refusal):
            return await self.refuse(call, planned)
        outgoing = call.outgoing
        if planned.edit is not None:
            outgoing = msgspec.structs.replace(
                outgoing, body=with_max_tokens(outgoing.body, planned.edit, absent=call.reading.max_tokens is None)
            )
        telling = Telling(call, self._clock, self._observe)
        try:
            result = await self._tried(call, planned, outgoing, telling)
        except BaseException:  # cancelled: the caller has left, perhaps between two attempts
            telling.left()
            raise
        return await self.refuse(call, result) if isinstance(result, Refusal) else result

    def drains(self, call: Call) -> bool:
        """True when the call is to be read to its end although its caller has left."""
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

    async def keep(self) -> None:
        """The chores of every second; raises StoreDown."""
        await self.books.keep(self._lease)

    # -- attempts

    async def _tried(self, call: Call, planned: Plan, outgoing: Outgoing, telling: Telling) -> Exchange | Refusal:
        """One attempt after the other, until one brings an answer or none may follow."""
        failed: Failed | None = None
        for number in count(1):
            planned, hold = await self._admit(call, planned, number)
            if isinstance(hold, Refusal):
                return hold if failed is None else self._fail(call, failed, telling)
            telling.attempts = number
            attempt = Attempt(call, planned, hold, self._clock, telling)
            self._retries.attempted(self._clock.ticks())
            result = await self._send(attempt, outgoing)
            if isinstance(result, Exchange):
                return result
            failed = result
            delay = self._delay(call, number, failed)
            if delay is None:
                return self._fail(call, failed, telling)
            await self._clock.sleep(delay)
        raise AssertionError("unreachable")

    # -- admit

    async def _admit(self, call: Call, planned: Plan, number: int) -> tuple[Plan, Hold | Refusal]:
        """Hold the bound; where only its size is in the way, count the tokens once and try the smaller one."""
        hold = await self.books.admit(self._ask(call, planned, number))
        if not (isinstance(hold, Refusal) and hold.sized and planned.countable):
            return planned, hold
        tokens = await self._count(call)
        if tokens is None:  # it might fit: that nobody can say so now is not the caller's spending
            return planned, Refusal(reason="upstream_down", retry_after=DOWN_AGAIN)
        bound = bounds.counted(planned.reading, planned.price, tokens)
        planned = msgspec.structs.replace(planned, bound=bound, countable=False)
        return planned, await self.books.admit(self._ask(call, planned, number))

    def _ask(self, call: Call, planned: Plan, number: int) -> Ask:
        return Ask(
            attempt_id=self._new_id(),
            call_id=call.call_id,
            attempt=number,
            caller=call.caller,
            model=self._kept_name(call, planned),
            scope_model=planned.price.model,
            upstream=self._upstream.name,
            bound=planned.bound,
            max_tokens=planned.reading.max_tokens or 0,
            price_version=self._prices.version,
            lease=self._lease,
        )

    def _kept_name(self, call: Call, planned: Plan) -> str:
        """The model in the ledger: under a name that is no label the price's own, so that `rebuild` finds its scope."""
        known = call.model == planned.reading.model or planned.price is self._prices.dearest
        return call.model if known else planned.price.model

    async def _count(self, call: Call) -> int | None:
        """The upstream's own count of the prompt; None when it cannot be had."""
        body = count_tokens_body(call.outgoing.body)
        headers = [(name, value) for name, value in call.outgoing.headers if name != b"accept-encoding"]
        outgoing = Outgoing("POST", "/v1/messages/count_tokens", headers, body)
        try:
            reply = await self._upstream.send(outgoing, self._rules.timeouts, _ignore)
            answer = await read_all(reply)
        except (NotSent, Broken):
            return None
        if reply.status != 200:
            return None
        try:
            return max(0, msgspec.json.decode(answer, type=_Count).input_tokens)
        except msgspec.DecodeError:
            return None

    # -- send

    async def _send(self, attempt: Attempt, outgoing: Outgoing) -> Exchange | Failed:
        """Send one attempt; what came of it, settled, or a stream that settles at its end."""
        try:
            timeouts = self._rules.timeouts if attempt.plan.reading.stream else self._patient
            reply = await self._upstream.send(outgoing, timeouts, attempt.mark_sent)
            attempt.replied(reply)
            if reply.status == 200 and is_event_stream(reply.headers):
                return self._stream(attempt, reply)
            return await self._answered(attempt, reply)
        except (NotSent, Broken) as lost:
            if isinstance(lost, NotSent) and not attempt.sent:
                await self.books.release(attempt.hold.ask.attempt_id)
                return Failed(loss="not_sent")
            ending = _ending(lost)
            await self._settle(attempt, ending, NOTHING)
            return Failed(loss=ending)
        except BaseException:  # cancelled: the caller has left
            await self._abandon(attempt)
            raise

    async def _answered(self, attempt: Attempt, reply: Reply) -> Exchange | Failed:
        """Read the whole reply and settle."""
        try:
            body = await read_all(reply)
        except Broken:
            if reply.status < 300:
                raise
            body = b""  # an error reply without its body is an error all the same, and free
        if reply.status >= 300:
            failed = self._error(reply, body)
            error = failed.failure.error
            await self._settle(attempt, "upstream_error", Metered(error_type=error.type if error else None))
            return failed
        metered = read_message(body, header(reply.headers, b"content-encoding"))
        await self._settle(attempt, "ok", metered, last=True)
        return Exchange(reply.status, reply.headers, body)

    def _stream(self, attempt: Attempt, reply: Reply) -> Exchange:
        async def settle(ending: Ending, metered: Metered, output_bytes: int) -> None:
            await self._settle(attempt, ending, metered, output_bytes, last=True)

        drain = attempt.plan.on_cut == "drain"
        request_id = attempt.request_id or f"req_{attempt.call.call_id}"
        stream = Stream(reply, settle, self._texts, request_id, drain=drain)
        return Exchange(reply.status, reply.headers, read=stream.read, close=stream.close, drains=drain)

    async def _abandon(self, attempt: Attempt) -> None:
        if attempt.charge is not None:
            return
        if not attempt.sent:
            await self.books.release(attempt.hold.ask.attempt_id)
            return
        await self._settle(attempt, "aborted", NOTHING, last=True)

    async def _settle(
        self, attempt: Attempt, ending: Ending, metered: Metered, output_bytes: int = 0, *, last: bool = False
    ) -> None:
        """Charge an attempt, once; `last`: the call ends with it, which is told even when this is cancelled."""
        try:
            charge = attempt.close(ending, metered, self._cost_of(attempt.plan), output_bytes)
        except BaseException:
            self.books.forget(attempt.hold.ask.attempt_id)  # never held for ever
            raise
        attempt.telling.charged(charge)
        try:
            await self.books.settle(attempt.hold, charge)
        finally:
            if last:
                attempt.telling.ended(charge)
        if attempt.plan.learns and charge.exactness == "actual" and charge.status == 200:
            ratio = self._ratios.setdefault(attempt.plan.price.model, new_ratio())
            ratio.learn(charge.usage.prompt_tokens, attempt.plan.reading.text_bytes)

    def _cost_of(self, planned: Plan) -> CostOf:
        return lambda model, usage: cost(self._prices.find(model) or planned.price, usage)

    # -- answer

    def _error(self, reply: Reply, body: bytes) -> Failed:
        info = read_error(body, reply.status, header(reply.headers, b"content-encoding"))
        failure = retry.failure(reply.status, reply.headers, info, self._clock.now())
        return Failed(failure=failure, headers=reply.headers, body=body)

    def _delay(self, call: Call, number: int, failed: Failed) -> float | None:
        if call.transparent:  # its client owns the retries
            return None
        now = self._clock.ticks()
        delay = retry.decide(self._rules.retry, number, now - call.started, failed.failure, self._rng)
        return delay if delay is not None and self._retries.allows(now) else None

    def _fail(self, call: Call, failed: Failed, telling: Telling) -> Exchange:
        """The reply after the last failure."""
        answer = final_answer(failed, f"req_{call.call_id}", self._texts, transparent=call.transparent)
        telling.failed(answer, failed.failure.status)
        return Exchange(answer.status, answer.headers, answer.body)

    async def _open_free(self, call: Call) -> Exchange:
        """A path that costs nothing: the same retries, no hold."""
        telling = Telling(call, self._clock, self._observe)
        for number in count(1):
            telling.attempts = number
            try:
                reply = await self._upstream.send(call.outgoing, self._rules.timeouts, _ignore)
                body = await read_all(reply)
            except NotSent:
                failed = Failed(loss="not_sent")
            except Broken as broken:
                failed = Failed(loss=_ending(broken))
            else:
                if reply.status < 300:
                    return Exchange(reply.status, reply.headers, body)
                failed = self._error(reply, body)
            delay = self._delay(call, number, failed)
            if delay is None:
                return self._fail(call, failed, telling)
            await self._clock.sleep(delay)
        raise AssertionError("unreachable")


class _Count(msgspec.Struct):
    input_tokens: int


def _ignore() -> None:
    pass


def _ending(lost: NotSent | Broken) -> Literal["timeout", "cut"]:
    return "timeout" if isinstance(lost, Broken) and lost.kind == "timeout" else "cut"
