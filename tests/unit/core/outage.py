"""Words for calls that go on after an outage: what fails, what a route lists, what the caller gets."""

from typing import Any, NamedTuple

import msgspec

from tidegate.core.gate import Gate
from tidegate.core.run_now import run_now
from tidegate.model.errors import Broken, NotSent
from tidegate.model.refusal import Refusal
from tidegate.policy.rules import Retry, Route
from unit.core.world import World, call, error, passed_on

SONNET = "claude-sonnet-4-5"
RESET = Broken("reset", "reset")
TIMEOUT = Broken("too slow", "timeout")
NOBODY = NotSent("refused")
OPEN = Refusal(reason="breaker_open", scope="upstream", retry_after=3.5)
FULL = Refusal(reason="rate_limited", scope="user", retry_after=3.0)
SPENT = Refusal(reason="budget_spent", scope="user")
SIZED = Refusal(reason="budget_spent", scope="user", sized=True)
ONCE = Retry(attempts=1, base=1.0, deadline=60.0)
REJECTED = error(401, "authentication_error")
SAYING = "The tide tables rest. Please come back in a minute."


class Got(NamedTuple):
    """What the caller got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def degraded(self) -> str | None:
        return self.headers.get("x-tidegate-degraded")

    @property
    def kind(self) -> str:
        return str(msgspec.json.decode(self.body)["error"]["type"])


async def called(gate: Gate, asked: Any) -> Got:
    exchange = await gate.open(asked)
    headers = {name.decode(): value.decode() for name, value in exchange.headers}
    body = exchange.body if exchange.body is not None else (await passed_on(exchange))[1]
    return Got(exchange.status, headers, body)


def do(world: World, gate: Gate, asked: Any = None) -> Got:
    got = run_now(called(gate, asked or call(world)))
    world.check_every_hold_ended_once()
    assert len(world.calls_told()) == 1
    return got


def route(*fallback: str, **fields: Any) -> dict[str, Any]:
    return {"routes": {"default": Route(name="default", fallback=fallback, **fields)}}


def models(world: World) -> list[str]:
    """What each request asked for."""
    return [msgspec.json.decode(one.body)["model"] for one in world.sent]
