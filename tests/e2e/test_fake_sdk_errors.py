"""Errors, refusals and broken streams as the official SDK reports them, from a real fake process."""

import warnings
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import pytest

from tidegate.testing import FakeClaude

HAIKU, SONNET = "claude-haiku-4-5", "claude-sonnet-5"
HELLO: list[Any] = [{"role": "user", "content": "Hello, how high is the tide today?"}]


@pytest.fixture
def client(fake_claude: FakeClaude) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=fake_claude.url, api_key=fake_claude.key, max_retries=0) as client:
        yield client


ERRORS = [
    (400, anthropic.BadRequestError, "invalid_request_error"),
    (401, anthropic.AuthenticationError, "authentication_error"),
    (402, anthropic.PaymentRequiredError, "billing_error"),
    (403, anthropic.PermissionDeniedError, "permission_error"),
    (404, anthropic.NotFoundError, "not_found_error"),
    (409, anthropic.ConflictError, "conflict_error"),
    (413, anthropic.ContentTooLargeError, "request_too_large"),
    (429, anthropic.RateLimitError, "rate_limit_error"),
    (500, anthropic.InternalServerError, "api_error"),
    (503, anthropic.ServiceUnavailableError, "api_error"),
    (504, anthropic.GatewayTimeoutError, "timeout_error"),
    (529, anthropic.OverloadedError, "overloaded_error"),
]


@pytest.mark.parametrize(("status", "error", "kind"), ERRORS)
def test_error_classes(
    client: anthropic.Anthropic, fake_claude: FakeClaude, status: int, error: type[anthropic.APIStatusError], kind: str
) -> None:
    order = {"x-fake-fault": f"status={status}; retry-after=7"}
    with pytest.raises(error) as caught:
        client.messages.create(model=HAIKU, max_tokens=10, messages=HELLO, extra_headers=order)
    assert caught.value.type == kind
    assert caught.value.request_id == fake_claude.books()[-1].request_id
    assert caught.value.response.headers["retry-after"] == "7"
    assert fake_claude.cost() == 0


SPEND = [
    ("tier", 429, "rate_limit_error", "enforced_spend_limit_reached", False),
    ("self", 400, "invalid_request_error", None, False),
    ("credit", 402, "billing_error", None, False),
    ("workspace", 429, "rate_limit_error", None, True),
]


@pytest.mark.parametrize(("name", "status", "kind", "code", "hinted"), SPEND)
def test_out_of_money(
    client: anthropic.Anthropic, name: str, status: int, kind: str, code: str | None, *, hinted: bool
) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        client.messages.create(model=HAIKU, max_tokens=10, messages=HELLO, extra_headers={"x-fake-spend": name})
    assert (caught.value.status_code, caught.value.type, caught.value.error_code) == (status, kind, code)
    assert ("retry-after" in caught.value.response.headers) is hinted


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
def test_refusal(client: anthropic.Anthropic, fake_claude: FakeClaude, when: str, *, stream: bool) -> None:
    headers = {"x-fake-refuse": when}
    if stream:
        with client.messages.stream(model=SONNET, max_tokens=99, messages=HELLO, extra_headers=headers) as events:
            message: Any = events.get_final_message()
    else:
        message = client.messages.create(model=SONNET, max_tokens=99, messages=HELLO, extra_headers=headers)
    assert message.stop_reason == "refusal"
    assert message.stop_details.category == "cyber"
    assert bool(message.content) is (when == "after")
    row = fake_claude.books()[-1]
    assert row.ending == "refusal"
    assert (row.cost > 0) is (when == "after")


def test_error_event_in_a_stream(client: anthropic.Anthropic) -> None:
    events = client.messages.create(
        model=SONNET, max_tokens=99, messages=HELLO, stream=True, extra_headers={"x-fake-error-event": "3"}
    )
    with pytest.raises(anthropic.APIStatusError) as caught:
        list(events)
    assert (caught.value.status_code, caught.value.type) == (200, "overloaded_error")


def test_broken_connections(client: anthropic.Anthropic) -> None:
    def ask(fault: str) -> Any:
        with client.messages.stream(
            model=SONNET, max_tokens=99, messages=HELLO, extra_headers={"x-fake-fault": fault}
        ) as events:
            return events.get_final_message()

    assert ask("cut=4; output_tokens=60").stop_reason is None
    for fault in ("reset=4", "cut_chunked=4"):
        with pytest.raises(httpx2.TransportError):
            ask(fault)
    for fault in ("reset=before", "reset=headers"):
        with pytest.raises((anthropic.APIConnectionError, httpx2.TransportError)):
            ask(fault)


def test_what_the_future_brings_is_passed_over(client: anthropic.Anthropic) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        events = list(
            client.messages.create(
                model=SONNET,
                max_tokens=99,
                messages=HELLO,
                stream=True,
                extra_headers={"x-fake-fault": "future; pings=3"},
            )
        )
    assert events[-1].type == "message_stop"
    message = client.messages.create(
        model=SONNET, max_tokens=9, messages=HELLO, extra_headers={"x-fake-fault": "future"}
    )
    assert message.usage.model_extra == {"tidal_tokens": 7}


def test_gzip(client: anthropic.Anthropic) -> None:
    packed = {"x-fake-gzip": "true"}
    raw = client.messages.with_raw_response.create(model=SONNET, max_tokens=9, messages=HELLO, extra_headers=packed)
    assert raw.headers["content-encoding"] == "gzip"
    assert raw.parse().content
    with client.messages.stream(model=SONNET, max_tokens=99, messages=HELLO, extra_headers=packed) as events:
        assert events.get_final_message().stop_reason == "end_turn"


def test_refused_requests(client: anthropic.Anthropic, fake_claude: FakeClaude) -> None:
    def refused(error: type[anthropic.APIStatusError], match: str, **changes: Any) -> None:
        order: Any = {"model": SONNET, "max_tokens": 10, "messages": HELLO, **changes}
        with pytest.raises(error, match=match):
            client.messages.create(**order)

    refused(anthropic.NotFoundError, "model: claude-9", model="claude-9")
    refused(anthropic.BadRequestError, "max_tokens: 200000 > 128000", max_tokens=200_000, timeout=5)
    refused(anthropic.BadRequestError, "prefill", messages=[*HELLO, {"role": "assistant", "content": "The"}])
    refused(anthropic.BadRequestError, "temperature", extra_body={"temperature": 1.0})
    refused(anthropic.BadRequestError, "not supported", thinking={"type": "enabled", "budget_tokens": 2_000})
    assert fake_claude.cost() == 0
