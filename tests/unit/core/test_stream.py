"""Relaying a stream: every byte passes, the settlement comes before the last, and a cut is told."""

from collections.abc import Sequence
from contextlib import suppress

import msgspec
import pytest

from tidegate.core.run_now import run_now
from tidegate.core.stream import Stream, by_name, is_event_stream, read_all
from tidegate.model.errors import Broken
from tidegate.model.usage import Metered
from tidegate.policy.settlement import Ending
from unit.core.world import JSON, SSE, TEXTS, Cancelled, Ended, FakeReply, World, drive, events

RESET = Broken("reset", "reset")
TIMEOUT = Broken("too slow", "timeout")
WHOLE = b"".join(events())
HALF = b"".join(events(stop=False))


class Scene:
    """A stream with everything that it does to its surroundings."""

    def __init__(
        self,
        pieces: Sequence[bytes],
        *,
        end: Broken | None = None,
        drain: bool = False,
        headers: Sequence[tuple[bytes, bytes]] = SSE,
    ) -> None:
        self.world = World()
        self.reply = FakeReply(self.world, Ended(headers=tuple(headers), pieces=tuple(pieces), end=end))
        self.settled: list[tuple[Ending, Metered, int]] = []
        self.stream = Stream(
            self.reply, by_name(headers).get(b"content-encoding"), self.settle, TEXTS, "req_1", drain=drain
        )

    async def settle(self, ending: Ending, metered: Metered, output_bytes: int) -> None:
        async def write() -> None:
            self.settled.append((ending, metered, output_bytes))

        await write()

    def read(self) -> bytes:
        return run_now(self.stream.read())

    def rest(self) -> list[bytes]:
        pieces = []
        while piece := self.read():
            pieces.append(piece)
        return pieces

    def close(self) -> None:
        run_now(self.stream.close())

    @property
    def ending(self) -> str:
        """How it was settled; exactly once."""
        ((ending, _, _),) = self.settled
        return ending


def chunkings(data: bytes) -> list[list[bytes]]:
    """The same bytes in one piece, byte by byte, and cut in two at every place."""
    halves = [[data[:at], data[at:]] for at in range(1, len(data))]
    return [[data], [bytes([byte]) for byte in data], *halves]


def test_every_byte_passes_unchanged_however_it_is_cut() -> None:
    for pieces in chunkings(WHOLE):
        scene = Scene(pieces)
        assert scene.rest() == pieces
        ending, metered, _ = scene.settled[0]
        assert (ending, metered.finished, metered.usage is not None and metered.usage.output_tokens) == ("ok", True, 7)
        scene.close()
        assert len(scene.settled) == 1


def test_the_settlement_is_written_before_the_last_piece_is_handed_out() -> None:
    scene = Scene(events())
    for _ in range(3):
        scene.read()
        assert not scene.settled
    assert b"message_stop" in scene.read()
    assert scene.ending == "ok"
    assert (scene.read(), scene.read()) == (b"", b"")


def error_of(event: bytes) -> tuple[str, str]:
    """Type and request id of an error event."""
    name, data = event.strip().split(b"\n")
    assert name == b"event: error"
    told = msgspec.json.decode(data.removeprefix(b"data: "))
    assert told["type"] == "error"
    assert told["error"]["message"]
    return told["error"]["type"], told["request_id"]


@pytest.mark.parametrize(
    ("end", "ending", "kind"),
    [(None, "cut", "api_error"), (RESET, "cut", "api_error"), (TIMEOUT, "timeout", "timeout_error")],
)
def test_a_cut_is_told_inside_the_stream(end: Broken | None, ending: str, kind: str) -> None:
    scene = Scene(events(stop=False), end=end)
    pieces = scene.rest()
    assert pieces[:-1] == list(events(stop=False))
    assert error_of(pieces[-1]) == (kind, "req_1")
    assert scene.ending == ending
    assert scene.reply.closed
    scene.close()
    assert len(scene.settled) == 1


def test_a_cut_inside_an_event_makes_one_whole_error_event_of_it() -> None:
    """Wherever the cut is, a client reads the events before it and one error, never half an answer."""
    for at in range(len(HALF)):
        scene = Scene([HALF[:at]], end=RESET)
        got = b"".join(scene.rest())
        assert got.startswith(HALF[:at])
        *_, last = [event for event in got.split(b"\n\n") if event.strip()]
        names = [line for line in last.split(b"\n") if line.startswith(b"event:")]
        assert names[-1] == b"event: error", (at, last)
        assert len(got.split(b"event: error")) == 2
        assert scene.ending == "cut"


def test_a_cut_after_the_answer_is_no_cut() -> None:
    scene = Scene(events(), end=RESET)
    assert b"".join(scene.rest()) == WHOLE
    assert scene.ending == "ok"


@pytest.mark.parametrize("tail", [b"data: <html>\n\n", b"event: error\ndata: oh\n\n", b"<html>\n\n"])
def test_garbage_in_the_piece_that_ends_the_answer_takes_nothing_from_it(tail: bytes) -> None:
    for pieces in ([WHOLE + tail], [WHOLE, tail], [WHOLE + tail[:7], tail[7:]]):
        scene = Scene(pieces)
        got = b"".join(scene.rest())
        assert got.startswith(WHOLE)
        assert b"event: error" not in got.removesuffix(tail)
        assert scene.ending == "ok"
        assert scene.settled[0][1].finished


def test_the_upstreams_own_error_event_is_not_told_twice() -> None:
    told = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"no"}}\n\n'
    scene = Scene([*events(stop=False), told])
    assert b"".join(scene.rest()) == HALF + told
    ((ending, metered, _),) = scene.settled
    assert (ending, metered.error_type) == ("cut", "overloaded_error")


@pytest.mark.parametrize("end", [RESET, TIMEOUT])
def test_a_compressed_stream_can_only_break(end: Broken) -> None:
    scene = Scene([b"\x1f\x8b"], end=end, headers=[*SSE, (b"content-encoding", b"gzip")])
    assert scene.read() == b"\x1f\x8b"
    with pytest.raises(Broken):
        scene.read()
    assert scene.ending == ("timeout" if end is TIMEOUT else "cut")
    assert scene.read() == b""


@pytest.mark.parametrize("read", range(5))
def test_who_leaves_closes_the_upstream_and_is_charged_once(read: int) -> None:
    scene = Scene(events())
    for _ in range(read):
        scene.read()
    scene.close()
    scene.close()
    assert scene.ending == ("ok" if read >= 4 else "aborted")
    assert scene.reply.closed == 1
    assert scene.read() == b""


def test_drain_reads_to_the_end() -> None:
    scene = Scene(events(), drain=True)
    scene.read()
    scene.close()
    ((ending, metered, _),) = scene.settled
    assert (ending, metered.finished) == ("aborted", True)
    assert scene.reply.closed == 1


def test_drain_settles_as_far_as_it_could_read() -> None:
    scene = Scene(events(stop=False), end=RESET, drain=True)
    scene.close()
    ((ending, metered, _),) = scene.settled
    assert (ending, metered.started, metered.finished) == ("aborted", True, False)


@pytest.mark.parametrize("drain", [False, True])
@pytest.mark.parametrize("pieces", [events(), events(stop=False), ()], ids=["whole", "half", "nothing"])
def test_cancelled_anywhere_it_settles_once(pieces: Sequence[bytes], drain: bool) -> None:
    """In the middle of a read, of a drain, of closing the upstream: the charge is written all the same."""
    for at in range(1, 20):
        scene = Scene(pieces, drain=drain)
        scene.world.suspends = True

        async def relay(scene: Scene = scene) -> None:
            try:
                for _ in range(2):
                    await scene.stream.read()
            finally:
                await scene.stream.close()

        with suppress(Cancelled):
            drive(relay(), (at, at + 1))
        scene.world.suspends = False
        scene.close()
        assert len(scene.settled) == 1, at


# -- small parts


def test_read_all_joins_the_pieces() -> None:
    world = World()
    for pieces in ((), (b"a",), (b"a", b"b"), (b"a", b"b", b"c", b"d")):
        assert run_now(read_all(FakeReply(world, Ended(pieces=pieces)))) == b"".join(pieces)


def test_read_all_leaves_nothing_open() -> None:
    reply = FakeReply(World(), Ended(pieces=(b"a", b"b"), end=RESET))
    with pytest.raises(Broken):
        run_now(read_all(reply))
    assert reply.closed == 1


def test_headers_are_found_by_name() -> None:
    assert by_name(JSON)[b"request-id"] == b"req_up"
    assert b"missing" not in by_name(JSON)
    assert by_name([(b"a", b"first"), (b"b", b""), (b"a", b"second")]) == {b"a": b"first", b"b": b""}


@pytest.mark.parametrize(
    ("kind", "asked", "expected"),
    [
        (b"text/event-stream", False, True),
        (b"text/event-stream; charset=utf-8", False, True),
        (b"application/json", True, False),
        (b"text/html; charset=utf-8", True, False),
        (b"text/plain", True, True),
        (b"text/plain", False, False),
        (None, True, True),
        (None, False, False),
    ],
)
def test_a_stream_is_known_by_its_type_or_because_it_was_asked_for(
    kind: bytes | None, asked: bool, expected: bool
) -> None:
    assert is_event_stream({} if kind is None else {b"content-type": kind}, asked=asked) is expected
