"""Every way in which an attempt can end: the ledger's row and the log's line say what the fake saw."""

import asyncio
import json
import re
import socket
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import pytest
from msgspec import Struct

from e2e.client import Answer, Enough, call, request
from e2e.conftest import Figures, NewSite
from e2e.gateways import Row, Site, site_at, until
from e2e.money import INPUT, MODEL, OUTPUT, USD, ask, strict_hold, usage_cost
from tidegate.testing import FakeClaude
from tidegate.testing import Row as Seen

CONFIG = """
[gateway]
drain = "{drain}"
[policy]
bound = "strict"
[breaker]
open_above = 1  # never: every failure here is meant
[retry]
attempts = {attempts}
base = "10ms"
cap = "10ms"
[timeouts]
connect = "2s"
first_byte = "{patience}"
idle = "{patience}"
total = "{total}"
[[budgets]]
per = "organization"
amount = "1000 USD"
every = "total"
[[budgets]]
per = "user"
where = {{ user = "poor" }}
amount = "0.0001 USD"
every = "total"
[[limits]]
per = "organization"
concurrent = 25
[routes.drain]
on_cut = "drain"
[routes.estimate]
on_cut = "estimate"
"""


def config(*, attempts: int = 1, drain: str = "1s", patience: str = "60s", total: str = "60s") -> str:
    """A tidegate.toml."""
    return CONFIG.format(attempts=attempts, drain=drain, patience=patience, total=total)


Money = Literal["nothing", "usage", "hold", "input and the hold's output"]


class Ending(Struct, frozen=True, kw_only=True):
    """One row of the Settlement section of the design."""

    fault: str
    stream: bool = False
    money: Money
    exactness: str
    outcome: str
    error_type: str | None = None
    """Of the charge; the log names the outcome where there is none."""
    status: int | None = 200


ENDINGS: dict[str, Ending] = {
    # an HTTP error reply: 0, actual
    "400": Ending(
        fault="status=400", money="nothing", exactness="actual", outcome="upstream_error",
        error_type="invalid_request_error", status=400,
    ),
    "413 of a proxy, in HTML": Ending(
        fault="status=413; html", money="nothing", exactness="actual", outcome="upstream_error",
        error_type="request_too_large", status=413,
    ),
    "500": Ending(
        fault="status=500", money="nothing", exactness="actual", outcome="upstream_error", error_type="api_error",
        status=500,
    ),
    "529 to a stream": Ending(
        fault="status=529", stream=True, money="nothing", exactness="actual", outcome="upstream_error",
        error_type="overloaded_error", status=529,
    ),
    "error with an unknown type": Ending(
        fault="status=500; error_type=tidal_error", money="nothing", exactness="actual", outcome="upstream_error",
        error_type="other", status=500,
    ),
    "error reply cut in its body": Ending(
        fault="status=500; reset=1", money="nothing", exactness="actual", outcome="upstream_error",
        error_type="api_error", status=500,
    ),
    "error reply stalled in its body": Ending(
        fault="status=429; stall=1", money="nothing", exactness="actual", outcome="upstream_error",
        error_type="rate_limit_error", status=429,
    ),
    "redirect": Ending(
        fault="status=307", money="nothing", exactness="actual", outcome="upstream_error",
        error_type="invalid_request_error", status=307,
    ),
    # final usage: actual
    "whole": Ending(fault="", money="usage", exactness="actual", outcome="ok"),
    "whole stream": Ending(fault="", stream=True, money="usage", exactness="actual", outcome="ok"),
    "gzip": Ending(fault="gzip=force", money="usage", exactness="actual", outcome="ok"),
    "gzip stream": Ending(fault="gzip=force", stream=True, money="usage", exactness="actual", outcome="ok"),
    "progressive usage": Ending(fault="progressive", stream=True, money="usage", exactness="actual", outcome="ok"),
    "pings and unknown events": Ending(
        fault="pings=50; future", stream=True, money="usage", exactness="actual", outcome="ok"
    ),
    "huge event": Ending(fault="huge=5000000", stream=True, money="usage", exactness="actual", outcome="ok"),
    "broken event in the middle": Ending(
        fault="malformed", stream=True, money="input and the hold's output", exactness="assumed", outcome="cut"
    ),
    "reset after message_stop": Ending(
        fault="reset=7; tokens_per_event=1000", stream=True, money="usage", exactness="actual", outcome="ok"
    ),
    "cut between the final usage and message_stop": Ending(
        fault="cut=6; tokens_per_event=1000; bill=full", stream=True, money="usage", exactness="actual", outcome="cut"
    ),
    "all of max_tokens": Ending(fault="output_tokens=max", money="usage", exactness="actual", outcome="ok"),
    # refusal by the model
    "refusal before output": Ending(
        fault="refuse=before", money="nothing", exactness="actual", outcome="model_refusal"
    ),
    "refusal before output, stream": Ending(
        fault="refuse=before", stream=True, money="nothing", exactness="actual", outcome="model_refusal"
    ),
    "refusal after output": Ending(fault="refuse=after", money="usage", exactness="actual", outcome="model_refusal"),
    "refusal after output, stream": Ending(
        fault="refuse=after", stream=True, money="usage", exactness="actual", outcome="model_refusal"
    ),
    # sent, but neither an error status nor usage nor message_start: the whole hold
    "reset before the headers": Ending(
        fault="reset=before; delay=0.05", money="hold", exactness="assumed", outcome="cut", status=None
    ),
    "closed before the headers": Ending(
        fault="cut_chunked=before; delay=0.05", money="hold", exactness="assumed", outcome="cut", status=None
    ),
    "first-byte time-out": Ending(
        fault="stall=before", money="hold", exactness="assumed", outcome="timeout", status=None
    ),
    "first-byte time-out of a stream": Ending(
        fault="delay=30", stream=True, money="hold", exactness="assumed", outcome="timeout", status=None
    ),
    "JSON cut in its body": Ending(fault="reset=1", money="hold", exactness="assumed", outcome="cut"),
    "JSON stalled in its body": Ending(fault="stall=1", money="hold", exactness="assumed", outcome="timeout"),
    "cut before message_start": Ending(fault="cut=0", stream=True, money="hold", exactness="assumed", outcome="cut"),
    "chunk cut before message_start": Ending(
        fault="cut_chunked=headers", stream=True, money="hold", exactness="assumed", outcome="cut"
    ),
    "reset before message_start": Ending(
        fault="reset=headers", stream=True, money="hold", exactness="assumed", outcome="cut"
    ),
    "stalled before message_start": Ending(
        fault="stall=headers", stream=True, money="hold", exactness="assumed", outcome="timeout"
    ),
    "error event before message_start": Ending(
        fault="error_event=0", stream=True, money="hold", exactness="assumed", outcome="cut",
        error_type="overloaded_error",
    ),
    "malformed JSON": Ending(fault="malformed", money="hold", exactness="assumed", outcome="cut"),
    "empty body": Ending(fault="empty", money="hold", exactness="assumed", outcome="cut"),
    "empty stream": Ending(fault="empty", stream=True, money="hold", exactness="assumed", outcome="cut"),
    "usage missing": Ending(fault="no_usage", money="hold", exactness="assumed", outcome="ok"),
    "usage missing in a stream": Ending(
        fault="no_usage", stream=True, money="hold", exactness="assumed", outcome="ok"
    ),
    # after message_start: the exact input and the whole output part of the hold
    "cut after message_start": Ending(
        fault="cut=4", stream=True, money="input and the hold's output", exactness="assumed", outcome="cut"
    ),
    "chunk cut after message_start": Ending(
        fault="cut_chunked=4", stream=True, money="input and the hold's output", exactness="assumed", outcome="cut"
    ),
    "reset after message_start": Ending(
        fault="reset=1", stream=True, money="input and the hold's output", exactness="assumed", outcome="cut"
    ),
    "cut in the middle of a progressive stream": Ending(
        fault="cut=6; progressive; output_tokens=max", stream=True, money="input and the hold's output",
        exactness="assumed", outcome="cut",
    ),
    "chunk cut in a gzip stream": Ending(
        fault="cut_chunked=4; gzip=force", stream=True, money="input and the hold's output", exactness="assumed",
        outcome="cut",
    ),
    "error event": Ending(
        fault="error_event=4", stream=True, money="input and the hold's output", exactness="assumed", outcome="cut",
        error_type="overloaded_error",
    ),
    "error event of an unknown type": Ending(
        fault="error_event=4; error_event_type=tidal_error", stream=True, money="input and the hold's output",
        exactness="assumed", outcome="cut", error_type="other",
    ),
    "idle time-out": Ending(
        fault="stall=4", stream=True, money="input and the hold's output", exactness="assumed", outcome="timeout"
    ),
    "total time-out": Ending(
        fault="gap=0.3; output_tokens=max; tokens_per_event=4", stream=True, money="input and the hold's output",
        exactness="assumed", outcome="timeout",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, fake_claude_process: FakeClaude) -> Iterator[Site]:
    """One gateway for most tests of this file: each has a user of its own."""
    with site_at(tmp_path_factory.mktemp("endings"), fake_claude_process.url, config()) as site:
        site.start()
        yield site


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory, fake_claude_process: FakeClaude) -> Iterator[Site]:
    """One gateway for what ends by a time-out, apart: a slow machine must not make other calls end like that."""
    text = config(patience="1s", total="4s")
    with site_at(tmp_path_factory.mktemp("hasty"), fake_claude_process.url, text) as site:
        site.start()
        yield site


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory, fake_claude_process: FakeClaude) -> Iterator[Site]:
    """One gateway that tries again."""
    with site_at(tmp_path_factory.mktemp("patient"), fake_claude_process.url, config(attempts=5)) as site:
        site.start()
        yield site


class Told(Struct, frozen=True):
    """What there is to know about one call after it."""

    answer: Answer
    body: bytes
    charge: Row
    line: Row
    seen: Seen


def one_call(
    site: Site,
    fake: FakeClaude,
    user: str,
    *,
    fault: str,
    stream: bool = False,
    leave: Enough | None = None,
    leave_when: Callable[[], Awaitable[object]] | None = None,
    headers: Mapping[str, str] | None = None,
    pad: int = 0,
) -> Told:
    """One call with one attempt, to its end on every side; checks what must hold for all of them."""
    body = ask("How high is the tide?", max_tokens=80, **({"stream": True} if stream else {})) + b" " * pad
    more = {"x-tidegate-user": user, **({"x-fake-fault": fault} if fault else {}), **(headers or {})}
    sent = request(body, key=site.key, headers=more)
    gateway = site.gateways[-1]
    answer = asyncio.run(
        call(gateway.port, sent, leave=leave, leave_when=leave_when() if leave_when is not None else None)
    )
    fake.wait(open=0, attempts=1)
    until(lambda: site.charges(user))
    (charge,) = site.charges(user)
    line = site.line(user)
    (seen,) = fake.attempts()
    assert (charge["attempt"], charge["max_tokens"], charge["held"]) == (1, 80, strict_hold(body, 80))
    assert (charge["app"], charge["route"]) == ("tests", (headers or {}).get("x-tidegate-route", "default"))
    assert charge["model_requested"] == charge["model"] == line["model"] == MODEL
    named = charge["status"] is not None and "html" not in fault  # a proxy's page has no request id
    assert charge["upstream_request_id"] == (seen.request_id if named else None)
    assert charge["total_cost"] == charge["cost"] >= seen.cost
    _line_says(line, charge)
    site.settled()
    assert not [key for key, tally in site.tallies().items() if tally.held]
    assert site.calls(user) == [line], "one line a call"
    return Told(answer, body, charge, line, seen)


def _line_says(line: Row, charge: Row) -> None:
    """The call's line in the log tells the same as its only charge."""
    same = ["call_id", "app", "user_id", "route", "model", "cost", "upstream_request_id"]
    if charge["outcome"] in ("ok", "model_refusal"):
        assert line["event"] == "claude_call_success"
        same += ["exactness", "outcome", "stop_reason", "attempt", "upstream", "input_tokens", "output_tokens"]
        same += ["cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "thinking_tokens"]
    else:
        assert line["event"] == "claude_call_error"
        assert line["attempt"] == 1
        assert line["error_message"]
        same += ["status"]
    for name in same:
        assert line[name] == charge[name], (name, line, charge)


def money_of(money: Money, told: Told) -> int:
    """What the design says, computed from the fake's usage and this test's own prices."""
    match money:
        case "nothing":
            return 0
        case "usage":
            return usage_cost(told.seen)
        case "hold":
            return strict_hold(told.body, 80)
        case _:
            return told.seen.input_tokens * INPUT + 80 * OUTPUT


@pytest.mark.parametrize("name", ENDINGS)
def test_settlement(site: Site, hasty: Site, fake_claude: FakeClaude, name: str) -> None:
    want = ENDINGS[name]
    waits = want.outcome == "timeout" or "stall" in want.fault
    told = one_call(
        hasty if waits else site,
        fake_claude,
        re.sub("[^a-z0-9]+", "-", name.lower()),
        fault=want.fault,
        stream=want.stream,
    )
    charge = told.charge
    assert (charge["outcome"], charge["exactness"], charge["status"], charge["error_type"]) == (
        want.outcome,
        want.exactness,
        want.status,
        want.error_type,
    )
    assert charge["cost"] == money_of(want.money, told), (charge, told.seen)
    if want.money == "usage":
        assert charge["cost"] == told.seen.cost > 0
        assert (charge["input_tokens"], charge["output_tokens"]) == (told.seen.input_tokens, told.seen.output_tokens)
    if told.line["event"] == "claude_call_error":
        assert told.line["error_type"]
        assert told.line["error_type"] in (want.error_type, want.outcome, "timeout", "upstream_down")
    else:
        assert told.answer.whole


def test_cache_classes_are_billed_each_at_its_price(site: Site, fake_claude: FakeClaude) -> None:
    """The second of two calls with one long marked prompt reads what the first one wrote."""
    prompt = [{"type": "text", "text": "tide " * 20_000, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    body = ask("How high?", system=prompt)
    for user in ("cache-write", "cache-read"):
        sent = request(body, key=site.key, headers={"x-tidegate-user": user})
        assert asyncio.run(call(site.gateways[0].port, sent)).status == 200
    wrote, read = fake_claude.attempts()
    assert wrote.cache_write_1h_tokens > 4_096
    assert read.cache_read_tokens == wrote.cache_write_1h_tokens
    for user, seen in (("cache-write", wrote), ("cache-read", read)):
        (charge,) = site.charges(user)
        assert (charge["exactness"], charge["cost"]) == ("actual", usage_cost(seen))
        assert seen.cost == charge["cost"] <= charge["held"]
        assert charge["cache_write_1h_tokens"] == seen.cache_write_1h_tokens
        assert charge["cache_read_tokens"] == seen.cache_read_tokens


# -- the client leaves


def gone(told: Told, figures: Figures) -> None:
    """The upstream was cancelled because the client had left, not because of a time-out."""
    assert told.seen.ending == "disconnected"
    assert told.charge["outcome"] == "aborted"
    assert told.answer.left_at is not None
    assert told.seen.ended_at is not None
    figures["ms from the client's leaving to the upstream's end"] = round(
        1_000 * (told.seen.ended_at - told.answer.left_at)
    )


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("pad", [0, 3_000_000])
def test_the_client_leaves_before_the_headers(
    site: Site, fake_claude: FakeClaude, figures: Figures, stream: bool, pad: int
) -> None:
    told = one_call(
        site,
        fake_claude,
        f"before-headers-{stream}-{pad}",
        fault="delay=60",
        stream=stream,
        leave_when=lambda: asyncio.to_thread(fake_claude.wait, attempts=1),
        pad=pad,
    )
    gone(told, figures)
    assert (told.charge["cost"], told.charge["exactness"]) == (strict_hold(told.body, 80), "assumed")
    assert told.charge["status"] is None


@pytest.mark.parametrize("pad", [0, 300_000])
def test_the_client_leaves_in_mid_stream(site: Site, fake_claude: FakeClaude, figures: Figures, pad: int) -> None:
    told = one_call(
        site,
        fake_claude,
        f"mid-stream-{pad}",
        fault="stall=5; output_tokens=max",
        stream=True,
        leave=lambda heard: heard.count(b"event: ") >= 5,
        pad=pad,
    )
    gone(told, figures)
    assert told.charge["exactness"] == "assumed"
    assert told.charge["cost"] == told.seen.input_tokens * INPUT + 80 * OUTPUT


def test_the_client_leaves_between_the_headers_and_message_start(
    site: Site, fake_claude: FakeClaude, figures: Figures
) -> None:
    told = one_call(site, fake_claude, "mid-headers", fault="stall=headers", stream=True, leave=lambda _heard: True)
    gone(told, figures)
    assert (told.charge["cost"], told.charge["exactness"]) == (strict_hold(told.body, 80), "assumed")


def test_the_client_leaves_after_the_last_event(site: Site, fake_claude: FakeClaude) -> None:
    told = one_call(
        site, fake_claude, "after-the-end", fault="stall=7; tokens_per_event=1000", stream=True,
        leave=lambda heard: b"event: message_stop" in heard,
    )  # fmt: skip
    assert (told.charge["outcome"], told.charge["exactness"]) == ("ok", "actual")
    assert told.charge["cost"] == told.charge["input_tokens"] * INPUT + told.charge["output_tokens"] * OUTPUT


def test_drain_reads_on_after_the_client_left(site: Site, fake_claude: FakeClaude) -> None:
    told = one_call(
        site, fake_claude, "drain", fault="gap=0.05; output_tokens=max", stream=True,
        leave=lambda heard: heard.count(b"event: ") >= 4, headers={"x-tidegate-route": "drain"},
    )  # fmt: skip
    assert told.seen.ending == "ok"
    assert told.answer.left_at is not None
    assert told.seen.ended_at is not None
    assert told.seen.ended_at > told.answer.left_at
    assert told.charge["exactness"] == "actual"
    assert told.charge["cost"] == told.seen.cost == usage_cost(told.seen)
    assert told.charge["output_tokens"] == 80


def test_drain_of_a_call_without_stream(site: Site, fake_claude: FakeClaude) -> None:
    told = one_call(
        site, fake_claude, "drain-json", fault="delay=0.5; output_tokens=max",
        leave_when=lambda: asyncio.to_thread(fake_claude.wait, attempts=1), headers={"x-tidegate-route": "drain"},
    )  # fmt: skip
    assert told.seen.ending == "ok"
    assert told.charge["exactness"] == "actual"
    assert told.charge["cost"] == told.seen.cost


def test_drain_ends_with_the_upstream(site: Site, fake_claude: FakeClaude) -> None:
    told = one_call(
        site, fake_claude, "drain-cut", fault="cut_chunked=8; gap=0.05; output_tokens=max", stream=True,
        leave=lambda heard: heard.count(b"event: ") >= 4, headers={"x-tidegate-route": "drain"},
    )  # fmt: skip
    assert told.charge["exactness"] == "assumed"
    assert told.charge["cost"] == told.seen.input_tokens * INPUT + 80 * OUTPUT


def test_estimate_charges_what_was_seen(site: Site, fake_claude: FakeClaude) -> None:
    told = one_call(
        site, fake_claude, "estimate", fault="cut=9; output_tokens=max; linger=0", stream=True,
        headers={"x-tidegate-route": "estimate"},
    )  # fmt: skip
    charge = told.charge
    assert (charge["outcome"], charge["exactness"]) == ("cut", "estimated")
    tokens, rest = divmod(charge["cost"] - told.seen.input_tokens * INPUT, OUTPUT)
    text = sum(
        len(json.loads(line[6:])["delta"].get("text", ""))
        for line in told.answer.body.split(b"\n")
        if line.startswith(b"data: ") and b"text_delta" in line
    )
    assert rest == 0
    assert text > 20
    assert text // 4 <= tokens <= min(80, text // 4 + 20)


# -- nothing was sent


def test_a_refused_connection_charges_nothing(new_site: NewSite) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    site = new_site(config(attempts=3), upstream=nobody)
    gateway = site.start()
    sent = request(ask("Is anybody there?"), key=site.key, headers={"x-tidegate-user": "lonely"})
    answer = asyncio.run(call(gateway.port, sent))
    assert (answer.status, answer.reason) == (529, "upstream_down")
    assert answer.headers["x-should-retry"] == "false"
    assert answer.json["error"]["type"] == "overloaded_error"
    assert not site.charges()
    assert not site.holds()
    assert not [key for key, tally in site.tallies().items() if tally.held or tally.settled]
    line = site.line("lonely")
    assert (line["event"], line["error_type"], line["attempt"], line["cost"]) == (
        "claude_call_error",
        "upstream_down",
        3,
        0,
    )


def test_a_call_that_is_refused_is_never_sent(site: Site, fake_claude: FakeClaude) -> None:
    sent = request(ask("Is it too dear?"), key=site.key, headers={"x-tidegate-user": "poor"})
    answer = asyncio.run(call(site.gateways[-1].port, sent))
    assert (answer.status, answer.reason) == (429, "budget_spent")
    assert answer.headers["x-should-retry"] == "false"
    assert "retry-after" not in answer.headers
    assert not fake_claude.books()
    assert not site.charges("poor")
    line = site.line("poor")
    assert (line["event"], line["reason"]) == ("claude_call_refused", "budget_spent")
    (refusal,) = site.query("SELECT * FROM refusals WHERE user_id = 'poor'")
    assert (refusal["reason"], refusal["scope"]) == ("budget_spent", "user")


# -- several attempts


def test_each_attempt_of_a_call_has_its_own_charge(patient: Site, fake_claude: FakeClaude) -> None:
    """Lost, cut in the body, an error, then well: the lost ones cost their holds, the log's line has the sum."""
    fake_claude.script(
        rules=[
            {"do": {"reset": "before", "delay": 0.02}, "times": 1},
            {"do": {"reset": 1}, "times": 1},
            {"do": {"status": 529}, "times": 1},
        ]
    )
    body = ask("How high?", max_tokens=80)
    sent = request(body, key=patient.key, headers={"x-tidegate-user": "tough"})
    answer = asyncio.run(call(patient.gateways[-1].port, sent))
    assert answer.status == 200
    charges = patient.charges("tough")
    assert [charge["outcome"] for charge in charges] == ["cut", "cut", "upstream_error", "ok"]
    assert [charge["attempt"] for charge in charges] == [1, 2, 3, 4]
    assert len({charge["call_id"] for charge in charges}) == 1
    seen = fake_claude.attempts()
    whole = strict_hold(body, 80)
    assert [charge["cost"] for charge in charges] == [whole, whole, 0, seen[3].cost]
    line = patient.line("tough")
    assert line["cost"] == sum(charge["cost"] for charge in charges)
    assert line["attempt"] == 4


def test_a_caller_who_leaves_between_two_attempts(patient: Site, fake_claude: FakeClaude) -> None:
    """While the gate waits to try again nothing is held, and the call still gets its line."""
    fake_claude.script(status=529, retry_after=3)
    sent = request(ask("How high?"), key=patient.key, headers={"x-tidegate-user": "hasty"})
    failed = asyncio.to_thread(until, lambda: patient.charges("hasty"))
    answer = asyncio.run(call(patient.gateways[-1].port, sent, leave_when=failed))
    assert answer.left_at is not None
    (charge,) = patient.charges("hasty")
    assert (charge["outcome"], charge["cost"]) == ("upstream_error", 0)
    line = patient.line("hasty")
    assert (line["event"], line["error_type"], line["cost"]) == ("claude_call_error", "aborted", 0)
    patient.settled()


def test_a_caller_who_leaves_in_a_second_attempt_is_told_with_the_cost_of_both(
    patient: Site, fake_claude: FakeClaude
) -> None:
    fake_claude.script(rules=[{"when": {"nth": 1}, "do": {"reset": 1, "delay": 0}}], delay=60)
    body = ask("How high?", max_tokens=80)
    sent = request(body, key=patient.key, headers={"x-tidegate-user": "hastier"})
    second = asyncio.to_thread(fake_claude.wait, attempts=2)
    asyncio.run(call(patient.gateways[-1].port, sent, leave_when=second))
    line = patient.line("hastier")
    charges = patient.charges("hastier")
    assert [charge["outcome"] for charge in charges] == ["cut", "aborted"]
    assert line["cost"] == sum(charge["cost"] for charge in charges) == 2 * strict_hold(body, 80)


# -- the store is away


def test_a_settlement_waits_for_a_locked_store(new_site: NewSite, fake_claude: FakeClaude) -> None:
    """Another program locks the file for longer than anyone waits: the answer goes out, the charge follows."""
    fake_claude.script(delay=0.5)
    site = new_site(config())
    gateway = site.start()
    body = ask("How high?", max_tokens=80)

    async def both() -> tuple[Answer, Answer]:
        sent = request(body, key=site.key, headers={"x-tidegate-user": "early"})
        first = asyncio.ensure_future(call(gateway.port, sent))
        await asyncio.to_thread(fake_claude.wait, attempts=1)
        lock.execute("BEGIN IMMEDIATE")
        late = request(body, key=site.key, headers={"x-tidegate-user": "late"})
        second = await call(gateway.port, late)
        return await first, second

    lock = sqlite3.connect(site.database, isolation_level=None)
    try:
        answer, refused = asyncio.run(both())
        assert (answer.status, refused.status, refused.reason) == (200, 503, "store_down")
        assert refused.headers["x-should-retry"] == "false"
        assert gateway.state()["owed_settlements"] == 1
        assert not site.charges()
        lock.execute("ROLLBACK")
    finally:
        lock.close()
    until(site.charges)
    until(lambda: gateway.state()["owed_settlements"] == 0)
    (charge,) = site.charges()
    (seen,) = fake_claude.attempts()
    assert (charge["user_id"], charge["outcome"], charge["exactness"]) == ("early", "ok", "actual")
    assert charge["total_cost"] == seen.cost
    site.settled()
    assert site.tallies()["b|organization|total||total"].settled == seen.cost


def test_a_log_that_cannot_be_written_costs_nobody_an_answer(new_site: NewSite, fake_claude: FakeClaude) -> None:
    """The disk of the logs is full: calls are answered and charged."""
    site = new_site(config())
    gateway = site.start(log=Path("/dev/full"))
    for stream in (False, True):
        sent = request(ask("How high?", stream=stream), key=site.key, headers={"x-tidegate-user": "well"})
        answer = asyncio.run(call(gateway.port, sent))
        assert (answer.status, answer.whole) == (200, True), answer
    refused = request(ask("Is it too dear?"), key=site.key, headers={"x-tidegate-user": "poor"})
    assert asyncio.run(call(gateway.port, refused)).reason == "budget_spent"
    assert [charge["outcome"] for charge in site.charges()] == ["ok", "ok"]
    gateway.kill()  # Python itself would complain at its end


# -- shutdown


def test_an_orderly_end_lets_a_stream_finish(new_site: NewSite, fake_claude: FakeClaude) -> None:
    fake_claude.script(gap=0.05, output_tokens=40, tokens_per_event=4)
    site = new_site(config(drain="30s"))
    gateway = site.start()

    async def end_meanwhile() -> Answer:
        calling = asyncio.ensure_future(call(gateway.port, request(ask("Go on", stream=True), key=site.key)))
        await asyncio.to_thread(fake_claude.wait, attempts=1)
        gateway.terminate()
        return await calling

    answer = asyncio.run(end_meanwhile())
    assert answer.events[-1] == "message_stop"
    assert answer.whole
    assert gateway.stop() == 0
    (charge,) = site.charges()
    assert (charge["outcome"], charge["exactness"], charge["cost"]) == ("ok", "actual", fake_claude.cost())
    assert not site.holds()


def test_an_end_that_cannot_wait_settles_what_it_cuts(new_site: NewSite, fake_claude: FakeClaude) -> None:
    """`drain` is over: calls are cut off, their upstreams left, and each is charged before the process ends."""
    fake_claude.script(rules=[{"when": {"stream": True}, "do": {"stall": 4}}], delay=60)
    site = new_site(config())
    site.may_complain = True
    gateway = site.start()
    bodies = [ask(f"Question {number}", stream=number % 2 == 0, max_tokens=80) for number in range(20)]

    async def end_meanwhile() -> list[Answer]:
        calls = [
            asyncio.ensure_future(
                call(gateway.port, request(body, key=site.key, headers={"x-tidegate-user": f"user-{number}"}))
            )
            for number, body in enumerate(bodies)
        ]
        await asyncio.to_thread(fake_claude.wait, attempts=20)
        gateway.terminate()
        return await asyncio.gather(*calls)

    asyncio.run(end_meanwhile())
    assert gateway.stop() == 0
    assert "Traceback" not in gateway.errors
    assert len(site.charges()) == 20, "an orderly end must not leave calls to the sweep"
    for charge in site.charges():
        assert (charge["outcome"], charge["exactness"]) == ("aborted", "assumed")
    assert not site.holds()
    fake_claude.wait(open=0)
    assert {row.ending for row in fake_claude.attempts()} == {"disconnected"}
    assert len([line for line in site.log() if line["event"] == "claude_call_error"]) == 20


def test_the_concurrency_limit_is_free_again_after_an_abort(site: Site, fake_claude: FakeClaude) -> None:
    """Three times as many calls as the limit allows at once; those before have all been aborted."""

    async def abort(number: int, attempts: int) -> Answer:
        headers = {"x-tidegate-user": "crowd", "x-fake-fault": "delay=60"}
        sent = request(ask(f"Question {number}"), key=site.key, headers=headers)
        return await call(
            site.gateways[-1].port, sent, leave_when=asyncio.to_thread(fake_claude.wait, attempts=attempts)
        )

    async def crowd(attempts: int) -> list[Answer]:
        return await asyncio.gather(*(abort(number, attempts) for number in range(25)))

    for attempts in (25, 50, 75):
        answers = asyncio.run(crowd(attempts))
        assert all(answer.left_at is not None for answer in answers), "one of them was refused"
        site.settled()
    tallies = site.tallies()
    assert [tally.held for key, tally in tallies.items() if key.startswith("c|")] in ([], [0])
    spent = sum(row["total_cost"] for row in site.charges())
    assert tallies["b|organization|total||total"].settled == spent < USD * 1000
