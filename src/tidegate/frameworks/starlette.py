"""Starlette and FastAPI: who asks, friendly errors, streams.

    app.add_middleware(TidegateMiddleware, user=lambda request: request.session.get("user"))

    @app.post("/chat")
    async def chat(question: Question) -> StreamingResponse:
        return relay(await client.messages.create(…, stream=True))

Handlers of your own for the SDK's exceptions come first; those for Exception do not.  An exception that is no failure
of a call is left to the framework.
"""

from inspect import isawaitable
from typing import Any

from tidegate.doors.guard.friendly import of_a_call
from tidegate.frameworks.answers import NoAnswer, text_of
from tidegate.frameworks.asking import Asked, acting
from tidegate.frameworks.missing import missing
from tidegate.frameworks.relaying import HEADERS, MEDIA_TYPE, AsyncPieces, error_event, pieces
from tidegate.frameworks.shown import explain, shown

try:
    import anyio
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import Response, StreamingResponse
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
except ModuleNotFoundError as error:
    raise missing("starlette", error, "anyio") from None

__all__ = ["TidegateMiddleware", "relay", "reply", "text_of"]


class TidegateMiddleware:
    """Says whose request it is, and turns what a call raised into words: pure ASGI.

    Args:
        app: the application inside.
        user: who asks, for a request; may be async.  Add this before the middleware that knows, such as sessions:
            what is added later is asked earlier.
        route: the feature that is used; or decorate the endpoint with `@tidegate.caller(route="chat")`.
    """

    def __init__(self, app: ASGIApp, *, user: Asked | None = None, route: Asked | None = None) -> None:
        self._app = app
        self._user = user
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request = Request(scope) if scope["type"] == "http" else HTTPConnection(scope)
        sending = _Sending(send)
        with acting(await _asked(self._user, request), await _asked(self._route, request)):
            try:
                await self._app(scope, receive, sending)
            except Exception as error:
                if not of_a_call(error):
                    raise
                await sending.broken(error, request, receive)


class _Sending:
    """What has been sent of the reply, so far."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun: Message | None = None
        self._over = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = message
        self._over = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)

    async def broken(self, error: Exception, request: HTTPConnection, receive: Receive) -> None:
        """Say it in the way that is still possible; the server's log gets an error that quotes nothing."""
        if request.scope["type"] == "http" and self._begun is None:
            await reply(error, request)(request.scope, receive, self._send)
        elif self._begun is not None and not self._over and _is_event_stream(self._begun):
            await self._send({"type": "http.response.body", "body": b"\n\n" + error_event(error)})
        else:
            raise NoAnswer("cut", explain(error).reference) from None


def reply(error: BaseException, request: HTTPConnection) -> Response:
    """The reply to a request whose call failed, for handlers of your own: JSON, or a page where one is asked for."""
    found = shown(error, request.headers.get("accept", ""))
    return Response(found.body, found.status, found.headers)


def relay(stream: Any, *, events: bool = False) -> StreamingResponse:
    """The reply that passes a stream of the SDK on as server-sent events, and ends in words when it breaks.

    Args:
        stream: what `messages.create(stream=True)` gives, or `messages.stream` when entered; or texts.
        events: pass on the API's own events instead of pieces of text.
    """
    return _Relayed(pieces(stream, events=events))


class _Relayed(StreamingResponse):
    """Closes its stream however it ends."""

    def __init__(self, content: Any) -> None:
        super().__init__(content, headers=HEADERS, media_type=MEDIA_TYPE)
        self._pieces = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):  # also when the client has left
                close = self._pieces.aclose if isinstance(self._pieces, AsyncPieces) else self._close
                await close()

    async def _close(self) -> None:
        await run_in_threadpool(self._pieces.close)


async def _asked(ask: Asked | None, request: HTTPConnection) -> Any:
    said = None if ask is None else ask(request)
    return await said if isawaitable(said) else said


def _is_event_stream(begun: Message) -> bool:
    headers = {name.lower(): value for name, value in begun.get("headers", ())}
    return headers.get(b"content-type", b"").startswith(MEDIA_TYPE.encode()) and b"content-encoding" not in headers
