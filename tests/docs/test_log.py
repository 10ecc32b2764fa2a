"""reference/log.md and the log have the same events, levels and fields."""

import io
import re
from typing import Any

import msgspec
import pytest

from docs.pages import ROOT, one, page, plain, tables
from tidegate.assemble import load_texts
from tidegate.model.call import Caller
from tidegate.model.facts import (
    AttemptSettled,
    CallFailed,
    CallRefused,
    CallSucceeded,
    Fact,
    HoldExceeded,
    KeyRejected,
    LeaseExpired,
)
from tidegate.model.hold import Charge
from tidegate.model.refusal import Refusal
from tidegate.model.usage import Usage
from tidegate.observe.log import LogFacts, make_logger

LOG = page("reference/log.md")
COMMON = {plain(cell) for cell in one(LOG, "Fields of every event").column("field")}
EVENTS = {plain(row[0]): row[1] for row in one(LOG, "Events").rows}

SAID = re.compile(r'(?:logger\.|_tell\(\s*")(debug|info|warning|error)"?(?:,|\()\s*"(\w+)"((?:[^()]|\([^()]*\))*)')
"""`logger.error("store_down", …)` and `_tell("error", "store_down", …)`: level, event, the rest."""

CHARGE = Charge(
    attempt_id="a", call_id="c", started_at=0, duration_ms=1, first_byte_ms=1, app="app", user_id="u", route="r",
    model_requested="m", model="m", upstream="anthropic", outcome="ok", error_type=None, status=200, attempt=1,
    stop_reason="end_turn", usage=Usage(), max_tokens=1, held=1, cost=1, exactness="actual", price_version="p",
    upstream_request_id="q",
)  # fmt: skip
FACTS: dict[str, Fact] = {
    "claude_call_success": CallSucceeded(CHARGE, 1, 1),
    "claude_call_error": CallFailed(
        call_id="c", caller=Caller("a", "u", "r"), model="m", duration_ms=1, attempts=1, error_type="api_error",
        reason="upstream_error", status=500, cost=0, upstream_request_id="q",
    ),
    "claude_call_refused": CallRefused(
        call_id="c", at=0, caller=Caller("a", "u", "r"), model="m", refusal=Refusal(reason="rate_limited")
    ),
    "claude_attempt": AttemptSettled(CHARGE),
    "hold_exceeded": HoldExceeded(CHARGE),
    "lease_expired": LeaseExpired(CHARGE),
    "upstream_key_rejected": KeyRejected("anthropic"),
}  # fmt: skip


def lines(fact: Fact, *, debug: bool = True) -> list[dict[str, Any]]:
    out = io.StringIO()
    LogFacts(make_logger("json", out, debug=debug), load_texts())(fact)
    return [msgspec.json.decode(line) for line in out.getvalue().split("\n") if line]


def fields(event: str) -> set[str]:
    found = [table for table in tables(LOG) if table.title == f"`{event}`"]
    return {plain(cell) for table in found for cell in table.column("field")}


@pytest.mark.parametrize("event", FACTS)
def test_the_fields_of_an_event(event: str) -> None:
    (line,) = lines(FACTS[event])
    assert line["event"] == event
    assert line["level"] == EVENTS[event]
    assert line.keys() - COMMON == fields(event)
    assert line.keys() >= COMMON


def test_every_fact_has_its_event() -> None:
    assert {type(fact) for fact in FACTS.values()} == set(Fact.__args__)


def test_debug_lines_are_not_written() -> None:
    assert lines(FACTS["claude_attempt"], debug=False) == []
    source = "".join(path.read_text() for path in (ROOT / "src/tidegate").rglob("*.py"))
    assert not re.search(r"make_logger\([^)]*debug=[^)]", source.replace("debug: bool", ""))


def test_every_event_of_the_code_and_the_other_way_round() -> None:
    """Event, level and fields of what is logged beside the facts, as it stands in the code."""
    found: dict[str, tuple[str, set[str]]] = {}
    for path in (ROOT / "src/tidegate").rglob("*.py"):
        for level, event, rest in re.findall(SAID, path.read_text()):
            if event not in FACTS:
                found[event] = level, set(re.findall(r"(\w+)=", rest))
    assert {event: (level, fields(event)) for event, level in EVENTS.items() if event not in FACTS} == found


def test_every_section_is_an_event() -> None:
    titles = {table.title for table in tables(LOG) if table.title.startswith("`")}
    assert {title.strip("`") for title in titles} == {event for event in EVENTS if fields(event)}
