"""What a scenario's outcome and its table disagree about, in words."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import tidegate
from e2e.gateways import Row as Charge
from e2e.money import INPUT, MODEL, OUTPUT, strict_hold, usage_cost
from e2e.sdk.compare import plain
from scenarios.calling import Got
from scenarios.scene import Found
from scenarios.table import Error, Row, Scenario, repeated
from tidegate.assemble import load_texts
from tidegate.model.texts import fill
from tidegate.model.times import parse_rfc3339
from tidegate.testing import Row as Seen

TEXTS: Final = load_texts()
LONGEST: Final = 400
"""Characters of a value in a message."""
OF_THE_BODY: Final = frozenset({"content-length", "content-type", "content-encoding", "x-should-retry"})
"""Headers of an upstream's error that its friendly form may change."""


def differences(row: Row, found: Found) -> list[str]:
    """One sentence for each; none when all is as the table says."""
    scenario = row.scenario
    told = [
        *_caller(scenario, found),
        *_numbers(scenario, found),
        *_charges(scenario, found),
        *_log(scenario, found),
        *_books(found),
        *_names(scenario, found),
    ]
    return [one for one in told if one]


# -- what the caller has


def _caller(scenario: Scenario, found: Found) -> Iterator[str]:
    wanted, got = scenario.caller, found.got
    if wanted == "answer":
        yield from _answer(got, found.bare)
    elif not isinstance(wanted, Error):
        if got.error is not None:
            yield f"the caller had left, and got {_described(got.error)}"
    elif got.error is None:
        had = f"{len(got.events)} events" if got.events else type(got.answer).__name__
        yield f"the caller got an answer ({had}), not {wanted.error}"
    else:
        yield from _error(wanted, got, found)


def _answer(got: Got, bare: Got | None) -> Iterator[str]:
    assert bare is not None
    if bare.error is not None:
        yield f"without tidegate the caller gets {_described(bare.error)}, so that is no answer"
    elif got.error is not None:
        yield f"the caller got {_described(got.error)}, not the answer"
    elif len(got.events) != len(bare.events):
        yield f"the caller got {len(got.events)} events, and {len(bare.events)} without tidegate"
    else:
        pairs = [*zip(got.events, bare.events, strict=True), (got.answer, bare.answer)]
        for number, (had, without) in enumerate(pairs):
            if _plain(had) != _plain(without):
                what = f"event {number}" if number < len(got.events) else "the answer"
                yield f"{what} is {_short(_plain(had))}, and {_short(_plain(without))} without tidegate"
                return


def _plain(value: Any) -> Any:
    """As plain data; the page of an async client is as good as any other."""
    found = plain(value)
    if isinstance(found, dict) and "class" in found:
        found = {**found, "class": found["class"].replace("AsyncPage", "SyncPage")}
    return found


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < LONGEST else f"{text[:LONGEST]} ..."


def _error(wanted: Error, got: Got, found: Found) -> Iterator[str]:
    error: Any = got.error
    response = getattr(error, "response", None)
    headers: Mapping[str, str] = {} if response is None else response.headers
    for what, expected, had in (
        ("the exception", wanted.error, type(error).__name__),
        ("the status", wanted.status, getattr(error, "status_code", 0)),
        ("the error's type", wanted.type, getattr(error, "type", None) or ""),
        ("the error_code", wanted.code, getattr(error, "error_code", None) or ""),
        ("x-tidegate-reason", wanted.reason, headers.get("x-tidegate-reason", "")),
        ("x-tidegate-scope", wanted.scope, headers.get("x-tidegate-scope", "")),
        *((name, value, headers.get(name, "")) for name, value in wanted.headers.items()),
    ):
        yield _unlike(what, expected, had)
    if wanted.events is not None:
        yield _unlike("the number of events before the error", wanted.events, len(got.events))
    if wanted.words == "upstream":
        yield from _unchanged(error, found.bare)
    elif wanted.words:
        yield _unlike("the text", _text(wanted, headers), getattr(error, "api_message", None))
        yield from _kept(wanted, headers, found)
    yield from _request_id(wanted, error, found)
    shown = tidegate.friendly(error)
    if not (shown.text and shown.title and 400 <= shown.status <= 599):
        yield f"tidegate.friendly has nothing to show for it: {shown}"


def _text(wanted: Error, headers: Mapping[str, str]) -> str:
    wait, at = headers.get("retry-after"), headers.get("x-tidegate-resets-at")
    said = fill(
        TEXTS,
        wanted.words,
        scope=wanted.scope,
        retry_after=None if wait is None or not wait.isdigit() else float(wait),
        resets_at=None if at is None else parse_rfc3339(at),
    )
    return f"{said} {wanted.detail}" if wanted.detail else said


def _unchanged(error: Any, bare: Got | None) -> Iterator[str]:
    assert bare is not None
    yield _unlike("what the SDK raises", plain(bare.error), plain(error))


def _kept(wanted: Error, headers: Mapping[str, str], found: Found) -> Iterator[str]:
    """An upstream's error keeps its other headers, those about its rate limits above all."""
    response = None if found.bare is None else getattr(found.bare.error, "response", None)
    if response is None:
        return
    lost = {*response.headers} - {*headers} - OF_THE_BODY
    if lost:
        yield f"headers of the upstream's reply are lost: {', '.join(sorted(lost))}"


def _request_id(wanted: Error, error: Any, found: Found) -> Iterator[str]:
    had = getattr(error, "request_id", None)
    if wanted.id == "upstream":
        yield _unlike("the request id", found.seen[-1].request_id if found.seen else "that of the upstream", had)
    elif wanted.id == "ours":
        ids = [f"req_{line['call_id']}" for line in found.lines]
        if had not in ids:
            yield f"the request id is {had}, and the log has {ids}"
    else:
        yield _unlike("the request id", None, had)


# -- numbers


def _numbers(scenario: Scenario, found: Found) -> Iterator[str]:
    if found.attempts is not None:
        yield _unlike("the number of attempts", scenario.attempts, found.attempts)
    waits = [round(wait, 6) for wait in found.waits]
    yield _unlike("the waits", list(scenario.waits), waits)
    refusals = [f"{row['reason']} {row['scope']}".strip() for row in found.refusals]
    yield _unlike("the table of refusals", list(scenario.refusals), refusals)
    yield _unlike("the breaker", scenario.breaker, found.breaker)


# -- the ledger

CHARGE: Final = re.compile(r"(?P<outcome>\w+) (?P<status>\d+|-) (?P<type>\w+|-), (?P<exactness>\w+): (?P<money>.+)")


def _charges(scenario: Scenario, found: Found) -> Iterator[str]:
    wanted = [one for text in scenario.charges for one in _expanded(text)]
    had = [_shown(charge) for charge in found.charges]
    if [text.partition(":")[0] for text in wanted] != had:
        yield _unlike("the ledger", wanted, had)
        return
    seen = _matched(found)
    for number, (text, charge) in enumerate(zip(wanted, found.charges, strict=True), 1):
        yield _money(text.partition(": ")[2], number, charge, seen[number - 1], scenario)


def _expanded(text: str) -> list[str]:
    rows = repeated(text)
    if CHARGE.fullmatch(rows[0]) is None:
        raise ValueError(f"not a row of the ledger: {text!r}")
    return rows


def _shown(charge: Charge) -> str:
    return f"{charge['outcome']} {charge['status'] or '-'} {charge['error_type'] or '-'}, {charge['exactness']}"


def _matched(found: Found) -> list[Seen | None]:
    """The fake's row of each charge: by request id, else the next one in the order of arrival."""
    attempts = [row for row in found.seen if row.path == "/v1/messages" and row.method == "POST"]
    by_id = {row.request_id: row for row in attempts}
    named = {charge["upstream_request_id"] for charge in found.charges}
    rest = iter([row for row in attempts if row.request_id not in named])
    return [by_id.get(charge["upstream_request_id"]) or next(rest, None) for charge in found.charges]


def _money(kind: str, number: int, charge: Charge, seen: Seen | None, scenario: Scenario) -> str:
    cost, held = charge["cost"], charge["held"]
    simple = scenario.request == "plain" and seen is not None and not scenario.counted
    if simple and seen is not None and held != strict_hold(bytes(seen.request_bytes), charge["max_tokens"]):
        return f"charge {number}: {held} were held, not {strict_hold(bytes(seen.request_bytes), charge['max_tokens'])}"
    expected = MONEY[kind](charge, seen)
    if isinstance(expected, int):
        return "" if cost == expected else f"charge {number}: the cost is {cost}, not {expected} ({kind}); held {held}"
    return expected


def _bill(charge: Charge, seen: Seen | None) -> int | str:
    if seen is None:
        return "nobody has billed that"
    if charge["model"] == MODEL and seen.cost != usage_cost(seen):
        return f"the fake's own bill is odd: {seen}"
    return seen.cost


def _input_and_output(charge: Charge, seen: Seen | None) -> int | str:
    if seen is None or charge["model"] != MODEL:
        return "only what the fake bills for its smallest model can be told apart"
    return seen.input_tokens * INPUT + int(charge["max_tokens"]) * OUTPUT


def _some(charge: Charge, _seen: Seen | None) -> int | str:
    return "" if 0 < charge["cost"] <= charge["held"] else f"{charge['cost']} of {charge['held']} held"


MONEY: Final[Mapping[str, Callable[[Charge, Seen | None], int | str]]] = {
    "nothing": lambda _charge, _seen: 0,
    "bill": _bill,
    "hold": lambda charge, _seen: int(charge["held"]),
    "input and held output": _input_and_output,
    "some": _some,
}


# -- the log


def _log(scenario: Scenario, found: Found) -> Iterator[str]:
    for line in found.troubles:
        yield f"the log complains: {line}"
    first = len(scenario.earlier)
    last = len(found.lines) - bool(scenario.meanwhile)
    own = found.lines[first:last]
    yield _unlike("the number of lines about this call", scenario.calls, len(own))
    for line in own:
        yield _unlike("the line in the log", scenario.told, _told(line))
        if "attempt" in line:
            yield _unlike("the attempts in the log", scenario.attempts, line["attempt"])


def _told(line: Mapping[str, Any]) -> str:
    event = line["event"].removeprefix("claude_call_")
    return f"{event} {line[{'success': 'outcome', 'error': 'error_type', 'refused': 'reason'}[event]]}"


# -- what must hold for every scenario


def _books(found: Found) -> Iterator[str]:
    """Nothing is left open; ledger, tallies and the fake's books tell the same story."""
    if found.holds:
        yield f"{len(found.holds)} holds are left open"
    total = sum(charge["total_cost"] for charge in found.charges)
    for key, tally in found.tallies.items():
        if tally.held:
            yield f"{tally.held} are left held in {key}"
        if key == "b|organization|total||total":
            yield _unlike("what the budget has settled", total, tally.settled)
    billed = sum(row.cost for row in found.seen)
    exact = all(charge["exactness"] != "estimated" for charge in found.charges)
    if exact and total < billed:
        yield f"the ledger has {total}, and the fake has billed {billed}"
    for charge, seen in zip(found.charges, _matched(found), strict=True):
        if seen is not None and charge["exactness"] == "actual" and charge["total_cost"] != seen.cost:
            yield f"{charge['total_cost']} is called actual, and the fake has billed {seen.cost}"
    yield from _numbered(found)


def _numbered(found: Found) -> Iterator[str]:
    """The attempts of each call are numbered; what was never sent has its number, too, but no charge."""
    calls: dict[str, list[int]] = {}
    for charge in found.charges:
        calls.setdefault(charge["call_id"], []).append(charge["attempt"])
    for numbers in calls.values():
        if numbers != sorted(set(numbers)):
            yield f"the attempts of a call are numbered {numbers}"


def _names(scenario: Scenario, found: Found) -> Iterator[str]:
    """Every charge has its caller's names, and the headers that give them to us go no further."""
    who = ("tests", scenario.user or "anonymous", scenario.client.get("x-tidegate-route", "default"))
    for had in {(charge["app"], charge["user_id"], charge["route"]) for charge in found.charges}:
        yield _unlike("app, user and route of the charges", who, had)
    for row in found.seen:
        ours = [name for name in row.headers if name.startswith("x-tidegate-")]
        if ours:
            yield f"the upstream got headers that are not for it: {', '.join(ours)}"


def _described(error: Any) -> str:
    status, kind = getattr(error, "status_code", None), getattr(error, "type", None)
    reason = getattr(error, "response", None) and error.response.headers.get("x-tidegate-reason")
    return f"{type(error).__name__} (status {status}, type {kind}, reason {reason}): {str(error)[:200]}"


def _unlike(what: str, expected: object, had: object) -> str:
    return "" if expected == had else f"{what}: expected {_short(expected)}, found {_short(had)}"
