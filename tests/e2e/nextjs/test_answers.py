"""Answers, callers and refusals: what somebody sees of a gateway that works."""

import json

import pytest

from e2e.gateways import until
from e2e.nextjs.application import ROUTES
from e2e.nextjs.stage import Stage

pytestmark = pytest.mark.slow

each_route = pytest.mark.parametrize("route", ROUTES)
each_way = pytest.mark.parametrize("stream", [True, False], ids=["stream", "json"])


@each_route
def test_a_stream_arrives_in_pieces(stage: Stage, route: str) -> None:
    """The first words are here while the fake still writes the last ones."""
    user = stage.new_user()
    with user.asking("[[fake: gap=0.3; output_tokens=60; tokens_per_event=6]]", route=route) as answer:
        assert answer.status == 200
        assert answer.headers["x-reference"].startswith("req_")
        assert answer.headers["cache-control"] == "no-store, no-transform"
        assert answer.read_line()
        assert stage.fake.totals().open == 1
        answer.read()
    assert len(answer.pieces) > 5
    assert (answer.failure, answer.note) == (None, None)
    assert answer.reference == answer.headers["x-reference"]


@each_route
def test_an_answer_as_one_document(stage: Stage, route: str) -> None:
    answer = stage.new_user().ask("[[fake: say=The tide is high.]]", route=route, stream=False)
    document = {"text": "The tide is high.", "note": None, "reference": answer.reference}
    assert json.loads(answer.raw) == document
    assert answer.headers["cache-control"] == "no-store"


@each_route
@each_way
def test_the_gateway_knows_who_asks_and_what_for(stage: Stage, route: str, stream: bool) -> None:
    user, before = stage.new_user("carol"), stage.last()
    answer = user.ask("Hello", route=route, stream=stream)
    (charge,) = stage.site.charges(user.name)
    assert (charge["route"], charge["max_tokens"], charge["outcome"]) == (route, 512, "ok")
    assert charge["upstream_request_id"] == answer.reference
    (row,) = stage.seen(before)
    assert (row.retry_count or 0, row.stream) == (0, stream)


def test_users_have_limits_of_their_own(stage: Stage) -> None:
    """Three answers each; the fourth question is refused on every route, and the SDKs do not ask a second time."""
    for name in ("alice", "bob"):
        user = stage.app.user(name)
        for route in (*ROUTES, "chat"):
            assert user.ask("Hello", route=route).failure is None
        for route in ROUTES:
            for stream in (True, False):
                refused = user.ask("Hello", route=route, stream=stream)
                assert refused.failure is not None
                wait = refused.failure["retryAfter"]
                assert 0 < wait <= 3600
                assert (refused.status, refused.headers["retry-after"]) == (429, str(wait))
                assert refused.failure["message"].startswith("That was a bit fast: the limit for you is reached.")
        assert len(stage.site.charges(name)) == 3
        assert _events(stage, name, 7) == ["claude_call_success"] * 3 + ["claude_call_refused"] * 4


def _events(stage: Stage, name: str, count: int) -> list[str]:
    """What the gateway has logged of somebody's calls, once it is so much."""
    until(lambda: len(stage.site.calls(name)) >= count)
    return [line["event"] for line in stage.site.calls(name)]


@each_route
@each_way
def test_a_budget_that_is_spent(stage: Stage, route: str, stream: bool) -> None:
    refused = stage.app.user("spender").ask("Hello", route=route, stream=stream)
    assert refused.failure is not None
    assert (refused.status, refused.failure["retryAfter"]) == (429, None)
    assert refused.failure["message"].startswith("What was set aside for you is used up. It starts anew at ")
    assert "retry-after" not in refused.headers
    assert stage.app.failures()[-1]["reason"] == "budget_spent"


@each_route
def test_nothing_is_asked_twice(stage: Stage, route: str) -> None:
    """A running answer holds the budget; the SDKs, left to themselves, would repeat such a refusal."""
    user, before = stage.app.user(f"holder-{route}"), stage.last()
    with user.asking("[[fake: stall=6]]", route=route) as running:
        assert running.read_line()
        refused = user.ask("Hello", route=route)
        assert refused.failure is not None
        assert (refused.status, refused.failure["retryAfter"]) == (429, 1)
        assert refused.failure["message"].startswith("Answers that are being written right now use up what is left")
    _was_cancelled(stage, user.name, before)
    assert sorted(_events(stage, user.name, 2)) == ["claude_call_error", "claude_call_refused"]


@each_route
@each_way
def test_a_browser_that_leaves_before_the_first_word(stage: Stage, route: str, stream: bool) -> None:
    user, before = stage.new_user("leaver"), stage.last()
    user.leave_when(lambda: stage.seen(before), "[[fake: delay=50]]", route=route, stream=stream)
    _was_cancelled(stage, user.name, before)


@each_route
def test_a_browser_that_leaves_in_the_middle(stage: Stage, route: str) -> None:
    user, before = stage.new_user("leaver"), stage.last()
    with user.asking("[[fake: stall=6]]", route=route) as answer:
        assert answer.read_line()
        assert answer.pieces
    _was_cancelled(stage, user.name, before)


def _was_cancelled(stage: Stage, name: str, before: int) -> None:
    """Upstream too; nobody calls it a failure of the application."""
    until(lambda: [row.ending for row in stage.seen(before)] == ["disconnected"])
    until(lambda: stage.site.charges(name))
    (charge,) = stage.site.charges(name)
    assert charge["outcome"] == "aborted"
    references = {line["reference"] for line in stage.app.failures()}
    assert charge["upstream_request_id"] not in references or charge["upstream_request_id"] is None
