"""The state of a door's circuit breaker in the words of the tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.policy.breaker import Circuit


def state_of(circuits: Mapping[str, Circuit], shown: Sequence[Mapping[str, Any]] | None = None) -> str:
    """What the store has counted, as "closed: 4 bad, 1 good".

    "none" where there is no circuit; where there are several, each with its family.
    `shown` is what /readyz says about the same circuits; where the two differ, both are told.
    """
    found = [_one(circuit) for _, circuit in sorted(circuits.items())]
    families = [name.partition("/")[2] for name in sorted(circuits)]
    several = [f"{family}: {state}" for family, state in zip(families, found, strict=True)]
    told = "; ".join(several if len(found) > 1 else found) or "none"
    if shown is not None:
        stored = [(name, state.partition(":")[0]) for name, state in zip(sorted(circuits), found, strict=True)]
        pages = [(f"{one['upstream']}/{one['family']}", one["state"]) for one in shown]
        if stored != pages:
            return f"{told}, and /readyz says {pages}"
    return told


def _one(circuit: Circuit) -> str:
    if circuit.probe_at:
        return "open"
    good, bad = (sum(slot[at] for slot in circuit.slots) for at in (1, 2))
    counted = [f"{number} {name}" for number, name in ((bad, "bad"), (good, "good")) if number]
    return f"closed: {', '.join(counted)}" if counted else "closed"
