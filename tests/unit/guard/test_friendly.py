"""Every exception of the SDK and of its HTTP library has words of its own, and never its own message."""

import asyncio
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, get_args

import anthropic
import httpx2
import msgspec
import pytest

import tidegate
from tidegate.assemble import load_texts
from tidegate.doors.guard import friendly as module
from tidegate.model.errors import Broken, ConfigError, StoreDown
from tidegate.model.refusal import SHAPES, Reason, Refusal
from tidegate.policy.replies import refusal_reply

SECRET = "secret words of the prompt"
REQUEST = httpx2.Request("POST", "http://claude.test/v1/messages")


def exceptions_of(package: Any) -> set[type[BaseException]]:
    """Every exception class that a package defines, in all of its modules that can be imported here."""
    found: set[type[BaseException]] = set()
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        try:
            part = importlib.import_module(info.name)
        except ImportError:  # an extra that is not installed, such as botocore
            continue
        found |= {
            value
            for value in vars(part).values()
            if inspect.isclass(value)
            and issubclass(value, BaseException)
            and not issubclass(value, Warning)
            and value.__module__.startswith(package.__name__)
        }
    return found


SDK = exceptions_of(anthropic)
HTTP = exceptions_of(httpx2)


def response(
    status: int, kind: str = "api_error", message: str = SECRET, code: str | None = None, **headers: str
) -> httpx2.Response:
    error: dict[str, Any] = {"type": kind, "message": message}
    if code:
        error["details"] = {"error_code": code}
    body = {"type": "error", "error": error, "request_id": "req_body"}
    return httpx2.Response(status, json=body, headers=headers, request=REQUEST)


def status_error(found: httpx2.Response) -> anthropic.APIStatusError:
    """What the SDK makes of a reply."""
    return anthropic.Anthropic(
        api_key="k", http_client=httpx2.Client(transport=httpx2.MockTransport(lambda _: found))
    )._make_status_error_from_response(found)


def make(kind: type[BaseException]) -> BaseException:
    """A value of an exception class, with the secret in it."""
    if issubclass(kind, anthropic.APIStatusError):
        return kind(SECRET, response=response(getattr(kind, "status_code", 500)), body={"error": {"message": SECRET}})
    if issubclass(kind, anthropic.APIResponseValidationError):
        return kind(response=response(200), body={"text": SECRET})
    if issubclass(kind, anthropic.APITimeoutError):
        return kind(request=REQUEST)
    if issubclass(kind, anthropic.APIConnectionError):
        return kind(message=SECRET, request=REQUEST)
    if issubclass(kind, anthropic.APIError):
        return kind(SECRET, request=REQUEST, body=None)
    if kind is httpx2.HTTPStatusError:
        return kind(SECRET, request=REQUEST, response=response(503))
    if kind is httpx2.SSEError or "Mutually" in kind.__name__:
        return kind.__new__(kind)
    needed = [one for one in list(inspect.signature(kind.__init__).parameters.values())[1:] if one.default is one.empty]
    words = [SECRET for one in needed if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return kind(*words, **{one.name: SECRET for one in needed if one.kind is one.KEYWORD_ONLY})


def named(kind: type[BaseException]) -> bool:
    """Whether the tables name this class or one above it that is not the root of all."""
    if issubclass(kind, anthropic.APIStatusError) or kind.__name__ in module.CLASSES:
        return True
    above = {one.__name__ for one in kind.__mro__} & module.CLASSES.keys()
    return bool(above - {"AnthropicError", "APIError"})


def test_every_class_of_the_sdk_is_named() -> None:
    assert len(SDK) > 100
    assert {kind.__name__ for kind in SDK if not named(kind)} == OTHERS


OTHERS = {"MissingStreamClassError", "_NonObjectPayloadError"}
"""Type errors of whoever writes code over the SDK; they get the words for anything else."""


def test_every_class_of_the_http_library_is_named() -> None:
    left = {kind.__name__ for kind in HTTP if kind.__name__ not in module.CLASSES}
    assert left == {
        "HTTPStatusError", "InvalidURL", "CookieConflict", "StreamError", "StreamConsumed", "StreamClosed",
        "ResponseNotRead", "RequestNotRead",
    }  # fmt: skip


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.__name__) for kind in sorted(SDK | HTTP, key=str)])
def test_every_class_has_words(kind: type[BaseException]) -> None:
    found = tidegate.friendly(make(kind))
    assert found.text
    assert found.title
    assert SECRET not in repr(found)
    assert "{" not in found.text
    assert 400 <= found.status <= 599


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (status_error(response(400, "invalid_request_error")), 400, "could not be understood"),
        (status_error(response(401, "authentication_error")), 502, "not available at the moment"),
        (status_error(response(403, "permission_error")), 502, "not available at the moment"),
        (status_error(response(404, "not_found_error")), 404, "does not exist here"),
        (status_error(response(408)), 408, "took too long"),
        (status_error(response(413, "request_too_large")), 413, "too large"),
        (status_error(response(429, "rate_limit_error")), 429, "Too many questions"),
        (status_error(response(500)), 500, "had a problem"),
        (status_error(response(529, "overloaded_error")), 529, "very busy"),
        (status_error(response(402, "billing_error")), 429, "tell the people who run this service"),
        (status_error(response(429, "rate_limit_error", code="enforced_spend_limit_reached")), 429, "tell the people"),
        (
            status_error(response(400, "invalid_request_error", "You have reached your specified API usage limits. x")),
            429,
            "tell the people",
        ),
        (anthropic.APITimeoutError(request=REQUEST), 504, "took too long"),
        (anthropic.APIConnectionError(request=REQUEST), 529, "cannot be reached"),
        (httpx2.ReadTimeout("x"), 504, "took too long"),
        (httpx2.RemoteProtocolError("x"), 502, "broke off"),
        (httpx2.ReadError("x"), 502, "broke off"),
        (AssertionError(), 502, "broke off"),
        (asyncio.CancelledError(), 499, "was stopped"),
        (TimeoutError("x"), 504, "took too long"),
        (StoreDown("x"), 503, "has trouble"),
        (Broken("x", "cut"), 503, "has trouble"),
        (ValueError("x"), 503, "has trouble"),
        (tarfile.ReadError("x"), 503, "has trouble"),
        (ExceptionGroup("g", [ExceptionGroup("h", [httpx2.ReadError("x")])]), 502, "broke off"),
    ],
)
def test_words(error: BaseException, status: int, text: str) -> None:
    found = tidegate.friendly(error)
    assert found.status == status
    assert text in found.text


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("overloaded_error", 529, "very busy"),
        ("api_error", 502, "broke off"),
        ("timeout_error", 504, "took too long"),
        ("rate_limit_error", 429, "Too many"),
        ("billing_error", 429, "tell the people"),
        ("of the future", 502, "broke off"),
    ],
)
def test_an_error_event_inside_a_stream(kind: str, status: int, text: str) -> None:
    reply = httpx2.Response(200, headers={"request-id": "req_1"}, request=REQUEST)
    error = anthropic.APIStatusError(SECRET, response=reply, body={"error": {"type": kind, "message": SECRET}})
    found = tidegate.friendly(error)
    assert (found.status, found.reference) == (status, "req_1")
    assert text in found.text


@pytest.mark.parametrize("reason", get_args(Reason))
def test_a_reply_of_the_gate(reason: Reason) -> None:
    refusal = Refusal(reason=reason, scope="user", retry_after=12.4, resets_at=1_793_491_200_000_000, detail=SECRET)
    status, headers, body = refusal_reply(refusal, "req_gate", load_texts())
    error = status_error(httpx2.Response(status, headers=headers, content=body, request=REQUEST))
    found = tidegate.friendly(error)
    assert (found.status, found.reference) == (SHAPES[reason].status, "req_gate")
    assert found.title == load_texts()[f"title.{reason}"]
    assert SECRET not in found.text
    said = error.response.headers.get("retry-after")
    assert found.retry_after == (None if said is None else float(said))
    if reason == "rate_limited":
        assert "13 seconds" in found.text
        assert " you " in found.text
    if reason == "budget_spent":
        assert "2026-11-01 00:00 UTC" in found.text


def test_how_long_to_wait() -> None:
    assert tidegate.friendly(status_error(response(429, **{"retry-after": "7"}))).retry_after == 7
    assert tidegate.friendly(status_error(response(429, **{"retry-after-ms": "1500"}))).retry_after == 1.5
    assert tidegate.friendly(status_error(response(429, **{"retry-after": "nonsense"}))).retry_after is None
    assert tidegate.friendly(status_error(response(429))).retry_after is None


def test_references() -> None:
    assert tidegate.friendly(status_error(response(500, **{"request-id": "req_header"}))).reference == "req_header"
    assert tidegate.friendly(status_error(response(500))).reference == "req_body"
    assert tidegate.friendly(status_error(response(500, **{"request-id": "a b" * 99}))).reference is None
    assert tidegate.friendly(ValueError()).reference is None


def test_headers_that_lie() -> None:
    error = status_error(response(429, **{"x-tidegate-reason": "budget_spent", "x-tidegate-resets-at": "soon"}))
    assert "a later time" in tidegate.friendly(error).text
    error = status_error(response(429, **{"x-tidegate-reason": SECRET}))
    assert "Too many questions" in tidegate.friendly(error).text


def test_it_is_a_value() -> None:
    found = tidegate.friendly(ValueError())
    with pytest.raises(AttributeError):
        found.text = "x"  # type: ignore[misc]  # frozen
    assert found == tidegate.friendly(ValueError())
    assert msgspec.to_builtins(found).keys() == {"status", "title", "text", "retry_after", "reference"}


def test_another_language(folder: Path) -> None:
    (folder / "fr.toml").write_text('timeout = "Trop lent."\n')
    error = anthropic.APITimeoutError(request=REQUEST)
    assert tidegate.friendly(error, texts="fr.toml").text == "Trop lent."
    assert tidegate.friendly(error).text.startswith("The answer took")
    assert tidegate.friendly(httpx2.ReadError("x"), texts=folder / "fr.toml").text.startswith("The answer broke off")
    with pytest.raises(ConfigError):
        tidegate.friendly(error, texts="none.toml")


def test_every_name_of_the_tables_has_a_text_and_a_title() -> None:
    names = {
        *module.CLASSES.values(),
        *module.STATUSES.values(),
        *module.EVENTS.values(),
        *get_args(Reason),
        module.ANYTHING_ELSE,
    }
    spoken = load_texts()
    assert {name for name in names if name not in spoken or f"title.{name}" not in spoken} == set()
    titles = {name.removeprefix("title.") for name in spoken if name.startswith("title.")}
    assert titles == {name for name in spoken if "." not in name}


def test_neither_library_is_loaded_by_it() -> None:
    code = "import sys, tidegate; tidegate.friendly(ValueError()); print({'anthropic', 'httpx2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def raised_by_the_sdk(body: bytes, *, stream: bool) -> BaseException:
    """What comes up inside the SDK while it reads a reply like this one."""
    kind = "text/event-stream" if stream else "application/json"
    reply = httpx2.Response(200, content=body, headers={"content-type": kind, "request-id": "req_1"})
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: reply))
    asked: dict[str, Any] = {"model": "m", "max_tokens": 1, "messages": []}
    try:
        with anthropic.Anthropic(api_key="k", http_client=http) as client:
            if not stream:
                client.messages.create(**asked)
            with client.messages.stream(**asked) as events:
                events.until_done()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError("it was read")


UNREADABLE: list[tuple[bytes, bool]] = [
    (SECRET.encode(), False),
    (b"\xff", False),
    (b"", False),
    (f"event: message_start\ndata: {SECRET}\n\n".encode(), True),
    (b'event: message_start\ndata: {"type": "message_start", "message": null}\n\n', True),
]
"""Garbage; and an event without what the SDK looks for in it."""


@pytest.mark.parametrize(("body", "stream"), UNREADABLE)
def test_a_reply_that_the_sdk_cannot_read(body: bytes, *, stream: bool) -> None:
    """It raises a JSONDecodeError, a UnicodeDecodeError or an AttributeError: none of its own classes."""
    error = raised_by_the_sdk(body, stream=stream)
    assert not isinstance(error, anthropic.AnthropicError)
    found = tidegate.friendly(error)
    assert found.status == 502
    assert found.text.startswith("The assistant had a problem")
    assert module.of_a_call(error)


def test_which_exceptions_are_of_a_call() -> None:
    own = [
        make(anthropic.RateLimitError),
        make(anthropic.APITimeoutError),
        httpx2.ReadError("x"),
        httpx2.StreamClosed(),
        httpx2.InvalidURL("x"),
        StoreDown("x"),
        Broken("x", "cut"),
        ExceptionGroup("g", [httpx2.ReadError("x")]),
    ]
    assert [error for error in own if not module.of_a_call(error)] == []


def test_which_are_not() -> None:
    """What the application has done wrong is for its own log: with a traceback."""
    with pytest.raises(TypeError) as wrong_call:
        anthropic.Anthropic(api_key="k").messages.create(model="m")  # type: ignore[call-overload]  # that is the point
    with pytest.raises(ValueError, match="Expecting value") as own_json:
        json.loads("")
    others = [
        wrong_call.value,
        own_json.value,
        ConfigError("x"),
        KeyError("x"),
        tarfile.ReadError("x"),
        asyncio.CancelledError(),
        KeyboardInterrupt(),
    ]
    assert [error for error in others if module.of_a_call(error)] == []


@pytest.mark.parametrize("way", ["timeout", "wait_for"])
def test_a_timeout_around_a_call(way: str) -> None:
    """`asyncio.timeout` cancels the call and raises from that; one around anything else is the application's."""

    async def never(_: object) -> None:
        await asyncio.Event().wait()

    class Silent(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            await never(request)
            raise AssertionError("unreachable")

    async def ended(work: Any) -> TimeoutError:
        try:
            if way == "wait_for":
                await asyncio.wait_for(work, 0.001)
            async with asyncio.timeout(0.001):
                await work
        except TimeoutError as error:
            return error
        raise AssertionError("it never ends by itself")

    async def main() -> tuple[TimeoutError, TimeoutError]:
        http = httpx2.AsyncClient(transport=Silent())
        call = http.get("http://claude.test")
        return await ended(call), await ended(never(None))

    of_a_call, other = asyncio.run(main())
    assert module.of_a_call(of_a_call)
    assert tidegate.friendly(of_a_call).status == 504
    assert not module.of_a_call(other)


def test_a_timeout_while_something_else_is_handled() -> None:
    """Early Python 3.11 raises it so for a cancellation; the application does it with any other error."""

    def raised(first: BaseException) -> TimeoutError:
        http = httpx2.Client(transport=httpx2.MockTransport(lambda _: throw(first)))
        try:
            try:
                http.get("http://claude.test")
            except BaseException:  # noqa: BLE001 - whatever it is
                raise TimeoutError  # noqa: B904 - as there
        except TimeoutError as error:
            return error
        raise AssertionError("it was answered")

    def throw(error: BaseException) -> httpx2.Response:
        raise error

    assert module.of_a_call(raised(asyncio.CancelledError()))
    assert not module.of_a_call(raised(httpx2.ReadError("x")))
