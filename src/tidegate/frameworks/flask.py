"""Flask: who asks, friendly errors, streams.

    install(app, user=lambda request: session.get("user"))

    @app.post("/chat")
    def chat() -> Response:
        return relay(client.messages.create(…, stream=True))

Handlers of your own for the SDK's exceptions come first; those for Exception do not.  An exception that is no failure
of a call is left to Flask.
"""

from typing import Any, Final

from tidegate.doors.guard.friendly import of_a_call
from tidegate.frameworks.answers import NoAnswer, text_of
from tidegate.frameworks.asking import Asked, acting
from tidegate.frameworks.missing import missing
from tidegate.frameworks.relaying import HEADERS, MEDIA_TYPE, Pieces, pieces
from tidegate.frameworks.shown import shown
from tidegate.model.errors import StoreDown, UpstreamError

try:
    from flask import Flask, Response, g, request
except ModuleNotFoundError as error:
    raise missing("flask", error) from None

__all__ = ["install", "relay", "reply", "text_of"]

_BLOCKS: Final = "_tidegate_callers"


def install(app: Flask, *, user: Asked | None = None, route: Asked | None = None) -> None:
    """Say whose request it is before each view, and turn what a call raised into words.

    Args:
        app: the application.
        user: who asks, for a request.  Flask asks in the order of its before_request functions: install this after
            those of your own that find out.
        route: the feature that is used; or decorate the view with `@tidegate.caller(route="chat")`.
    """

    def enter() -> None:
        block = acting(user and user(request), route and route(request))
        block.__enter__()
        g.setdefault(_BLOCKS, []).append(block)

    def leave(_: BaseException | None) -> None:
        for block in g.pop(_BLOCKS, ()):  # one for each time that this was installed
            block.__exit__(None, None, None)

    app.before_request(enter)
    app.teardown_request(leave)
    _show_errors(app)


def _show_errors(app: Flask) -> None:
    """By their class, as Flask does; and those that only their traceback tells, as a JSONDecodeError of the SDK."""
    kinds = _raised_by_calls()
    for kind in kinds:
        app.register_error_handler(kind, reply)
    by_class = app.handle_user_exception

    def handle_user_exception(e: Exception) -> Any:
        return reply(e) if not isinstance(e, kinds) and of_a_call(e) else by_class(e)

    app.handle_user_exception = handle_user_exception  # type: ignore[method-assign]  # as a subclass of Flask would


def _raised_by_calls() -> tuple[type[Exception], ...]:
    import anthropic  # noqa: PLC0415 - importing this module loads neither library; an application that calls has both
    import httpx2  # noqa: PLC0415 - as above

    others = (httpx2.InvalidURL, httpx2.CookieConflict, httpx2.StreamError)
    return (anthropic.AnthropicError, httpx2.HTTPError, *others, StoreDown, UpstreamError, NoAnswer)


def reply(error: BaseException) -> Response:
    """The reply to a request whose call failed, for handlers of your own: JSON, or a page where one is asked for."""
    found = shown(error, request.headers.get("accept", ""))
    return Response(found.body, found.status, found.headers)


def relay(stream: Any, *, events: bool = False) -> Response:
    """The reply that passes a stream of the SDK on as server-sent events, and ends in words when it breaks.

    Args:
        stream: what `messages.create(stream=True)` gives, or `messages.stream` when entered; or texts.
        events: pass on the API's own events instead of pieces of text.
    """
    content = pieces(stream, events=events)
    if not isinstance(content, Pieces):
        raise TypeError("relay() of Flask takes a stream of Anthropic: that of AsyncAnthropic ends with its view")
    return Response(content, headers=HEADERS, mimetype=MEDIA_TYPE)
