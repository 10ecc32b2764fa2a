from typing import Any

import pytest

from unit.policy.bodies import PDF, PNG, body_of, compact, reading_of, tree


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
        ({"type": "5m", "ttl": "1h"}, "1h"),
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
    "block", [{"type": "hologram"}, {"type": "image"}, {"type": "document"}, {"type": ["tool_result"]}]
)
def test_what_is_not_understood_may_hold_a_cache_mark(block: dict[str, Any]) -> None:
    assert reading_of(body_of([block | {"inner": ["cache_control"]}])).cache == "1h"
    assert reading_of(body_of([block | {"inner": ["cash"]}])).cache == "none"


def test_a_type_written_with_escapes_is_that_type() -> None:
    block = b'{"type":"tool\\u005fresult","tool_use_id":"t","content":[{"type":"\\u0069mage","source":%b}]}'
    source = compact(tree(PNG))
    reading = reading_of(b'{"model":"m","messages":[{"role":"user","content":[%b]}]}' % (block % source))
    assert (reading.images, reading.unknown_inputs) == (1, 0)
    text = b'{"model":"m","messages":[{"role":"user","content":[{"type":"te\\u0078t","text":"a"}]}]}'
    assert reading_of(text).unknown_inputs == 0
