"""Random Messages requests, spelled in random ways, for the tests of reading, scanning and editing."""

import json
from random import Random
from typing import Any

from hypothesis import strategies as st

from tidegate.model.call import Reading
from tidegate.policy.reading import read

SPACES = ("", "", " ", "\n", "\t ", "\r\n")


class Pairs(list[tuple[str, Any]]):
    """An object as its members in order, so that a name may come twice."""


def tree(value: Any) -> Any:
    """Plain JSON data with every object as Pairs."""
    if isinstance(value, dict):
        return Pairs((name, tree(item)) for name, item in value.items())
    return [tree(item) for item in value] if isinstance(value, list) else value


def first_wins(value: Any) -> Any:
    """Plain JSON data, read by a parser that keeps the first of two equal names."""
    if isinstance(value, Pairs):
        return {name: first_wins(item) for name, item in reversed(value)}
    return [first_wins(item) for item in value] if isinstance(value, list) else value


def last_wins(value: Any) -> Any:
    """Plain JSON data, read by a parser that keeps the last of two equal names."""
    if isinstance(value, Pairs):
        return {name: last_wins(item) for name, item in value}
    return [last_wins(item) for item in value] if isinstance(value, list) else value


def compact(value: Any) -> bytes:
    """As the SDKs send it."""
    if isinstance(value, Pairs):
        return b"{" + b",".join(compact(name) + b":" + compact(item) for name, item in value) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(compact(item) for item in value) + b"]"
    return json.dumps(value, ensure_ascii=False).encode()


def respell(value: Any, rng: Random, escapes: float = 0.1) -> bytes:
    """The same data with other white space and other escapes."""

    def gap() -> str:
        return rng.choice(SPACES)

    def text(string: str) -> str:
        return '"' + "".join(letter(char) for char in string) + '"'

    def letter(char: str) -> str:
        code = ord(char)
        if rng.random() < escapes and code < 0x10000:
            return rng.choice((f"\\u{code:04x}", f"\\u{code:04X}"))
        return json.dumps(char, ensure_ascii=False)[1:-1]

    def spell(item: Any) -> str:
        if isinstance(item, Pairs):
            inner = ",".join(f"{gap()}{text(name)}{gap()}:{gap()}{spell(member)}{gap()}" for name, member in item)
            return "{" + (inner or gap()) + "}"
        if isinstance(item, list):
            return "[" + (",".join(f"{gap()}{spell(member)}{gap()}" for member in item) or gap()) + "]"
        return text(item) if isinstance(item, str) else json.dumps(item)

    return f"{gap()}{spell(value)}{gap()}".encode()


def objects_of(value: Any) -> list[Pairs]:
    """Every object in a tree, the outermost first."""
    if isinstance(value, Pairs):
        return [value] + [found for _, item in value for found in objects_of(item)]
    return [found for item in value for found in objects_of(item)] if isinstance(value, list) else []


TEXTS = st.text(
    alphabet=st.characters(codec="utf-8"),
    max_size=12,
) | st.sampled_from(
    ["hi", 'a "quoted" word', "back\\slash", '{"source":{"data":"x"}}', "\\u0073ource", "é中😀", "A. B. C."]
)
SCALARS = st.none() | st.booleans() | st.integers(-5, 10**6) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
JUNK = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXTS | st.sampled_from(["source", "type", "file_id"]), inner, max_size=3)
    ),
    max_leaves=6,
)
CACHE = st.sampled_from(
    [
        None,
        {"type": "ephemeral"},
        {"type": "ephemeral", "ttl": "5m"},
        {"ttl": "1h", "type": "ephemeral"},
        {"type": "ephemeral", "ttl": "7d"},
    ]
)
DATA = st.binary(min_size=1, max_size=30).map(lambda raw: raw.hex() * 4 + "/+==")


def objects(required: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with these members, in any order."""
    fixed = {name: item if isinstance(item, st.SearchStrategy) else st.just(item) for name, item in required.items()}
    made = st.fixed_dictionaries(fixed, optional=optional)
    return made.flatmap(lambda found: st.permutations(list(found.items())).map(dict))


TEXT = objects({"type": "text", "text": TEXTS}, cache_control=CACHE)
IMAGE = objects(
    {
        "type": "image",
        "source": objects({"type": "base64", "media_type": "image/png", "data": DATA})
        | objects({"type": "url", "url": "https://example.com/a.png"})
        | objects({"type": "file", "file_id": "file_1"}),
    },
    cache_control=CACHE,
)
DOCUMENT = objects(
    {
        "type": "document",
        "source": objects({"type": "base64", "media_type": "application/pdf", "data": DATA})
        | objects({"type": "text", "media_type": "text/plain", "data": TEXTS})
        | objects({"type": "content", "content": TEXTS | st.lists(TEXT | IMAGE, max_size=2)})
        | objects({"type": "url", "url": "https://example.com/a.pdf"}),
    },
    citations=st.just({"enabled": True}),
    cache_control=CACHE,
)
RESULT = objects(
    {"type": "tool_result", "tool_use_id": "toolu_1"},
    content=TEXTS | st.lists(TEXT | IMAGE | DOCUMENT, max_size=2),
    cache_control=CACHE,
)
USE = objects({"type": "tool_use", "id": "toolu_1", "name": "look", "input": st.dictionaries(TEXTS, JUNK, max_size=2)})
OTHER = st.sampled_from(
    [
        {"type": "container_upload", "file_id": "file_1"},
        {"type": "video", "source": {"type": "url", "url": "https://example.com"}},
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "tool_reference", "tool_name": "look"},
        {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": {"type": "web_search_20250305"}}},
        {
            "type": "web_fetch_tool_result",
            "tool_use_id": "a",
            "content": {"content": {"type": "document", "source": 1}},
        },
    ]
)
CONTENT = TEXTS | st.lists(TEXT | IMAGE | DOCUMENT | RESULT | USE | OTHER, max_size=3) | JUNK
MESSAGE = objects({"role": st.sampled_from(["user", "assistant"]), "content": CONTENT})
TOOL = (
    objects(
        {"name": "look", "input_schema": st.dictionaries(TEXTS, JUNK, max_size=2)},
        description=TEXTS,
        cache_control=CACHE,
    )
    | objects({"type": st.sampled_from(["bash_20250124", "custom", "advisor_20260301", "novelty_1"]), "name": "x"})
    | objects({"type": "web_search_20250305", "name": "web_search"}, max_uses=st.integers(1, 9))
)
REQUEST = objects(
    {
        "model": st.sampled_from(["claude-opus-5", "claude-haiku-5-5", "modèle"]),
        "messages": st.lists(MESSAGE, max_size=3) | JUNK,
    },
    max_tokens=st.integers(0, 200_000),
    stream=st.booleans(),
    system=TEXTS | st.lists(TEXT, max_size=2),
    tools=st.lists(TOOL, max_size=2),
    metadata=st.fixed_dictionaries({}, optional={"user_id": st.none() | TEXTS}) | JUNK,
    thinking=st.sampled_from([{"type": "enabled", "budget_tokens": 2048}, {"type": "adaptive"}, 5]),
    cache_control=CACHE,
    speed=st.sampled_from([None, "fast", "standard", "warp"]),
    inference_geo=st.sampled_from([None, "us", "global", "eu"]),
    context_management=st.sampled_from(
        [
            {"edits": [{"type": "clear_tool_uses_20250919"}]},
            {"edits": [{"type": "compact_20260112"}]},
            {},
            7,
        ]
    ),
    fallbacks=st.sampled_from([[], "default", [{"model": "claude-opus-5"}]]),
    temperature=st.floats(0, 1),
    future_field=JUNK,
)
"""Requests that the API may or may not accept."""

PNG = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQ="}


def body_of(content: Any = "hi", **fields: Any) -> bytes:
    """A compact request with one message."""
    request = {"model": "claude-opus-5", "max_tokens": 100, "messages": [{"role": "user", "content": content}]}
    return compact(tree(request | fields))


def reading_of(body: bytes) -> Reading:
    """What is read of a request that is not refused."""
    reading = read(body)
    assert isinstance(reading, Reading), reading
    return reading


AGAIN: dict[str, list[Any]] = {
    "type": [
        "text",
        "image",
        "document",
        "base64",
        "url",
        "tool_result",
        "custom",
        "advisor_20260301",
        "compact_20260112",
    ],
    "source": [
        {"type": "url", "url": "https://a"},
        PDF,
        PNG | {"data": "A" * 400},
        {"type": "text", "data": "a" * 400},
    ],
    "content": [
        "a",
        [{"type": "image", "source": {"type": "url", "url": "https://a"}}],
        [{"type": "document", "source": PDF}],
    ],
    "cache_control": [None, {"type": "ephemeral", "ttl": "1h"}],
    "ttl": ["5m", "1h"],
    "data": ["A" * 400, 5],
    "url": ["https://a"],
    "edits": [[], [{"type": "compact_20260112"}]],
    "max_uses": [1, 100],
    "user_id": ["somebody", None],
    "budget_tokens": [1, 100_000],
    "fallbacks": [[], "default"],
    "speed": ["standard", "fast"],
    "tools": [[], [{"type": "advisor_20260301"}]],
    "max_tokens": [1, 100_000],
}
"""Second values that matter, by name."""


@st.composite
def with_a_name_twice(draw: st.DrawFn) -> Pairs:
    """A request in which one object has a member that it has already, mostly one that matters."""
    body = tree(draw(REQUEST))
    assert isinstance(body, Pairs)
    targets = [found for found in objects_of(body) if any(name in AGAIN for name, _ in found)]
    target = draw(st.sampled_from(targets or [body]))
    names = [name for name, _ in target if name in AGAIN] or ["model"]
    # Sometimes a name that the object did not have, which may then win or add something.
    name = draw(st.sampled_from(names) | st.sampled_from(sorted(AGAIN)))
    again = draw(st.sampled_from(AGAIN.get(name, ["m"])))
    for value in [again] if name in names else [again, draw(st.sampled_from(AGAIN[name]))]:
        target.insert(draw(st.integers(0, len(target))), (name, tree(value)))
    return body
