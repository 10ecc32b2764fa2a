"""The web examples as real processes: every fault, two users, streams that are left, pages."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple

import httpx2
import pytest

from e2e.gateways import until
from examples.faults import EACH_KIND, FAULTS, NOT_FAULTS
from examples.running import ASKED, SAID, Served, fake_claude
from examples.talking import Kind, Person, check_error, check_faults
from tidegate.fake.command import Command


def by_json(client: httpx2.Client, name: str) -> None:
    assert client.post("/sign-in", json={"name": name}).status_code == 204


def by_form(client: httpx2.Client, name: str) -> None:
    assert client.post("/sign-in", data={"name": name}).status_code == 302


def by_token(client: httpx2.Client, name: str) -> None:
    client.headers["authorization"] = f"Bearer {client.post('/sign-in', data={'name': name}).json()['token']}"


ASGI = ["uvicorn", "app:application", "--port", "{port}"]
KINDS = {
    "fastapi": Kind("fastapi", ["uvicorn", "app:app", "--port", "{port}"], "/chat", "/chat/stream", by_json),
    "flask": Kind("flask", ["flask", "run", "--port", "{port}"], "/api/summary", "/api/summary/stream", by_form),
    "django-wsgi": Kind(
        "django",
        ["python", "app.py", "runserver", "--noreload", "{port}"],
        "/chat",
        "/chat/stream",
        by_token,
        form=True,
    ),
    "django-asgi": Kind("django", ASGI, "/chat", "/chat/stream", by_token, form=True),
    "django-async": Kind("django", ASGI, "/async/chat", "/async/chat/stream", by_token, form=True),
}


class Site(NamedTuple):
    """A running example, and how people come to it."""

    name: str
    served: Served
    kind: Kind

    def user(self, name: str) -> str:
        """Two kinds may share a process, and people do not."""
        return f"{name}-{self.name}" if name else ""

    def person(self, name: str) -> Person:
        return Person(self.served, self.kind, self.user(name))

    def charges(self, name: str) -> list[dict[str, Any]]:
        return self.served.books.charges(self.user(name))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Kind], Served]]:
    """One process for each command, for all tests of this file."""
    found: dict[str, Served] = {}
    with ExitStack() as stack:

        def served(kind: Kind) -> Served:
            command = " ".join([kind.example, *kind.command])
            if command not in found:
                fake = stack.enter_context(fake_claude())
                found[command] = Served(kind.example, tmp_path_factory.mktemp(kind.example), fake, kind.command)
                stack.callback(found[command].stop)
            return found[command]

        yield served


@pytest.fixture(params=KINDS, scope="module")
def site(request: pytest.FixtureRequest, running: Callable[[Kind], Served]) -> Site:
    kind = KINDS[request.param]
    return Site(request.param, running(kind), kind)


@pytest.mark.parametrize(
    ("site", "faults"),
    [
        pytest.param("fastapi", FAULTS, id="fastapi-all"),
        *(pytest.param(name, EACH_KIND, id=name) for name in KINDS if name != "fastapi"),
        *(pytest.param(name, FAULTS, id=f"{name}-all", marks=pytest.mark.slow) for name in KINDS if name != "fastapi"),
    ],
    indirect=["site"],
)
def test_faults_are_shown_kindly_and_over(site: Site, faults: Collection[str]) -> None:
    check_faults(site.served, site.person, faults)
    site.served.books_agree()
    site.served.tells_nothing()


@pytest.mark.parametrize("stream", [False, True])
def test_two_users_are_limited_apart(site: Site, *, stream: bool) -> None:
    """20 a minute for each: of 25 at once of one user 5 are refused, and another one is served meanwhile."""
    greedy_name, modest_name = f"greedy-{stream}", f"modest-{stream}"
    with site.person(greedy_name) as greedy, site.person(modest_name) as modest:
        with ThreadPoolExecutor(26) as crowd:
            many = [crowd.submit(greedy.ask, "delay=0.05", stream=stream) for _ in range(25)]
            few = crowd.submit(modest.ask, "delay=0.05", stream=stream)
            assert few.result().status != 429
            replies = [one.result() for one in many]
        assert Counter(reply.status == 429 for reply in replies) == {False: 20, True: 5}
        for reply in replies:
            if reply.status == 429:
                check_error(site.served, reply)
                assert reply.head.status_code == 429, "refused before the stream began"
                assert 1 <= int(reply.head.headers["retry-after"]) <= 60
                assert reply.error["title"] == "Please wait a little"
                assert " you " in reply.error["text"]
        assert modest.ask(stream=stream).status != 429
    calls = {name: {charge["call_id"] for charge in site.charges(name)} for name in (greedy_name, modest_name)}
    assert {user: len(ids) for user, ids in calls.items()} == {greedy_name: 20, modest_name: 2}


def test_whoever_is_not_signed_in_is_asked_to(site: Site) -> None:
    with site.person("") as nobody:
        for stream in (False, True):
            reply = nobody.ask(stream=stream)
            assert (reply.status, reply.error["title"]) == (400, "Please sign in")
            check_error(site.served, reply)


def test_the_route_is_recorded(site: Site) -> None:
    with site.person("somebody") as somebody:
        assert somebody.ask().text == SAID
        assert somebody.ask(stream=True).text == SAID
    expected = "summarise" if site.kind.example == "flask" else "chat"
    assert [charge["route"] for charge in site.charges("somebody")] == [expected] * 2


def test_a_reader_who_leaves_ends_the_upstreams_work(site: Site) -> None:
    with (
        site.person("leaver") as leaver,
        leaver.opened("gap=0.1; output_tokens=max; tokens_per_event=1") as found,
    ):
        pieces = found.iter_bytes()
        while b"event: text" not in next(pieces):
            pass
    until(lambda: site.served.fake.totals().open == 0)
    assert site.served.fake.attempts()[-1].ending == "disconnected"
    until(lambda: site.charges("leaver"))
    assert [charge["outcome"] for charge in site.charges("leaver")] == ["aborted"]


def test_whoever_opens_an_address_gets_a_page(site: Site) -> None:
    browser = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    with site.person("browser") as somebody:
        body = somebody.body(f"{ASKED} [[fake: status=529]]")
        found = somebody.client.post(site.kind.whole, headers=browser, **body)
        assert found.status_code == 529
        assert found.headers["content-type"] == "text/html; charset=utf-8"
        assert found.headers["cache-control"] == "no-store"
        assert "The assistant is very busy at the moment." in found.text
        assert "req_" in found.text


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"no JSON", b'{"text": 5}', b'{"text": ""}', b"text="])
def test_what_is_no_question(site: Site, body: bytes) -> None:
    kind = "application/x-www-form-urlencoded" if site.kind.form else "application/json"
    with site.person("clumsy") as clumsy:
        found = clumsy.client.post(site.kind.whole, content=body, headers={"content-type": kind})
    assert 400 <= found.status_code < 500


def test_every_order_of_the_fake_is_met() -> None:
    met = {part.partition("=")[0].strip() for orders in FAULTS for part in orders.split(";")}
    assert met | NOT_FAULTS.keys() == set(Command.__struct_fields__)
    assert not met & NOT_FAULTS.keys()
    assert FAULTS.keys() > set(EACH_KIND)


@pytest.mark.parametrize("site", ["flask"], indirect=True)
def test_a_form(site: Site) -> None:
    with site.person("form") as somebody:
        page: Any = somebody.client.get("/")
        assert "<textarea" in page.text
        assert SAID in somebody.client.post("/", data={"text": ASKED}).text
        browser = {"accept": "text/html"}
        sorry = somebody.client.post("/", data={"text": "[[fake: status=529]]"}, headers=browser)
        assert "very busy" in sorry.text
        assert sorry.headers["content-type"].startswith("text/html")
