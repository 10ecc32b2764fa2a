"""What a stream that runs keeps of its request: thousands run at once, each for minutes."""

import asyncio
import gc
import sys
from collections.abc import Callable
from typing import Any, Self

from tidegate.doors.gateway.app import Gateway
from tidegate.model.keys import AppKey
from unit.core.world import World, ask, stream

KEY = AppKey(id="k", hash=b"", app="chat", created_at=0)


class Asked:
    """A request whose body is here; it looks around when a part of its reply comes."""

    method, path, query, address = "POST", "/v1/messages", b"", "127.0.0.1"
    left = False

    def __init__(self, body: bytes, look: Callable[[], None]) -> None:
        self.headers = [(b"content-type", b"application/json")]
        self.said = dict(self.headers)
        self.sent: list[Any] = []
        self._body: bytes | None = body
        self._look = look

    def whole(self) -> bytes | None:
        body, self._body = self._body, None
        return body

    def leaving(self, *, drain: Callable[[], bool]) -> Self:
        self.drain = drain
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nobody leaves."""

    def done(self) -> None:
        """Nobody watches."""

    def forget(self) -> None:
        self.headers.clear()
        self.said.clear()

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if message.get("body"):
            self._look()


class Open:
    """Every key is good, and there are no pages."""

    def known(self, *_: object) -> AppKey:
        return KEY

    def has(self, _: str) -> bool:
        return False


def gateway(world: World) -> Gateway:
    parts: dict[str, Any] = {"keyring": Open(), "pages": Open(), "clock": world, "tell": lambda *_, **__: None}
    return Gateway(
        gate=world.gate(),
        new_id=world.new_id,
        label_secret=b"s" * 32,
        max_body=10**6,
        body_timeout=1.0,
        total=60.0,
        ping=0.0,
        draining=lambda: False,
        **parts,
    )


def test_a_stream_lets_its_request_go() -> None:
    """A prompt may have megabytes; nothing of it is asked for again after the first byte of the answer."""
    world = World([stream()])
    body = ask(stream=True, system="The tide. " * 1_000)
    untouched = bytes(bytearray(body))
    counts: list[int] = []

    def look() -> None:
        world.sent.clear()
        gc.collect()
        counts.append(sys.getrefcount(body) - sys.getrefcount(untouched))

    request = Asked(body, look)
    asyncio.run(gateway(world).answer(request))  # type: ignore[arg-type]  # as much of a request as is asked for
    assert counts
    assert set(counts) == {0}
    assert request.sent[0]["status"] == 200
