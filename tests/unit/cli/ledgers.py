"""Ledgers with charges in them, for tests of commands that read one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tidegate.core.run_now import run_now
from tidegate.databases.sqlite import BlockingFile
from tidegate.ledgers.sqlite import SqliteLedger
from tidegate.model.hold import Adjustment, Charge
from tidegate.model.times import parse_rfc3339
from tidegate.model.usage import Usage


def charge(attempt_id: str, **changes: Any) -> Charge:
    """A charge of alice's for one thousand nano-dollars, now."""
    at = changes.pop("at", "2026-11-22T10:00:00Z")
    values: dict[str, Any] = {
        "attempt_id": attempt_id,
        "call_id": f"call-{attempt_id}",
        "started_at": parse_rfc3339(at) if isinstance(at, str) else at,
        "duration_ms": 10,
        "first_byte_ms": 5,
        "app": "chat",
        "user_id": "alice",
        "route": "default",
        "model_requested": "claude-haiku-4-5",
        "model": "claude-haiku-4-5",
        "upstream": "anthropic",
        "outcome": "ok",
        "error_type": None,
        "status": 200,
        "attempt": 1,
        "stop_reason": "end_turn",
        "usage": Usage(input_tokens=100, output_tokens=10),
        "max_tokens": 100,
        "held": 5_000,
        "cost": 1_000,
        "exactness": "actual",
        "price_version": "test",
        "upstream_request_id": None,
    }
    return Charge(**(values | changes))


@contextmanager
def ledger_at(path: Path) -> Iterator[SqliteLedger]:
    file = BlockingFile(path)
    try:
        yield SqliteLedger(file)
    finally:
        file.close()


def write(path: Path, *charges: Charge, adjustments: tuple[Adjustment, ...] = ()) -> None:
    with ledger_at(path) as ledger:
        for one in charges:
            run_now(ledger.append(one))
        for correction in adjustments:
            run_now(ledger.adjust(correction))
