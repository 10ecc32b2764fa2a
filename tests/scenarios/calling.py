"""How a scenario's call is made with the official SDK, blocking and async, and what the caller has of it in the end."""

import inspect
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct

from scenarios.table import Request, Scenario, Shape, requests


class Asked(Struct, frozen=True, kw_only=True):
    """A call as it is made."""

    request: Request
    shape: Shape = "json"
    headers: dict[str, str] = {}
    leave: int | None = None
    """Leave the stream after so many events."""

    def bound(self, client: Any) -> Callable[[], Any]:
        """The method of the client with its arguments."""
        arguments = dict(self.request.arguments)
        call = self.request.call
        headers = dict(self.headers)
        if call in ("post", "put"):  # the SDK's way to paths that it does not know
            arguments = {**arguments, "cast_to": object, "options": {"headers": headers}}
        else:
            arguments["extra_headers"] = headers
        if self.shape == "helper":
            call = call.replace(".create", ".stream")
        elif self.shape == "stream":
            arguments["stream"] = True
        method = attrgetter(call)(client)
        return lambda: method(**arguments)


class Got(Struct, frozen=True, kw_only=True):
    """What the caller has in the end."""

    answer: Any = None
    events: tuple[Any, ...] = ()
    error: Exception | None = None


def asked(scenario: Scenario, shape: Shape) -> Asked:
    """The call of a scenario."""
    named = {"x-tidegate-user": scenario.user} if scenario.user else {}
    return Asked(
        request=requests()[scenario.request],
        shape=shape,
        headers={**named, **scenario.client},
        leave=scenario.leave,
    )


def ordered(one: Asked, order: str) -> Asked:
    """The same call with an order for the fake among its headers."""
    return msgspec.structs.replace(one, headers={**one.headers, "x-fake-fault": order}) if order else one


def call(client: Any, one: Asked) -> Got:
    """Make the call and take what comes."""
    events: list[Any] = []
    answer = None
    try:
        answer = _take(one, one.bound(client)(), events)
    except Exception as error:  # noqa: BLE001 - whatever the caller gets is what this is about
        return Got(events=tuple(events), error=error)
    return Got(answer=answer, events=tuple(events))


async def call_async(client: Any, one: Asked) -> Got:
    """As `call`, with an async client."""
    events: list[Any] = []
    answer = None
    try:
        found = one.bound(client)()
        answer = await _take_async(one, await found if inspect.isawaitable(found) else found, events)
    except Exception as error:  # noqa: BLE001 - as above
        return Got(events=tuple(events), error=error)
    return Got(answer=answer, events=tuple(events))


def _take(one: Asked, found: Any, events: list[Any]) -> Any:
    if one.shape == "json":
        return found
    with found as stream:
        for event in stream:
            events.append(event)
            if len(events) == one.leave:
                return None
        return stream.get_final_message() if one.shape == "helper" else None


async def _take_async(one: Asked, found: Any, events: list[Any]) -> Any:
    if one.shape == "json":
        return found
    async with found as stream:
        async for event in stream:
            events.append(event)
            if len(events) == one.leave:
                return None
        return await stream.get_final_message() if one.shape == "helper" else None
