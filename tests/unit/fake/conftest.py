"""A fake Claude without sockets: requests go straight to its `World`."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tidegate.fake.attempt import Attempt
from tidegate.fake.request import Request
from tidegate.fake.script import Script, read_script
from tidegate.fake.settings import Settings
from tidegate.fake.world import World

HEADERS = {b"x-api-key": b"sk-ant-api03-x", b"anthropic-version": b"2023-06-01"}


class Asker:
    """Asks a world, plays the reply to its end, and gives back what a client would have got."""

    def __init__(self, settings: Settings | None = None, script: dict[str, Any] | None = None) -> None:
        self.world = World(settings or Settings(), read_script(script) if script else Script())

    def begin(self, body: Any = None, *, method: str = "POST", path: str = "/v1/messages", **headers: str) -> Attempt:
        given = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        path, _, query = path.partition("?")
        return self.world.answer(Request(method, path, query, {**HEADERS, **given}, raw, len(raw)), 1)

    def __call__(self, body: Any = None, **how: Any) -> tuple[int, Any, Attempt]:
        """Status, decoded body (bytes for a stream), and the attempt."""
        attempt = self.begin(body, **how)
        payload = b""
        for step in attempt.reply.steps:
            payload += step.payload
            attempt.sent(step.payload, step)
        attempt.done()
        status = attempt.row.status
        assert status is not None
        told = payload if attempt.row.stream and status == 200 else msgspec.json.decode(payload) if payload else None
        return status, told, attempt


@pytest.fixture
def asker() -> Callable[..., Asker]:
    return Asker


@pytest.fixture
def ask() -> Asker:
    return Asker()
