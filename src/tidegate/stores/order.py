"""The order in which money moves when a hold ends; one text for every store.

Whoever writes the charge moves the money.  The ledger takes one charge per attempt, so of a settlement and a sweep
that meet only one wins; the loser corrects.  A crash between the two steps leaves the hold, and the next sweep
finds the charge in the ledger and closes the hold at that cost.  Every step may be repeated: who cannot know whether
a settlement came through settles again.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec

from tidegate.core.ports import Ledger
from tidegate.model.hold import Adjustment, Charge, Hold
from tidegate.policy.crash import crashed
from tidegate.policy.journal import JournalEntry, adjusted, settled


class Journal(Protocol):
    """The live state of one store; each method is one atomic step."""

    async def write(self, entry: JournalEntry) -> None:
        """Append the entry and apply it."""

    async def expired(self, now: int) -> Sequence[Hold]:
        """Open holds whose lease has ended."""


async def settle(journal: Journal, ledger: Ledger, hold: Hold, charge: Charge) -> bool:
    """Write the charge and turn the hold into its cost; False when the attempt had a charge already."""
    try:
        return await settle_inside(journal, ledger, hold, charge)
    except asyncio.CancelledError:
        # The step that was begun is queued and will be done; now the rest.
        await settle_inside(journal, ledger, hold, charge)
        raise


async def settle_inside(journal: Journal, ledger: Ledger, hold: Hold, charge: Charge) -> bool:
    """As `settle`, where nothing can be cancelled: inside one transaction."""
    if await ledger.append(charge):
        await journal.write(settled(charge, hold))
        return True
    # A sweep was first, or an earlier try of this settlement.  The hold is closed at what the ledger knows before that
    # changes: a sweep that closed it after the adjustment would count the adjustment twice.
    known = await ledger.cost(charge.attempt_id) or 0
    await journal.write(settled(msgspec.structs.replace(charge, cost=known)))
    delta = charge.cost - known
    late = Adjustment(
        adjusts=charge.attempt_id,
        at=charge.started_at + charge.duration_ms * 1000,
        source="late_settlement",
        cost_delta=delta,
    )
    if delta and await ledger.adjust(late):
        await journal.write(adjusted(hold, delta))
    return False


async def sweep(journal: Journal, ledger: Ledger, now: int) -> list[Charge]:
    """Charge every hold whose lease has ended, whole and assumed; returns the charges that were written."""
    written = []
    for hold in await journal.expired(now):
        charge = crashed(hold, now)
        if await ledger.append(charge):
            written.append(charge)
        else:
            charge = msgspec.structs.replace(charge, cost=await ledger.cost(charge.attempt_id) or 0)
        await journal.write(settled(charge))
    return written
