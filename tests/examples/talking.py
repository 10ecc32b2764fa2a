"""A person's side of an example: signs in, asks, and reads what comes back."""

import json
import re
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

import httpx2

from e2e.gateways import PATIENCE
from examples.faults import FAULTS, LATE
from examples.running import ASKED, SAID, Served
from tidegate.assemble import load_texts

RAW = ("Traceback", "anthropic", "httpx", "Error code", "Exception", 'File "', "'type':", "overloaded_error", "0x")
"""What a person must never read."""


class Reply(NamedTuple):
    """What a person got: 200 and a text, or a status and the friendly error; `head` as HTTP said."""

    status: int
    text: str
    error: dict[str, Any]
    head: httpx2.Response


class Kind(NamedTuple):
    """One way to run an example, and how people come to it."""

    example: str
    command: list[str]
    whole: str
    streamed: str
    sign_in: Callable[[httpx2.Client, str], None]
    form: bool = False
    """Whether questions are posted as a form, not as JSON."""


class Person:
    """Somebody who uses an example; without a name somebody who has not signed in."""

    def __init__(self, served: Served, kind: Kind, name: str) -> None:
        self._kind = kind
        # Loading certificates is slow, and there is nothing to verify.
        self.client = httpx2.Client(base_url=served.url, timeout=PATIENCE, verify=False)
        if name:
            kind.sign_in(self.client, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def body(self, text: str) -> dict[str, Any]:
        """How a text is posted."""
        return {"data" if self._kind.form else "json": {"text": text}}

    def ask(self, orders: str = "", *, stream: bool = False) -> Reply:
        """Ask something that has orders for the fake in it."""
        path = self._kind.streamed if stream else self._kind.whole
        head = self.client.post(path, **self.body(f"{ASKED} [[fake: {orders}]]"))
        if head.status_code != 200:
            error = head.json()["error"]
            assert error["status"] == head.status_code
            return Reply(head.status_code, "", error, head)
        if not stream:
            return Reply(200, head.json()["text"], {}, head)
        return _read_events(head)

    @contextmanager
    def opened(self, orders: str) -> Iterator[httpx2.Response]:
        """A stream that is being read."""
        body = self.body(f"{ASKED} [[fake: {orders}]]")
        with self.client.stream("POST", self._kind.streamed, **body) as found:
            yield found


def _read_events(head: httpx2.Response) -> Reply:
    assert head.headers["content-type"].startswith("text/event-stream")
    events = re.findall(r"event: (\w+)\ndata: (.*)\n\n", head.text)
    assert "".join(f"event: {kind}\ndata: {data}\n\n" for kind, data in events) == head.text
    text = "".join(json.loads(data)["text"] for kind, data in events if kind == "text")
    kinds = [kind for kind, _ in events if kind != "text"]
    last, data = events[-1]
    assert kinds == [last], "one last event, and only one"
    if last == "done":
        return Reply(200, text, {}, head)
    error = json.loads(data)["error"]
    return Reply(error["status"], text, error, head)


def check_error(served: Served, reply: Reply) -> None:
    """A friendly sentence from the catalogue, a reference that can be found, and nothing raw."""
    error = reply.error
    check_words(error["text"], error["reference"])
    assert error["title"] in TITLES
    assert served.knows(error["reference"])
    assert not [raw for raw in RAW if raw in reply.head.text], reply.head.text
    assert 400 <= error["status"] <= 599
    if reply.head.status_code != 200 and "retry_after" in error:
        assert int(reply.head.headers["retry-after"]) >= error["retry_after"]


def check_words(text: str, reference: str) -> None:
    """A sentence of the catalogue, and something to ask about."""
    assert any(pattern.fullmatch(text) for pattern in SENTENCES), text
    assert re.fullmatch(r"req_[0-9A-Za-z]+", reference)


def _sentences() -> list[re.Pattern[str]]:
    texts = [text for name, text in load_texts().items() if "." not in name]
    return [re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(text))) for text in texts]


SENTENCES = _sentences()
TITLES = {text for name, text in load_texts().items() if name.startswith("title.")}
LATE_TITLES = ("That took too long", "Out of reach")
"""What a busy machine may bring about by itself."""


def check_faults(served: Served, person: Callable[[str], Person], faults: Collection[str]) -> None:
    """Each fault is met, shown, and over, whole and streamed: the next question is answered."""

    def meet(case: tuple[str, bool]) -> None:
        orders, stream = case
        with person(f"user-{list(FAULTS).index(orders)}-{stream}") as asking:
            reply = _patiently(lambda: asking.ask(orders, stream=stream), FAULTS[orders][stream])
            assert reply.status == FAULTS[orders][stream], (orders, reply)
            if reply.status == 200:
                assert "huge" in orders or SAID in reply.text or not reply.text, (orders, reply)
            else:
                check_error(served, reply)
            good = _patiently(lambda: asking.ask(stream=stream), 200)
            assert (good.status, good.text) == (200, SAID), (orders, good)

    late = [(orders, stream) for orders in faults for stream in (False, True) if orders in LATE]
    others = [(orders, stream) for orders in faults for stream in (False, True) if orders not in LATE]
    with ThreadPoolExecutor(len(late)) as waiting, ThreadPoolExecutor(4) as crowd:
        waited = [waiting.submit(meet, case) for case in late]
        list(crowd.map(meet, others))
        for one in waited:
            one.result()


def _patiently(ask: Callable[[], Reply], expected: int) -> Reply:
    """Once more where a busy machine has let the time-out strike what is not late."""
    reply = ask()
    for _ in range(3):
        if reply.status == expected or reply.error.get("title") not in LATE_TITLES:
            break
        reply = ask()
    return reply
