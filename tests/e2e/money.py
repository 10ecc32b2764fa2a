"""What the books must say, told without tidegate's own code: prices, bounds, and how ledger and fake agree."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from e2e.gateways import Site
from tidegate.testing import FakeClaude
from tidegate.testing import Row as Seen

USD = 1_000_000_000
MODEL = "claude-haiku-4-5"
INPUT, OUTPUT = 1_000, 5_000
"""Nano-dollars a token of MODEL: 1 and 5 USD a million."""
CACHE_READ, CACHE_WRITE_5M, CACHE_WRITE_1H = 100, 1_250, 2_000

Row = dict[str, Any]


def ask(text: str, **more: Any) -> bytes:
    """The body of a call."""
    body = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": text}], **more}
    return json.dumps(body, separators=(",", ":")).encode()


def digest(body: bytes) -> str:
    """What the fake's books know of a body."""
    return hashlib.sha256(body).hexdigest()


def usage_cost(row: Seen) -> int:
    """The price of what the fake says that it served, by the price list above."""
    return (
        row.input_tokens * INPUT
        + row.cache_read_tokens * CACHE_READ
        + row.cache_write_5m_tokens * CACHE_WRITE_5M
        + row.cache_write_1h_tokens * CACHE_WRITE_1H
        + row.output_tokens * OUTPUT
    )


def strict_hold(body: bytes, max_tokens: int) -> int:
    """The whole hold of a plain text call in `strict`: 2.5 tokens a byte and 500 more, and all of `max_tokens`."""
    return strict_input(body) * INPUT + max_tokens * OUTPUT


def strict_input(body: bytes) -> int:
    """Its input tokens."""
    return min(200_000, 500 + -(-len(body) * 5 // 2))


def books_agree(site: Site, fake: FakeClaude, bodies: Mapping[str, bytes], budget: int | None = None) -> Counter[str]:
    """Ledger, tallies and the fake's books tell the same story; `bodies` by user.  Returns the outcomes.

    Every attempt that the fake saw has exactly one charge.  A charge that is `actual` is what the fake billed; any
    other is at least that.  A charge of which the fake knows nothing is of a call whose end cut its own request off.
    """
    charges = site.charges()
    seen: dict[str, list[Seen]] = {digest(body): [] for body in bodies.values()}
    by_id: dict[str, Seen] = {}
    for row in fake.attempts():
        seen[row.request_sha256].append(row)
        by_id[row.request_id] = row
    charged: dict[str, list[Row]] = {user: [] for user in bodies}
    for charge in charges:
        charged[charge["user_id"]].append(charge)
    for user, body in bodies.items():
        _call_agrees(charged[user], seen[digest(body)], by_id)
    _tallies_agree(site, charges)
    assert sum(charge["total_cost"] for charge in charges) >= fake.totals().cost_settled
    if budget is not None:
        assert sum(charge["total_cost"] for charge in charges) <= budget
    return Counter(charge["outcome"] for charge in charges)


def _call_agrees(charges: list[Row], seen: list[Seen], by_id: dict[str, Seen]) -> None:
    nameless = [charge for charge in charges if charge["upstream_request_id"] is None]
    named = [charge["upstream_request_id"] for charge in charges if charge["upstream_request_id"] is not None]
    assert len(set(named)) == len(named), "an attempt has two charges"
    unnamed = [row for row in seen if row.request_id not in named]
    assert {row.request_id for row in seen} >= set(named), "a charge names an attempt of another call"
    assert [charge["attempt"] for charge in sorted(charges, key=lambda charge: charge["attempt"])] == list(
        range(1, len(charges) + 1)
    )
    for charge in charges:
        assert charge["exactness"] in ("actual", "assumed"), charge
        if charge["upstream_request_id"] is not None:
            billed = by_id[charge["upstream_request_id"]]
            if charge["exactness"] == "actual":
                assert charge["total_cost"] == billed.cost == usage_cost(billed), (charge, billed)
            assert charge["total_cost"] >= billed.cost, (charge, billed)
        assert charge["total_cost"] <= charge["held"], charge
    # What ended before its headers came cannot be told apart by name, only counted.
    assert len(nameless) >= len(unnamed), (charges, seen)
    assert all(charge["cost"] == charge["held"] and charge["exactness"] == "assumed" for charge in nameless), nameless
    assert sum(charge["total_cost"] for charge in nameless) >= sum(row.cost for row in unnamed)
    never_seen = len(nameless) - len(unnamed)
    assert never_seen <= sum(charge["outcome"] in ("aborted", "crashed") for charge in nameless), (nameless, unnamed)


def _tallies_agree(site: Site, charges: list[Row]) -> None:
    tallies = site.tallies()
    assert not [key for key, tally in tallies.items() if tally.held], "held money is left"
    by_user: Counter[str] = Counter()
    for charge in charges:
        by_user[charge["user_id"]] += charge["total_cost"]
    for key, tally in tallies.items():
        if key.startswith("b|organization|"):
            assert tally.settled == by_user.total(), key
        elif key.startswith("b|user|"):
            assert tally.settled == by_user[key.split("|")[4]], key
