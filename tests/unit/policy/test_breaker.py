"""The circuit breaker, through the journal that all stores fold: what each of its rules says, by example."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from tidegate.model.hold import Ask, Charge, Hold
from tidegate.model.refusal import Refusal
from tidegate.model.times import SECOND, parse_rfc3339
from tidegate.model.usage import Outcome
from tidegate.policy.admission import decide
from tidegate.policy.breaker import (
    LEAST,
    Circuit,
    Went,
    circuit_name,
    copy_of,
    enough,
    is_late,
    went,
)
from tidegate.policy.crash import crashed
from tidegate.policy.journal import Admitted, Live, Probed, Released, settled
from tidegate.policy.rules import Breaker, Budget, Limit, Rules, Timeouts
from tidegate.policy.scopes import Scopes
from unit.policy.holds import CENT, LEASE, Shelf, ask

START = parse_rfc3339("2026-11-22T12:00:00Z")
HAIKU = "anthropic/haiku"
BREAKER = Breaker()
AFTER = int(BREAKER.probe_after * SECOND)
OPEN_RULES = Scopes(Rules())


class Shop:
    """Live state with an upstream that is asked and answers."""

    def __init__(self, scopes: Scopes = OPEN_RULES) -> None:
        self.scopes = scopes
        self.live: Live = Shelf().live
        self.now = START
        self._count = 0

    @property
    def circuit(self) -> Circuit:
        return self.live.circuits.get(HAIKU, Circuit())

    @property
    def state(self) -> str:
        return "open" if self.circuit.probe_at else "closed"

    def pass_(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)

    def ask(self, cost: int = CENT, **fields: Any) -> Hold | Refusal:
        self._count += 1
        asked = replace(ask(f"a{self._count}", cost), circuit=HAIKU, **fields)
        answer = decide(self.scopes, self.live.states, asked, self.live.tick(self.now), self.circuit)
        if isinstance(answer, Hold):
            self.live.apply(Admitted(answer))
        return answer

    def sent(self, **fields: Any) -> Hold:
        hold = self.ask(**fields)
        assert isinstance(hold, Hold), hold
        return hold

    def refused(self, **fields: Any) -> Refusal:
        refusal = self.ask(**fields)
        assert isinstance(refusal, Refusal)
        return refusal

    def ends(self, hold: Hold, outcome: Outcome = "ok", status: int | None = 200, first_byte_ms: int = 1) -> None:
        duration = max(0, self.now - hold.admitted_at) // 1000
        charge = replace(
            crashed(hold, hold.admitted_at),
            outcome=outcome, status=status, first_byte_ms=first_byte_ms, duration_ms=duration,
        )  # fmt: skip
        self.live.apply(settled(charge, hold))

    def fails(self, hold: Hold) -> None:
        self.ends(hold, "upstream_error", 529)

    def go_down(self) -> None:
        """Twenty attempts fail."""
        for hold in [self.sent() for _ in range(LEAST)]:
            self.fails(hold)
        assert self.state == "open"
        self.now = self.live.last  # each admission is a microsecond later than the one before


def test_it_opens_with_the_twentieth_failure_and_says_until_when() -> None:
    shop = Shop()
    holds = [shop.sent() for _ in range(LEAST)]
    for hold in holds[:-1]:
        shop.fails(hold)
        assert shop.state == "closed"
    shop.fails(holds[-1])
    shop.pass_(1.5)
    refusal = shop.refused()
    assert (refusal.reason, refusal.scope) == ("breaker_open", "upstream")
    assert refusal.retry_after == pytest.approx(3.5, abs=0.001)


def test_it_opens_above_its_share_not_at_it() -> None:
    shop = Shop()
    for number in range(40):
        shop.ends(shop.sent(), *(("upstream_error", 500) if number % 2 else ("ok", 200)))
    assert shop.state == "closed"
    shop.fails(shop.sent())
    assert shop.state == "open"


@pytest.mark.parametrize(("later", "state"), [(BREAKER.window - 0.1, "open"), (BREAKER.window, "closed")])
def test_failures_of_more_than_a_window_ago_do_not_count(later: float, state: str) -> None:
    shop = Shop()
    for _ in range(LEAST - 1):
        shop.fails(shop.sent())
    shop.pass_(later)
    shop.fails(shop.sent())
    assert shop.state == state


Ending = tuple[Outcome, int | None, int]
BAD: dict[str, Ending] = {
    "an error of the server": ("upstream_error", 500, 1),
    "overloaded": ("upstream_error", 529, 1),
    "a gateway's time-out": ("upstream_error", 504, 1),
    "a request time-out": ("upstream_error", 408, 1),
    "a time-out": ("timeout", None, 1),
    "a time-out in the middle": ("timeout", 200, 1),
    "a cut": ("cut", 200, 1),
    "a stream that began late": ("ok", 200, 60_000),
    "an error that came late": ("upstream_error", 400, 60_000),
}
GOOD: dict[str, Ending] = {
    "an answer": ("ok", 200, 59_999),
    "declined by the model": ("model_refusal", 200, 1),
    "a limit of the account": ("upstream_error", 429, 1),
    "the caller's own fault": ("upstream_error", 400, 1),
    "a conflict": ("upstream_error", 409, 1),
    "a rejected key": ("upstream_error", 401, 1),
}
SILENT: dict[str, Ending] = {
    "the caller left": ("aborted", None, 1),
    "the caller left an answer that had begun late": ("aborted", 200, 60_000),
    "we died": ("crashed", None, 1),
}


@pytest.mark.parametrize(
    ("ending", "says"),
    [
        pytest.param(ending, says, id=name)
        for endings, says in ((BAD, -1), (GOOD, 1), (SILENT, 0))
        for name, ending in endings.items()
    ],
)
def test_what_an_end_says(ending: Ending, says: Went) -> None:
    shop = Shop()
    hold = shop.sent(slow=60_000)
    outcome, status, first_byte_ms = ending
    charge = replace(crashed(hold, hold.admitted_at), outcome=outcome, status=status, first_byte_ms=first_byte_ms)
    assert went(hold.ask, charge) == says


@pytest.mark.parametrize("name", BAD)
def test_every_kind_of_failure_opens_it(name: str) -> None:
    shop = Shop()
    for hold in [shop.sent(slow=60_000) for _ in range(LEAST)]:
        shop.ends(hold, *BAD[name])
    assert shop.state == "open"


PATIENCE: list[tuple[int, int, int | None, Went]] = [
    (57_000, 57_000, None, -1),
    (57_000, 600_000, None, -1),
    (57_000, 56_999, None, 0),
    (57_000, 600_000, 10, 0),
    (0, 600_000, None, 0),
]


@pytest.mark.parametrize(("patience", "waited", "first_byte_ms", "says"), PATIENCE)
def test_who_leaves_after_waiting_long_enough_speaks(
    patience: int, waited: int, first_byte_ms: int | None, says: Went
) -> None:
    asked = replace(ask("a"), patience=patience)
    hold = Hold(ask=asked, admitted_at=START, lease_until=START + LEASE, entries=())
    charge = replace(crashed(hold, START), outcome="aborted", duration_ms=waited, first_byte_ms=first_byte_ms)
    assert went(asked, charge) == says
    assert went(asked, replace(charge, outcome="crashed")) == 0, "that we died says nothing, however long it took"


def test_callers_who_are_less_patient_than_our_time_outs_open_it() -> None:
    shop = Shop()
    for hold in [shop.sent(patience=57_000) for _ in range(LEAST)]:
        charge = replace(crashed(hold, hold.admitted_at), outcome="aborted", duration_ms=58_000)
        shop.live.apply(settled(charge, hold))
    assert shop.state == "open"


@pytest.mark.parametrize(
    ("slow", "max_tokens", "milliseconds"),
    [
        (60.0, None, 57_000),
        (200.0, None, 114_000),
        (0.0, None, 114_000),
        (60.0, 0, 114_000),
        (0.0, 1_000, 140_718),
        (60.0, 64_000, 570_000),
    ],
)
def test_how_long_is_long_enough(slow: float, max_tokens: int | None, milliseconds: int) -> None:
    """Nineteen twentieths: a caller with the same time-out as ours began to count earlier."""
    assert enough(Timeouts(), slow, max_tokens) == milliseconds


def test_nobody_being_there_opens_it() -> None:
    shop = Shop()
    for hold in [shop.sent() for _ in range(LEAST)]:
        shop.live.apply(Released(hold.ask.attempt_id, shop.now))
    assert shop.state == "open"


@pytest.mark.parametrize("name", SILENT)
def test_callers_who_leave_say_nothing(name: str) -> None:
    shop = Shop()
    for hold in [shop.sent() for _ in range(100)]:
        shop.ends(hold, *SILENT[name])
    for hold in [shop.sent() for _ in range(100)]:
        shop.live.apply(Released(hold.ask.attempt_id))
    assert shop.state == "closed"
    for hold in [shop.sent() for _ in range(LEAST - 1)]:
        shop.fails(hold)
    assert shop.state == "closed", "those who left are none of the twenty"


def test_slow_whole_answers_are_not_late() -> None:
    asked = ask("a")
    assert asked.slow == 0
    assert not is_late(asked, 599_000)
    assert not is_late(replace(asked, slow=60_000), None)
    assert is_late(replace(asked, slow=60_000), 60_000)


def test_one_probe_an_interval_whatever_becomes_of_it() -> None:
    """They hang, they die, they fail at once, they fail late, their callers leave: the next one goes on time."""
    shop = Shop()
    shop.go_down()
    shop.pass_(BREAKER.probe_after)
    ends: list[Callable[[Hold], object]] = [
        lambda _: None,
        shop.fails,
        lambda hold: shop.ends(hold, "aborted", None),
        lambda hold: shop.live.apply(Released(hold.ask.attempt_id)),
        lambda hold: shop.live.apply(Released(hold.ask.attempt_id, shop.now)),
        lambda hold: shop.live.apply(settled(crashed(hold, shop.now))),
    ]
    for end in ends:
        probe = shop.sent()
        assert probe.probe
        assert shop.refused().retry_after == pytest.approx(BREAKER.probe_after, abs=0.001)
        shop.pass_(BREAKER.probe_after - 0.1)
        end(probe)  # late in its interval: that moves nothing
        assert shop.refused().retry_after == pytest.approx(0.1, abs=0.001)
        shop.pass_(0.2)
    assert shop.sent().probe


def test_the_ends_of_probes_that_hung_do_not_put_off_the_next_one() -> None:
    """Each hangs for a little more than four intervals; there is one in each interval all the same."""
    shop = Shop()
    shop.go_down()
    hanging: list[tuple[int, Hold]] = []
    probes = 0
    for _ in range(4_000):
        shop.pass_(0.05)
        while hanging and hanging[0][0] <= shop.now:
            shop.ends(hanging.pop(0)[1], "timeout", None)
        answer = shop.ask()
        if isinstance(answer, Hold):
            probes += 1
            hanging.append((shop.now + 4 * AFTER + SECOND // 100, answer))
    assert probes >= 200 / BREAKER.probe_after - 2


def test_a_good_probe_closes_it_and_the_window_is_empty() -> None:
    shop = Shop()
    shop.go_down()
    shop.pass_(BREAKER.probe_after)
    shop.ends(shop.sent())
    assert shop.state == "closed"
    assert shop.circuit.slots == []
    for hold in [shop.sent() for _ in range(LEAST - 1)]:
        assert not hold.probe
        shop.fails(hold)
    assert shop.state == "closed"


@pytest.mark.parametrize("status", [400, 404, 429])
def test_an_answer_is_good_for_a_probe_whatever_it_says(status: int) -> None:
    shop = Shop()
    shop.go_down()
    shop.pass_(BREAKER.probe_after)
    shop.ends(shop.sent(), "upstream_error", status)
    assert shop.state == "closed"


def test_a_long_stream_closes_it_when_its_answer_begins() -> None:
    shop = Shop()
    shop.go_down()
    shop.pass_(BREAKER.probe_after)
    probe = shop.sent()
    shop.live.apply(Probed(probe.ask.attempt_id, shop.now))
    assert shop.state == "closed"
    assert not shop.sent().probe
    shop.pass_(300)
    shop.ends(probe, "cut")
    assert shop.state == "closed"


def test_a_beginning_without_a_hold_changes_nothing() -> None:
    shop = Shop()
    shop.go_down()
    shop.live.apply(Probed("nobody", shop.now))
    assert shop.state == "open"


def test_good_ends_of_what_was_admitted_before_do_not_close_it() -> None:
    shop = Shop()
    early = [shop.sent() for _ in range(30)]
    shop.go_down()
    for hold in early:
        shop.ends(hold)
    assert shop.state == "open"
    assert shop.refused().reason == "breaker_open"


def test_a_probe_of_an_earlier_outage_does_not_close_it() -> None:
    """Its stream began well, which closed the circuit; that it also ends well says nothing about the next outage."""
    shop = Shop()
    shop.go_down()
    shop.pass_(BREAKER.probe_after)
    probe = shop.sent()
    shop.live.apply(Probed(probe.ask.attempt_id, shop.now))
    shop.go_down()
    shop.ends(probe)
    assert shop.state == "open"


def test_what_hung_since_before_does_not_open_it_again() -> None:
    """Their time-outs come for as long as they hang, also when the upstream has long been well again."""
    shop = Shop()
    hanging = [shop.sent() for _ in range(100)]
    shop.go_down()
    shop.pass_(BREAKER.probe_after)
    shop.ends(shop.sent())
    assert shop.state == "closed"
    for hold in hanging:
        shop.ends(hold, "timeout", None)
    assert shop.state == "closed"


def test_a_clock_that_was_wrong_for_a_moment_does_not_leave_it_open_for_a_day() -> None:
    shop = Shop()
    for hold in [shop.sent() for _ in range(LEAST)]:
        shop.live.apply(Released(hold.ask.attempt_id, shop.now + 24 * 3600 * SECOND))
    assert shop.state == "open"
    shop.pass_(120)
    assert shop.sent().probe


# -- with the other rules of admission

ONE_A_MINUTE = Scopes(Rules(limits=(Limit(per=("user",), counts="requests", amount=1, window=60 * SECOND),)))
TIGHT = Scopes(Rules(budgets=(Budget(per=("organization",), amount=10 * CENT, every="day"),)))


def opened(scopes: Scopes) -> Shop:
    shop = Shop()
    shop.go_down()
    shop.scopes = scopes
    return shop


def test_who_is_refused_by_it_keeps_his_requests() -> None:
    shop = opened(ONE_A_MINUTE)
    for _ in range(10):
        assert shop.refused().reason == "breaker_open"
    shop.pass_(BREAKER.probe_after)
    assert shop.sent().probe


def test_a_limit_or_a_budget_does_not_use_up_the_probe() -> None:
    shop = opened(TIGHT)
    shop.pass_(BREAKER.probe_after)
    for _ in range(3):
        assert shop.refused(cost=11 * CENT).reason == "budget_spent"
    assert shop.sent(cost=10 * CENT).probe
    assert shop.refused(cost=CENT).reason == "breaker_open"


def test_an_attempt_without_a_circuit_is_none_of_its_business() -> None:
    shop = Shop()
    shop.go_down()
    hold = decide(OPEN_RULES, shop.live.states, ask("b"), shop.live.tick(shop.now), None)
    assert isinstance(hold, Hold)
    shop.live.apply(Admitted(hold))
    before = copy_of(shop.live.circuits)
    shop.fails(hold)
    assert copy_of(shop.live.circuits) == before


def test_a_look_at_it_does_not_change_with_it() -> None:
    shop = Shop()
    shop.fails(shop.sent())
    before = copy_of(shop.live.circuits)
    slots = list(before[HAIKU].slots)
    shop.fails(shop.sent())
    assert before[HAIKU].slots == slots != shop.circuit.slots


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("claude-haiku-4-5", "haiku"),
        ("claude-haiku-4-5-20251001", "haiku"),
        ("claude-3-5-haiku-latest", "haiku"),
        ("claude-3-opus-20240229", "opus"),
        ("claude-sonnet-5", "sonnet"),
        ("claude-2.1", "claude-2.1"),
        ("my-model", "my-model"),
    ],
)
def test_names(model: str, family: str) -> None:
    assert circuit_name("anthropic", model) == f"anthropic/{family}"


def test_the_lease_of_a_probe_that_died_ends_without_a_word() -> None:
    """The sweep charges it; the breaker hears nothing of it, and the next probe has long gone."""
    shop = Shop()
    shop.go_down()
    shop.pass_(BREAKER.probe_after)
    probe = shop.sent()
    assert probe.lease_until - probe.admitted_at == LEASE
    shop.pass_(LEASE / SECOND)
    charge: Charge = crashed(probe, shop.now)
    shop.live.apply(settled(charge))
    assert shop.state == "open"
    assert shop.sent().probe


def test_asks_from_before_there_were_circuits_have_none() -> None:
    asked: Ask = ask("a")
    assert (asked.circuit, asked.slow) == ("", 0)
