"""What a stream that runs keeps of the call that it answers: thousands run at once, each for minutes."""

import gc
import sys

import pytest

from tidegate.core.run_now import run_now
from unit.core.outage import ONCE
from unit.core.world import Elsewhere, World, ask, call, error, events, passed_on, stream


@pytest.mark.parametrize("elsewhere", [False, True])
def test_it_lets_its_request_go(elsewhere: bool) -> None:
    """A prompt may have megabytes; nothing of it is sent again after the first byte of the answer."""
    world = World([error(529), stream()] if elsewhere else [stream()])
    gate = world.gate(Elsewhere(world, "two", [stream()]), retry=ONCE)
    body = ask(stream=True, system="The tide. " * 1_000)
    untouched = bytes(bytearray(body))
    exchange = run_now(gate.open(call(world, body)))
    assert world.sent[-1].body is body
    world.sent.clear()
    gc.collect()
    assert sys.getrefcount(body) == sys.getrefcount(untouched)
    assert run_now(passed_on(exchange))[1] == b"".join(events())
