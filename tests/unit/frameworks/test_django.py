"""Django in this process, under WSGI and ASGI: plain and async views, who asks, errors, streams."""

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from django.conf import settings  # type: ignore[import-untyped]  # Django has no types
from django.core.exceptions import ImproperlyConfigured  # type: ignore[import-untyped]  # as above
from django.core.handlers.asgi import ASGIHandler  # type: ignore[import-untyped]  # as above
from django.core.handlers.wsgi import WSGIHandler  # type: ignore[import-untyped]  # as above
from django.middleware.gzip import GZipMiddleware  # type: ignore[import-untyped]  # as above
from django.test import override_settings  # type: ignore[import-untyped]  # as above

import tidegate
from tidegate.doors.guard.caller import current
from tidegate.frameworks.django import TidegateMiddleware, relay, signed_in
from unit.frameworks import urls
from unit.frameworks.calls import (
    BROWSER,
    SECRET,
    Scripted,
    bare,
    bare_async,
    broken_stream,
    error,
    events_of,
    guarded,
    guarded_async,
    not_json,
    said,
    stream,
    texts,
)
from unit.guard.scripted import charges

SERVERS = pytest.mark.parametrize("server", ["wsgi", "asgi"])


@pytest.fixture(autouse=True)
def clients() -> Iterator[None]:
    """Whoever asks for clients gets new ones."""
    yield
    urls.CLIENTS.clear()
    urls.SOURCES.clear()


def scripted(*replies: Any, **settings: Any) -> None:
    """Both clients answer so."""
    urls.CLIENTS.update(
        {"sync": guarded(Scripted(*replies), **settings), "async": guarded_async(Scripted(*replies), **settings)}
    )


def ask(server: str, path: str, **headers: str) -> httpx2.Response:
    """A request to a server of this kind."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if server == "wsgi":
        with httpx2.Client(transport=httpx2.WSGITransport(WSGIHandler()), base_url="http://test") as wsgi:
            return wsgi.get(f"/{path}", headers=named)

    async def main() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(ASGIHandler()), base_url="http://test") as asgi:
            return await asgi.get(f"/{path}", headers=named)

    return asyncio.run(main())


@SERVERS
@pytest.mark.parametrize("view", ["whole", "awhole"])
def test_an_answer(server: str, view: str) -> None:
    scripted()
    found = ask(server, view, x_user="u-1")
    assert found.json() == {"text": "High."}
    assert charges()[0][3] == "u-1"


@SERVERS
@pytest.mark.parametrize("view", ["whole", "awhole", "streamed", "astreamed"])
def test_an_error(server: str, view: str, caplog: pytest.LogCaptureFixture) -> None:
    scripted(error(500))
    caplog.set_level(logging.DEBUG)
    found = ask(server, view)
    assert found.status_code == 500
    assert said(found.text)["reference"] == "req_up"
    assert found.headers["content-type"] == "application/json"
    assert SECRET not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("django")], "nothing is mailed"


@SERVERS
@pytest.mark.parametrize("view", ["whole", "awhole"])
def test_a_reply_that_nobody_can_read(server: str, view: str) -> None:
    urls.CLIENTS.update({"sync": bare(Scripted(not_json())), "async": bare_async(Scripted(not_json()))})
    assert said(ask(server, view).text)["status"] == 502


@SERVERS
def test_a_page(server: str) -> None:
    scripted(error(529))
    found = ask(server, "whole", accept=BROWSER)
    assert (found.status_code, found.headers["content-type"]) == (529, "text/html; charset=utf-8")


@SERVERS
def test_a_stream(server: str) -> None:
    scripted(stream())
    found = ask(server, "streamed", x_user="u-1")
    assert found.headers["content-type"] == "text/event-stream"
    assert found.headers["x-accel-buffering"] == "no"
    assert [kind for kind, _ in events_of(found.content)] == ["text", "done"]
    assert charges()[0][3] == "u-1"


@SERVERS
def test_a_stream_that_breaks(server: str) -> None:
    scripted(broken_stream())
    found = ask(server, "streamed")
    assert found.status_code == 200
    assert said(found.text)["reference"] == "req_up"


def test_an_async_stream() -> None:
    scripted(stream())
    assert [kind for kind, _ in events_of(ask("asgi", "astreamed").content)] == ["text", "done"]


def test_an_async_stream_that_breaks() -> None:
    scripted(broken_stream())
    assert said(ask("asgi", "astreamed").text)["title"] == "Not complete"


def test_an_async_stream_needs_asgi() -> None:
    scripted(stream())
    with pytest.raises(TypeError, match="needs ASGI; under WSGI use Anthropic in a plain view"):
        ask("wsgi", "astreamed")


@pytest.mark.parametrize(("server", "view"), [("wsgi", "texts"), ("asgi", "texts"), ("asgi", "atexts")])
def test_a_stream_runs_for_whom_it_was_made_and_is_closed(server: str, view: str) -> None:
    found = ask(server, view, x_user="u-1")
    assert [data for _, data in events_of(found.content)] == [{"text": "a"}, {"text": "b"}, {"stop_reason": None}]
    (source,) = urls.SOURCES
    assert source.users == ["u-1", "u-1"]
    assert source.closed >= 1


@pytest.mark.parametrize("suspends", [False, True])
def test_each_piece_goes_out_when_it_comes(suspends: bool) -> None:
    """Under ASGI, for both colours: Django itself would first read a plain stream to its end."""
    source = texts("a", "b", suspends=suspends)

    async def main() -> None:
        content = aiter(relay(source))
        assert b'"a"' in await anext(content)
        assert len(source.users) == 1
        await content.aclose()

    asyncio.run(main())
    assert source.closed == suspends, "the other kind is closed by Django, with the response"


@pytest.mark.parametrize(("server", "view"), [("wsgi", "texts"), ("asgi", "texts"), ("asgi", "atexts")])
def test_middleware_may_wrap_a_stream(server: str, view: str) -> None:
    path = f"{GZipMiddleware.__module__}.{GZipMiddleware.__name__}"
    with override_settings(MIDDLEWARE=[path, "tidegate.frameworks.django.TidegateMiddleware"]):
        found = ask(server, view, accept_encoding="gzip")
    assert found.headers["content-encoding"] == "gzip"
    assert events_of(found.content)[0] == ("text", {"text": "a"})


@SERVERS
@pytest.mark.parametrize("view", ["who_asks", "awho_asks"])
def test_who_asks(server: str, view: str) -> None:
    assert ask(server, view, x_user="u-1").json() == {"user": "u-1", "route": "named"}
    assert ask(server, view).json() == {"user": None, "route": "named"}
    assert tuple(current()) == (None, None)


async def awho(request: Any) -> str | None:
    found: str | None = request.headers.get("x-user")
    return found and f"a-{found}"


@SERVERS
@pytest.mark.parametrize(
    "who", [awho, f"{__name__}.awho", lambda request: request.headers.get("x-user", "") and "a-u-1"]
)
def test_other_ways_to_say_who(server: str, who: Any) -> None:
    with override_settings(TIDEGATE={"user": who, "route": lambda request: request.path.strip("/")}):
        assert ask(server, "who_asks", x_user="u-1").json() == {"user": "a-u-1", "route": "named"}
        assert ask(server, "who_asks").json() == {"user": None, "route": "named"}
    with override_settings(TIDEGATE={"user": None}):
        assert ask(server, "awho_asks", x_user="u-1").json() == {"user": None, "route": "named"}
    with override_settings():
        del settings.TIDEGATE
        assert ask(server, "awho_asks", x_user="u-1").json() == {"user": None, "route": "named"}


def test_a_setting_that_does_not_exist() -> None:
    with (
        override_settings(TIDEGATE={"users": "x"}),
        pytest.raises(ImproperlyConfigured, match="TIDEGATE has no 'users': it has 'user' and 'route'"),
    ):
        ask("wsgi", "who_asks")


class Request:
    """As much of a request as `signed_in` looks at."""

    def __init__(self, user: object) -> None:
        if user is not None:
            self.user = user


class User:
    def __init__(self, pk: object, *, is_authenticated: bool) -> None:
        self.pk = pk
        self.is_authenticated = is_authenticated


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (None, None),
        (User(7, is_authenticated=True), "7"),
        (User(None, is_authenticated=False), None),
    ],
)
def test_who_is_signed_in(user: object, expected: str | None) -> None:
    assert signed_in(Request(user)) == expected


def test_a_mistake_of_the_application_is_djangos(caplog: pytest.LogCaptureFixture) -> None:
    for server in ("wsgi", "asgi"):
        found = ask(server, "mistaken")
        assert found.status_code == 500
        assert SECRET not in found.text
    assert [type(record.exc_info[1]) for record in caplog.records if record.exc_info] == [KeyError] * 2
    assert "claude_error_shown" not in caplog.text


LIMITED: Mapping[str, Any] = {"limits": [{"per": "user", "requests": "2/minute"}]}


@pytest.mark.parametrize("view", ["whole", "awhole"])
def test_concurrent_users_are_limited_apart_in_a_loop(view: str) -> None:
    scripted(**LIMITED)

    async def main() -> list[tuple[str, int]]:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(ASGIHandler()), base_url="http://test") as asgi:

            async def one(user: str) -> tuple[str, int]:
                return user, (await asgi.get(f"/{view}", headers={"x-user": user})).status_code

            return await asyncio.gather(*(one(f"u-{number % 5}") for number in range(20)))

    _apart(asyncio.run(main()))


def test_concurrent_users_are_limited_apart_in_threads() -> None:
    scripted(**LIMITED)

    def one(number: int) -> tuple[str, int]:
        return f"u-{number % 5}", ask("wsgi", "whole", x_user=f"u-{number % 5}").status_code

    with ThreadPoolExecutor(10) as pool:
        _apart(list(pool.map(one, range(20))))


def _apart(found: list[tuple[str, int]]) -> None:
    for user in {user for user, _ in found}:
        assert sorted(status for name, status in found if name == user) == [200, 200, 429, 429]


def test_the_middleware_stands_alone() -> None:
    """As other middleware and tests call it."""

    def get_response(_: Any) -> str:
        return json.dumps(current())

    request = type("Request", (), {"headers": {"x-user": "u-1"}})()
    assert TidegateMiddleware(get_response)(request) == '["u-1", null]'
    assert TidegateMiddleware.sync_capable
    assert TidegateMiddleware.async_capable
    with tidegate.caller(user="around"):
        assert TidegateMiddleware(get_response)(type("Request", (), {"headers": {}})()) == '["around", null]'
