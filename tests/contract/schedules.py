"""Every order in which coroutines can take turns: each step of one goes on to its next pause."""

from collections.abc import Callable, Coroutine, Iterator
from random import Random
from types import coroutine
from typing import Any

Actor = Coroutine[Any, Any, Any]


@coroutine
def pause() -> Any:
    """Where another actor may come first."""
    yield


class Turns:
    """One run: actors by number; one with a number of `steps` is killed when it has taken them."""

    def __init__(self, actors: list[Actor], steps: dict[int, int] | None = None) -> None:
        self.actors = actors
        self.results: dict[int, Any] = {}
        self._left = dict(steps or {})
        self.killed = {number for number, left in self._left.items() if left == 0}

    @property
    def ready(self) -> list[int]:
        return [n for n in range(len(self.actors)) if n not in self.results and n not in self.killed]

    def step(self, number: int) -> None:
        try:
            self.actors[number].send(None)
        except StopIteration as done:
            self.results[number] = done.value
        if number in self._left:
            self._left[number] -= 1
            if self._left[number] == 0 and number not in self.results:
                self.killed.add(number)

    def close(self) -> None:
        for actor in self.actors:
            actor.close()


def every_order(make: Callable[[], Turns]) -> Iterator[Turns]:
    """All finished runs, one for each order."""
    pending: list[list[int]] = [[]]
    while pending:
        planned = pending.pop()
        turns = make()
        taken: list[int] = []
        while ready := turns.ready:
            if len(taken) < len(planned):
                chosen = planned[len(taken)]
            else:
                chosen, *others = ready
                pending.extend([*taken, other] for other in others)
            turns.step(chosen)
            taken.append(chosen)
        yield turns
        turns.close()


def some_orders(make: Callable[[], Turns], number: int, seed: int) -> Iterator[Turns]:
    """Finished runs in random orders."""
    rng = Random(seed)
    for _ in range(number):
        turns = make()
        while ready := turns.ready:
            turns.step(rng.choice(ready))
        yield turns
        turns.close()
