"""Whatever fails on the way after an outage, no hold is lost, and each call is told of once."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from tidegate.core.gate import Gate
from tidegate.core.run_now import run_now
from tidegate.model.refusal import Refusal
from tidegate.policy.rules import Retry
from unit.core.outage import (
    NOBODY,
    ONCE,
    OPEN,
    REJECTED,
    RESET,
    SAYING,
    SIZED,
    SONNET,
    SPENT,
    TIMEOUT,
    called,
    route,
)
from unit.core.test_gate import ERRORS, swallow
from unit.core.world import (
    Answer,
    Cancelled,
    Elsewhere,
    Ended,
    World,
    ask,
    call,
    chores,
    drive,
    error,
    events,
    stream,
    well,
)

# -- whatever fails on the way, no hold is lost


class Scene(NamedTuple):
    """One way in which a call can go on after an outage."""

    answers: tuple[Answer, ...] = ()
    second: tuple[Answer, ...] | None = None
    rules: Mapping[str, Any] = MappingProxyType({})
    refusals: tuple[Refusal | None, ...] = ()
    probing: bool = False
    new_key: bool = False
    body: bytes = ask(stream=True)

    def made(self) -> tuple[World, Gate]:
        world = World(self.answers, refusals=self.refusals)
        world.probing, world.new_key = self.probing, self.new_key
        others = () if self.second is None else (Elsewhere(world, "two", self.second),)
        return world, world.gate(*others, **{"retry": ONCE, **self.rules})

    def run(self, world: World, gate: Gate) -> Any:
        return called(gate, call(world, self.body))


BOTH = route("upstream:two", f"model:{SONNET}", f"static:{SAYING}")
SCENES: dict[str, Scene] = {
    "another upstream": Scene((error(529),), (well(),)),
    "another upstream's stream": Scene((RESET,), (stream(),)),
    "another upstream's stream is cut": Scene((RESET,), (stream(*events(stop=False), end=RESET),)),
    "nobody anywhere": Scene((NOBODY,), (NOBODY,)),
    "after retries": Scene((error(529), NOBODY), (well(),), {"retry": Retry(attempts=2, base=1.0)}),
    "the breaker is open": Scene((), (well(),), refusals=(OPEN,)),
    "the breaker is open everywhere": Scene((), (), refusals=(OPEN, OPEN)),
    "another model": Scene((error(529), well()), None, route(f"model:{SONNET}")),
    "another model is refused": Scene((error(529),), None, route(f"model:{SONNET}"), (None, SPENT)),
    "all steps": Scene((error(529), error(529)), (TIMEOUT,), BOTH),
    "a sentence": Scene((error(529),), None, route(f"static:{SAYING}")),
    "a sentence for a refusal": Scene((), None, route(f"static:{SAYING}"), (OPEN,)),
    "a new key": Scene((REJECTED, well()), new_key=True),
    "an old key": Scene((REJECTED, well())),
    "a new key, then another upstream": Scene((REJECTED, error(529)), (well(),), new_key=True),
    "a probe": Scene((stream(),), probing=True),
    "a probe that is not answered": Scene((NOBODY,), (stream(),), probing=True),
    "a probe's whole answer": Scene((well(),), probing=True, body=ask()),
    "counted elsewhere": Scene(
        (NOBODY,),
        (Ended(pieces=(b'{"input_tokens":40}',)), well()),
        {"bound": "counted"},
        (SIZED, SIZED),
        body=ask(),
    ),
}


def moments(scene: Scene, *, suspends: bool) -> Iterator[int]:
    """1 to the number of effects, or of suspensions, of an undisturbed run."""
    world, gate = scene.made()
    world.suspends = suspends
    coro = scene.run(world, gate)
    count = 0
    try:
        while True:
            coro.send(None)
            count += 1
    except StopIteration:
        pass
    yield from range(1, (count if suspends else world.effects) + 1)


def disturbed(run: Callable[[], Any], world: World, gate: Gate, at: object) -> BaseException | None:
    found = swallow(run)
    assert gate.books.open_holds == 0, (at, world.journal)
    return found


@pytest.mark.parametrize("failing", ERRORS)
@pytest.mark.parametrize("name", SCENES)
def test_no_failure_at_any_effect_loses_a_hold(name: str, failing: str) -> None:
    scene = SCENES[name]
    for at in moments(scene, suspends=False):
        world, gate = scene.made()
        world.fail_at, world.error = at, ERRORS[failing]()
        disturbed(lambda world=world, gate=gate: run_now(scene.run(world, gate)), world, gate, at)  # type: ignore[misc]  # bound per turn
        chores(world, gate)
        if failing in ("StoreDown", "cancelled"):
            assert not world.open, (at, world.journal)
        world.advance(10_000.0)
        chores(world, gate)
        world.check_every_hold_ended_once()
        told = len(world.calls_told())
        # A store that raises an upstream's error after it was told how the call ended makes it look like an outage.
        assert told == 1 or (told == 2 and failing in ("Broken", "time-out", "NotSent")), (at, world.journal)


@pytest.mark.parametrize("name", SCENES)
def test_cancelled_at_any_await_a_hold_is_never_lost(name: str) -> None:
    """Once, and then once more while it cleans up."""
    scene = SCENES[name]
    for first in moments(scene, suspends=True):
        for second in (0, first + 1, first + 2, first + 3):
            world, gate = scene.made()
            world.suspends = True
            at = (first, second)
            found = disturbed(
                lambda world=world, gate=gate, at=at: drive(scene.run(world, gate), at),  # type: ignore[misc]  # bound per turn
                world,
                gate,
                at,
            )
            assert isinstance(found, Cancelled) or found is None
            chores(world, gate)
            assert not world.open, (at, world.journal)
            world.check_every_hold_ended_once()
            assert len(world.calls_told()) == 1, (at, world.journal)


@pytest.mark.parametrize("name", SCENES)
def test_cancelled_while_the_store_is_down_a_hold_is_owed_or_swept(name: str) -> None:
    scene = SCENES[name]
    for at in moments(scene, suspends=False):
        world, gate = scene.made()
        world.fail_at, world.error = at, Cancelled()
        world.store_dies_after = at
        disturbed(lambda world=world, gate=gate: run_now(scene.run(world, gate)), world, gate, at)  # type: ignore[misc]  # bound per turn
        assert len(world.open) <= gate.books.owed, (at, world.journal)
        chores(world, gate)
        world.check_every_hold_ended_once()
