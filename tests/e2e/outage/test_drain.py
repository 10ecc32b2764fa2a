"""The end of a gateway: who is still waiting is told so, all is settled, and nobody holds the process up.

Real processes for what clients get; simulated time for how long each step may take.
"""

import asyncio
import socket
from typing import Any

import pytest
import uvicorn

from e2e.client import Answer, call, request
from e2e.conftest import NewSite
from e2e.gateways import Gateway, Site
from e2e.money import ask
from e2e.outage.books import agree, nothing_is_left
from e2e.outage.simulated_loop import simulate
from tidegate.doors.gateway.drain import SETTLING, WORDS, Server
from tidegate.testing import FakeClaude

CONFIG = """
[gateway]
drain = "1s"
[policy]
bound = "strict"
[retry]
base = "60s"  # whoever waits for its next attempt waits until the end
cap = "60s"
deadline = "10m"
[[budgets]]
per = "organization"
amount = "100 USD"
every = "month"
[routes.patient]
on_cut = "drain"
"""


def ended(gateway: Gateway, site: Site, fake: FakeClaude, sent: list[bytes], attempts: int) -> list[Answer]:
    """What the calls get when the gateway is told to end as soon as the fake has so many attempts."""

    async def together() -> list[Answer]:
        calls = [asyncio.ensure_future(call(gateway.port, one)) for one in sent]
        await asyncio.to_thread(fake.wait, attempts=attempts)
        gateway.terminate()
        return await asyncio.gather(*calls)

    answers = asyncio.run(together())
    assert gateway.stop() == 0
    assert not site.holds(), "an orderly end leaves nothing to the sweep"
    return answers


def is_told(answer: Answer) -> None:
    assert (answer.status, answer.reason) == (503, "draining")
    assert answer.whole
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["x-should-retry"] == "true"
    assert answer.headers["connection"] == "close"
    assert answer.json["type"] == "error"
    assert answer.json["error"]["type"] == "api_error"
    assert answer.json["error"]["message"] == "This service is just restarting. Please try again in 1 second."
    assert answer.json["request_id"] == answer.headers["request-id"]


def test_whoever_has_no_reply_yet_gets_one(new_site: NewSite, fake_claude: FakeClaude) -> None:
    """Whole answers, streams that have not begun, and calls between two attempts; each is settled and told once."""
    fake_claude.script(rules=[{"when": {"user": "again"}, "do": {"status": 529}}, {"do": {"delay": 60}}])
    site = new_site(CONFIG)
    kinds = [("whole", False), ("stream", True), ("again", False)] * 4
    sent = [
        request(
            ask(f"Question {number}", stream=stream, max_tokens=80, metadata={"user_id": user}),
            key=site.key,
            headers={"x-tidegate-user": user},
        )
        for number, (user, stream) in enumerate(kinds)
    ]
    answers = ended(site.start(), site, fake_claude, sent, len(sent))
    for answer in answers:
        is_told(answer)
    lines = [line for line in site.log() if line["event"].startswith("claude_call_")]
    assert {line["event"] for line in lines} == {"claude_call_error"}
    assert {f"req_{line['call_id']}" for line in lines} == {answer.headers["request-id"] for answer in answers}
    assert len(lines) == len(answers)
    assert [line["calls"] for line in site.log() if line["event"] == "draining"] == [len(answers)]
    assert site.query("SELECT * FROM refusals") == [], "they were sent: that is no refusal"
    fake_claude.wait(open=0)
    outcomes = agree(site.charges(), fake_claude)
    assert outcomes.keys() == {"aborted", "upstream_error"}
    assert outcomes["aborted"] == 8
    assert outcomes["upstream_error"] >= 4, "one at least of each call; on a busy machine some are tried again"
    nothing_is_left(site)


def test_a_stream_that_is_read_for_nobody_holds_up_no_end(new_site: NewSite, fake_claude: FakeClaude) -> None:
    """Its client has left, its route reads it to the end, and its upstream has gone silent."""
    fake_claude.script(stall=4)
    site = new_site(CONFIG)
    gateway = site.start()
    sent = request(ask("Go on", stream=True, max_tokens=80), key=site.key, headers={"x-tidegate-route": "patient"})
    answer = asyncio.run(call(gateway.port, sent, leave=lambda heard: b"message_start" in heard))
    assert answer.left_at is not None
    assert fake_claude.totals().open == 1, "it is read on"
    assert gateway.stop() == 0
    fake_claude.wait(open=0)
    assert agree(site.charges(), fake_claude) == {"aborted": 1}
    nothing_is_left(site)


def test_who_does_not_read_is_cut_off_and_settled(new_site: NewSite, fake_claude: FakeClaude) -> None:
    """Stuck in the middle of a stream, and stuck in a whole answer that is written already."""
    fake_claude.script(huge=12_000_000)
    site = new_site(CONFIG)
    gateway = site.start()

    async def stuck(*, stream: bool) -> socket.socket:
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", gateway.port))
        await loop.sock_sendall(sock, request(ask("Go on", stream=stream, max_tokens=80), key=site.key))
        assert (await loop.sock_recv(sock, 100)).startswith(b"HTTP/1.1 200 ")
        return sock

    async def main() -> None:
        socks = [await stuck(stream=number % 2 == 0) for number in range(6)]
        assert await asyncio.to_thread(gateway.stop) == 0
        for sock in socks:
            sock.close()

    asyncio.run(main())
    assert not site.holds()
    fake_claude.wait(open=0)
    assert agree(site.charges(), fake_claude).keys() <= {"aborted", "ok"}
    nothing_is_left(site)


# -- how long each step may take


class Wire:
    """The transport of a connection of which nothing is known but whether it was aborted."""

    def __init__(self) -> None:
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


class Client:
    """A connection as uvicorn's server knows it; it closes at once, or never, when it is asked to."""

    def __init__(self, *, leaves: bool) -> None:
        self.transport = Wire()
        self.leaves = leaves
        self.asked = False

    def shutdown(self) -> None:
        self.asked = True


class Harbour:
    """A server with some connections and some work, in simulated time."""

    def __init__(self, drain: float) -> None:
        config = uvicorn.Config(_nothing, lifespan="off", log_config=None)
        self.beside: set[asyncio.Future[Any]] = set()
        self.waited: list[int] = []
        self.server = Server(config, drain=drain, closing=lambda: self.beside, waits_for=self.waited.append)
        self.server.servers = []
        self.log: list[tuple[float, str]] = []
        self._began = asyncio.get_running_loop().time()

    def connect(self, *, leaves: bool = False) -> Client:
        client = Client(leaves=leaves)
        connections: set[Any] = self.server.server_state.connections
        connections.add(client)
        return client

    def work(self, name: str, seconds: float, *, last_words: float = 0.0, beside: bool = False, then: str = "") -> None:
        """Something that takes its time, and a while more when it is cancelled; `then` it leaves something behind."""

        async def run() -> None:
            try:
                await asyncio.sleep(seconds)
                self._tell(f"{name} is done")
            except asyncio.CancelledError:
                self._tell(f"{name} is told")
                await asyncio.sleep(last_words)
                self._tell(f"{name} is settled")
            if then:
                self.work(then, 1.0, beside=True)

        tasks: set[Any] = self.beside if beside else self.server.server_state.tasks
        task = asyncio.ensure_future(run())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def end(self) -> float:
        """Seconds that it took."""
        await asyncio.sleep(0)
        await self.server.shutdown()
        return round(self._now(), 1)

    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    def _tell(self, what: str) -> None:
        self.log.append((round(self._now(), 1), what))


async def _nothing(*_: Any) -> None:
    """The application of a server that serves nobody."""


def test_an_end_takes_no_longer_than_there_is_something_to_wait_for() -> None:
    async def main() -> None:
        harbour = Harbour(30.0)
        assert await harbour.end() == 0
        assert harbour.waited == []
        harbour = Harbour(30.0)
        harbour.work("a call", 3.0)
        harbour.work("a stream for nobody", 7.0, beside=True)
        assert await harbour.end() == 7.0
        assert harbour.log == [(3.0, "a call is done"), (7.0, "a stream for nobody is done")]
        assert harbour.waited == [2]

    simulate(main())


@pytest.mark.parametrize("drain", [30.0, 4.0, 0.0])
def test_whoever_runs_on_is_told_before_the_drain_is_over(drain: float) -> None:
    async def main() -> None:
        harbour = Harbour(drain)
        words = min(WORDS, drain / 4)
        harbour.work("a call", 900.0, last_words=words / 2)
        harbour.work("a stream for nobody", 900.0, last_words=words / 2, beside=True)
        assert await harbour.end() == drain - words / 2
        told = [(drain - words, "a call is told"), (drain - words, "a stream for nobody is told")]
        assert sorted(harbour.log[:2]) == told

    simulate(main())


def test_thousands_are_told_earlier() -> None:
    async def main() -> None:
        harbour = Harbour(30.0)
        for number in range(3_000):
            harbour.work(f"call {number}", 900.0)
        assert await harbour.end() == 25.0
        assert {at for at, _ in harbour.log} == {25.0}

    simulate(main())


def test_who_does_not_take_it_is_cut_off_when_it_is_over() -> None:
    async def main() -> None:
        harbour = Harbour(30.0)
        clients = [harbour.connect() for _ in range(3)]
        assert await harbour.end() == 30.0
        assert all(client.asked and client.transport.aborted for client in clients)

    simulate(main())


def test_settlements_have_a_while_more() -> None:
    async def main() -> None:
        harbour = Harbour(30.0)
        harbour.work("a call", 900.0, last_words=WORDS + 1.0)
        assert await harbour.end() == 31.0
        assert harbour.log[-1] == (31.0, "a call is settled")
        harbour = Harbour(30.0)
        harbour.work("a call", 900.0, last_words=900.0)
        assert await harbour.end() == 30.0 + SETTLING

    simulate(main())


def test_what_ends_at_the_last_moment_leaves_its_settlement_behind() -> None:
    async def main() -> None:
        harbour = Harbour(30.0)
        harbour.work("a call", 900.0, last_words=WORDS + 0.5, then="its settlement")
        assert await harbour.end() == 31.5
        assert harbour.log[-1] == (31.5, "its settlement is done")

    simulate(main())


def test_who_asks_twice_waits_for_settlements_only() -> None:
    async def main() -> None:
        harbour = Harbour(30.0)
        client = harbour.connect()
        harbour.work("a call", 900.0, last_words=0.5)
        harbour.server.force_exit = True
        assert await harbour.end() == 0.5
        assert client.transport.aborted
        assert harbour.log == [(0.0, "a call is told"), (0.5, "a call is settled")]

    simulate(main())
