"""Pings while the upstream is silent: never inside an event, whatever the pieces are; and the end of the gateway."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from e2e.outage.simulated_loop import JumpingLoop, simulate
from tidegate.core.stream import Stream, by_name
from tidegate.doors.gateway.relay import PING, Relay
from tidegate.model.errors import Broken
from unit.core.world import SSE, TEXTS, events

SILENCE = 15.0
WIRE = b"".join(events())
EVENTS = events()
BOUNDARIES = {sum(map(len, EVENTS[:number])) for number in range(len(EVENTS) + 1)}
FAREWELL = b'event: error\ndata: {"type":"error"}\n\n'


class Upstream:
    """A reply whose pieces come after a silence each; its end comes after one, too."""

    def __init__(self, pieces: list[tuple[float, bytes]], *, gzipped: bool = False, end: Broken | None = None) -> None:
        self.status = 200
        self.headers = (*SSE, (b"content-encoding", b"gzip")) if gzipped else SSE
        self._pieces = list(pieces)
        self._end = end
        self.closed = False

    def whole(self) -> None:
        """It must be read."""

    async def read(self) -> bytes:
        if not self._pieces:
            if self._end is not None:
                raise self._end
            return b""
        silence, piece = self._pieces.pop(0)
        await asyncio.sleep(silence)
        return piece

    async def close(self) -> None:
        self.closed = True


class Client:
    """Takes what is sent, each piece after a while."""

    def __init__(self, *takes: float) -> None:
        self.got: list[tuple[float, bytes]] = []
        self.waiting = 0
        """Messages that it was given and has not taken."""
        self._takes = list(takes)

    async def send(self, message: dict[str, Any]) -> None:
        assert message["type"] == "http.response.body"
        assert message["more_body"]
        self.waiting += 1
        if self._takes:
            await asyncio.sleep(self._takes.pop(0))
        self.waiting -= 1
        self.got.append((asyncio.get_running_loop().time(), message["body"]))

    @property
    def wire(self) -> bytes:
        return b"".join(piece for _, piece in self.got)

    @property
    def pings(self) -> int:
        return sum(piece == PING for _, piece in self.got)


class Stage:
    """A stream between the two."""

    def __init__(
        self, upstream: Upstream, client: Client, *, settling: float = 0.0, farewell: Callable[[], bytes] = bytes
    ) -> None:
        async def settle(*_: object) -> None:
            await asyncio.sleep(settling)

        self.client = client
        self.stream = Stream(
            upstream, by_name(upstream.headers).get(b"content-encoding"), settle, TEXTS, "req", drain=False
        )
        self.relay = Relay(self.stream, client.send, SILENCE, farewell)


def relayed(
    upstream: Upstream, client: Client, *, meanwhile: Callable[[Stage], Awaitable[None]] | None = None, **how: Any
) -> Stage:
    """The whole stream; afterwards nothing of the relay is left."""

    async def run() -> Stage:
        stage = Stage(upstream, client, **how)
        if meanwhile is None:
            await stage.relay.run()
        else:
            running = asyncio.ensure_future(stage.relay.run())
            await meanwhile(stage)
            running.cancel()
            await asyncio.wait([running])
            assert running.cancelled() or not running.exception() or isinstance(running.exception(), TimeoutError)
        await stage.stream.close()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, JumpingLoop)
        assert loop.timers == 0, "the timer outlives its stream"
        return stage

    return simulate(run())


def cut(wire: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({0, len(wire), *(at % len(wire) for at in cuts)})
    return [wire[start:end] for start, end in pairwise(ends)]


def expect_whole_events(wire: bytes, expected: bytes = WIRE) -> int:
    """The stream with its pings put in between events only; how many they are."""
    assert wire.replace(PING, b"") == expected
    count, at = 0, 0
    rest = wire
    while PING in rest:
        before, _, rest = rest.partition(PING)
        at += len(before)
        assert at in BOUNDARIES, wire[: at + 40]
        count += 1
    return count


silences = st.lists(st.sampled_from([0.0, 1.0, 14.9, 15.1, 31.0, 200.0]), min_size=1, max_size=12)


@given(st.lists(st.integers(1, len(WIRE) - 1), max_size=10), silences, silences, st.sampled_from([0.0, 20.0]))
@settings(deadline=None, max_examples=150)
@example(list(range(1, len(WIRE))), [16.0], [0.0], 0.0)
@example([len(WIRE) - 5], [1.0, 16.0], [0.0], 40.0)
def test_never_inside_an_event(cuts: list[int], silence: list[float], takes: list[float], settling: float) -> None:
    """Any pieces, any silences before them, a client of any speed, a store that takes its time to settle."""
    pieces = cut(WIRE, cuts)
    upstream = Upstream([(silence[at % len(silence)], piece) for at, piece in enumerate(pieces)])
    stage = relayed(upstream, Client(*takes), settling=settling)
    expect_whole_events(stage.client.wire)


@pytest.mark.parametrize("at", [pytest.param(at, id=str(at)) for at in range(1, len(WIRE), 7)])
def test_one_for_each_silence_and_only_between_events(at: int) -> None:
    """50 seconds of silence: three pings where they may be put in."""
    upstream = Upstream([(0.0, WIRE[:at]), (50.0, WIRE[at:])])
    stage = relayed(upstream, Client())
    assert expect_whole_events(stage.client.wire) == (3 if at in BOUNDARIES else 0)


def test_before_the_first_event_and_between_all() -> None:
    stage = relayed(Upstream([(16.0, event) for event in EVENTS]), Client())
    assert expect_whole_events(stage.client.wire) == len(EVENTS)
    began = stage.client.got[0][0] - SILENCE
    assert [round(at - began) for at, _ in stage.client.got] == [15, 16, 31, 32, 47, 48, 63, 64]


def test_an_upstream_that_speaks_needs_none() -> None:
    assert relayed(Upstream([(14.9, event) for event in EVENTS]), Client()).client.pings == 0


def test_the_silence_begins_anew_with_each_piece() -> None:
    stage = relayed(Upstream([(0.0, EVENTS[0]), (10.0, EVENTS[1]), (10.0, b"".join(EVENTS[2:]))]), Client())
    assert stage.client.pings == 0


def test_a_piece_that_ends_an_event_makes_room_for_one() -> None:
    half = len(EVENTS[0]) // 2
    stage = relayed(
        Upstream([(0.0, WIRE[:half]), (40.0, WIRE[half : len(EVENTS[0])]), (40.0, WIRE[len(EVENTS[0]) :])]), Client()
    )
    assert expect_whole_events(stage.client.wire) == 2


def test_nothing_is_put_into_a_compressed_stream() -> None:
    packed = gzip.compress(WIRE)
    stage = relayed(Upstream([(50.0, packed[:40]), (50.0, packed[40:])], gzipped=True), Client())
    assert stage.client.wire == packed


def test_a_slow_settlement_of_the_last_piece_tears_no_event_apart() -> None:
    """The last piece is read and its money is on its way, while the client still waits for the end of an event."""
    upstream = Upstream([(0.0, WIRE[:-4]), (14.0, WIRE[-4:])])
    stage = relayed(upstream, Client(), settling=60.0)
    assert stage.client.wire == WIRE


def test_who_does_not_read_gets_one_at_most() -> None:
    """It took the first event, then it reads no more; an hour later it is cut off."""
    client = Client(0.0, 1e9)

    async def an_hour(_: Stage) -> None:
        await asyncio.sleep(3600)

    stage = relayed(Upstream([(0.0, EVENTS[0]), (7_200.0, EVENTS[1])]), client, meanwhile=an_hour)
    assert stage.client.waiting <= 1
    assert stage.client.wire == EVENTS[0]


def test_the_next_piece_waits_for_a_ping_that_is_being_written() -> None:
    client = Client(0.0, 30.0)
    stage = relayed(Upstream([(0.0, EVENTS[0]), (20.0, b"".join(EVENTS[1:]))]), client)
    assert [piece for _, piece in stage.client.got] == [EVENTS[0], PING, b"".join(EVENTS[1:])]


def test_a_ping_that_cannot_be_sent_ends_nothing(recwarn: pytest.WarningsRecorder) -> None:
    """Under other servers `send` raises when the client has left; the next piece finds that out."""

    class Gone(Client):
        async def send(self, message: dict[str, Any]) -> None:
            if message["body"] == PING:
                raise OSError("gone")
            await super().send(message)

    async def silent(_: Stage) -> None:
        await asyncio.sleep(50)

    stage = relayed(Upstream([(0.0, EVENTS[0]), (100.0, EVENTS[1])]), Gone(), meanwhile=silent)
    assert stage.client.wire == EVENTS[0]
    assert not recwarn.list


def test_a_cut_is_told_after_the_pings() -> None:
    upstream = Upstream([(0.0, EVENTS[0])], end=Broken("reset", "reset"))
    wire = relayed(upstream, Client()).client.wire
    assert wire.startswith(EVENTS[0] + b"event: error\n")


# -- the gateway ends first


async def a_second(_: Stage) -> None:
    await asyncio.sleep(1.0)


def test_who_reads_is_told_that_the_gateway_ends() -> None:
    stage = relayed(
        Upstream([(0.0, EVENTS[0]), (100.0, EVENTS[1])]), Client(), meanwhile=a_second, farewell=lambda: FAREWELL
    )
    assert stage.client.wire == EVENTS[0] + FAREWELL


def test_in_the_middle_of_an_event_the_farewell_begins_a_line() -> None:
    half = WIRE[: len(EVENTS[0]) + 20]
    stage = relayed(
        Upstream([(0.0, half), (100.0, EVENTS[1])]), Client(), meanwhile=a_second, farewell=lambda: FAREWELL
    )
    assert stage.client.wire == half + b"\n" + FAREWELL


@pytest.mark.parametrize("gzipped", [False, True])
def test_who_has_left_or_cannot_be_told_is_not(gzipped: bool) -> None:
    """Without a farewell the stream was cancelled for another reason."""
    piece = gzip.compress(WIRE)[:40] if gzipped else EVENTS[0]
    upstream = Upstream([(0.0, piece), (100.0, b"")], gzipped=gzipped)
    stage = relayed(upstream, Client(), meanwhile=a_second, farewell=(lambda: FAREWELL) if gzipped else bytes)
    assert stage.client.wire == piece


def test_who_does_not_read_is_cut_off_at_once() -> None:
    stage = relayed(
        Upstream([(0.0, EVENTS[0]), (100.0, EVENTS[1])]),
        Client(1e9),
        meanwhile=a_second,
        farewell=lambda: FAREWELL,
    )
    assert stage.client.wire == b""


def test_who_stops_reading_now_is_cut_off_after_a_second() -> None:
    stage = relayed(
        Upstream([(0.0, EVENTS[0]), (100.0, EVENTS[1])]),
        Client(0.0, 1e9),
        meanwhile=a_second,
        farewell=lambda: FAREWELL,
    )
    assert stage.client.wire == EVENTS[0]
