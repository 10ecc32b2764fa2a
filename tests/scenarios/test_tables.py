"""The tables are complete and nothing in them is idle; the suite can fail, by each column and by an idle `pending`."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from e2e.gateways import Row as Charge
from scenarios.breaker import state_of
from scenarios.clock import StandingClock, http_date
from scenarios.differences import differences
from scenarios.places import MAKERS
from scenarios.scene import Found, play
from scenarios.table import DoorName, Error, Row, TableError, read_rows, requests, rows
from scenarios.test_scenarios import test_scenario as run_scenario
from scenarios.workshop import Workshop
from tidegate.core.run_now import run_now
from tidegate.model.refusal import Reason
from tidegate.policy.breaker import Circuit
from tidegate.policy.budgets import Tally

DOORS = set(get_args(DoorName))

NOT_YET = {"queue_full", "not_found"}
"""Reasons that no call can get today: the first is for whoever is not even let in."""

ASKED_FOR: dict[str, tuple[str, ...]] = {
    "connection refused": ("connection refused",),
    "DNS failure": ("DNS failure",),
    "TLS failure": ("TLS failure: no TLS", "TLS failure: an unsigned certificate"),
    "connect hang": ("connect hang", "TLS handshake hang"),
    "reset before and after headers": ("reset before headers", "reset after headers", "mid-stream reset"),
    "408": ("408",),
    "409": ("409",),
    "429 without hints": ("429 without a hint",),
    "429 with hints": (
        *("429 with seconds", "429 with milliseconds", "429 with a date", "429 with 0", "429 with a negative number"),
        "429 with a day",
    ),
    "the four spend stops": (
        *("the tier's monthly cap", "a limit that the customer has set", "no credit", "the limit of a workspace"),
    ),
    "the caller's own": ("400", "401", "403", "404", "413", "413 as a page of a proxy"),
    "500": ("500",),
    "502 with HTML": ("502 as a page of a proxy",),
    "503": ("503",),
    "504": ("504",),
    "529": ("529",),
    "slow first byte": ("slow first byte",),
    "mid-stream stall": ("mid-stream stall",),
    "clean cut": ("clean cut",),
    "chunked cut": ("chunked cut",),
    "error event": ("error event",),
    "malformed SSE": ("malformed event", "malformed answer"),
    "event of 5 MB": ("an event of 5 MB",),
    "wrong content-type": ("wrong content-type of an answer", "wrong content-type of a stream"),
    "gzip": ("gzip", "reset of a gzip stream"),
    "good ones": ("hello", "a tool", "thinking", "the model declines before it has said anything"),
    "free ones": ("count_tokens", "the models", "one model"),
    "an open breaker": (
        "opened by clean cuts",
        "a probe that is answered closes it",
        "a probe that fails leaves it open",
    ),
}
"""What must be in the tables: the faults, each by the scenarios that have it."""

ONE_SHAPE = {"error event", "free ones"}
"""What is only ever an event of a stream, or never a stream."""


@pytest.mark.parametrize("what", ASKED_FOR)
def test_what_was_asked_for_is_there(what: str) -> None:
    found = [row for row in rows() if row.name in ASKED_FOR[what]]
    assert {row.name for row in found} == set(ASKED_FOR[what])
    doors: dict[str, set[str]] = defaultdict(set)
    for row in found:
        doors[row.shape].add(row.door)
    assert what in ONE_SHAPE or doors.keys() >= {"json", "stream"}
    assert all(at == DOORS for at in doors.values())


def test_every_reason_that_can_be_given_is_given() -> None:
    told = {row.scenario.caller.reason for row in rows() if isinstance(row.scenario.caller, Error)}
    assert told - {""} == set(get_args(Reason)) - NOT_YET


def test_nothing_is_idle() -> None:
    assert {row.scenario.request for row in rows()} == requests().keys()
    assert {row.scenario.place for row in rows()} - {""} == MAKERS.keys()


def test_names_are_told_apart() -> None:
    names = [str(row) for row in rows()]
    assert len(set(names)) == len(names) > 800


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"caller": "answer"}, "missing required field `breaker`"),
        ({"caller": "answer", "atempts": 2}, "f.toml, n: Object contains unknown field `atempts`"),
        ({"caller": {"error": "X", "word": "cut"}}, "unknown field `word` - at `$.caller`"),
        ({"caller": "answer", "breaker": "none", "request": "nothing"}, "requests.toml has no request 'nothing'"),
        ({"caller": "answer", "breaker": "none", "but": {"gatevay": {}}}, "but.'gatevay' names no shape and door"),
        ({}, "missing required field `caller`"),
    ],
)
def test_a_table_that_cannot_be_read_says_where(table: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TableError, match=re.escape(complaint)):
        list(read_rows("f", {"n": table}))


def test_what_is_different_somewhere() -> None:
    table = {
        "caller": "answer",
        "breaker": "none",
        "before": ["2 x status=529", "", "3 x "],
        "but": {"stream": {"attempts": 2}, "guard": {"calls": 3}, "stream at gateway": {"attempts": 4}},
    }
    found = {(row.shape, row.door): row.scenario for row in read_rows("f", {"every": {"told": "x"}, "n": table})}
    assert len(found) == 6
    assert found["json", "gateway"].earlier == ("status=529", "status=529", "", "", "", "")
    assert {key: (one.attempts, one.calls, one.told) for key, one in found.items() if key[1] != "guard async"} == {
        ("json", "guard sync"): (1, 3, "x"),
        ("json", "gateway"): (1, 1, "x"),
        ("stream", "guard sync"): (2, 3, "x"),
        ("stream", "gateway"): (4, 1, "x"),
    }


def test_the_clock_stands() -> None:
    clock = StandingClock()
    assert (clock.now(), clock.ticks()) == (clock.now(), clock.ticks())
    began, ticks = clock.now(), clock.ticks()
    run_now(clock.sleep(1.5))
    assert (clock.now() - began, clock.ticks() - ticks, clock.waits) == (1_500_000, 1.5, [1.5])
    clock.pass_by(2.5)
    assert (clock.now() - began, clock.ticks() - ticks, clock.waits) == (4_000_000, 4.0, [1.5])
    assert http_date(7) == "Sun, 22 Nov 2026 12:00:07 GMT"


def test_the_words_for_a_breaker() -> None:
    """Both of what is stored and what is shown must be right."""
    counted, shut = Circuit(slots=[(1, 1, 3), (2, 0, 1)]), Circuit(probe_at=5, opened_at=1)
    shown = [{"upstream": "a", "family": "haiku", "state": "closed"}]
    assert state_of({}, []) == "none"
    assert state_of({"a/haiku": Circuit()}, shown) == "closed"
    assert state_of({"a/haiku": counted}, shown) == "closed: 4 bad, 1 good"
    assert state_of({"a/sonnet": counted, "a/haiku": shut}) == "haiku: open; sonnet: closed: 4 bad, 1 good"
    assert state_of({"a/haiku": shut}, shown) == "open, and /readyz says [('a/haiku', 'closed')]"
    assert state_of({"a/haiku": counted}, []) == "closed: 4 bad, 1 good, and /readyz says []"


# -- the suite can fail


def _row(name: str, door: DoorName = "guard sync", **changes: Any) -> Row:
    row = next(row for row in rows() if (row.name, row.shape, row.door) == (name, "json", door))
    return msgspec.structs.replace(row, scenario=msgspec.structs.replace(row.scenario, **changes))


@pytest.fixture(scope="module")
def repeated(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """A call that was answered at its last attempt."""
    return play(workshop, _row("answered at the last attempt"), tmp_path_factory.mktemp("repeated"), 1.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"attempts": 4}, "the number of attempts: expected 4, found 5"),
        ({"waits": (0.5, 1.0, 2.0)}, "the waits: expected [0.5, 1.0, 2.0], found [0.5, 1.0, 2.0, 4.0]"),
        ({"charges": ("ok 200 -, actual: bill",)}, "the ledger: expected ['ok 200 -, actual: bill'], found ["),
        ({"refusals": ("budget_spent user",)}, "the table of refusals: expected ['budget_spent user'], found []"),
        ({"told": "error api_error"}, "the line in the log: expected 'error api_error', found 'success ok'"),
        ({"calls": 2}, "the number of lines about this call: expected 2, found 1"),
        ({"breaker": "open"}, "the breaker: expected 'open', found 'closed: 2 bad, 3 good'"),
        ({"caller": Error(error="OverloadedError")}, "the caller got an answer (Message), not OverloadedError"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_each_column_can_differ(repeated: Found, changes: dict[str, Any], said: str) -> None:
    found = differences(_row("answered at the last attempt", **changes), repeated)
    assert any(one.startswith(said) for one in found), found


def test_money_can_differ(repeated: Found) -> None:
    row = _row("answered at the last attempt")
    kinds = {
        "nothing": "charge 5: the cost is",
        "hold": "charge 5: the cost is",
        "input and held output": "charge 5: the cost is",
        "bill": "",
        "some": "",
    }
    for kind, said in kinds.items():
        charges = (*row.scenario.charges[:-1], f"ok 200 -, actual: {kind}")
        found = differences(_row(row.name, charges=charges), repeated)
        assert [one.startswith(said) for one in found] == ([True] if said else []), (kind, found)


@pytest.fixture(scope="module")
def refused(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """A call whose upstream was overloaded five times."""
    return play(workshop, _row("529"), tmp_path_factory.mktemp("refused"), 1.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"error": "RateLimitError"}, "the exception: expected 'RateLimitError', found 'OverloadedError'"),
        ({"status": 503}, "the status: expected 503, found 529"),
        ({"type": "api_error"}, "the error's type: expected 'api_error', found 'overloaded_error'"),
        ({"code": "x"}, "the error_code: expected 'x', found ''"),
        ({"reason": "upstream_down"}, "x-tidegate-reason: expected 'upstream_down', found ''"),
        ({"scope": "user"}, "x-tidegate-scope: expected 'user', found ''"),
        ({"words": "cut"}, "the text: expected 'The answer broke off"),
        ({"words": "upstream"}, "what the SDK raises: expected {"),
        ({"id": "ours"}, "the request id is req_"),
        ({"id": ""}, "the request id: expected None, found 'req_"),
        ({"headers": {"x-should-retry": "true"}}, "x-should-retry: expected 'true', found 'false'"),
        ({"headers": {"retry-after": "5"}}, "retry-after: expected '5', found ''"),
        ({"events": 2}, "the number of events before the error: expected 2, found 0"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_each_part_of_an_error_can_differ(refused: Found, changes: dict[str, Any], said: str) -> None:
    row = _row("529")
    assert isinstance(row.scenario.caller, Error)
    assert not differences(row, refused)
    caller = msgspec.structs.replace(row.scenario.caller, **changes)
    found = differences(_row("529", caller=caller), refused)
    assert any(one.startswith(said) for one in found), found


def _spoilt(charges: list[Charge], name: str, values: dict[int, Any]) -> list[Charge]:
    """The charges with other values in a column, by the number of the row."""
    return [{**charge, name: values.get(number, charge[name])} for number, charge in enumerate(charges)]


def test_what_must_always_hold_can_fail(repeated: Found) -> None:
    charges = repeated.charges
    spoilt: dict[str, dict[str, Any]] = {
        "the fake has billed": {"charges": _spoilt(charges, "total_cost", {4: 0})},
        "what the budget has settled": {"charges": _spoilt(charges, "total_cost", {4: 0})},
        "is called actual, and the fake has billed": {"charges": _spoilt(charges, "total_cost", {0: 1})},
        "holds are left open": {"holds": {"a": None}},
        "are left held in": {"tallies": {"c|user": Tally(settled=0, held=1)}},
        "app, user and route of the charges": {"charges": _spoilt(charges, "user_id", {2: "u-2"})},
        "headers that are not for it: x-tidegate-user": {
            "seen": [msgspec.structs.replace(repeated.seen[0], headers=("x-tidegate-user",)), *repeated.seen[1:]]
        },
        "the log complains": {"troubles": [{"event": "guard_bug"}]},
        "are numbered [1, 1, 3, 4, 5]": {"charges": _spoilt(charges, "attempt", {1: 1})},
    }
    for said, change in spoilt.items():
        found = differences(_row("answered at the last attempt"), msgspec.structs.replace(repeated, **change))
        assert any(said in one for one in found), (said, found)


def test_a_pending_scenario_must_fail(workshop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"good\.toml, hello: json at gateway is as it should be: take"):
        run_scenario(workshop, tmp_path / "a", _row("hello", "gateway", pending="no reason"))
    with pytest.raises(pytest.xfail.Exception, match="a reason"):
        run_scenario(workshop, tmp_path / "b", _row("hello", "gateway", pending="a reason", attempts=7))
    with pytest.raises(pytest.fail.Exception, match=r"good\.toml, hello: json at gateway\nthe number of attempts"):
        run_scenario(workshop, tmp_path / "c", _row("hello", "gateway", attempts=7))
