"""Django, sync and async: who asks, friendly errors, streams.

    MIDDLEWARE = [..., "tidegate.frameworks.django.TidegateMiddleware"]
    TIDEGATE = {"user": "tidegate.frameworks.django.signed_in"}

    async def chat(request: HttpRequest) -> StreamingHttpResponse:
        return relay(await client.messages.create(…, stream=True))

Both settings are functions of the request, async where you like, or their dotted paths; they are asked each time:

    user     who asks
    route    the feature that is used; or decorate the view with `@tidegate.caller(route="chat")`

An exception that is no failure of a call is left to Django.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

from tidegate.doors.guard.friendly import of_a_call
from tidegate.frameworks.answers import text_of
from tidegate.frameworks.asking import Asked, acting
from tidegate.frameworks.missing import missing
from tidegate.frameworks.relaying import HEADERS, MEDIA_TYPE, AsyncPieces, Pieces, pieces
from tidegate.frameworks.shown import shown

try:
    from asgiref.sync import async_to_sync, iscoroutinefunction, markcoroutinefunction, sync_to_async
    from django.conf import settings  # type: ignore[import-untyped]  # Django has no types
    from django.core.exceptions import ImproperlyConfigured  # type: ignore[import-untyped]  # as above
    from django.http import (  # type: ignore[import-untyped]  # as above
        HttpRequest,
        HttpResponse,
        StreamingHttpResponse,
    )
    from django.utils.module_loading import import_string  # type: ignore[import-untyped]  # as above
except ModuleNotFoundError as error:
    raise missing("django", error, "asgiref") from None

__all__ = ["TidegateMiddleware", "relay", "reply", "signed_in", "text_of"]

_END: Final[Any] = object()


class TidegateMiddleware:
    """Says whose request it is, and turns what a call raised into words; put it behind AuthenticationMiddleware."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._user, self._route = _setting("user"), _setting("route")
        self._suspends = iscoroutinefunction(get_response)
        if self._suspends:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Answer a request; what comes back is to be awaited where the server is asynchronous."""
        if self._suspends:
            return self._awaited(request)
        with acting(_asked(self._user, request), _asked(self._route, request)):
            return self._get_response(request)

    async def _awaited(self, request: HttpRequest) -> Any:
        with acting(await _asked_async(self._user, request), await _asked_async(self._route, request)):
            return await self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The reply in place of an exception of a call."""
        return reply(error, request) if of_a_call(error) else None


def signed_in(request: HttpRequest) -> str | None:
    """Who is signed in with django.contrib.auth, by the primary key; for the setting `user`."""
    user = getattr(request, "user", None)
    return str(user.pk) if user is not None and user.is_authenticated else None


def reply(error: BaseException, request: HttpRequest) -> HttpResponse:
    """The reply to a request whose call failed: JSON, or a page where one is asked for."""
    found = shown(error, request.headers.get("accept", ""))
    response = HttpResponse(found.body, status=found.status, headers=found.headers)
    # Else Django's own log mails what was posted to the ADMINS, for each status of 500 or more.
    response._has_been_logged = True  # noqa: SLF001 - there is no public way; a test looks at the log
    return response


def relay(stream: Any, *, events: bool = False) -> StreamingHttpResponse:
    """The reply that passes a stream of the SDK on as server-sent events, and ends in words when it breaks.

    Args:
        stream: what `messages.create(stream=True)` gives, or `messages.stream` when entered; or texts.  Under ASGI
            of either client; under WSGI of Anthropic alone.
        events: pass on the API's own events instead of pieces of text.
    """
    return _Relayed(pieces(stream, events=events))


class _Relayed(StreamingHttpResponse):  # type: ignore[misc]  # Django has no types
    """Sends each piece when it comes, whichever kind of server and of stream; closes the stream however it ends."""

    def __init__(self, content: Pieces | AsyncPieces) -> None:
        super().__init__(content, content_type=MEDIA_TYPE, headers=HEADERS)
        self._pieces = content

    def __iter__(self) -> Iterator[bytes]:
        if self.is_async:
            raise TypeError(
                "relay() of a stream of AsyncAnthropic needs ASGI; under WSGI use Anthropic in a plain view"
            )
        return iter(self.streaming_content)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        content = self.streaming_content  # which middleware may have wrapped
        try:
            if not self.is_async:
                step = sync_to_async(lambda: next(content, _END))
                while (piece := await step()) is not _END:
                    yield piece
                return
            async for piece in content:
                yield piece
        finally:
            if isinstance(self._pieces, AsyncPieces):  # the other kind is closed by Django
                await self._pieces.aclose()


def _setting(name: str) -> Asked | None:
    given = getattr(settings, "TIDEGATE", {})
    if unknown := given.keys() - {"user", "route"}:
        raise ImproperlyConfigured(f"the setting TIDEGATE has no {min(unknown)!r}: it has 'user' and 'route'")
    found = given.get(name)
    return import_string(found) if isinstance(found, str) else found


def _asked(ask: Asked | None, request: HttpRequest) -> Any:
    if ask is None:
        return None
    return async_to_sync(ask)(request) if iscoroutinefunction(ask) else ask(request)


async def _asked_async(ask: Asked | None, request: HttpRequest) -> Any:
    if ask is None:
        return None
    return await (ask(request) if iscoroutinefunction(ask) else sync_to_async(ask)(request))
