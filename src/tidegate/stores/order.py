"""The order in which money moves when a hold ends; one text for every store.

Whoever writes the charge moves the money.  The ledger takes one charge per attempt, so of a settlement and a sweep
that meet only one wins; the loser corrects.  Store and ledger may be two files, and every step may be the last one of
its process.  Rules:

1. A sweep first claims the hold, then writes the charge, then closes the hold.  After a crash between the steps the
   hold is still there, and the next sweep finds the charge in the ledger and closes the hold at that cost.
2. Until it is claimed a hold may be given back; afterwards it is charged, and then corrected to nothing.
3. A correction is announced in the store, then written to the ledger, then counted.  The store remembers what it has
   counted and is told the cost, not the difference, so it does not matter how often it is told.  After a crash between
   the steps the next sweep finishes it.
4. Every step may be repeated: who cannot know whether a settlement came through settles again.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from tidegate.core.ports import Ledger
from tidegate.model.hold import Adjustment, Charge, Hold
from tidegate.policy.crash import crashed
from tidegate.policy.journal import Corrected, Correcting, Counted, JournalEntry, Swept, adjusted, settled


class Journal(Protocol):
    """The live state of one store; each method is one atomic step."""

    async def write(self, entry: JournalEntry) -> bool:
        """Append the entry and apply it; False when it touched no scope."""

    async def claim(self, now: int) -> tuple[Sequence[Hold], Sequence[Adjustment]]:
        """Open holds whose lease has ended, which only a charge can end now; and corrections that have begun."""

    async def give_back(self, attempt_id: str, lost_at: int) -> Hold | Counted | None:
        """Release the hold; or, where that is too late, the hold that is claimed or what is counted for it."""


async def settle(journal: Journal, ledger: Ledger, hold: Hold, charge: Charge) -> bool:
    """Write the charge and turn the hold into its cost; False when the attempt had a charge already."""
    try:
        return await _settle(journal, ledger, hold, charge)
    except asyncio.CancelledError:
        # The step that was begun is queued and will be done; now the rest.
        await _settle(journal, ledger, hold, charge)
        raise


async def _settle(journal: Journal, ledger: Ledger, hold: Hold, charge: Charge) -> bool:
    if await ledger.append(charge):
        await journal.write(settled(charge, hold))
        return True
    await settle_again(journal, ledger, hold, charge)
    return False


async def settle_again(journal: Journal, ledger: Ledger, hold: Hold, charge: Charge) -> None:
    """For an attempt that has a charge already: a sweep was first, or an earlier try of this settlement."""
    known = await ledger.cost(charge.attempt_id) or 0
    if known == charge.cost:
        await journal.write(settled(charge, hold))
        await journal.write(Corrected(charge.attempt_id, known))
        return
    # The hold is closed at what the ledger knows before that changes.
    await journal.write(Swept(charge.attempt_id, known))
    late = Adjustment(
        adjusts=charge.attempt_id,
        at=charge.started_at + charge.duration_ms * 1000,
        source="late_settlement",
        cost_delta=charge.cost - known,
    )
    if not await journal.write(Correcting(late)):
        # So late that the store has forgotten it, or finished already.
        if await ledger.adjust(late):
            await journal.write(adjusted(hold, late.cost_delta))
        return
    await _finish(journal, ledger, late)


async def release(journal: Journal, ledger: Ledger, attempt_id: str, lost_at: int) -> None:
    """Give a hold back whose request never left, or take back what a sweep has charged for it."""
    try:
        await release_inside(journal, ledger, attempt_id, lost_at)
    except asyncio.CancelledError:
        await release_inside(journal, ledger, attempt_id, lost_at)
        raise


async def release_inside(journal: Journal, ledger: Ledger, attempt_id: str, lost_at: int) -> None:
    """As `release`, where nothing can be cancelled: inside one transaction."""
    found = await journal.give_back(attempt_id, lost_at)
    if found is None:
        return
    at = lost_at or found.admitted_at
    if isinstance(found, Hold):
        await _charge(journal, ledger, crashed(found, at))
    known = await ledger.cost(attempt_id) or 0
    if known:
        late = Adjustment(adjusts=attempt_id, at=at, source="late_release", cost_delta=-known)
        await journal.write(Correcting(late))
        await _finish(journal, ledger, late)
    else:
        await journal.write(Corrected(attempt_id, 0))


async def sweep(journal: Journal, ledger: Ledger, now: int) -> list[Charge]:
    """Charge every hold whose lease has ended, whole and assumed; returns the charges that were written."""
    dead, unfinished = await journal.claim(now)
    charges = [crashed(hold, now) for hold in dead]
    written = [charge for charge in charges if await _charge(journal, ledger, charge)]
    for late in unfinished:
        await _finish(journal, ledger, late)
    return written


async def _charge(journal: Journal, ledger: Ledger, charge: Charge) -> bool:
    """Write the charge of a claimed hold and close it; False when the attempt had a charge already."""
    written = await ledger.append(charge)
    cost = charge.cost if written else await ledger.cost(charge.attempt_id) or 0
    await journal.write(Swept(charge.attempt_id, cost))
    return written


async def _finish(journal: Journal, ledger: Ledger, late: Adjustment) -> None:
    """The rest of a correction that was announced."""
    await ledger.adjust(late)
    await journal.write(Corrected(late.adjusts, await ledger.cost(late.adjusts) or 0))
