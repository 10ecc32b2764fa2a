"""The order in which money moves when a hold ends; one text for every store.

Whoever writes the charge moves the money.  The ledger takes one charge per attempt, so of a settlement and a sweep
that meet only one wins; the loser corrects.  A crash between the two steps leaves the hold, and the next sweep
finds the charge in the ledger and closes the hold at that cost.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from tidegate.core.ports import Ledger
from tidegate.model.hold import Adjustment, Charge, Hold
from tidegate.policy import admission
from tidegate.policy.admission import States
from tidegate.policy.crash import crashed


class Local(Protocol):
    """The live state of one store; each method is one atomic step."""

    async def close(self, attempt_id: str, change: Callable[[States, Hold], None]) -> bool:
        """Remove an open hold and apply `change`; False when there is none."""

    async def change(self, change: Callable[[States], None]) -> None:
        """Apply `change`."""

    async def expired(self, now: int) -> Sequence[Hold]:
        """Holds whose lease has ended."""


async def settle(local: Local, ledger: Ledger, hold: Hold, charge: Charge) -> bool:
    """Write the charge and turn the hold into its cost; False when a sweep was first."""
    if await ledger.append(charge):
        await local.close(charge.attempt_id, _settling(charge))
        return True
    delta = charge.cost - hold.ask.bound.cost
    late = Adjustment(
        adjusts=charge.attempt_id,
        at=charge.started_at + charge.duration_ms * 1000,
        source="late_settlement",
        cost_delta=delta,
    )
    if delta and await ledger.adjust(late):
        await local.change(lambda states: admission.adjust(states, hold, delta))
    return False


async def sweep(local: Local, ledger: Ledger, now: int) -> list[Charge]:
    """Charge every hold whose lease has ended, whole and assumed; returns the charges that were written."""
    written = []
    for hold in await local.expired(now):
        charge = crashed(hold, now)
        if await ledger.append(charge):
            written.append(charge)
        else:
            charge = msgspec.structs.replace(charge, cost=await ledger.cost(charge.attempt_id) or 0)
        await local.close(charge.attempt_id, _settling(charge))
    return written


def _settling(charge: Charge) -> Callable[[States, Hold], None]:
    return lambda states, hold: admission.settle(states, hold, charge)
