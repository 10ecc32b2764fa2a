"""The traffic of `tidegate demo`: who calls what, sent over real sockets by a few threads."""

import http.client
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from msgspec import Struct

THREADS = 12
HAIKU, SONNET, OPUS = "claude-haiku-4-5", "claude-sonnet-5", "claude-opus-5"

ANSWERED, STREAMED, CUT, FAILED = "answered", "streamed", "stream cut", "failed upstream"
_REASONS = {
    "rate_limited": "over a limit",
    "too_many_concurrent": "over a limit",
    "budget_spent": "over a budget",
    "budget_held": "over a budget",
    "bad_key": "wrong key",
    "unknown_model": "unknown model",
}
"""What the gateway's refusals are called here, by `x-tidegate-reason`."""

OUTCOMES = (ANSWERED, STREAMED, CUT, *dict.fromkeys(_REASONS.values()), FAILED)

_WORDS = ("tide", "stone", "boat", "wind", "gull", "rope", "harbour", "lantern")


class Planned(Struct, frozen=True, kw_only=True):
    """One call to be made."""

    app: str
    user: str
    route: str
    model: str
    stream: bool
    max_tokens: int
    words: int


def plan(calls: int, rng: random.Random) -> Iterator[Planned]:
    """A lively mix: most is everyday chat, one user sends far too much, one app is dear, a few calls are mistakes."""
    kinds: list[tuple[int, Callable[[], Planned]]] = [
        (40, lambda: _one(rng, "chat", "chat", rng.choice((HAIKU, SONNET)), stream=rng.random() < 0.6)),
        (17, lambda: _one(rng, "mobile", "translate", HAIKU)),
        (17, lambda: _one(rng, "chat", "summarise", HAIKU, max_tokens=4096, words=400)),
        (16, lambda: _one(rng, "mobile", "chat", HAIKU, user="mallory")),
        (7, lambda: _one(rng, "reports", "analyse", OPUS, max_tokens=2000, words=900)),
        (2, lambda: _one(rng, "chat", "chat", "claude-tomorrow-9")),
        (1, lambda: _one(rng, "nobody", "chat", HAIKU)),
    ]
    weights = [weight for weight, _ in kinds]
    for _ in range(calls):
        yield rng.choices([make for _, make in kinds], weights)[0]()


def _one(
    rng: random.Random,
    app: str,
    route: str,
    model: str,
    *,
    stream: bool = False,
    max_tokens: int = 300,
    words: int = 40,
    user: str | None = None,
) -> Planned:
    return Planned(
        app=app,
        user=user or rng.choice(("alice", "bob", "carol", "dan", "erin", "frank", "grace", "heidi")),
        route=route,
        model=model,
        stream=stream,
        max_tokens=max_tokens,
        words=rng.randint(words // 2, words),
    )


def send_all(address: str, keys: Mapping[str, str], calls: Iterable[Planned], told: Callable[[str], None]) -> None:
    """Send every call; `told` gets the outcome of each, in any order, from the calling thread."""
    pool = ThreadPoolExecutor(THREADS)
    try:
        for outcome in pool.map(lambda call: send(address, keys.get(call.app, "tg_wrong"), call), calls):
            told(outcome)
    finally:
        pool.shutdown(cancel_futures=True)


def send(address: str, key: str, call: Planned) -> str:
    """Make one call and read its whole answer; returns the outcome."""
    prompt = " ".join(_WORDS[number % len(_WORDS)] for number in range(call.words))
    body = {
        "model": call.model,
        "max_tokens": call.max_tokens,
        "messages": [{"role": "user", "content": prompt}],
        **({"stream": True} if call.stream else {}),
    }
    headers = {
        "x-api-key": key,
        "anthropic-version": "2023-06-01",
        "content-type": "application/json",
        "x-tidegate-user": call.user,
        "x-tidegate-route": call.route,
    }
    wire = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    try:
        wire.request("POST", "/v1/messages", json.dumps(body), headers)
        reply = wire.getresponse()
        text = reply.read()
    except (OSError, http.client.HTTPException):
        return CUT
    finally:
        wire.close()
    if reply.status != 200:
        return _REASONS.get(reply.headers.get("x-tidegate-reason", ""), FAILED)
    if call.stream:
        return STREAMED if b"event: message_stop" in text else CUT
    return ANSWERED
