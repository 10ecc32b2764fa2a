"""The ways of sending one order: every entry point of the SDK, blocking and async, as a function of a client."""

import asyncio
import contextlib
import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import anthropic

from e2e.sdk.shapes import Order
from e2e.sdk.stage import Stage

Way = Callable[[Any, Order], Any]


def create(client: Any, order: Order) -> Any:
    return client.messages.create(**order)


def events(client: Any, order: Order) -> Any:
    return list(client.messages.create(stream=True, **order))


def stream(client: Any, order: Order) -> Any:
    with client.messages.stream(**order) as running:
        return [list(running), running.get_final_message()]


def text_stream(client: Any, order: Order) -> Any:
    with client.messages.stream(**order) as running:
        return [list(running.text_stream), running.get_final_message()]


def beta(client: Any, order: Order) -> Any:
    return client.beta.messages.create(betas=["tide-2026-11-22", "interleaved-thinking-2025-05-14"], **order)


def beta_events(client: Any, order: Order) -> Any:
    return list(client.beta.messages.create(betas=["tide-2026-11-22"], stream=True, **order))


def raw(client: Any, order: Order) -> Any:
    found = client.messages.with_raw_response.create(**order)
    return [found.http_response, found.parse()]


def streaming_response(client: Any, order: Order) -> Any:
    with client.messages.with_streaming_response.create(**order) as found:
        return [found.status_code, b"".join(found.iter_bytes()).decode()]


def raw_lines(client: Any, order: Order) -> Any:
    with client.messages.with_streaming_response.create(stream=True, **order) as found:
        return [found.status_code, list(found.iter_lines())]


def options(client: Any, order: Order) -> Any:
    changed = client.with_options(timeout=30, default_headers={"x-app": "tides"}, default_query={"beta": "true"})
    return changed.messages.create(**order)


async def events_async(client: Any, order: Order) -> Any:
    return [event async for event in await client.messages.create(stream=True, **order)]


async def stream_async(client: Any, order: Order) -> Any:
    async with client.messages.stream(**order) as running:
        return [[event async for event in running], await running.get_final_message()]


async def text_stream_async(client: Any, order: Order) -> Any:
    async with client.messages.stream(**order) as running:
        return [[piece async for piece in running.text_stream], await running.get_final_message()]


async def beta_events_async(client: Any, order: Order) -> Any:
    return [event async for event in await client.beta.messages.create(betas=["tide-2026-11-22"], stream=True, **order)]


async def raw_async(client: Any, order: Order) -> Any:
    found = await client.messages.with_raw_response.create(**order)
    return [found.http_response, await found.parse()]


async def streaming_response_async(client: Any, order: Order) -> Any:
    async with client.messages.with_streaming_response.create(**order) as found:
        return [found.status_code, b"".join([piece async for piece in found.iter_bytes()]).decode()]


async def raw_lines_async(client: Any, order: Order) -> Any:
    async with client.messages.with_streaming_response.create(stream=True, **order) as found:
        return [found.status_code, [line async for line in found.iter_lines()]]


WAYS: dict[str, tuple[Way, Way]] = {
    "create": (create, create),
    "create(stream=True)": (events, events_async),
    "stream": (stream, stream_async),
    "text_stream": (text_stream, text_stream_async),
    "beta create": (beta, beta),
    "beta create(stream=True)": (beta_events, beta_events_async),
    "with_raw_response": (raw, raw_async),
    "with_streaming_response": (streaming_response, streaming_response_async),
    "with_streaming_response, lines": (raw_lines, raw_lines_async),
    "with_options": (options, options),
}
"""Blocking and async form of each."""


class Clients:
    """The SDK on both ways, blocking and async, made once: a client of the SDK takes long to make."""

    def __init__(self, stage: Stage) -> None:
        self._runner = asyncio.Runner()
        self.direct = anthropic.Anthropic(**stage.direct_options())
        self.through = anthropic.Anthropic(**stage.through_options())
        self._async_direct = anthropic.AsyncAnthropic(**stage.direct_options())
        self._async_through = anthropic.AsyncAnthropic(**stage.through_options())

    def close(self) -> None:
        """Close all connections."""
        self.direct.close()
        self.through.close()
        self._runner.run(self._async_direct.close())
        self._runner.run(self._async_through.close())
        self._runner.close()

    def both(self, way: Way, order: Order) -> tuple[Any, Any]:
        """What comes of it directly and through the gateway; an API error counts as a result."""
        with lenient():
            return _or_error(lambda: way(self.direct, order)), _or_error(lambda: way(self.through, order))

    def both_async(self, way: Way, order: Order) -> tuple[Any, Any]:
        """As `both`, by the async SDK."""

        async def main() -> tuple[Any, Any]:
            return await ask(self._async_direct), await ask(self._async_through)

        async def ask(client: anthropic.AsyncAnthropic) -> Any:
            try:
                result = way(client, order)
                return await result if inspect.isawaitable(result) else result
            except anthropic.APIStatusError as error:
                return error

        with lenient():
            return self._runner.run(main())


def _or_error(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except anthropic.APIStatusError as error:
        return error


@contextlib.contextmanager
def lenient() -> Iterator[None]:
    """pydantic warns of block types that the SDK does not know, on both ways."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Pydantic serializer warnings", category=UserWarning)
        yield
