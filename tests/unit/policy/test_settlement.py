"""Every row of the settlement table, and its laws."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.model.call import Bound
from tidegate.model.usage import Bill, Metered, Outcome, Part, Usage
from tidegate.policy.settlement import Ending, bill_of, outcome_of

MODEL = "claude-opus-5"
HOLD = Bound(cost=10_000, input_cost=4_000, input_tokens=400, output_tokens=600)


def cost_of(model: str, usage: Usage) -> int:
    """1 an input token, 10 an output token; the dear model costs double, an unknown one as the requested."""
    return (usage.prompt_tokens + 10 * usage.output_tokens) * (2 if model == "dear" else 1)


def metered(usage: Usage | None = None, **fields: object) -> Metered:
    parts = (Part(MODEL, usage),) if usage else ()
    return Metered(model=MODEL, usage=usage, parts=parts, **fields)  # type: ignore[arg-type]  # fields of Metered


NOTHING = Metered()
FINAL = metered(
    Usage(input_tokens=300, output_tokens=50), started=True, finished=True, stop_reason="end_turn", silent=False
)
WHOLE = metered(
    Usage(input_tokens=300, output_tokens=50),
    started=True,
    finished=True,
    ended=True,
    stop_reason="end_turn",
    silent=False,
)
STARTED = metered(Usage(input_tokens=300, output_tokens=1), started=True)
TALKING = metered(Usage(input_tokens=300, output_tokens=1), started=True, silent=False)
ERRED = metered(Usage(input_tokens=300, output_tokens=1), started=True, silent=False, error_type="overloaded_error")
REFUSED = metered(
    Usage(input_tokens=300, output_tokens=1), started=True, finished=True, ended=True, stop_reason="refusal"
)
LATE_REFUSAL = metered(
    Usage(input_tokens=300, output_tokens=50),
    started=True,
    finished=True,
    ended=True,
    stop_reason="refusal",
    silent=False,
)
UNREADABLE = Metered(ended=False)
NO_USAGE = Metered(model=MODEL, ended=True, silent=False)

ROWS: list[tuple[Ending, int | None, Metered, Bill, Outcome]] = [
    # an HTTP error reply is free, however it ended
    ("upstream_error", 529, NOTHING, Bill(0, "actual"), "upstream_error"),
    ("upstream_error", 400, Metered(error_type="invalid_request_error"), Bill(0, "actual"), "upstream_error"),
    ("cut", 500, NOTHING, Bill(0, "actual"), "upstream_error"),
    ("timeout", 429, NOTHING, Bill(0, "actual"), "upstream_error"),
    ("aborted", 503, NOTHING, Bill(0, "actual"), "aborted"),
    # final usage is the truth
    ("ok", 200, WHOLE, Bill(800, "actual"), "ok"),
    ("aborted", 200, WHOLE, Bill(800, "actual"), "aborted"),
    ("aborted", 200, FINAL, Bill(800, "actual"), "aborted"),
    ("cut", 200, FINAL, Bill(800, "actual"), "cut"),
    ("ok", 200, FINAL, Bill(800, "actual"), "cut"),
    ("timeout", 200, FINAL, Bill(800, "actual"), "timeout"),
    ("crashed", 200, WHOLE, Bill(800, "actual"), "crashed"),
    ("cut", 200, WHOLE, Bill(800, "actual"), "ok"),
    ("timeout", 200, WHOLE, Bill(800, "actual"), "ok"),
    # the model refused
    ("ok", 200, REFUSED, Bill(0, "actual"), "model_refusal"),
    ("aborted", 200, REFUSED, Bill(0, "actual"), "aborted"),
    ("ok", 200, LATE_REFUSAL, Bill(800, "actual"), "model_refusal"),
    # sent, and nothing heard
    ("timeout", None, NOTHING, Bill(10_000, "assumed"), "timeout"),
    ("cut", None, NOTHING, Bill(10_000, "assumed"), "cut"),
    ("aborted", None, NOTHING, Bill(10_000, "assumed"), "aborted"),
    ("crashed", None, NOTHING, Bill(10_000, "assumed"), "crashed"),
    ("cut", 200, NOTHING, Bill(10_000, "assumed"), "cut"),
    ("cut", 200, Metered(error_type="overloaded_error"), Bill(10_000, "assumed"), "cut"),
    ("upstream_error", None, NOTHING, Bill(10_000, "assumed"), "upstream_error"),
    # a reply of status 200 that cannot be read
    ("ok", 200, UNREADABLE, Bill(10_000, "assumed"), "cut"),
    ("ok", 200, NO_USAGE, Bill(10_000, "assumed"), "ok"),
    # broken off after message_start: exact input, the output part of the hold
    ("cut", 200, TALKING, Bill(6_300, "assumed"), "cut"),
    ("aborted", 200, TALKING, Bill(6_300, "assumed"), "aborted"),
    ("timeout", 200, STARTED, Bill(6_300, "assumed"), "timeout"),
    ("ok", 200, TALKING, Bill(6_300, "assumed"), "cut"),
    ("cut", 200, ERRED, Bill(6_300, "assumed"), "cut"),
    ("ok", 200, ERRED, Bill(6_300, "assumed"), "cut"),
    ("crashed", 200, TALKING, Bill(10_000, "assumed"), "crashed"),
]  # fmt: skip


@pytest.mark.parametrize(("ending", "status", "found", "bill", "outcome"), ROWS)
def test_the_table(ending: Ending, status: int | None, found: Metered, bill: Bill, outcome: Outcome) -> None:
    for on_cut in ("assume", "drain"):
        assert bill_of(ending, found, HOLD, cost_of, status, on_cut) == bill
        assert bill.cost <= HOLD.cost
    assert outcome_of(ending, found, status) == outcome


def test_every_outcome_and_exactness_can_happen() -> None:
    assert {row[4] for row in ROWS} == set(get_args(Outcome))
    assert {row[0] for row in ROWS} == set(get_args(Ending))


@pytest.mark.parametrize(
    ("found", "output_bytes", "cost"),
    [
        (TALKING, 0, 310),  # never less than the usage that was reported
        (TALKING, 400, 1_300),  # 100 tokens seen
        (TALKING, 10**9, 6_300),  # never more than the exact input and the output part of the hold
        (metered(Usage(input_tokens=300, output_tokens=900), started=True), 0, 9_300),  # unless more was reported
    ],
)
def test_estimates(found: Metered, output_bytes: int, cost: int) -> None:
    assert bill_of("cut", found, HOLD, cost_of, 200, "estimate", output_bytes) == Bill(cost, "estimated")


def test_estimates_need_message_start_and_no_final_usage() -> None:
    for found, bill in [(NOTHING, Bill(10_000, "assumed")), (FINAL, Bill(800, "actual"))]:
        assert bill_of("cut", found, HOLD, cost_of, 200, "estimate", 40) == bill
    assert bill_of("crashed", TALKING, HOLD, cost_of, on_cut="estimate") == Bill(10_000, "assumed")


def test_parts_are_priced_by_their_own_models() -> None:
    parts = (
        Part(MODEL, Usage(input_tokens=10, output_tokens=1)),
        Part("dear", Usage(input_tokens=10, output_tokens=1)),
    )
    found = Metered(
        model=MODEL, usage=Usage(input_tokens=20, output_tokens=2), parts=parts, started=True, finished=True, ended=True
    )
    assert bill_of("ok", found, HOLD, cost_of, 200) == Bill(60, "actual")


def test_a_bill_may_be_above_its_hold() -> None:
    found = metered(Usage(input_tokens=300, output_tokens=5_000), started=True, finished=True, ended=True)
    assert bill_of("ok", found, HOLD, cost_of, 200) == Bill(50_300, "actual")


tokens = st.integers(0, 10_000)
meterings = st.builds(
    lambda usage, started, finished, ended, reason, silent: metered(
        usage, started=started, finished=finished and started, ended=ended, stop_reason=reason, silent=silent
    ),
    st.builds(Usage, input_tokens=tokens, output_tokens=tokens),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, "end_turn", "refusal"]),
    st.booleans(),
)


@given(
    st.sampled_from(get_args(Ending)),
    meterings,
    st.sampled_from([None, 200, 429, 500]),
    st.sampled_from(["assume", "drain", "estimate"]),
    st.integers(0, 10**6),
)
def test_laws(ending: Ending, found: Metered, status: int | None, on_cut: str, output_bytes: int) -> None:
    bill = bill_of(ending, found, HOLD, cost_of, status, on_cut, output_bytes)
    reported = cost_of(MODEL, found.usage or Usage())
    free = (status or 0) >= 300 or (found.stop_reason == "refusal" and found.silent)
    assert (bill.cost == 0) if free else (bill.cost >= reported)
    if bill.exactness == "estimated":
        assert on_cut == "estimate"
    if bill.exactness == "actual":
        assert free or found.finished
    if bill.exactness == "assumed" and reported <= HOLD.cost:
        assert bill.cost <= HOLD.cost
