"""What the SDK gets through the guard, and what the ledger and the network see of it; on scripted transports."""

import asyncio
import json
import logging
from typing import Any

import anthropic
import httpx2
import pytest

import tidegate
from tidegate.core.run_now import run_now
from tidegate.doors.guard.retries import ThreadRetries
from unit.guard.scripted import (
    HELLO,
    PRICE,
    Scripted,
    answer,
    bare,
    charges,
    error,
    events,
    guarded,
    guarded_async,
    rows,
    running,
    stream,
)


def test_a_call() -> None:
    inner = Scripted()
    found = guarded(inner).messages.create(**HELLO)
    assert found.model_dump() == bare(Scripted()).messages.create(**HELLO).model_dump()
    assert charges() == [("ok", "actual", PRICE, "anonymous")]
    (request,) = inner.requests
    assert str(request.url) == "http://claude.test/v1/messages"
    assert request.headers["x-api-key" if "x-api-key" in request.headers else "authorization"].endswith("sk-ant-1")


def test_an_async_call() -> None:
    inner = Scripted()

    async def main() -> None:
        found = await guarded_async(inner).messages.create(**HELLO)
        assert found.content[0].type == "text"

    asyncio.run(main())
    assert charges() == [("ok", "actual", PRICE, "anonymous")]


def test_the_request_goes_out_byte_for_byte() -> None:
    plain, through = Scripted(), Scripted()
    bare(plain).messages.create(**HELLO, timeout=7.0)
    guarded(through).messages.create(**HELLO, timeout=7.0)
    (mine,), (guards,) = plain.requests, through.requests
    assert guards.read() == mine.read()
    assert guards.headers.raw == mine.headers.raw
    assert guards.extensions["timeout"] == mine.extensions["timeout"]
    assert guards.method == mine.method
    assert guards.url == mine.url


def test_own_headers_never_leave() -> None:
    inner = Scripted()
    own = {"x-tidegate-user": "u-1", "X-Tidegate-Route": "chat", "x-tidegate-other": "x", "x-app": "y"}
    client = guarded(inner)
    client.messages.create(**HELLO, extra_headers=own)
    client.models.list(extra_headers=own)
    client.beta.files.list(extra_headers=own)
    assert [any("tidegate" in name for name in request.headers) for request in inner.requests] == [False] * 3
    assert [request.headers["x-app"] for request in inner.requests] == ["y"] * 3
    assert rows("SELECT user_id, route FROM charges") == [("u-1", "chat")]


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("gzip, deflate", "gzip, deflate"),
        ("gzip, deflate, br, zstd", "gzip, deflate"),
        ("br;q=1.0, gzip;q=0.5", "gzip;q=0.5"),
        ("br", "identity"),
        ("identity", "identity"),
    ],
)
def test_only_compressions_that_the_meter_reads(asked: str, sent: str) -> None:
    inner = Scripted()
    guarded(inner).messages.create(**HELLO, extra_headers={"accept-encoding": asked})
    assert inner.requests[0].headers["accept-encoding"] == sent


def test_headers_and_extensions_of_the_reply() -> None:
    inner = Scripted(answer(200, None, **{"X-Odd-Case": "1"}))
    found = guarded(inner).messages.with_raw_response.create(**HELLO)
    assert (b"X-Odd-Case", b"1") in found.http_response.headers.raw
    assert found.http_response.http_version == "HTTP/1.1"
    assert found.http_response.extensions["http_version"] == b"HTTP/1.1"
    assert found.http_response.content == inner.body.pieces[0]
    assert found.http_response.elapsed.total_seconds() >= 0


def test_who_asks() -> None:
    client = guarded(Scripted(), user_from="metadata")
    other = tidegate.guard(bare(Scripted()), app="web", retry={"attempts": 3, "base": "1ms", "cap": "1ms"})
    with tidegate.caller(user="u-1", route="chat"):
        client.messages.create(**HELLO)
        client.messages.create(**HELLO, extra_headers={"x-tidegate-user": "u-2"})
        client.messages.create(**HELLO, metadata={"user_id": "u-3"})
        other.messages.create(**HELLO)
    client.messages.create(**HELLO, metadata={"user_id": "u-3"})
    other.messages.create(**HELLO, metadata={"user_id": "u-3"})
    client.messages.create(**HELLO, extra_headers={"x-tidegate-user": ""})
    client.messages.create(**HELLO, extra_headers={"x-tidegate-user": "Zoë Ω"})
    found = rows("SELECT app, user_id, route FROM charges ORDER BY attempt_id")
    assert found[:7] == [
        ("app", "u-1", "chat"),
        ("app", "u-2", "chat"),
        ("app", "u-1", "chat"),
        ("web", "u-1", "chat"),
        ("app", "u-3", "default"),
        ("web", "anonymous", "default"),
        ("app", "anonymous", "default"),
    ]
    assert found[7][1].startswith("hash:")


def test_labels_hash_alike_in_every_process_and_differently_in_every_place() -> None:
    client = guarded(Scripted())
    secret = running().shared.label_secret
    with tidegate.caller(user="a b"):
        client.messages.create(**HELLO)
        client.messages.create(**HELLO)
    assert len(secret) == 32
    assert len(set(rows("SELECT user_id FROM charges"))) == 1
    tidegate.guard(bare(Scripted()), ledger={"url": "sqlite:///other.db"}, store={"url": "memory://"})
    assert rows("SELECT label_secret FROM installation", "other.db") != [(secret,)]


def test_the_key_secret_hashes_where_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_KEY_SECRET", "s" * 40)
    guarded(Scripted())
    assert running().shared.label_secret == b"s" * 40


def test_a_refusal_is_the_sdks_own_exception_and_is_not_repeated() -> None:
    inner = Scripted()
    client = guarded(inner, limits=[{"per": "user", "requests": "1/minute"}]).with_options(max_retries=5)
    client.messages.create(**HELLO)
    with pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.create(**HELLO)
    response = caught.value.response
    assert response.headers["x-tidegate-reason"] == "rate_limited"
    assert response.headers["x-should-retry"] == "false"
    assert 1 <= int(response.headers["retry-after"]) <= 60
    assert caught.value.request_id is not None
    assert len(inner.requests) == 1
    assert rows("SELECT reason, scope FROM refusals") == [("rate_limited", "user")]


def test_a_spent_budget() -> None:
    budget = [{"per": "user", "amount": "0.001 USD", "every": "day"}]
    client = guarded(Scripted(), budgets=budget, policy={"bound": "strict"})
    client.messages.create(**HELLO)
    with pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.create(**{**HELLO, "max_tokens": 1000})
    assert caught.value.type == "billing_error"
    assert caught.value.response.headers["x-tidegate-reason"] == "budget_spent"


@pytest.mark.parametrize("path", ["/v1/messages/batches", "/v1/sessions", "/v1/complete"])
def test_what_cannot_be_bounded_is_refused(path: str) -> None:
    inner = Scripted()
    with pytest.raises(anthropic.PermissionDeniedError, match="cannot hold a budget for this path"):
        guarded(inner).post(path, cast_to=object, body={})
    assert inner.requests == []
    assert rows("SELECT reason, scope FROM refusals") == [("not_allowed", "path")]


def test_other_paths_pass_as_without_the_guard() -> None:
    inner = Scripted(lambda _: answer(body={"data": []}), lambda _: error(529), lambda _: answer(body={"data": []}))
    client = guarded(inner).with_options(max_retries=0)
    client.beta.files.list()
    with pytest.raises(anthropic.OverloadedError, match="secret words"):
        client.beta.files.list()
    assert len(inner.requests) == 2
    assert charges() == []


def test_models_and_counting_are_free_and_repeated() -> None:
    inner = Scripted(lambda _: error(529), lambda _: answer(body={"input_tokens": 4}))
    found = guarded(inner).with_options(max_retries=0).messages.count_tokens(model="m", messages=HELLO["messages"])
    assert found.input_tokens == 4
    assert [request.url.path for request in inner.requests] == ["/v1/messages/count_tokens"] * 2
    assert charges() == []


def test_retries_are_the_gates_alone() -> None:
    inner = Scripted(lambda _: error(529, "overloaded_error"))
    client = guarded(inner).with_options(max_retries=3)
    with pytest.raises(anthropic.OverloadedError) as caught:
        client.messages.create(**HELLO)
    assert len(inner.requests) == 3
    assert "secret" not in str(caught.value)
    assert caught.value.request_id == "req_up"
    assert [charge[:3] for charge in charges()] == [("upstream_error", "actual", 0)] * 3


def test_the_callers_own_errors_pass_unchanged() -> None:
    inner = Scripted(lambda _: error(400, "invalid_request_error"))
    with pytest.raises(anthropic.BadRequestError) as caught:
        guarded(inner).messages.create(**HELLO)
    assert caught.value.body == json.loads(inner.body.pieces[0])
    assert len(inner.requests) == 1


def test_tokens_are_counted_at_the_same_place_when_only_the_size_is_in_the_way() -> None:
    def reply(request: httpx2.Request) -> httpx2.Response:
        return answer(body={"input_tokens": 9}) if request.url.path.endswith("count_tokens") else answer()

    inner = Scripted(reply)
    client = bare(inner).with_options(base_url="http://claude.test/deep/")
    budget = [{"per": "user", "amount": "0.0015 USD", "every": "day"}]
    own = {"x-tidegate-user": "u-1", "x-app": "1"}
    tidegate.guard(client, budgets=budget).messages.create(
        **{**HELLO, "messages": [{"role": "user", "content": "tide " * 300}]}, extra_headers=own
    )
    assert [request.url.path for request in inner.requests] == ["/deep/v1/messages/count_tokens", "/deep/v1/messages"]
    counting = inner.requests[0]
    assert "max_tokens" not in json.loads(counting.read())
    assert counting.headers["content-length"] == str(len(counting.read()))
    assert counting.headers["x-app"] == "1"
    assert "x-tidegate-user" not in counting.headers
    assert counting.extensions["timeout"]["connect"] == inner.requests[1].extensions["timeout"]["connect"]
    assert charges()[0][:2] == ("ok", "actual")


def test_a_route_may_change_max_tokens_and_nothing_else() -> None:
    inner = Scripted()
    client = guarded(inner, routes={"small": {"max_tokens": 9}})
    with tidegate.caller(route="small"):
        client.messages.create(**HELLO)
    (request,) = inner.requests
    assert json.loads(request.read()) == {**HELLO, "max_tokens": 9}
    assert request.headers["content-length"] == str(len(request.read()))


def test_a_compressed_request_is_not_read() -> None:
    inner = Scripted()
    with pytest.raises(anthropic.BadRequestError, match="without content-encoding"):
        guarded(inner).messages.create(**HELLO, extra_headers={"content-encoding": "gzip"})
    assert inner.requests == []


def test_connection_errors_are_replies_and_cost_nothing() -> None:
    inner = Scripted(httpx2.ConnectError("secret host"))
    client = guarded(inner).with_options(max_retries=3)
    with pytest.raises(anthropic.OverloadedError) as caught:
        client.messages.create(**HELLO)
    assert len(inner.requests) == 3
    assert caught.value.response.headers["x-tidegate-reason"] == "upstream_down"
    assert "secret" not in str(caught.value)
    assert charges() == []
    assert running().books.open_holds == 0


def test_what_was_sent_and_lost_is_charged_whole() -> None:
    inner = Scripted(httpx2.ReadTimeout("slow"), lambda _: answer())
    guarded(inner).messages.create(**HELLO)
    (first, second) = charges()
    assert first[:2] == ("timeout", "assumed")
    assert first[2] > PRICE
    assert second[:3] == ("ok", "actual", PRICE)


def test_an_exception_of_the_clients_own_transport_stays_what_it_is() -> None:
    class OwnError(Exception):
        pass

    inner = Scripted(OwnError("mine"))
    with pytest.raises(anthropic.APIConnectionError) as caught:
        guarded(inner).with_options(max_retries=0).messages.create(**HELLO)
    assert isinstance(caught.value.__cause__, OwnError)
    assert charges()[0][:2] == ("aborted", "assumed")


def test_a_bug_of_ours_is_a_reply_without_content(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("secret words of the prompt")

    inner = Scripted()
    client = guarded(inner).with_options(max_retries=3)
    monkeypatch.setattr("tidegate.doors.guard.transport.call_of", broken)
    with caplog.at_level(logging.DEBUG, "tidegate"), pytest.raises(anthropic.InternalServerError) as caught:
        client.messages.create(**HELLO)
    assert caught.value.status_code == 500
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert inner.requests == []
    assert "secret" not in caplog.text + str(caught.value)
    assert "guard_bug error=KeyError place=test_transport.py:" in caplog.text


def test_a_redirect_is_no_answer() -> None:
    away = httpx2.Response(307, headers={"location": "http://elsewhere.test/v1/messages"}, content=b"")
    inner = Scripted(away)
    with pytest.raises(anthropic.OverloadedError):
        guarded(inner).messages.create(**HELLO)
    assert len(inner.requests) == 1
    assert charges()[0][:3] == ("upstream_error", "actual", 0)


def test_a_transport_that_gives_read_replies() -> None:
    def reply(request: httpx2.Request) -> httpx2.Response:
        if json.loads(request.read()).get("stream"):
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=b"".join(events()))
        return httpx2.Response(200, json=json.loads(answer().read()))

    client = guarded(httpx2.MockTransport(reply))
    assert client.messages.create(**HELLO).usage.output_tokens == 7
    with client.messages.stream(**HELLO) as found:
        assert found.get_final_text() == "High."
    assert [charge[:3] for charge in charges()] == [("ok", "actual", PRICE)] * 2


def test_a_store_that_cannot_be_used() -> None:
    client = guarded(Scripted())
    (file,) = running().shared.files
    with file._lock:  # the keeper may be in the middle of it
        file._db.close()
    with pytest.raises(anthropic.ServiceUnavailableError) as caught:
        client.with_options(max_retries=2).messages.create(**HELLO)
    assert caught.value.response.headers["x-tidegate-reason"] == "store_down"


def test_bodies_from_iterators() -> None:
    def reply(request: httpx2.Request) -> httpx2.Response:
        assert json.loads(request.read()) == HELLO
        return answer()

    inner = Scripted(reply)
    pieces = iter([json.dumps(HELLO).encode()[:20], json.dumps(HELLO).encode()[20:]])
    found: Any = guarded(inner).post(
        "/v1/messages", cast_to=object, content=pieces, options={"headers": {"content-type": "application/json"}}
    )
    assert found["type"] == "message"
    assert charges()[0][0] == "ok"


class Interrupt(BaseException):
    """As the handler of a signal raises it."""


def swept() -> list[tuple[str, str]]:
    """How the holds are charged that nobody renews any more."""
    found = running()
    far = found.clock.now() + 10_000_000_000
    return [(charge.outcome, charge.exactness) for charge in run_now(found.books._store.sweep(far))]


@pytest.mark.parametrize("kind", [Interrupt, KeyError])
def test_interrupted_where_the_core_does_not_expect_it(
    kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise kind

    inner = Scripted()
    client = guarded(inner).with_options(max_retries=0)
    with monkeypatch.context() as patched:
        patched.setattr(ThreadRetries, "attempted", interrupted)
        with pytest.raises((Interrupt, anthropic.InternalServerError)):
            client.messages.create(**HELLO)
    assert (running().books.open_holds, running().books.owed) == (0, 0)
    assert inner.requests == []
    assert swept() == []
    client.messages.create(**HELLO)
    assert rows("SELECT count(*) FROM holds") == [(0,)]


def test_interrupted_while_the_response_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise Interrupt

    inner = Scripted(lambda _: stream())
    client = guarded(inner)
    with monkeypatch.context() as patched:
        patched.setattr("tidegate.doors.guard.transport._response", interrupted)
        with pytest.raises(Interrupt):
            client.messages.create(**HELLO, stream=True)
        with pytest.raises(Interrupt):
            asyncio.run(guarded_async(inner).messages.create(**HELLO, stream=True))
    assert running().books.open_holds == 0
    assert [body.closed > 0 for body in inner.bodies] == [True, True]
    assert [charge[:2] for charge in charges()] == [("aborted", "assumed")] * 2
