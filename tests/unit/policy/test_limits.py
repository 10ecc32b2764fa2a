"""The sliding window against a list of all grants."""

from bisect import bisect_right
from collections.abc import Iterator
from operator import itemgetter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.model.times import SECOND
from tidegate.policy.limits import EXACT, Window

MINUTE = 60 * SECOND
LENGTHS = [1, 50, 100, 6_400, SECOND, MINUTE]
MOST_ENTRIES = 2 * EXACT + 2
"""For windows of a second and more: 64 exact entries, and one for each 64th of the window."""

Step = tuple[str, int, int]


def copied(window: Window) -> Window:
    return Window([*window.entries], window.total)


class Grants:
    """The reference: every grant for ever, as [time, amount], in the order of time."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.all: list[list[int]] = []

    def live(self, now: int) -> list[list[int]]:
        return self.all[bisect_right(self.all, now - self.length, key=itemgetter(0)) :]

    def total(self, now: int) -> int:
        return sum(amount for _, amount in self.live(now))

    def wait(self, amount: int, limit: int, now: int) -> int | None:
        left = self.total(now)
        if left + amount <= limit:
            return 0
        for time, held in self.live(now):
            left -= held
            if left + amount <= limit:
                return time + self.length - now
        return None


class Pair:
    """A window and its reference, driven together; `exact` until more than 64 grants lived at once."""

    def __init__(self, limit: int, length: int) -> None:
        self.limit, self.length = limit, length
        self.window, self.grants = Window(), Grants(length)
        self.replica = Window()
        """Told of grants and corrections only, as a process that replays what another one has decided."""
        self.now = 1_000 * length
        self.exact = True

    def run(self, schedule: list[Step]) -> Iterator[str]:
        for name, first, second in schedule:
            getattr(self, name)(first, second)
            self.check()
            yield name

    def advance(self, thousandths: int, more: int) -> None:
        self.now += self.length * thousandths // 1000 + more

    def ask(self, amount: int, _: int) -> None:
        self.now += 1  # as the store's time: never the same twice
        before = copied(self.window)
        wait = self.window.wait(amount, self.limit, self.now, self.length)
        self.judge(amount, wait)
        assert self.window == before, "asking changes nothing"
        if wait == 0:
            self.grant(amount)

    def burst(self, count: int, gap: int) -> None:
        for _ in range(count):
            self.ask(1, 0)
            self.now += gap * self.length // 10_000

    def amend(self, which: int, used: int) -> None:
        if self.grants.all:
            grant = self.grants.all[-1 - which % len(self.grants.all)]
            self.window.amend(grant[0], used - grant[1])
            self.replica.amend(grant[0], used - grant[1])
            grant[1] = used

    def prune(self, *_: int) -> None:
        self.window.prune(self.now, self.length)

    def grant(self, amount: int) -> None:
        self.window.add(amount, self.now, self.length)
        self.replica.add(amount, self.now, self.length)
        self.grants.all.append([self.now, amount])
        self.exact = self.exact and len(self.grants.live(self.now)) <= EXACT

    def judge(self, amount: int, wait: int | None) -> None:
        """The answer to an ask: never kinder than the reference, the same while exact, and true."""
        truth = self.grants.wait(amount, self.limit, self.now)
        if self.exact:
            assert wait == truth
        if wait is None:
            assert amount > self.limit
            assert truth != 0
            return
        assert truth is not None
        slot = self.length // EXACT or 1
        assert truth <= wait <= truth + slot, "a slot longer at most"
        later = copied(self.window)
        assert later.wait(amount, self.limit, self.now + wait, self.length) == 0

    def check(self) -> None:
        window = copied(self.window)
        window.prune(self.now, self.length)
        assert window.total == sum(amount for _, _, amount in window.entries)
        assert window.total >= self.grants.total(self.now)
        if self.exact:
            assert window.total == self.grants.total(self.now)
        replica = copied(self.replica)
        replica.prune(self.now, self.length)
        assert replica == window, "the same grants make the same window, whoever asked in between"
        times = [time for first, last, _ in window.entries for time in (first, last)]
        assert times == sorted(times)
        assert all(amount >= 0 for _, _, amount in window.entries)


advances = st.tuples(st.just("advance"), st.sampled_from([0, 0, 1, 10, 15, 16, 100, 500, 999, 1000]), st.integers(0, 2))
asks = st.tuples(st.just("ask"), st.integers(0, 12), st.just(0))
bursts = st.tuples(st.just("burst"), st.sampled_from([5, 30, 70]), st.sampled_from([0, 1, 50, 200]))
amends = st.tuples(st.just("amend"), st.integers(0, 80), st.integers(0, 15))
prunes = st.tuples(st.just("prune"), st.just(0), st.just(0))
schedules = st.lists(advances | asks | bursts | amends | prunes, min_size=8, max_size=25)


@settings(deadline=None, max_examples=150)
@given(schedules, st.sampled_from([1, 7, 10, 60, 100, 500]), st.sampled_from(LENGTHS))
def test_never_more_than_the_reference_and_the_same_while_exact(schedule: list[Step], limit: int, length: int) -> None:
    pair = Pair(limit, length)
    assert len(list(pair.run(schedule))) == len(schedule)


@settings(deadline=None, max_examples=100)
@given(st.lists(advances | bursts, min_size=5, max_size=12), st.sampled_from([20, 65, 150]), st.sampled_from(LENGTHS))
def test_at_most_so_much_in_any_span_of_the_length(schedule: list[Step], limit: int, length: int) -> None:
    pair = Pair(limit, length)
    list(pair.run(schedule))
    times = [time for time, _ in pair.grants.all]
    assert all(later - first >= length for first, later in zip(times, times[limit:], strict=False))


@settings(deadline=None, max_examples=60)
@given(st.lists(advances | bursts | amends, min_size=5, max_size=15), st.data())
def test_pruning_at_any_time_changes_no_answer(schedule: list[Step], data: st.DataObject) -> None:
    pair = Pair(60, MINUTE)
    for _ in pair.run(schedule):
        pruned = copied(pair.window)
        pruned.prune(pair.now - data.draw(st.integers(0, MINUTE)), MINUTE)
        for amount in (1, 30, 61):
            asked = copied(pair.window)
            assert pruned.wait(amount, 60, pair.now, MINUTE) == asked.wait(amount, 60, pair.now, MINUTE)


def test_an_idle_scope_may_use_all_at_once() -> None:
    window = Window()
    for number in range(20):
        assert window.wait(1, 20, number, MINUTE) == 0
        window.add(1, number, MINUTE)
    assert window.wait(1, 20, 20, MINUTE) == MINUTE - 20
    assert window.wait(1, 20, MINUTE - 1, MINUTE) == 1
    assert window.wait(1, 20, MINUTE, MINUTE) == 0
    assert window.wait(2, 20, MINUTE, MINUTE) == 1


def test_what_never_fits_has_no_wait() -> None:
    assert Window().wait(21, 20, 0, MINUTE) is None
    assert Window().wait(20, 20, 0, MINUTE) == 0
    assert Window().wait(1, 0, 0, MINUTE) is None
    assert Window().wait(0, 0, 0, MINUTE) == 0


def test_amending_what_no_longer_counts_changes_nothing() -> None:
    window = Window()
    window.add(5, 10, 100)
    window.add(5, 60, 100)
    window.prune(110, 100)
    before = copied(window)
    window.amend(10, -5)
    window.amend(61, 7)
    assert window == before


def test_an_amended_entry_counts_as_long_as_before() -> None:
    window = Window()
    window.add(10, 0, 100)
    window.amend(0, 25)
    assert (window.total, window.wait(1, 20, 50, 100)) == (35, 50)
    window.amend(0, -1000)
    assert (window.total, window.wait(20, 20, 50, 100)) == (0, 0)


@pytest.mark.parametrize("length", [SECOND, MINUTE, 24 * 60 * MINUTE, SECOND + 1, 7 * SECOND - 1])
@pytest.mark.parametrize("pace", [0.0, 0.3, 1.0, 30.0])
@pytest.mark.parametrize("asked", [True, False])
def test_memory_is_bounded(length: int, pace: float, asked: bool) -> None:
    """Whatever the rhythm: all at once, steady, in bursts with pauses; asked here, or replayed from another process."""
    rng = Random(length)
    window, now, most = Window(), 10**15, 0
    for _ in range(4_000):
        now += 1 + int(rng.random() ** 4 * length * pace / 20)
        if asked:
            assert window.wait(1, 10**9, now, length) == 0
        window.add(1, now, length)
        most = max(most, len(window.entries))
    assert most <= MOST_ENTRIES
    assert window.total == sum(amount for _, _, amount in window.entries)
