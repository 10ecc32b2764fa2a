"""Laws of the meter: the same for every chunking and compression, never an exception, never less than was reported."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.model.usage import Metered
from tidegate.policy.meter import StreamMeter, read_message

MODEL = "claude-opus-5"


def event(name: str, **body: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **body})}\n\n".encode()


def start(usage: Any = None, model: str | None = MODEL) -> bytes:
    usage = {"input_tokens": 10, "output_tokens": 1} if usage is None else usage
    return event("message_start", message={"id": "msg_1", "model": model, "content": [], "usage": usage})


def delta(usage: Any, stop_reason: str | None = "end_turn") -> bytes:
    return event("message_delta", delta={"stop_reason": stop_reason}, usage=usage)


BLOCK = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
STOP = event("message_stop")


def meter(*chunks: bytes, encoding: bytes | None = None) -> StreamMeter:
    found = StreamMeter(encoding)
    for chunk in chunks:
        found.feed(chunk)
    return found


def read(*chunks: bytes) -> Metered:
    return meter(*chunks).metered()


KINDS = ["message", "compaction", "advisor_message", "fallback_message"]
counts = st.integers(0, 1000)
iterations = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS), "input_tokens": counts, "output_tokens": counts},
    optional={"model": st.sampled_from([MODEL, "claude-haiku-4-5"]), "cache_creation_input_tokens": counts},
)
reports = st.fixed_dictionaries(
    {},
    optional={
        "input_tokens": counts,
        "cache_read_input_tokens": st.none() | counts,
        "cache_creation_input_tokens": st.none() | counts,
        "output_tokens": counts,
        "server_tool_use": st.none() | st.fixed_dictionaries({"web_search_requests": counts}),
        "iterations": st.lists(iterations, max_size=3),
    },
)
FIELDS = ["usage", "message", "delta", "error", "input_tokens", "iterations"]
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner),
    max_leaves=6,
)


def text_delta(said: str) -> bytes:
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": said})


def oddity(name: str, body: Any) -> bytes:
    return event(name, message=body, delta=body, usage=body, error=body)


texts = st.builds(text_delta, st.text(max_size=20))
progress = st.builds(delta, reports, st.sampled_from([None, "end_turn", "refusal"]))
oddities = st.builds(oddity, st.sampled_from(["message_start", "message_delta", "error"]), any_json)
usual = st.one_of(texts, texts, texts, st.just(event("ping")), st.just(BLOCK), progress)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Mostly what Claude sends, with breaks, gaps and oddities."""
    parts = [
        start(draw(reports)),
        *draw(st.lists(st.one_of(usual, usual, usual, oddities), max_size=8)),
        *draw(st.sampled_from([[], [delta({"output_tokens": 9})], [delta({"output_tokens": 9}), STOP]])),
    ]
    stream = b"".join(parts)
    cut = stream[: len(stream) * 2 // 3]
    return draw(st.sampled_from([stream, stream, stream.replace(b"\n", b"\r\n"), stream.replace(b"\n", b"\r"), cut]))


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    at = 0
    for cut in sorted({cut % (len(data) + 1) for cut in cuts}):
        yield data[at:cut]
        at = cut
    yield data[at:]


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS: dict[bytes | None, Callable[[bytes], bytes]] = {
    None: bytes,
    b"identity": bytes,
    b"gzip": gzip.compress,
    b" GZIP": lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:]),
    b"deflate": zlib.compress,
    b"Deflate ": raw_deflate,
}


cut_lists = st.lists(st.integers(0, 5000), max_size=10)


@given(streams(), st.sampled_from(list(PACKERS)), cut_lists)
def test_every_chunking_gives_the_same(stream: bytes, encoding: bytes | None, cuts: list[int]) -> None:
    expected = meter(stream)
    packed = PACKERS[encoding](stream)
    plain = encoding in (None, b"identity")
    for chunks in ([packed], [packed[at : at + 1] for at in range(len(packed))], pieces(packed, cuts)):
        found = meter(*chunks, encoding=encoding)
        assert found.metered() == expected.metered()
        assert (found.ended, found.broken, found.output_bytes) == (
            expected.ended,
            expected.broken,
            expected.output_bytes,
        )
        assert found.at_boundary == (expected.at_boundary and plain)


@given(
    streams(), st.integers(0, 10_000), st.integers(0, 255), st.lists(st.integers(0, 5000), max_size=10), st.booleans()
)
def test_corrupt_compression_gives_the_same_too(
    stream: bytes, where: int, byte: int, cuts: list[int], gz: bool
) -> None:
    packed = bytearray((gzip.compress if gz else zlib.compress)(stream))
    packed[where % len(packed)] = byte
    encoding = b"gzip" if gz else b"deflate"
    whole = meter(bytes(packed), encoding=encoding)
    for chunks in ([packed[at : at + 1] for at in range(len(packed))], pieces(bytes(packed), cuts)):
        found = meter(*map(bytes, chunks), encoding=encoding)
        assert found.metered() == whole.metered()
        assert found.broken == whole.broken


@given(st.lists(st.binary(max_size=40), max_size=5), st.sampled_from([None, b"gzip", b"deflate", b"br"]))
def test_garbage_never_raises(chunks: list[bytes], encoding: bytes | None) -> None:
    meter(*chunks, encoding=encoding).metered()
    read_message(b"".join(chunks), encoding)


@given(reports, st.lists(reports, min_size=1, max_size=4))
def test_a_bill_covers_all_that_was_reported_last(first: dict[str, Any], later: list[dict[str, Any]]) -> None:
    found = read(start(first), *[delta(report) for report in later], STOP)
    assert found.usage is not None
    for field, name in [
        ("input_tokens", "input_tokens"),
        ("output_tokens", "output_tokens"),
        ("cache_read_input_tokens", "cache_read_tokens"),
    ]:
        last = [report[field] for report in (first, *later) if report.get(field) is not None]
        assert getattr(found.usage, name) >= (last[-1] if last else 0)
        assert getattr(found.usage, name) == sum(getattr(part.usage, name) for part in found.parts)
    if not any(report.get("iterations") for report in (first, *later)):
        expected = [report["output_tokens"] for report in (first, *later) if "output_tokens" in report]
        assert found.usage.output_tokens == (expected[-1] if expected else 0)


@settings(max_examples=200)
@given(any_json)
def test_lenient_and_strict_readings_agree(usage: Any) -> None:
    """One ill-typed field elsewhere must not change what is read of the others."""
    body = {"model": MODEL, "content": [], "usage": usage}
    strict = read_message(json.dumps(body).encode())
    lenient = read_message(json.dumps({**body, "stop_reason": 7}).encode())
    assert lenient == strict
