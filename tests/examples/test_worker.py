"""The worker example as a real Celery with forked processes: every fault, two users, and the money of all of them."""

import re
import signal
from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from celery import Celery  # type: ignore[import-untyped]  # Celery has no types
from celery.result import AsyncResult  # type: ignore[import-untyped]  # as above

from e2e.gateways import PATIENCE, until
from examples.faults import ADDED_UP, EACH_KIND, FAULTS
from examples.running import ASKED, SAID, Example, fake_claude
from examples.talking import check_words

TASKS = {False: "tasks.summarise", True: "tasks.summarise_streamed"}
PROCESSES = 4


class Workers:
    """The example's workers, and whoever hands them tasks."""

    def __init__(self, example: Example) -> None:
        self.example = example
        self._queue = example.folder / "queue"
        self._own = example.folder / "queue" / "own"
        self._own.mkdir(parents=True)
        self._app = Celery("tests", broker="filesystem://", backend=f"file://{self._queue / 'results'}")
        self._app.conf.broker_transport_options = {
            "data_folder_in": self._own,
            "data_folder_out": self._own,
            "control_folder": self._queue / "control",
        }

    def hand(self, user: str, orders: str = "", *, stream: bool = False) -> AsyncResult:
        """Ask for a summary; the fake gets orders."""
        handed = self._app.send_task(TASKS[stream], [f"{ASKED} [[fake: {orders}]]", user])
        for path in self._own.iterdir():  # Celery would take a file of which only a part is written
            path.rename(self._queue / "tasks" / path.name)
        return handed


def result(handed: AsyncResult) -> dict[str, Any]:
    """What came of a task."""
    found: dict[str, Any] = handed.get(timeout=PATIENCE, interval=0.05)
    return found


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """Forked processes, for all tests of this file."""
    with fake_claude() as fake:
        example = Example("worker", tmp_path_factory.mktemp("worker"), fake)
        example.start(["celery", "-A", "tasks", "worker", "--concurrency", str(PROCESSES), "--loglevel", "INFO"])
        until(lambda: " ready." in example.output())
        yield Workers(example)
        example.stop(signal.SIGTERM)


@pytest.mark.parametrize(
    "faults", [pytest.param(EACH_KIND, id="each kind"), pytest.param(FAULTS, id="all", marks=pytest.mark.slow)]
)
def test_faults_are_shown_kindly_and_over(workers: Workers, faults: Collection[str]) -> None:
    cases = [(orders, stream) for orders in faults for stream in (False, True)]
    handed = [
        (workers.hand(f"user-{orders}", orders, stream=stream), workers.hand(f"user-{orders}", stream=stream))
        for orders, stream in cases
    ]
    for (orders, stream), (bad, good) in zip(cases, handed, strict=True):
        found = result(bad)
        if "text" in found:
            assert FAULTS[orders][stream] == 200, (orders, found)
        else:
            assert FAULTS[orders][stream] != 200 or (stream and orders in ADDED_UP), (orders, found)
            check_words(found["error"]["text"], found["error"]["reference"])
            assert workers.example.knows(found["error"]["reference"]), (orders, found)
        assert result(good) == {"text": SAID}, orders
    workers.example.books_agree()
    workers.example.tells_nothing()


def test_two_users_are_limited_apart(workers: Workers) -> None:
    """20 a minute for each, over all processes."""
    many = [workers.hand("greedy") for _ in range(25)]
    few = workers.hand("modest")
    assert result(few) == {"text": SAID}
    found = [result(one) for one in many]
    refused = [one["error"] for one in found if "error" in one]
    assert len(refused) == 5
    for error in refused:
        check_words(error["text"], error["reference"])
        assert 1 <= error["retry_after"] <= 60
        assert " you " in error["text"]
    calls = Counter(charge["user_id"] for charge in workers.example.books.charges())
    assert (calls["greedy"], calls["modest"]) == (20, 1)


def test_the_tasks_ran_in_forked_processes(workers: Workers) -> None:
    before = {row.seq for row in workers.example.fake.attempts()}
    handed = [workers.hand(f"apart-{number}", "delay=0.3") for number in range(PROCESSES)]
    assert [result(one) for one in handed] == [{"text": SAID}] * PROCESSES
    rows = [row for row in workers.example.fake.attempts() if row.seq not in before]
    assert len({row.connection for row in rows}) == len(rows), "each process has connections of its own"


def test_send(workers: Workers) -> None:
    """The example's own way to hand a text over."""

    def send(orders: str) -> tuple[int, str, str]:
        done = workers.example.run(["python", "send.py", "sender", f"[[fake: {orders}]]"])
        return done.returncode, done.stdout.strip(), done.stderr

    with ThreadPoolExecutor(2) as pool:
        good, bad = pool.map(send, ("", "status=529"))
    assert good == (0, SAID, "")
    assert bad[:2] == (1, "")
    assert re.fullmatch(r"The assistant is very busy .* \(reference req_\w+\)\n", bad[2])
