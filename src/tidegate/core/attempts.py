"""The attempts of a call at one upstream: admit, send, read or relay, settle, and again while that may help.

What may follow is decided in policy/retry.py; where a call goes on afterwards, in gate.py.
"""

from collections.abc import Callable
from itertools import count
from typing import Annotated, Literal

import msgspec

from tidegate.core.attempt import Attempt
from tidegate.core.books import Books
from tidegate.core.call import Call, Exchange
from tidegate.core.ports import Clock, Outgoing, Reply, Upstream
from tidegate.core.stream import Stream, by_name, is_event_stream, read_all
from tidegate.core.telling import Telling
from tidegate.model.errors import Broken, Crowded, NotSent
from tidegate.model.hold import Ask, Hold
from tidegate.model.refusal import Refusal
from tidegate.model.texts import Texts, fill
from tidegate.model.usage import Metered
from tidegate.policy import bounds, retry
from tidegate.policy.breaker import circuit_name, enough, is_late, patience
from tidegate.policy.edit import count_tokens_body
from tidegate.policy.error_json import read_error
from tidegate.policy.final import DOWN_AGAIN, Failed
from tidegate.policy.learning import Ratio, new_ratio
from tidegate.policy.meter import read_message
from tidegate.policy.plan import Plan
from tidegate.policy.prices import PriceBook
from tidegate.policy.pricing import cost
from tidegate.policy.replies import error_body
from tidegate.policy.rules import Rules, Timeouts
from tidegate.policy.settlement import CostOf, Ending

NOTHING = Metered()
"""What is known of a reply that never came."""

COUNTING = 10.0
"""Seconds that counting the tokens of a prompt may take; it is quick, and a person waits behind it."""


class Attempts:
    """All that is tried at one upstream."""

    def __init__(
        self,
        upstream: Upstream,
        *,
        rules: Rules,
        prices: PriceBook,
        books: Books,
        retries: retry.RetryBudget,
        ratios: dict[str, Ratio],
        clock: Clock,
        rng: Callable[[], float],
        new_id: Callable[[], str],
        texts: Texts,
        lease: int,
    ) -> None:
        self.upstream = upstream
        self._rules = rules
        self._prices = prices
        self._books = books
        self._retries = retries
        self._ratios = ratios
        self._clock = clock
        self._rng = rng
        self._new_id = new_id
        self._texts = texts
        self._lease = lease
        self._patient = msgspec.structs.replace(rules.timeouts, first_byte=rules.timeouts.total)
        """For whole answers: their first byte comes when all is written."""
        self._counting = _at_most(rules.timeouts, COUNTING)
        self._slow = int(rules.breaker.slow * 1000)
        self._circuits: dict[str, str] = {}
        """By the price's model name: no more than there are prices."""
        self.keys = 1
        """Keys that this upstream has had."""
        self._rejected = 0
        """The last of them that it has rejected."""

    async def run(self, call: Call, planned: Plan, outgoing: Outgoing, telling: Telling) -> Exchange | Failed | Refusal:
        """An answer, the last failure, or why nothing could be sent."""
        failed: Failed | None = None
        renewed = False
        for number in count(telling.attempts + 1):
            hold = await self._books.admit(self._ask(call, planned, number, telling.models))
            if not isinstance(hold, Hold):
                if hold.sized and planned.countable:
                    planned, hold = await self._smaller(call, planned, outgoing, number, telling.models)
                if not isinstance(hold, Hold):
                    return failed or hold
            try:
                telling.attempts = number
                attempt = Attempt(call, planned, hold, self._clock, telling)
                self._retries.attempted(self._clock.ticks())
                keys = self.keys
            except BaseException:  # interrupted before anything was sent
                await self._books.release(hold.ask.attempt_id)
                raise
            result = await self._send(attempt, outgoing)
            if isinstance(result, Exchange):
                return result
            failed = result
            if planned.price.model not in telling.models:
                telling.models += (planned.price.model,)
            if not renewed and await self.renewed(failed, keys):
                renewed = True
                continue
            self.heard(failed, telling)
            delay = self.delay(call, number, failed)
            if delay is None:
                return failed
            await self._clock.sleep(delay)
        raise AssertionError("unreachable")

    async def send_free(self, call: Call) -> Exchange | Failed:
        """One attempt on a path that costs nothing: no hold."""
        try:
            reply = await self.upstream.send(call.outgoing, self._rules.timeouts, _ignore)
            body = await read_all(reply)
        except NotSent:
            return Failed(loss="not_sent")
        except Broken as broken:
            return Failed(loss=_ending(broken))
        return Exchange(reply.status, reply.headers, body) if reply.status < 300 else self._error(reply, body)

    async def renewed(self, failed: Failed, keys: int) -> bool:
        """Whether it failed for a key that is another one now; `keys` as when it was sent.

        Of many that are sent with the old key the first reads the new one, and all of them are repeated.
        """
        if failed.failure.status != 401:
            return False
        if self.keys == keys and await self.upstream.renew_key():
            self.keys += 1
        return self.keys != keys

    def heard(self, failed: Failed, telling: Telling) -> None:
        """A rejected key is told, once: where another upstream answers nobody would hear of it."""
        if failed.failure.status == 401 and self._rejected != self.keys:
            self._rejected = self.keys
            telling.key_rejected(self.upstream.name)

    def delay(self, call: Call, number: int, failed: Failed) -> float | None:
        """Seconds until the next attempt, None for the end; `number` have been sent."""
        if call.transparent:  # its client owns the retries
            return None
        now = self._clock.ticks()
        delay = retry.decide(self._rules.retry, number, now - call.started, failed.failure, self._rng)
        return delay if delay is not None and self._retries.allows(now) else None

    def _error(self, reply: Reply, body: bytes) -> Failed:
        info = read_error(body, reply.status, by_name(reply.headers).get(b"content-encoding"))
        failure = retry.failure(reply.status, reply.headers, info, self._clock.now())
        return Failed(failure=failure, headers=reply.headers, body=body)

    # -- admit

    async def _smaller(
        self, call: Call, planned: Plan, outgoing: Outgoing, number: int, before: tuple[str, ...]
    ) -> tuple[Plan, Hold | Refusal]:
        """Only the size of the hold is in the way: count the tokens once and try the smaller one."""
        tokens = await self._count(outgoing)
        if tokens is None:  # it might fit: that nobody can say so now is not the caller's spending
            return planned, Refusal(reason="upstream_down", retry_after=DOWN_AGAIN)
        bound = bounds.counted(planned.reading, planned.price, tokens)
        planned = msgspec.structs.replace(planned, bound=bound, countable=False)
        return planned, await self._books.admit(self._ask(call, planned, number, before))

    def _ask(self, call: Call, planned: Plan, number: int, before: tuple[str, ...]) -> Ask:
        reading, scope_model = planned.reading, planned.price.model
        stream, max_tokens = reading.stream, reading.max_tokens or 0
        return Ask(
            attempt_id=self._new_id(),
            call_id=call.call_id,
            attempt=number,
            caller=call.caller,
            model=call.model if call.model == reading.model else self._kept_name(call, planned),
            scope_model=scope_model,
            upstream=self.upstream.name,
            bound=planned.bound,
            max_tokens=max_tokens,
            price_version=self._prices.version,
            lease=self._lease,
            circuit=self._circuits.get(scope_model) or self._circuit(scope_model),
            slow=self._slow if stream else 0,
            patience=enough(self._rules.timeouts, self._rules.breaker.slow, None if stream else max_tokens),
            before=before,
        )

    def _circuit(self, model: str) -> str:
        name = self._circuits[model] = circuit_name(self.upstream.name, model)
        return name

    def _kept_name(self, call: Call, planned: Plan) -> str:
        """The model in the ledger, where its name is no label: the price's own, so that `rebuild` finds its scope."""
        return call.model if planned.price is self._prices.dearest else planned.price.model

    async def _count(self, outgoing: Outgoing) -> int | None:
        """The upstream's own count of the prompt; None when it cannot be had."""
        headers = [(name, value) for name, value in outgoing.headers if name != b"accept-encoding"]
        asked = Outgoing("POST", "/v1/messages/count_tokens", headers, count_tokens_body(outgoing.body))
        try:
            reply = await self.upstream.send(asked, self._counting, _ignore)
            answer = await read_all(reply)
        except (NotSent, Broken):
            return None
        if reply.status != 200:
            return None
        try:
            return msgspec.json.decode(answer, type=_Count).input_tokens
        except msgspec.DecodeError:
            return None

    # -- send

    async def _send(self, attempt: Attempt, outgoing: Outgoing) -> Exchange | Failed:
        """Send one attempt; what came of it, settled, or a stream that settles at its end."""
        begun = self._clock.ticks()
        try:
            reply = await self.upstream.send(outgoing, self._timeouts(attempt), attempt.mark_sent)
            said = by_name(reply.headers)
            attempt.replied(reply.status, said)
            if reply.status == 200 and is_event_stream(said, asked=attempt.plan.reading.stream):
                if attempt.hold.probe:
                    await self._probed(attempt.hold, reply, self._clock.ticks() - begun)
                return self._stream(attempt, reply, said.get(b"content-encoding"))
            return await self._answered(attempt, reply, said.get(b"content-encoding"))
        except (NotSent, Broken) as lost:
            if isinstance(lost, NotSent) and not attempt.sent:
                await self._books.release(attempt.hold.ask.attempt_id, lost=not isinstance(lost, Crowded))
                return Failed(loss="not_sent")
            ending = _ending(lost)
            await self._settle(attempt, ending, NOTHING)
            return Failed(loss=ending)
        except BaseException:  # cancelled: the caller has left
            await self._abandon(attempt)
            raise

    def _timeouts(self, attempt: Attempt) -> Timeouts:
        reading = attempt.plan.reading
        if reading.stream:
            return self._rules.timeouts
        return patience(self._rules.timeouts, reading.max_tokens or 0) if attempt.hold.probe else self._patient

    async def _probed(self, hold: Hold, reply: Reply, seconds: float) -> None:
        """The stream of a probe has begun: its upstream works, unless that took too long."""
        if is_late(hold.ask, round(seconds * 1000)):
            return
        try:
            await self._books.probed(hold)
        except BaseException:  # cancelled: nobody will read it
            await reply.close()
            raise

    async def _answered(self, attempt: Attempt, reply: Reply, encoding: bytes | None) -> Exchange | Failed:
        """Read the whole reply and settle."""
        try:
            body = reply.whole()
            if body is None:
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
        metered = read_message(body, encoding)
        if metered is None:
            return await self._garbage(attempt)
        await self._settle(attempt, "ok", metered, last=True)
        return Exchange(reply.status, reply.headers, body)

    async def _garbage(self, attempt: Attempt) -> Exchange:
        """For an answer that is none: a proxy's page, half a message.  Whoever sent it with 200 will do so again."""
        await self._settle(attempt, "cut", NOTHING, last=True)
        request_id = attempt.request_id or f"req_{attempt.call_id}"
        headers = [(b"content-type", b"application/json"), (b"request-id", request_id.encode())]
        body = error_body("api_error", fill(self._texts, "cut"), request_id)
        return Exchange(502, [*headers, (b"x-should-retry", b"false")], body)

    def _stream(self, attempt: Attempt, reply: Reply, encoding: bytes | None) -> Exchange:
        async def settle(ending: Ending, metered: Metered, output_bytes: int) -> None:
            await self._settle(attempt, ending, metered, output_bytes, last=True)

        drain = attempt.plan.on_cut == "drain"
        request_id = attempt.request_id or f"req_{attempt.call_id}"
        return Stream(reply, encoding, settle, self._texts, request_id, drain=drain)

    async def _abandon(self, attempt: Attempt) -> None:
        if attempt.charge is not None:
            return
        if not attempt.sent:
            await self._books.release(attempt.hold.ask.attempt_id)
            return
        await self._settle(attempt, "aborted", NOTHING, last=True)

    async def _settle(
        self, attempt: Attempt, ending: Ending, metered: Metered, output_bytes: int = 0, *, last: bool = False
    ) -> None:
        """Charge an attempt, once; `last`: the call ends with it, which is told even when this is cancelled."""
        try:
            charge = attempt.close(ending, metered, self._cost_of(attempt.plan), output_bytes)
        except BaseException:
            self._books.forget(attempt.hold.ask.attempt_id)  # never held for ever
            raise
        attempt.telling.charged(charge)
        try:
            await self._books.settle(attempt.hold, charge)
        finally:
            if last:
                attempt.telling.ended(charge)
        if attempt.plan.learns and charge.exactness == "actual" and charge.status == 200:
            ratio = self._ratios.setdefault(attempt.plan.price.model, new_ratio())
            ratio.learn(charge.usage.prompt_tokens, attempt.plan.reading.text_bytes)

    def _cost_of(self, planned: Plan) -> CostOf:
        return lambda model, usage: cost(self._prices.find(model) or planned.price, usage)


class _Count(msgspec.Struct):
    input_tokens: Annotated[int, msgspec.Meta(ge=0)]


def _at_most(timeouts: Timeouts, seconds: float) -> Timeouts:
    return Timeouts(
        connect=min(timeouts.connect, seconds),
        first_byte=min(timeouts.first_byte, seconds),
        idle=min(timeouts.idle, seconds),
        total=min(timeouts.total, seconds),
    )


def _ignore() -> None:
    pass


def _ending(lost: NotSent | Broken) -> Literal["timeout", "cut"]:
    return "timeout" if isinstance(lost, Broken) and lost.kind == "timeout" else "cut"
