"""Starlette and FastAPI in this process: who asks, errors and whose handlers come first, streams, crowds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import anthropic
import fastapi
import httpx2
import pytest
from fastapi import Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

import tidegate
from tidegate.doors.guard.caller import current
from tidegate.frameworks import NoAnswer
from tidegate.frameworks.starlette import TidegateMiddleware, relay, reply, text_of
from unit.frameworks.calls import (
    BROWSER,
    HELLO,
    SECRET,
    AsyncTexts,
    Scripted,
    Texts,
    bare,
    broken_stream,
    error,
    events,
    events_of,
    guarded,
    guarded_async,
    not_json,
    said,
    stream,
)
from unit.guard.scripted import charges, rows

View = Callable[[Request], Awaitable[Response]]


def who(request: Any) -> str | None:
    found: str | None = request.headers.get("x-user")
    return found


def app_of(*views: View, user: Any = who, **options: Any) -> Starlette:
    """An application whose paths are the names of these endpoints."""
    routes = [Route(f"/{view.__name__}", view, methods=["GET", "POST"]) for view in views]
    return Starlette(routes=routes, middleware=[Middleware(TidegateMiddleware, user=user)], **options)


def ask(app: ASGIApp, path: str, **headers: str) -> httpx2.Response:
    """One request."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def main() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
            return await client.get(f"/{path}", headers=named)

    return asyncio.run(main())


def calling(*replies: Any, **settings: Any) -> Starlette:
    """An application that calls, whole and streamed, in both colours."""
    made, made_async = guarded(Scripted(*replies), **settings), guarded_async(Scripted(*replies), **settings)

    async def whole(_: Request) -> Response:
        return JSONResponse({"text": text_of(await made_async.messages.create(**HELLO))})

    async def streamed(_: Request) -> Response:
        return relay(await made_async.messages.create(**HELLO, stream=True))

    def plain(_: Request) -> Response:
        return JSONResponse({"text": text_of(made.messages.create(**HELLO))})

    def plain_streamed(_: Request) -> Response:
        return relay(made.messages.create(**HELLO, stream=True))

    views: Any = (whole, streamed, plain, plain_streamed)
    return app_of(*views)


WHOLE = pytest.mark.parametrize("path", ["whole", "plain"])
STREAMED = pytest.mark.parametrize("path", ["streamed", "plain_streamed"])


@WHOLE
def test_an_answer(path: str) -> None:
    assert ask(calling(), path, x_user="u-1").json() == {"text": "High."}
    assert charges()[0][3] == "u-1"


@pytest.mark.parametrize("path", ["whole", "plain", "streamed", "plain_streamed"])
def test_an_error(path: str, caplog: pytest.LogCaptureFixture) -> None:
    found = ask(calling(error(500)), path)
    assert found.status_code == 500
    assert said(found.text)["reference"] == "req_up"
    assert found.headers["content-type"] == "application/json"
    assert SECRET not in caplog.text


def test_a_reply_that_nobody_can_read() -> None:
    made = bare(Scripted(not_json()))

    def plain(_: Request) -> Response:
        return JSONResponse({"text": text_of(made.messages.create(**HELLO))})

    views: Any = (plain,)
    assert said(ask(app_of(*views), "plain").text)["status"] == 502


def test_a_page() -> None:
    found = ask(calling(error(529)), "whole", accept=BROWSER)
    assert (found.status_code, found.headers["content-type"]) == (529, "text/html; charset=utf-8")


@STREAMED
def test_a_stream(path: str) -> None:
    found = ask(calling(stream()), path, x_user="u-1")
    assert found.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert found.headers["x-accel-buffering"] == "no"
    assert [kind for kind, _ in events_of(found.content)] == ["text", "done"]
    assert charges()[0][3] == "u-1"


@STREAMED
def test_a_stream_that_breaks(path: str) -> None:
    found = ask(calling(broken_stream()), path)
    assert found.status_code == 200
    assert said(found.text)["title"] == "Not complete"


@pytest.mark.parametrize("suspends", [False, True])
def test_a_stream_is_closed(suspends: bool) -> None:
    source: Any = AsyncTexts("a", "b") if suspends else Texts("a", "b")

    async def texts(_: Request) -> Response:
        return relay(source)

    ask(app_of(texts), "texts", x_user="u-1")
    assert source.users == ["u-1", "u-1"]
    assert source.closed >= 1


@pytest.mark.parametrize("spec", ["2.3", "2.4"])
@pytest.mark.parametrize("read", [0, 1])
@pytest.mark.parametrize("suspends", [False, True])
def test_a_reader_who_leaves(spec: str, read: int, suspends: bool) -> None:
    """Servers say so in two ways; the stream is closed in both, also when nothing of it was sent."""
    scripted = Scripted(stream(*events(), *([b": more\n\n"] * 50)))
    made: Any = (guarded_async if suspends else guarded)(scripted)

    async def main() -> None:
        left = asyncio.Event()
        found = made.messages.create(**HELLO, stream=True)
        response = relay(await found if suspends else found)
        sent: list[Any] = []

        async def receive() -> Any:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            if len(sent) > read:
                left.set()
                if spec == "2.4":
                    raise OSError
                await asyncio.sleep(0)

        scope: Any = {"type": "http", "asgi": {"spec_version": spec}, "headers": []}
        with pytest.raises(Exception) if spec == "2.4" else _nothing():  # noqa: PT011 - Starlette's ClientDisconnect
            await response(scope, receive, send)

    asyncio.run(main())
    assert scripted.body.closed
    assert len(charges()) == 1


class _nothing:  # noqa: N801 - reads as the block that it is
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


async def who_asks(_: Request) -> Response:
    return JSONResponse(current()._asdict())


@tidegate.caller(route="named")
def plain_who_asks(_: Request) -> Response:
    return JSONResponse(current()._asdict())


async def awho(request: Any) -> str | None:
    await asyncio.sleep(0)
    return who(request)


@pytest.mark.parametrize("user", [who, awho])
def test_who_asks(user: Any) -> None:
    views: Any = (who_asks, plain_who_asks)
    app = app_of(*views, user=user)
    assert ask(app, "who_asks", x_user="u-1").json() == {"user": "u-1", "route": None}
    assert ask(app, "plain_who_asks", x_user="u-1").json() == {"user": "u-1", "route": "named"}
    assert ask(app, "who_asks").json() == {"user": None, "route": None}


def test_the_route_may_be_said_for_all() -> None:
    app = TidegateMiddleware(Starlette(routes=[Route("/who", who_asks)]), route=lambda request: request.url.path)
    assert ask(app, "who").json() == {"user": None, "route": "/who"}


def with_own_handlers(found: httpx2.Response) -> Starlette:
    made = guarded_async(Scripted(found))

    async def whole(_: Request) -> Response:
        return JSONResponse({"text": text_of(await made.messages.create(**HELLO))})

    async def limited(request: Request, problem: Exception) -> Response:
        found = reply(problem, request)
        found.status_code = 418
        return found

    async def anything(_: Request, problem: Exception) -> Response:
        return PlainTextResponse(f"own words about {type(problem).__name__}", 555)

    return app_of(whole, exception_handlers={anthropic.RateLimitError: limited, Exception: anything})


def test_ones_own_handlers() -> None:
    """For the SDK's classes they come first, for Exception they do not."""
    found = ask(with_own_handlers(error(429, "rate_limit_error")), "whole")
    assert (found.status_code, said(found.text)["status"]) == (418, 429)
    for broken, status in ((error(500), 500), (not_json(), 502)):
        found = ask(with_own_handlers(broken), "whole")
        assert (found.status_code, said(found.text)["status"]) == (status, status)


def test_a_mistake_of_the_application_is_the_frameworks(caplog: pytest.LogCaptureFixture) -> None:
    async def mistaken(_: Request) -> Response:
        raise KeyError(SECRET)

    with pytest.raises(KeyError):
        ask(app_of(mistaken), "mistaken")
    assert "claude_error_shown" not in caplog.text


def test_an_event_stream_of_ones_own_ends_kindly() -> None:
    made = guarded_async(Scripted(broken_stream()))

    async def own(_: Request) -> Response:
        async def texts() -> AsyncIterator[str]:
            async with made.messages.stream(**HELLO) as found:
                async for text in found.text_stream:
                    yield f'event: own\ndata: "{text}"\n\n'

        return StreamingResponse(texts(), media_type="text/event-stream")

    found = ask(app_of(own), "own", x_user="u-1")
    assert [kind for kind, _ in events_of(found.text.replace("\n\n\n\n", "\n\n"))] == ["own", "error"]
    assert said(found.text.replace("\n\n\n\n", "\n\n"))["reference"] == "req_up"
    assert charges()[0][3] == "u-1"


def test_a_body_of_ones_own_that_breaks_says_nothing_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """It cannot be finished; what the server logs of it quotes neither the request nor the reply."""
    made = guarded_async(Scripted(broken_stream()))

    async def own(_: Request) -> Response:
        async def texts() -> AsyncIterator[str]:
            async with made.messages.stream(**HELLO) as found:
                async for text in found.text_stream:
                    yield text

        return StreamingResponse(texts(), media_type="text/plain")

    with pytest.raises(NoAnswer) as caught:
        ask(app_of(own), "own")
    assert caught.value.reference == "req_up"
    assert caught.value.__suppress_context__
    assert SECRET not in caplog.text


def test_websockets(caplog: pytest.LogCaptureFixture) -> None:
    made = guarded_async(Scripted(error(500)))
    seen: list[Any] = []

    async def chat(socket: WebSocket) -> None:
        await socket.accept()
        seen.append(current().user)
        await made.messages.create(**HELLO)

    app = TidegateMiddleware(Starlette(routes=[WebSocketRoute("/chat", chat)]), user=who)

    async def main() -> None:
        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            seen.append(message["type"])

        scope: Any = {"type": "websocket", "path": "/chat", "headers": [(b"x-user", b"u-1")], "query_string": b""}
        await app(scope, receive, send)

    with pytest.raises(NoAnswer):
        asyncio.run(main())
    assert seen == ["websocket.accept", "u-1"]
    assert SECRET not in caplog.text


def test_what_is_no_request_passes() -> None:
    seen: list[str] = []

    async def inner(scope: Any, _: Any, __: Any) -> None:
        seen.append(scope["type"])

    def fail(_: Any) -> str:
        raise AssertionError

    nothing: Any = None
    asyncio.run(TidegateMiddleware(inner, user=fail)({"type": "lifespan"}, nothing, nothing))
    assert seen == ["lifespan"]


def test_crowds_are_limited_apart() -> None:
    app = calling(limits=[{"per": "user", "requests": "2/minute"}])

    async def main() -> list[tuple[str, int]]:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:

            async def one(number: int) -> tuple[str, int]:
                path = ("whole", "plain")[number // 20]
                user = f"u-{number % 5}-{path}"
                return user, (await client.get(f"/{path}", headers={"x-user": user})).status_code

            return await asyncio.gather(*(one(number) for number in range(40)))

    found = asyncio.run(main())
    users = {user for user, _ in found}
    assert len(users) == 10
    for user in users:
        assert sorted(status for name, status in found if name == user) == [200, 200, 429, 429]


# -- FastAPI


def fast(*replies: Any) -> tuple[fastapi.FastAPI, anthropic.AsyncAnthropic]:
    app = fastapi.FastAPI()
    app.add_middleware(TidegateMiddleware, user=who)
    return app, guarded_async(Scripted(*replies))


def test_fastapi_reads_the_signature_behind_the_decorator() -> None:
    app, made = fast()

    @app.get("/chat/{name}")
    @tidegate.caller(route="chat")
    async def chat(name: str, times: int, who_asks: Annotated[str, fastapi.Header(alias="x-user")]) -> dict[str, Any]:
        return {"name": name, "times": times, "who": who_asks, "text": text_of(await made.messages.create(**HELLO))}

    @app.get("/plain/{name}")
    @tidegate.caller(route="plain")
    def plain(name: str, times: int) -> dict[str, Any]:
        return {"name": name, "times": times, "route": current().route, "user": current().user}

    assert ask(app, "chat/tide?times=2", x_user="u-1").json() == {
        "name": "tide", "times": 2, "who": "u-1", "text": "High.",
    }  # fmt: skip
    assert rows("SELECT user_id, route FROM charges") == [("u-1", "chat")]
    assert ask(app, "plain/tide?times=2", x_user="u-1").json() == {
        "name": "tide", "times": 2, "route": "plain", "user": "u-1",
    }  # fmt: skip
    assert ask(app, "chat/tide?times=x").status_code == 422


def test_a_dependency_may_say_who_asks() -> None:
    app, made = fast()

    async def signed_in(authorization: Annotated[str, fastapi.Header()]) -> AsyncIterator[None]:
        with tidegate.caller(user=authorization.removeprefix("Bearer ")):
            yield

    @app.get("/whole", dependencies=[Depends(signed_in)])
    async def whole() -> dict[str, str]:
        return {"text": text_of(await made.messages.create(**HELLO))}

    @app.get("/plain", dependencies=[Depends(signed_in)])
    def plain() -> dict[str, str | None]:
        return {"user": current().user}

    assert ask(app, "whole", authorization="Bearer u-7").json() == {"text": "High."}
    assert charges()[0][3] == "u-7"
    assert ask(app, "plain", authorization="Bearer u-8").json() == {"user": "u-8"}


def test_errors_in_fastapi() -> None:
    app, made = fast(error(500))

    @app.get("/whole")
    async def whole() -> dict[str, str]:
        return {"text": text_of(await made.messages.create(**HELLO))}

    assert said(ask(app, "whole").text)["reference"] == "req_up"


def test_fastapis_own_events_end_kindly() -> None:
    app, made = fast(broken_stream())

    @app.get("/own", response_class=EventSourceResponse)
    async def own() -> AsyncIterator[ServerSentEvent]:
        async with made.messages.stream(**HELLO) as found:
            async for text in found.text_stream:
                yield ServerSentEvent(data=text, event="own")

    found = ask(app, "own", x_user="u-1")
    assert said(found.text.replace("\n\n\n\n", "\n\n"))["reference"] == "req_up"
    assert charges()[0][3] == "u-1"


def test_an_event_stream_that_is_compressed_is_left_alone() -> None:
    """Nothing readable can be put behind it."""
    made = guarded_async(Scripted(broken_stream()))

    async def own(_: Request) -> Response:
        async def texts() -> AsyncIterator[bytes]:
            async with made.messages.stream(**HELLO) as found:
                async for text in found.text_stream:
                    yield text.encode()

        return StreamingResponse(texts(), media_type="text/event-stream", headers={"content-encoding": "br"})

    with pytest.raises(NoAnswer):
        ask(app_of(own), "own")
