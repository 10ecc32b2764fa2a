"""The drill of the books: what the ledger charges is what the fakes have seen, attempt by attempt."""

from collections import Counter
from collections.abc import Iterable

from e2e.gateways import Row, Site
from tidegate.testing import FakeClaude
from tidegate.testing import Row as Seen


def agree(charges: Iterable[Row], *fakes: FakeClaude) -> Counter[str]:
    """Every attempt that a fake saw has one charge, and every charge its attempt; returns the outcomes.

    What is `actual` is what the fake billed.  What ended before its headers came has no name in common: it is counted,
    and charged whole.
    """
    charges = list(charges)
    seen = {row.request_id: row for fake in fakes for row in fake.attempts()}
    named = [charge for charge in charges if charge["upstream_request_id"] is not None]
    assert len({charge["upstream_request_id"] for charge in named}) == len(named), "an attempt has two charges"
    for charge in named:
        _agrees(charge, seen[charge["upstream_request_id"]])
    nameless = [charge for charge in charges if charge["upstream_request_id"] is None]
    unnamed = seen.keys() - {charge["upstream_request_id"] for charge in named}
    assert len(nameless) == len(unnamed), (len(nameless), len(unnamed))
    assert all(charge["total_cost"] == charge["held"] for charge in nameless if charge["status"] is None)
    assert sum(charge["total_cost"] for charge in nameless) >= sum(seen[name].cost for name in unnamed)
    return Counter(charge["outcome"] for charge in charges)


def _agrees(charge: Row, row: Seen) -> None:
    if charge["exactness"] == "actual":
        assert charge["total_cost"] == row.cost, (charge, row)
    assert row.cost <= charge["total_cost"] <= charge["held"], (charge, row)


def nothing_is_left(site: Site, budget: int | None = None) -> int:
    """No hold and no held money; the budgets are the ledger's sum, which is returned and at most `budget`."""
    site.settled()
    spent = sum(charge["total_cost"] for charge in site.charges())
    tallies = site.tallies()
    assert not [key for key, tally in tallies.items() if tally.held], "held money is left"
    organization = [tally.settled for key, tally in tallies.items() if key.startswith("b|organization|")]
    assert set(organization) <= {spent}
    assert budget is None or spent <= budget
    return int(spent)
