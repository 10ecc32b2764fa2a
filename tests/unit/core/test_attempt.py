"""One attempt, and the charge that it becomes."""

from msgspec.structs import asdict

from tidegate.core.attempt import Attempt
from tidegate.core.telling import Telling
from tidegate.model.call import Bound, Caller
from tidegate.model.hold import Ask, Charge, Hold
from tidegate.model.usage import Metered, Part, Usage
from tidegate.policy.plan import Plan
from unit.core.world import PRICES, World, call

USAGE = Usage(input_tokens=31, output_tokens=32)


class Clock:
    """Tells ticks that were given."""

    def __init__(self, *ticks: float) -> None:
        self._ticks = list(ticks)

    def now(self) -> int:
        raise AssertionError("nobody asks")

    def ticks(self) -> float:
        return self._ticks.pop(0)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps")


def attempt(*ticks: float) -> Attempt:
    """An attempt each of whose values is another one."""
    ask = Ask(
        attempt_id="attempt",
        call_id="call",
        attempt=1,
        caller=Caller("app", "user", "route"),
        model="asked",
        scope_model="scope",
        upstream="upstream",
        bound=Bound(cost=900, input_cost=800, input_tokens=700, output_tokens=600),
        max_tokens=500,
        price_version="version",
        lease=400,
    )
    hold = Hold(ask=ask, admitted_at=300, lease_until=200, entries=())
    found = call(World())
    assert found.reading is not None
    price = PRICES.find("claude-haiku-4-5")
    assert price is not None
    planned = Plan(reading=found.reading, price=price, bound=ask.bound, countable=False, on_cut="assume", learns=False)
    return Attempt(found, planned, hold, Clock(*ticks), Telling(found, Clock(), print))


def test_every_value_stands_under_its_name() -> None:
    sent = attempt(10.0, 10.5, 12.0)
    sent.replied(200, {b"request-id": b"req_up"})
    metered = Metered(
        model="answered", usage=USAGE, parts=(Part("answered", USAGE),), stop_reason="end_turn",
        started=True, finished=True, ended=True, silent=False,
    )  # fmt: skip
    charge = sent.close("ok", metered, lambda _model, usage: usage.input_tokens + usage.output_tokens)
    assert sent.charge is charge
    assert asdict(charge) == {
        "attempt_id": "attempt",
        "call_id": "call",
        "started_at": 300,
        "duration_ms": 2_000,
        "first_byte_ms": 500,
        "app": "app",
        "user_id": "user",
        "route": "route",
        "model_requested": "asked",
        "model": "answered",
        "upstream": "upstream",
        "outcome": "ok",
        "error_type": None,
        "status": 200,
        "attempt": 1,
        "stop_reason": "end_turn",
        "usage": USAGE,
        "max_tokens": 500,
        "held": 900,
        "cost": 63,
        "exactness": "actual",
        "price_version": "version",
        "upstream_request_id": "req_up",
    }
    assert tuple(asdict(charge)) == Charge.__struct_fields__


def test_what_was_never_said_is_missing() -> None:
    charge = attempt(10.0, 12.0).close("cut", Metered(error_type="overloaded_error"), lambda *_: 0)
    missing = {name for name, value in asdict(charge).items() if value is None}
    assert missing == {"first_byte_ms", "status", "stop_reason", "upstream_request_id"}
    assert (charge.model, charge.error_type, charge.usage) == ("asked", "overloaded_error", Usage())
    assert (charge.cost, charge.exactness, charge.outcome) == (900, "assumed", "cut")
