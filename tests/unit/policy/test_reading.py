import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import tidegate.policy
from tidegate.model.call import Bound, Reading
from tidegate.model.refusal import Refusal
from tidegate.policy.bounds import strict
from tidegate.policy.prices import PriceBook
from tidegate.policy.reading import MAX_TOKENS, read, unbounded_betas
from unit.policy.bodies import REQUEST, Pairs, compact, first_wins, last_wins, objects_of, respell, tree

RANDOM = st.randoms(use_true_random=False)
BOOK = PriceBook.parse((Path(tidegate.policy.__file__).parent / "prices.json").read_bytes())
ENDLESS = replace(BOOK.dearest, context_window=10**15)
"""A model whose window hides nothing."""
PNG = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQ="}


def body_of(content: Any = "hi", **fields: Any) -> bytes:
    request = {"model": "claude-opus-5", "max_tokens": 100, "messages": [{"role": "user", "content": content}]}
    return compact(tree(request | fields))


def reading_of(body: bytes) -> Reading:
    reading = read(body)
    assert isinstance(reading, Reading), reading
    return reading


def refusal_of(body: bytes) -> str:
    refusal = read(body)
    assert isinstance(refusal, Refusal), refusal
    assert refusal.reason == "bad_request"
    return refusal.detail


def bound_of(reading: Reading) -> Bound:
    return strict(reading, ENDLESS)


# What is read.


def test_a_plain_request() -> None:
    body = body_of(stream=True, metadata={"user_id": "u1"})
    assert read(body) == Reading(
        model="claude-opus-5",
        max_tokens=100,
        stream=True,
        metadata_user="u1",
        size=len(body),
        text_bytes=len(body),
    )


def test_fields_beside_the_messages() -> None:
    reading = reading_of(
        body_of(
            speed="fast",
            inference_geo="us",
            thinking={"type": "enabled", "budget_tokens": 2048},
            system=[{"type": "text", "text": "be kind"}],
            service_tier="auto",
            metadata={},
            top_k=5,
        )
    )
    assert (reading.speed, reading.geo, reading.thinking_budget) == ("fast", "us", 2048)
    assert reading.metadata_user is None
    assert reading.unbounded == ()
    assert reading.unknown_inputs == 0


@pytest.mark.parametrize(
    ("content", "images", "documents", "unknown"),
    [
        ("a", 0, 0, 0),
        ([{"type": "image", "source": PNG}], 1, 0, 0),
        ([{"type": "document", "source": PDF}], 0, 1, 0),
        ([{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": PNG}] * 2}], 2, 0, 0),
        ([{"type": "document", "source": {"type": "content", "content": [{"type": "image", "source": PNG}]}}], 1, 0, 0),
        ([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}}], 0, 0, 0),
        (
            [
                {
                    "type": "search_result",
                    "source": "https://a",
                    "title": "t",
                    "content": [{"type": "text", "text": "a"}],
                }
            ],
            0,
            0,
            0,
        ),
        ([{"type": "image", "source": {"type": "url", "url": "https://a"}}], 0, 0, 1),
        ([{"type": "document", "source": {"type": "file", "file_id": "file_1"}}], 0, 0, 1),
        ([{"type": "container_upload", "file_id": "file_1"}], 0, 0, 1),
        ([{"type": "image"}], 0, 0, 1),
        ([{"type": "image", "source": PNG | {"url": "https://a"}}], 0, 0, 1),
        ([{"type": "image", "source": PNG | {"data": 5}}], 0, 0, 1),
        ([{"type": "hologram"}], 0, 0, 1),
        ([{"text": "no type"}], 0, 0, 1),
        (["a"], 0, 0, 1),
        ([["a"]], 0, 0, 1),
        (5, 0, 0, 1),
        (None, 0, 0, 1),
        ({"type": "image", "source": PNG}, 0, 0, 1),
        ([{"type": "tool_use", "id": "t", "name": "n", "input": {"type": "image", "source": PNG}}], 0, 0, 0),
    ],
)
def test_inputs(content: Any, images: int, documents: int, unknown: int) -> None:
    body = body_of(content)
    reading = reading_of(body)
    assert (reading.images, reading.documents, reading.unknown_inputs) == (images, documents, unknown)
    data = (len(PNG["data"]), len(PDF["data"]))
    assert reading.text_bytes == len(body) - images * data[0] - documents * data[1]


@pytest.mark.parametrize("messages", [5, None, "a", {}, [5], [[]], ["a"]])
def test_messages_of_another_shape_are_not_ours_to_refuse(messages: Any) -> None:
    assert reading_of(body_of(messages=messages)).unknown_inputs == 1


def test_no_messages() -> None:
    assert reading_of(b'{"model":"m"}').unknown_inputs == 1
    assert reading_of(b'{"model":"m","messages":[]}').unknown_inputs == 0
    assert reading_of(b'{"model":"m","messages":[{"role":"system","output_config":{}}]}').unknown_inputs == 0


def test_a_document_in_a_server_tools_result_hides_its_size() -> None:
    result = {"type": "web_fetch_result", "content": {"type": "document", "source": PDF}}
    block = {"type": "web_fetch_tool_result", "tool_use_id": "t", "content": result}
    assert reading_of(body_of([block])).unknown_inputs == 1
    found = [{"type": "web_search_result", "url": "https://a", "encrypted_content": "abc"}]
    plain = {"type": "web_search_tool_result", "tool_use_id": "t", "content": found}
    assert reading_of(body_of([plain])).unknown_inputs == 0


def test_citing_a_text_of_many_sentences_adds_marks() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "A. B! C?\nD. " * 10}
    plain = reading_of(body_of([{"type": "document", "source": source}]))
    cited = reading_of(body_of([{"type": "document", "source": source, "citations": {"enabled": True}}]))
    assert plain.tool_overhead == 0
    assert cited.tool_overhead >= 10 * 4 * 10


@pytest.mark.parametrize(
    ("control", "ttl"),
    [
        (None, "none"),
        ({"type": "ephemeral"}, "5m"),
        ({"type": "ephemeral", "ttl": "5m"}, "5m"),
        ({"type": "ephemeral", "ttl": "1h"}, "1h"),
        ({"type": "ephemeral", "ttl": "2h"}, "1h"),
        ({"type": "ephemeral", "ttl": None}, "1h"),
        (7, "5m"),
    ],
)
@pytest.mark.parametrize("place", ["top", "system", "message", "result", "nested", "tool", "defined"])
def test_cache(control: Any, ttl: str, place: str) -> None:
    text = {"type": "text", "text": "a"}
    marked = text | {"cache_control": control}
    bodies = {
        "top": lambda: body_of(cache_control=control),
        "system": lambda: body_of(system=[text, marked]),
        "message": lambda: body_of([marked, text]),
        "result": lambda: body_of([{"type": "tool_result", "tool_use_id": "t", "cache_control": control}]),
        "nested": lambda: body_of([{"type": "tool_result", "tool_use_id": "t", "content": [marked]}]),
        "tool": lambda: body_of(tools=[{"name": "n", "input_schema": {}, "cache_control": control}]),
        "defined": lambda: body_of(
            [{"type": "tool_addition", "tool": {"type": "tool_definition", "definition": {"cache_control": control}}}]
        ),
    }
    assert reading_of(bodies[place]()).cache == ttl


def test_the_dearest_cache_mark_counts() -> None:
    hour, minutes = (
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": t}} for t in ("1h", "5m")
    )
    assert reading_of(body_of([hour, minutes])).cache == "1h"
    assert reading_of(body_of([minutes, hour])).cache == "1h"


@pytest.mark.parametrize(
    ("tool", "overhead", "unbounded"),
    [
        ({"name": "n", "input_schema": {}}, 1_000, ()),
        ({"type": "custom", "name": "n", "input_schema": {"type": "web_search_20250305"}}, 1_000, ()),
        ({"type": None, "name": "n"}, 1_000, ()),
        ({"type": "bash_20250124", "name": "bash"}, 1_400, ()),
        ({"type": "text_editor_20250728", "name": "n"}, 1_800, ()),
        ({"type": "computer_20251124", "name": "n"}, 7_000, ()),
        ({"type": "computer_toolset_20260801"}, 7_000, ()),
        ({"type": "browser_toolset_20260801"}, 9_000, ()),
        ({"type": "memory_20250818", "name": "memory"}, 2_500, ()),
        ({"type": "web_search_20260318", "name": "web_search"}, 4_000, ("web_search",)),
        ({"type": "web_fetch_20260318", "name": "web_fetch"}, 4_000, ("web_fetch",)),
        ({"type": "code_execution_20260521", "name": "c"}, 4_000, ("code_execution",)),
        ({"type": "tool_search_tool_bm25", "name": "c"}, 4_000, ("tool_search",)),
        ({"type": "advisor_20260301", "name": "advisor"}, 4_000, ("advisor",)),
        ({"type": "mcp_toolset", "mcp_server_name": "s"}, 4_000, ("mcp_toolset",)),
        ({"type": "bash_code_execution_20260101"}, 4_000, ("bash_code_execution",)),
        ({"type": "bash_forever"}, 4_000, ("server_tool",)),
        ({"type": "custom "}, 4_000, ("server_tool",)),
        ({"type": 5}, 4_000, ("server_tool",)),
    ],
)
def test_tools(tool: dict[str, Any], overhead: int, unbounded: tuple[str, ...]) -> None:
    reading = reading_of(body_of(tools=[tool]))
    assert (reading.tools, reading.tool_overhead, reading.unbounded) == (1, overhead, unbounded)
    inline = {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": tool}}
    assert reading_of(body_of([inline])).unbounded == unbounded
    spelled = respell(tree(json.loads(body_of(tools=[tool]))), Random(3), escapes=1)
    assert reading_of(spelled).unbounded == unbounded


def test_mentioned_tools_may_be_put_into_the_prompt_again() -> None:
    tool = {"name": "n", "description": "x" * 1_000, "input_schema": {}}
    mention = {"type": "tool_reference", "tool_name": "n"}
    once = reading_of(body_of(tools=[tool]))
    thrice = reading_of(body_of([{"type": "tool_result", "tool_use_id": "t", "content": [mention] * 3}], tools=[tool]))
    assert thrice.tool_overhead - once.tool_overhead >= 3 * 2_500


def test_searches() -> None:
    limited = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    free = {"type": "web_search_20250305", "name": "web_search"}
    assert reading_of(body_of(tools=[limited])).searches == 3
    assert reading_of(body_of(tools=[limited, limited])).searches == 6
    assert reading_of(body_of(tools=[limited, free])).searches == 0
    assert reading_of(body_of()).searches == 0


@pytest.mark.parametrize(
    ("fields", "unbounded"),
    [
        ({"mcp_servers": [{"type": "url"}]}, ("mcp_servers",)),
        ({"mcp_servers": []}, ()),
        ({"fallbacks": "default"}, ("fallbacks",)),
        ({"fallbacks": None}, ()),
        ({"compaction": {"type": "summarize"}}, ("compaction",)),
        ({"container": "c_1"}, ("container",)),
        ({"thread": {"type": "create"}}, ("thread",)),
        ({"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}, ()),
        ({"context_management": {"edits": [{"type": "compact_20260112"}]}}, ("context_management",)),
        ({"context_management": {"edits": 5}}, ("context_management",)),
        ({"context_management": {"edits": [5]}}, ("context_management",)),
        ({"context_management": 5}, ("context_management",)),
        ({"context_management": None}, ()),
        ({"speed": "warp"}, ("speed",)),
        ({"speed": 3}, ("speed",)),
        ({"service_tier": "gold"}, ("service_tier",)),
        ({"service_tier": "standard_only"}, ()),
        ({"a_future_field": {"anything": 1}}, ()),
    ],
)
def test_fields_without_a_bound(fields: dict[str, Any], unbounded: tuple[str, ...]) -> None:
    assert reading_of(body_of(**fields)).unbounded == unbounded
    assert reading_of(respell(tree(json.loads(body_of(**fields))), Random(1), escapes=0.5)).unbounded == unbounded


def test_betas() -> None:
    assert unbounded_betas(b"compact-2026-01-12, Server-Side-Fallback-2026-07-01,output-128k-2025-02-19") == (
        "compact",
        "server-side-fallback",
    )
    # What Claude Code sends with every request.
    code = b"claude-code-20250219,context-1m-2025-08-07,advisor-tool-2026-03-01,context-management-2025-06-27"
    assert unbounded_betas(code) == ()
    assert unbounded_betas(b"") == ()
    assert unbounded_betas(b"\xff\xfe") == ()


# What is refused.


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"5",
        b"null",
        b'"a"',
        b"{",
        b'{"model":"m",}',
        b'{"model":"m"}x',
        b"\xef\xbb\xbf" + body_of(),
        body_of().decode().encode("utf-16"),
        b'{"model":"m","x":NaN}',
        b'{"model":"m","x":-Infinity}',
        b'{"model":"m","max_tokens":NaN}',
        b'{"model":"m","x":01}',
        b'{"model":"m","x":"\x00"}',
        b'{"model":"m","x":"\\ud800"}',
        b'{"model":"m","messages":[{"role":"user","content":"\xff"}]}',
        b'{"model":"m","x":{"y":["\xc0\xa2"]}}',
        b'{"model":"m","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"model":"m","messages":' + b'[{"content":' * 10_000 + b"5" + b"}]" * 10_000 + b"}",
        b'{"messages":[]}',
        b'{"model":5}',
        b'{"model":null}',
        b'{"model":""}',
        b'{"model":["m"]}',
        b'{"model":"%b"}' % (b"m" * 257),
        body_of(stream="true"),
        body_of(stream=None),
        body_of(stream=1),
        *(
            b'{"model":"m","messages":[],"max_tokens":%b}' % number
            for number in (
                b"null",
                b"true",
                b'"5"',
                b"-1",
                b"1.5",
                b"1e400",
                b"-1e3",
                b"1e-1",
                b"9" * 5_000,
                b"2147483649",
                b"{}",
            )
        ),
        body_of(Max_Tokens=5),
        body_of(ſtream=True),
    ],
)
def test_refused(body: bytes) -> None:
    detail = refusal_of(body)
    assert detail
    assert detail.isascii()


@pytest.mark.parametrize(
    ("written", "value"),
    [(b"0", 0), (b"-0", 0), (b"1e3", 1_000), (b"1000.0", 1_000), (b"2147483648", MAX_TOKENS), (b"10E+1", 100)],
)
def test_max_tokens(written: bytes, value: int) -> None:
    assert reading_of(b'{"model":"m","messages":[],"max_tokens":%b}' % written).max_tokens == value
    assert reading_of(b'{"model":"m","messages":[],"max\\u005ftokens": %b }' % written).max_tokens == value


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"model":"m","messages":[],"max_tokens":1,"max_tokens":100000}', "the key max_tokens appears twice"),
        (b'{"model":"m","messages":[],"max_tokens":1,"max\\u005ftokens":1}', "the key max_tokens appears twice"),
        (b'{"max_tokens":1e3,"model":"m","max_tokens":1000,"messages":[]}', "the key max_tokens appears twice"),
        (b'{"model":"m","model":"m","messages":[]}', "the key model appears twice"),
        (b'{"model":"m","messages":[],"messages":[]}', "the key messages appears twice"),
        (b'{"secret":1,"secret":2,"model":"m","messages":[]}', "a key appears twice"),
        (b'{"model":"m","messages":[],"metadata":{"user_id":"a","user_id":"b"}}', "a key appears twice"),
        (b'{"model":"m","messages":[],"thinking":{"budget_tokens":1,"budget_tokens":2}}', "a key appears twice"),
        (b'{"model":"m","messages":[{"content":"a","content":[]}]}', "a key appears twice"),
        (b'{"model":"m","messages":[],"tools":[{"type":"custom","type":"advisor_20260301"}]}', "a key appears twice"),
    ],
)
def test_a_repeated_name_is_refused(body: bytes, detail: str) -> None:
    assert refusal_of(body) == detail


def test_a_sized_number_cannot_hide_a_repeated_name() -> None:
    """`1e9` is shorter than 1000000000, so sizes must be those of the bytes."""
    for spelled in (b"1e9", b"1E+9", b"1000000000.0"):
        for extra in (b'"max_tokens":5', b'"a":1', b'"a":1,"a":1'):
            body = b'{"model":"m","messages":[],"max_tokens":%b,%b}' % (spelled, extra)
            names = [name for name, _ in json.loads(body, object_pairs_hook=list)]
            assert isinstance(read(body), Refusal) == (len(set(names)) < len(names))


def test_names_deep_inside_may_repeat_where_nobody_looks() -> None:
    body = b'{"model":"m","messages":[],"tools":[{"name":"n","input_schema":{"a":1,"a":2,"max_tokens":5}}]}'
    assert reading_of(body).tools == 1


# What no spelling changes.


@given(REQUEST, RANDOM)
@settings(max_examples=300, deadline=None)
def test_a_spelling_never_lowers_the_bound(request: dict[str, Any], rng: Random) -> None:
    """Fast mode and exact mode agree, and white space and escapes only add to what is held."""
    plain = read(compact(tree(request)))
    spelled = read(respell(tree(request), rng))
    if isinstance(plain, Refusal) or isinstance(spelled, Refusal):
        assert plain == spelled
        return
    assert bound_of(spelled).cost >= bound_of(plain).cost
    assert set(spelled.unbounded) == set(plain.unbounded)
    for field in (
        "model",
        "max_tokens",
        "stream",
        "metadata_user",
        "tools",
        "geo",
        "speed",
        "thinking_budget",
        "searches",
    ):
        assert getattr(spelled, field) == getattr(plain, field), field


@given(REQUEST, RANDOM, st.data(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_repeated_name_never_lowers_the_bound(
    request: dict[str, Any], rng: Random, data: st.DataObject, plain: bool
) -> None:
    """Whichever of two members the API reads, the request is refused or holds at least as much."""
    body = tree(request)
    target = data.draw(st.sampled_from(objects_of(body)))
    other = data.draw(st.sampled_from([pair for found in objects_of(body) for pair in found]))
    if target:
        name, _ = data.draw(st.sampled_from(target))
        target.insert(data.draw(st.integers(0, len(target))), (name, other[1] if other[1] is not target else 1))
    if _has_loop(body):
        return
    reading = read(compact(body) if plain else respell(body, rng))
    if isinstance(reading, Refusal):
        return
    for interpret in (first_wins, last_wins):
        single = read(compact(tree(interpret(body))))
        assert isinstance(single, Reading)
        assert bound_of(reading).cost >= bound_of(single).cost
        assert set(reading.unbounded) >= set(single.unbounded)


@given(REQUEST, RANDOM, st.booleans())
@settings(deadline=None)
def test_the_top_level_is_what_json_says(request: dict[str, Any], rng: Random, plain: bool) -> None:
    body = compact(tree(request)) if plain else respell(tree(request), rng)
    reading = read(body)
    assert isinstance(reading, Reading), reading
    said = json.loads(body)
    metadata = said.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    assert reading.model == said["model"]
    assert reading.max_tokens == said.get("max_tokens")
    assert reading.stream == said.get("stream", False)
    assert reading.metadata_user == (user if isinstance(user, str) else None)
    assert reading.size == len(body)
    assert reading.text_bytes <= len(body)
    assert ("fallbacks" in reading.unbounded) == bool(said.get("fallbacks"))


@given(st.binary(max_size=60) | st.text('{}[]",:\\u0123456789 nulltruefalse', max_size=40).map(str.encode))
def test_any_bytes_have_an_answer(body: bytes) -> None:
    assert isinstance(read(body), Reading | Refusal)


def _has_loop(value: Any, above: tuple[int, ...] = ()) -> bool:
    if not isinstance(value, list):
        return False
    if id(value) in above:
        return True
    items = [item for _, item in value] if isinstance(value, Pairs) else value
    return any(_has_loop(item, (*above, id(value))) for item in items)
