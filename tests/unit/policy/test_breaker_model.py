"""The circuit breaker against a plain model of its rules, over random schedules."""

from itertools import pairwise
from typing import Any, NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tidegate.model.times import SECOND, parse_rfc3339
from tidegate.policy.breaker import SLOTS, Circuit, Went, ended, probed, wait
from tidegate.policy.rules import Breaker

START = parse_rfc3339("2026-11-22T12:00:00Z")
BREAKER = Breaker()


class End(NamedTuple):
    """How one attempt ended, in the model's notes."""

    at: int
    bad: bool


class Model:
    """What the rules say, from notes of everything that ever happened; nothing is forgotten, all is counted anew."""

    def __init__(self, breaker: Breaker) -> None:
        self.breaker = breaker
        self.slot = int(breaker.window * SECOND) // SLOTS
        self.changes: list[tuple[int, bool]] = [(0, False)]
        """The latest admission when it opened (True) or closed."""
        self.admitted = 0
        self.opened_at = 0
        self.probes: list[int] = []
        """Since it opened."""
        self.ends: list[End] = []
        """Since it closed."""

    @property
    def open(self) -> bool:
        return self.changes[-1][1]

    def wait(self, at: int) -> int | None:
        if not self.open:
            return None
        last = self.probes[-1] if self.probes else self.opened_at
        return max(0, last + int(self.breaker.probe_after * SECOND) - at)

    def admit(self, at: int) -> None:
        self.admitted = at
        if self.open:
            self.probes.append(at)

    def end(self, admitted_at: int, how: Went, at: int) -> None:
        if admitted_at <= self.changes[-1][0]:
            return
        if self.open:
            if how == 1:
                self._change(False)
            return
        if how:
            self.ends.append(End(max([at, *(end.at for end in self.ends)]), how == -1))
        if how == -1:
            here = self.ends[-1].at // self.slot
            counted = [end for end in self.ends if end.at // self.slot > here - SLOTS]
            bad = sum(end.bad for end in counted)
            if len(counted) >= 20 and bad > self.breaker.open_above * len(counted):
                self.opened_at = at
                self._change(True)

    def _change(self, to: bool) -> None:
        self.changes.append((self.admitted, to))
        self.probes, self.ends = [], []


class Sent(NamedTuple):
    """An attempt that is under way."""

    admitted_at: int
    probe: bool


class Life:
    """The breaker and the model through the same events."""

    def __init__(self, breaker: Breaker) -> None:
        self.breaker = breaker
        self.circuit = Circuit()
        self.model = Model(breaker)
        self.now = START
        self.last = 0
        self.sent: list[Sent] = []
        self.probes: list[int] = []
        """Admissions while it was open."""

    def check(self) -> None:
        assert wait(self.circuit, self.now) == self.model.wait(self.now)
        assert bool(self.circuit.opened_at) == self.model.open

    def advance(self, tenths: int) -> None:
        self.now += tenths * SECOND // 10

    def ask(self, count: int) -> None:
        """Callers at this moment; who may go goes."""
        for _ in range(count):
            self.now += 1
            left = wait(self.circuit, self.now)
            assert left == self.model.wait(self.now)
            if left:
                continue
            self.last = self.now
            self.sent.append(Sent(self.now, left is not None))
            self.model.admit(self.now)
            if left is not None:
                self.probes.append(self.now)
                probed(self.circuit, self.now, self.breaker)

    def end(self, which: int, how: Went, late: int = 0) -> None:
        """Any attempt that is under way; it ended some seconds ago, and is heard of now."""
        if self.sent:
            self._end(self.sent.pop(which % len(self.sent)), how, late)

    def begins(self, which: int) -> None:
        """The stream of a probe begins."""
        probes = [one for one in self.sent if one.probe]
        if probes:
            self._end(probes[which % len(probes)], 1)

    def dies(self, which: int) -> None:
        """Its process is killed: nobody hears of it again."""
        if self.sent:
            self.sent.pop(which % len(self.sent))

    def _end(self, one: Sent, how: Went, late: int = 0) -> None:
        at = self.now - late * SECOND
        ended(self.circuit, how, at, self.breaker, admitted_at=one.admitted_at, last=self.last)
        self.model.end(one.admitted_at, how, at)


STEPS = st.one_of(
    st.tuples(st.just("ask"), st.integers(1, 30)),
    st.tuples(st.just("ask"), st.integers(1, 3)),
    st.tuples(st.just("advance"), st.integers(1, 60)),
    st.tuples(st.just("end"), st.integers(0, 99), st.just(-1)),
    st.tuples(st.just("end"), st.integers(0, 99), st.sampled_from([-1, 0, 1]), st.sampled_from([0, 1, 7, 90])),
    st.tuples(st.just("storm"), st.integers(1, 30), st.sampled_from([-1, -1, 1])),
    st.tuples(st.just("begins"), st.integers(0, 9)),
    st.tuples(st.just("dies"), st.integers(0, 99)),
)
OPENED = [("ask", 25), ("storm", 22, -1), ("advance", 50), ("ask", 2)]


@given(
    st.lists(STEPS, min_size=1, max_size=60),
    st.builds(
        Breaker,
        open_above=st.sampled_from([0.05, 0.5, 0.9, 1.0]),
        window=st.sampled_from([1.0, 10.0, 60.0]),
        probe_after=st.sampled_from([0.5, 5.0, 30.0]),
    ),
)
@settings(max_examples=400, deadline=None)
@example([("ask", 25), ("storm", 10, -1), ("advance", 30), *[("end", 0, -1, 3)] * 9, ("end", 0, -1)], BREAKER)
@example([*OPENED, ("begins", 0), ("ask", 25), ("storm", 25, -1)], BREAKER)
@example([*OPENED, ("dies", 3), ("advance", 50), ("ask", 2), ("end", 1, 1)], BREAKER)
def test_it_does_what_the_model_says(schedule: list[tuple[Any, ...]], breaker: Breaker) -> None:
    life = Life(breaker)
    for step, *arguments in schedule:
        if step == "storm":
            for _ in range(arguments[0]):
                life.end(0, arguments[1])
        else:
            getattr(life, step)(*arguments)
        life.check()
    interval = int(breaker.probe_after * SECOND)
    assert all(later - earlier >= interval for earlier, later in pairwise(life.probes)), "two probes in one interval"


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([-1, 1])), max_size=19), st.floats(0.01, 1.0))
def test_with_less_than_twenty_attempts_in_its_window_it_never_opens(
    ends: list[tuple[int, Went]], open_above: float
) -> None:
    breaker = Breaker(open_above=open_above)
    circuit, at = Circuit(), START
    for tenths, how in ends:
        at += tenths * SECOND // 10
        ended(circuit, how, at, breaker, admitted_at=at, last=at)
        assert wait(circuit, at) is None
