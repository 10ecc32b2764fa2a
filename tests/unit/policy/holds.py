"""Asks, charges and states for tests of admission and of stores."""

from collections import defaultdict
from collections.abc import Iterable

from msgspec.structs import replace

from tidegate.model.call import Bound, Caller
from tidegate.model.hold import Ask, Charge, Hold
from tidegate.model.money import USD
from tidegate.model.times import SECOND
from tidegate.model.usage import Exactness, Usage
from tidegate.policy.admission import States
from tidegate.policy.budgets import Tally
from tidegate.policy.crash import crashed
from tidegate.policy.journal import Live
from tidegate.policy.limits import Window

CENT = USD // 100
LEASE = 10 * SECOND
ANN = Caller("chat", "ann", "default")


def ask(
    attempt_id: str,
    cost: int = CENT,
    *,
    caller: Caller = ANN,
    model: str = "claude-haiku-4-5",
    tokens: tuple[int, int] = (100, 50),
    attempt: int = 1,
    lease: int = LEASE,
) -> Ask:
    """One attempt; `tokens` are those of its bound."""
    return Ask(
        attempt_id=attempt_id,
        call_id=f"call-{attempt_id}",
        attempt=attempt,
        caller=caller,
        model=model,
        scope_model=model,
        upstream="anthropic",
        bound=Bound(cost=cost, input_cost=cost // 2, input_tokens=tokens[0], output_tokens=tokens[1]),
        max_tokens=tokens[1],
        price_version="2026-11",
        lease=lease,
    )


def bill(
    hold: Hold, cost: int, *, exactness: Exactness = "actual", usage: Usage | None = None, duration_ms: int = 1500
) -> Charge:
    """The charge of a hold whose owner settles it."""
    usage = usage or Usage(input_tokens=10, output_tokens=5)
    charge = crashed(hold, hold.admitted_at)
    return replace(
        charge, outcome="ok", status=200, cost=cost, exactness=exactness, usage=usage, duration_ms=duration_ms
    )


class Shelf:
    """Live state on plain dictionaries, for a look from outside."""

    def __init__(self) -> None:
        self.tallies: defaultdict[str, Tally] = defaultdict(Tally)
        self.windows: defaultdict[str, Window] = defaultdict(Window)
        self.live = Live(States(self.tallies.__getitem__, self.windows.__getitem__))

    def picture(self, at: int | None = None) -> object:
        """All that matters, to compare: without what is empty or, at that time or the store's, does not count."""
        return picture(self.tallies.items(), self.windows.items(), self.live, at)


def picture(
    tallies: Iterable[tuple[str, Tally]], windows: Iterable[tuple[str, Window]], live: Live, at: int | None = None
) -> object:
    """The state of a store as a value."""
    now = live.last if at is None else at
    return (
        {key: (tally.settled, tally.held) for key, tally in sorted(tallies) if tally != Tally()},
        {key: kept for key, window in sorted(windows) if (kept := _kept(key, window, now))},
        dict(sorted(live.holds.items())),
        live.last,
    )


def _kept(key: str, window: Window, now: int) -> list[tuple[int, int, int]]:
    kept = Window([*window.entries], window.total)
    kept.prune(now, int(key.split("|")[2]))
    assert kept.total == sum(amount for _, _, amount in kept.entries)
    return kept.entries
