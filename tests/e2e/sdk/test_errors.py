"""Errors of the upstream as the SDK raises them: what is the caller's own passes unchanged, others get kind words."""

import asyncio
from typing import Any

import anthropic
import httpx2
import pytest

from e2e.sdk.compare import plain
from e2e.sdk.stage import ATTEMPTS, HAIKU, HELLO, SONNET, Stage
from tidegate.assemble import load_texts
from tidegate.policy.replies import upstream_text

CALLERS_OWN = [400, 403, 404, 413]
REPEATED = [408, 409, 429, 500, 502, 503, 504, 529]
TEXTS = load_texts()


def raised(client: anthropic.Anthropic, fault: str, **more: Any) -> anthropic.APIStatusError:
    """What the SDK raises for a call with that order to the fake."""
    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(
            model=HAIKU, max_tokens=10, messages=HELLO, extra_headers={"x-fake-fault": fault}, **more
        )
    return caught.value


def raised_async(options: dict[str, Any], fault: str) -> anthropic.APIStatusError:
    async def main() -> anthropic.APIStatusError:
        async with anthropic.AsyncAnthropic(**options) as client:
            with pytest.raises(anthropic.APIStatusError) as caught:
                await client.messages.create(
                    model=HAIKU, max_tokens=10, messages=HELLO, extra_headers={"x-fake-fault": fault}
                )
            return caught.value

    return asyncio.run(main())


@pytest.mark.parametrize("status", CALLERS_OWN)
def test_the_callers_own_errors_pass_unchanged(
    stage: Stage, direct: anthropic.Anthropic, through: anthropic.Anthropic, status: int
) -> None:
    here = raised(through, f"status={status}; error_code=thread_not_found")
    assert plain(here) == plain(raised(direct, f"status={status}; error_code=thread_not_found"))
    assert here.request_id == stage.seen()[0].request_id
    assert len(stage.seen()) == 2


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("status", REPEATED)
def test_what_is_repeated_keeps_its_class_and_gets_kind_words(
    stage: Stage, direct: anthropic.Anthropic, through: anthropic.Anthropic, status: int, *, asynchronous: bool
) -> None:
    fault = f"status={status}; retry_after_ms=3; error_code=ramp_limit_exceeded"
    here = raised_async(stage.through_options(), fault) if asynchronous else raised(through, fault)
    attempts = stage.fake.attempts()
    there = raised(direct, fault)
    assert len(attempts) == ATTEMPTS
    assert type(here) is type(there)
    assert (here.status_code, here.type, here.error_code) == (there.status_code, there.type, there.error_code)
    assert here.request_id == attempts[-1].request_id
    assert here.api_message == TEXTS[upstream_text(status)].strip()
    assert here.response.headers["x-should-retry"] == "false"
    kept = {name for name in there.response.headers if name not in ("x-should-retry", "content-length")}
    assert kept <= here.response.headers.keys()
    assert status != 429 or "anthropic-ratelimit-requests-limit" in kept
    assert here.response.headers.get("retry-after") == there.response.headers.get("retry-after")
    assert [charge["cost"] for charge in stage.site.charges()[-ATTEMPTS:]] == [0] * ATTEMPTS


@pytest.mark.parametrize("status", [*CALLERS_OWN, *REPEATED, 401, 402])
def test_a_transparent_key_gets_errors_as_they_are_and_at_once(
    stage: Stage, direct: anthropic.Anthropic, status: int
) -> None:
    fault = f"status={status}; message=out of tide [capability_rejected:x]; retry_after_ms=7"
    with stage.through(stage.transparent) as client:
        here = raised(client, fault)
    assert len(stage.fake.attempts()) == 1
    assert here.request_id == stage.fake.attempts()[0].request_id
    assert plain(here) == plain(raised(direct, fault))
    assert "x-should-retry" not in here.response.headers
    assert not [name for name in here.response.headers if name.startswith("x-tidegate")]


def test_a_transparent_client_owns_the_retries(stage: Stage) -> None:
    stage.fake.script(rules=[{"when": {"first": 2}, "do": {"status": 529, "retry_after_ms": 1}}])
    with stage.through(stage.transparent, max_retries=4) as client:
        assert client.messages.create(model=HAIKU, max_tokens=10, messages=HELLO).content
    assert [row.retry_count for row in stage.fake.attempts()] == [0, 1, 2]


def test_a_normal_clients_retries_do_not_multiply(stage: Stage) -> None:
    with stage.through(max_retries=4) as client:
        raised(client, "status=529")
    assert len(stage.fake.attempts()) == ATTEMPTS


def test_a_retry_that_works_is_not_seen(
    stage: Stage, direct: anthropic.Anthropic, through: anthropic.Anthropic
) -> None:
    stage.fake.script(rules=[{"when": {"first": 2}, "do": {"status": 529}}])
    here = through.messages.create(model=HAIKU, max_tokens=10, messages=HELLO)
    assert plain(here) == plain(direct.messages.create(model=HAIKU, max_tokens=10, messages=HELLO))
    assert [row.status for row in stage.fake.attempts()] == [529, 529, 200, 200]


def test_a_bad_upstream_key_is_not_the_callers(stage: Stage, through: anthropic.Anthropic) -> None:
    error = raised(through, "status=401")
    assert (error.status_code, error.type) == (502, "api_error")
    assert error.response.headers["x-tidegate-reason"] == "upstream_key_rejected"
    assert error.response.headers["x-should-retry"] == "false"
    assert "key" not in str(error.api_message)
    assert isinstance(error, anthropic.InternalServerError)
    assert len(stage.fake.attempts()) == 1


@pytest.mark.parametrize("spend", ["tier", "self", "credit", "workspace"])
def test_money_that_ran_out_upstream_is_one_thing(stage: Stage, through: anthropic.Anthropic, spend: str) -> None:
    error = raised(through, f"spend={spend}")
    assert isinstance(error, anthropic.RateLimitError)
    assert (error.type, error.api_message) == ("billing_error", TEXTS["upstream_spend_stop"])
    reply = error.response.headers
    assert reply["x-tidegate-reason"] == "upstream_spend_stop"
    assert reply["x-should-retry"] == "false"
    assert "retry-after" not in reply
    assert reply.get("x-tidegate-resets-at", "").startswith("2026-12-01T00:00:00") is (spend != "credit")
    assert len(stage.fake.attempts()) == 1


def test_a_page_of_a_proxy_becomes_an_error_of_the_api(
    direct: anthropic.Anthropic, through: anthropic.Anthropic
) -> None:
    there, here = raised(direct, "html; status=502"), raised(through, "html; status=502")
    assert type(here) is type(there)
    assert "<html>" in str(there)
    assert "<" not in str(here.body)
    assert here.type == "api_error"
    assert here.request_id


@pytest.mark.parametrize("kind", ["overloaded_error", "api_error"])
def test_an_error_inside_a_stream_is_the_same(
    direct: anthropic.Anthropic, through: anthropic.Anthropic, kind: str
) -> None:
    def read(client: anthropic.Anthropic) -> Any:
        events: list[Any] = []
        with pytest.raises(anthropic.APIStatusError) as caught:
            events.extend(
                client.messages.create(
                    model=SONNET, max_tokens=99, messages=HELLO, stream=True,
                    extra_headers={"x-fake-fault": f"error_event=4; error_event_type={kind}; output_tokens=80"},
                )
            )  # fmt: skip
        error = caught.value
        return [events, type(error).__name__, error.status_code, error.type, error.api_message]

    assert read(through) == read(direct)


@pytest.mark.parametrize("fault", ["cut=4", "reset=4", "cut_chunked=4"])
def test_a_broken_stream_is_an_error_and_never_a_short_answer(
    direct: anthropic.Anthropic, through: anthropic.Anthropic, fault: str
) -> None:
    """A departure, and on purpose: the SDK takes a cut stream for a whole one, or raises what is no API error."""

    def read(client: anthropic.Anthropic) -> Any:
        with client.messages.stream(
            model=SONNET, max_tokens=99, messages=HELLO, extra_headers={"x-fake-fault": f"{fault}; output_tokens=80"}
        ) as running:
            return running.get_final_message().stop_reason

    if fault == "cut=4":
        assert read(direct) is None
    else:
        with pytest.raises(httpx2.TransportError):
            read(direct)
    with pytest.raises(anthropic.APIStatusError) as caught:
        read(through)
    assert (caught.value.status_code, caught.value.type) == (200, "api_error")
    assert caught.value.api_message == TEXTS["cut"]


@pytest.mark.parametrize("fault", ["reset=before", "reset=headers", "cut_chunked=before"])
def test_lost_connections_become_overloaded(stage: Stage, through: anthropic.Anthropic, fault: str) -> None:
    error = raised(through, fault)
    assert isinstance(error, anthropic.OverloadedError)
    assert error.response.headers["x-tidegate-reason"] == "upstream_down"
    assert int(error.response.headers["retry-after"]) >= 1
    assert len(stage.fake.attempts()) == ATTEMPTS


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"model": "claude-9"}, anthropic.BadRequestError),
        ({"max_tokens": -1}, anthropic.BadRequestError),
        ({"messages": []}, anthropic.BadRequestError),
        ({"extra_body": {"temperature": 1.0}}, anthropic.BadRequestError),
        ({"extra_body": {"stream": "yes"}}, anthropic.BadRequestError),
    ],
    ids=str,
)
def test_what_the_api_refuses_is_refused_here_too(
    direct: anthropic.Anthropic, through: anthropic.Anthropic, changes: dict[str, Any], error: type[Exception]
) -> None:
    call: dict[str, Any] = {"model": HAIKU, "max_tokens": 10, "messages": HELLO, **changes}
    for client in (direct, through):
        with pytest.raises((error, anthropic.NotFoundError)):
            client.messages.create(**call)


def test_models_and_counting_fail_alike(direct: anthropic.Anthropic, through: anthropic.Anthropic) -> None:
    def model(client: anthropic.Anthropic) -> Any:
        with pytest.raises(anthropic.NotFoundError) as caught:
            client.models.retrieve("claude-9")
        return plain(caught.value)

    def count(client: anthropic.Anthropic) -> Any:
        with pytest.raises(anthropic.NotFoundError) as caught:
            client.messages.count_tokens(model="claude-9", messages=HELLO)
        return plain(caught.value)

    assert model(through) == model(direct)
    assert count(through) == count(direct)


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], type[anthropic.APIStatusError]]] = {
    "a scope that is missing": ({"scopes": ("models",)}, {}, anthropic.PermissionDeniedError),
    "a model that the key has not": ({"models": (SONNET,)}, {}, anthropic.PermissionDeniedError),
    "a route that the key has not": (
        {"routes": ("small", "haiku")},
        {"extra_headers": {"x-tidegate-route": "chat"}},
        anthropic.PermissionDeniedError,
    ),
    "a model that the route has not": ({"routes": ("haiku",)}, {"model": SONNET}, anthropic.PermissionDeniedError),
    "too many tokens for the route": ({"routes": ("refusing",)}, {"max_tokens": 65}, anthropic.BadRequestError),
    "a model without a price": ({}, {"model": "claude-9"}, anthropic.BadRequestError),
    "an expired key": ({"expires_at": 1}, {}, anthropic.AuthenticationError),
    "a revoked key": ({"revoked_at": 1}, {}, anthropic.AuthenticationError),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_have_the_class_of_their_status(stage: Stage, case: str) -> None:
    key, changes, expected = REFUSED[case]
    call: dict[str, Any] = {"model": HAIKU, "max_tokens": 10, "messages": HELLO, **changes}
    with stage.through(stage.site.new_key(**key)) as client, pytest.raises(expected) as caught:
        client.messages.create(**call)
    assert caught.value.request_id
    assert caught.value.response.headers["x-tidegate-reason"]
    stage.nothing_reached_the_fake()
