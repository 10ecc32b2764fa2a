"""A Django application for tests: the views that `test_django.py` asks."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse  # type: ignore[import-untyped]  # Django has no types
from django.urls import path  # type: ignore[import-untyped]  # as above

import tidegate
from tidegate.doors.guard.caller import current
from tidegate.frameworks.django import relay, text_of
from unit.frameworks.calls import HELLO, SECRET, AsyncTexts, Texts

CLIENTS: dict[str, Any] = {}
"""`sync` and `async`, as each test makes them."""
SOURCES: list[Any] = []
"""What was relayed last."""


def who(request: HttpRequest) -> str | None:
    """Who asks, for the setting `user`."""
    user: str | None = request.headers.get("x-user")
    return user


def whole(_: HttpRequest) -> HttpResponse:
    return JsonResponse({"text": text_of(CLIENTS["sync"].messages.create(**HELLO))})


async def awhole(_: HttpRequest) -> HttpResponse:
    return JsonResponse({"text": text_of(await CLIENTS["async"].messages.create(**HELLO))})


def streamed(_: HttpRequest) -> Any:
    return relay(CLIENTS["sync"].messages.create(**HELLO, stream=True))


async def astreamed(_: HttpRequest) -> Any:
    return relay(await CLIENTS["async"].messages.create(**HELLO, stream=True))


def texts(_: HttpRequest) -> Any:
    SOURCES.append(Texts("a", "b"))
    return relay(SOURCES[-1])


async def atexts(_: HttpRequest) -> Any:
    SOURCES.append(AsyncTexts("a", "b"))
    return relay(SOURCES[-1])


@tidegate.caller(route="named")
def who_asks(_: HttpRequest) -> HttpResponse:
    return JsonResponse(current()._asdict())


@tidegate.caller(route="named")
async def awho_asks(_: HttpRequest) -> HttpResponse:
    return JsonResponse(current()._asdict())


def mistaken(_: HttpRequest) -> HttpResponse:
    raise KeyError(SECRET)


urlpatterns = [
    path(view.__name__, view)
    for view in (whole, awhole, streamed, astreamed, texts, atexts, who_asks, awho_asks, mistaken)
]
