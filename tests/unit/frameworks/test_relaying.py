"""From a stream to server-sent events: every way in which it can end, of both colours."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

import tidegate
from tidegate.frameworks.relaying import AsyncPieces, Pieces, pieces
from unit.frameworks.calls import (
    HELLO,
    SECRET,
    Scripted,
    bare,
    bare_async,
    broken_stream,
    events,
    events_of,
    guarded,
    guarded_async,
    said,
    stream,
    texts,
)  # fmt: skip
from unit.guard.scripted import charges

COLOURS = pytest.mark.parametrize("suspends", [False, True])


def relayed(source: Any, *, events: bool = False) -> bytes:
    """All bytes of a source, of either colour."""
    found = pieces(source, events=events)
    if isinstance(found, Pieces):
        return b"".join(found)

    async def collected() -> bytes:
        return b"".join([piece async for piece in found])

    return asyncio.run(collected())


def of_call(reply: httpx2.Response, *, suspends: bool, events: bool = False, alone: bool = False) -> bytes:
    """The bytes for what a call brings; `alone`: without a guard."""
    if not suspends:
        made = bare(Scripted(reply)) if alone else guarded(Scripted(reply))
        return relayed(made.messages.create(**HELLO, stream=True), events=events)

    async def main() -> bytes:
        made = bare_async(Scripted(reply)) if alone else guarded_async(Scripted(reply))
        found = await made.messages.create(**HELLO, stream=True)
        passed = pieces(found, events=events)
        assert isinstance(passed, AsyncPieces)
        return b"".join([piece async for piece in passed])

    return asyncio.run(main())


@COLOURS
def test_a_whole_answer(suspends: bool) -> None:
    body = of_call(stream(), suspends=suspends)
    assert body == b'event: text\ndata: {"text":"High."}\n\nevent: done\ndata: {"stop_reason":"end_turn"}\n\n'
    assert charges()[0][:2] == ("ok", "actual")


@COLOURS
def test_the_apis_own_events(suspends: bool) -> None:
    found = events_of(of_call(stream(), suspends=suspends, events=True))
    kinds = [kind for kind, _ in found]
    assert kinds == [
        "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
        "message_stop", "done",
    ]  # fmt: skip
    assert found[2][1] == {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "High."}}
    assert all(data["type"] == kind for kind, data in found[:-1])


def test_the_helpers_stream() -> None:
    with guarded(Scripted(stream())).messages.stream(**HELLO) as found:
        assert [kind for kind, _ in events_of(relayed(found))] == ["text", "done"]
    with guarded(Scripted(stream())).messages.stream(**HELLO) as found:
        kinds = [kind for kind, _ in events_of(relayed(found, events=True))]
        assert kinds.count("content_block_delta") == 1
        assert "text" not in kinds
    with guarded(Scripted(stream())).messages.stream(**HELLO) as found:
        assert events_of(relayed(found.text_stream)) == [("text", {"text": "High."}), ("done", {"stop_reason": None})]


@COLOURS
def test_a_cut(suspends: bool) -> None:
    body = of_call(broken_stream(), suspends=suspends)
    assert events_of(body)[0] == ("text", {"text": "High."})
    assert said(body)["title"] == "Not complete"
    assert said(body)["reference"] == "req_up"
    assert charges()[0][0] == "cut"


@COLOURS
def test_an_end_without_an_end(suspends: bool) -> None:
    """The SDK sees nothing wrong here."""
    page = httpx2.Response(200, headers={"content-type": "text/html", "request-id": "req_up"}, content=b"<html>")
    shown = said(of_call(page, suspends=suspends, alone=True))
    assert (shown["title"], shown["reference"]) == ("Not complete", "req_up")


@COLOURS
def test_a_model_that_declines(suspends: bool) -> None:
    declined = [event.replace(b'"end_turn"', b'"refusal"') for event in events()]
    body = of_call(stream(*declined), suspends=suspends)
    assert [kind for kind, _ in events_of(body)] == ["text", "error"]
    assert (said(body)["status"], said(body)["reference"]) == (422, "req_up")


@pytest.mark.parametrize(
    "data", ["[]", "null", "5", "{}", '{"type":"content_block_delta"}', '{"type":"message_delta"}']
)
def test_events_that_make_no_sense(data: str) -> None:
    odd = f"event: content_block_delta\ndata: {data}\n\n".encode()
    body = of_call(stream(odd, *events()), suspends=False, alone=True)
    assert [kind for kind, _ in events_of(body)] == ["text", "done"]


@COLOURS
def test_texts_of_ones_own(suspends: bool) -> None:
    source = texts("a\nb", "", "ü", suspends=suspends)
    assert events_of(relayed(source)) == [
        ("text", {"text": "a\nb"}), ("text", {"text": "ü"}), ("done", {"stop_reason": None}),
    ]  # fmt: skip
    assert source.closed == 1


@COLOURS
def test_a_mistake_of_the_application_is_shown_and_raised(suspends: bool) -> None:
    source = texts("a", KeyError(SECRET), suspends=suspends)
    found: list[bytes] = []

    async def suspending() -> None:
        async for piece in pieces(source, events=False):  # type: ignore[union-attr]  # of this colour
            found.append(piece)  # noqa: PERF401 - what came before it is raised is looked at

    def blocking() -> None:
        found.extend(iter(pieces(source, events=False)))  # type: ignore[arg-type]  # of this colour

    with pytest.raises(KeyError):
        asyncio.run(suspending()) if suspends else blocking()
    assert said(b"".join(found))["title"] == "Trouble at the moment"
    assert source.closed == 1


@COLOURS
def test_it_runs_for_whom_it_was_made(suspends: bool) -> None:
    """A server sends it when the application has returned."""
    source = texts("a", "b", suspends=suspends)
    with tidegate.caller(user="u-1"):
        found = pieces(source, events=False)
    with tidegate.caller(user="somebody else"):
        if isinstance(found, Pieces):
            list(found)
        else:

            async def collected() -> None:
                async for _ in found:
                    pass

            asyncio.run(collected())
    assert source.users == ["u-1", "u-1"]


def test_a_reader_who_leaves() -> None:
    scripted = Scripted(stream())
    found = pieces(guarded(scripted).messages.create(**HELLO, stream=True), events=False)
    assert isinstance(found, Pieces)
    next(found)
    found.close()
    assert scripted.body.closed
    assert charges()[0][0] == "aborted"


def test_a_reader_who_never_came() -> None:
    scripted = Scripted(stream())
    found = pieces(guarded(scripted).messages.create(**HELLO, stream=True), events=False)
    assert isinstance(found, Pieces)
    found.close()
    assert scripted.body.closed
    assert charges()[0][0] == "aborted"


def test_a_generator_that_was_not_read_to_its_end() -> None:
    ended: list[str] = []

    def generator() -> Iterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            ended.append("sync")

    async def agenerator() -> AsyncIterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            ended.append("async")

    found = pieces(generator(), events=False)
    assert isinstance(found, Pieces)
    next(found)
    found.close()

    async def main() -> None:
        other = pieces(agenerator(), events=False)
        assert isinstance(other, AsyncPieces)
        await anext(other)
        await other.aclose()

    asyncio.run(main())
    assert ended == ["sync", "async"]


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (None, r"as messages.create\(stream=True\) gives; this is a NoneType"),
        ("a text", "this is a str"),
        (b"bytes", "this is a bytes"),
        (5, "this is a int"),
    ],
)
def test_what_cannot_be_relayed(wrong: object, hint: str) -> None:
    with pytest.raises(TypeError, match=hint):
        pieces(wrong, events=False)


def test_what_was_not_awaited() -> None:
    waiting = guarded_async(Scripted(stream())).messages.create(**HELLO, stream=True)
    with pytest.raises(TypeError, match="await it first; this is a coroutine"):
        pieces(waiting, events=False)
    waiting.close()
