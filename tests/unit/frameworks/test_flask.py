"""Flask in this process: who asks, errors and whose handlers come first, streams, threads."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import flask
import pytest
from flask.testing import FlaskClient

import tidegate
from tidegate.doors.guard.caller import current
from tidegate.frameworks.flask import install, relay, reply, text_of
from unit.frameworks.calls import (
    BROWSER,
    HELLO,
    SECRET,
    Scripted,
    Texts,
    bare,
    broken_stream,
    error,
    events_of,
    guarded,
    guarded_async,
    not_json,
    said,
    stream,
)
from unit.guard.scripted import charges, rows


class Application(flask.Flask):
    """What the tests ask."""

    def __init__(self, *replies: Any, **settings: Any) -> None:
        super().__init__(__name__)
        self.secret_key = "for tests"
        self.calls = guarded(Scripted(*replies), **settings)
        self.source = Texts("a", "b")
        self.add_url_rule("/whole", view_func=self.whole)
        self.add_url_rule("/streamed", view_func=self.streamed)
        self.add_url_rule("/texts", view_func=self.texts)
        self.add_url_rule("/who", view_func=tidegate.caller(route="named")(self.who))
        self.add_url_rule("/mistaken", view_func=self.mistaken)

    def whole(self) -> flask.Response:
        return flask.jsonify(text=text_of(self.calls.messages.create(**HELLO)))

    def streamed(self) -> flask.Response:
        return relay(self.calls.messages.create(**HELLO, stream=True))

    def texts(self) -> flask.Response:
        return relay(self.source)

    def who(self) -> flask.Response:
        return flask.jsonify(current()._asdict())

    def mistaken(self) -> flask.Response:
        raise KeyError(SECRET)


def who(request: flask.Request) -> str | None:
    return request.headers.get("x-user")


def running(*replies: Any, **settings: Any) -> FlaskClient:
    """An application with everything installed, and who asks it."""
    app = Application(*replies, **settings)
    install(app, user=who)
    return app.test_client()


def test_an_answer() -> None:
    assert running().get("/whole", headers={"x-user": "u-1"}).json == {"text": "High."}
    assert charges()[0][3] == "u-1"


@pytest.mark.parametrize("path", ["/whole", "/streamed"])
def test_an_error(path: str, caplog: pytest.LogCaptureFixture) -> None:
    found = running(error(500)).get(path)
    assert found.status_code == 500
    assert said(found.data)["reference"] == "req_up"
    assert found.content_type == "application/json"
    assert SECRET not in caplog.text
    assert not [record for record in caplog.records if record.exc_info]


def test_a_reply_that_nobody_can_read(caplog: pytest.LogCaptureFixture) -> None:
    """No class tells that it comes of a call, only its traceback."""
    client = running()
    assert isinstance(client.application, Application)
    client.application.calls = bare(Scripted(not_json()))
    assert said(client.get("/whole").data)["status"] == 502
    assert not [record for record in caplog.records if record.exc_info]


def test_a_page() -> None:
    found = running(error(529)).get("/whole", headers={"accept": BROWSER})
    assert (found.status_code, found.content_type) == (529, "text/html; charset=utf-8")
    assert found.headers["cache-control"] == "no-store"


def test_when_to_try_again() -> None:
    client = running(limits=[{"per": "user", "requests": "1/minute"}])
    client.get("/whole")
    found = client.get("/whole")
    assert found.status_code == 429
    assert 1 <= int(found.headers["retry-after"]) <= 60


def test_a_stream() -> None:
    found = running(stream()).get("/streamed", headers={"x-user": "u-1"})
    assert found.content_type == "text/event-stream; charset=utf-8"
    assert found.headers["x-accel-buffering"] == "no"
    assert [kind for kind, _ in events_of(found.data)] == ["text", "done"]
    assert charges()[0][3] == "u-1"


def test_a_stream_that_breaks() -> None:
    found = running(broken_stream()).get("/streamed")
    assert found.status_code == 200
    assert said(found.data)["title"] == "Not complete"


def test_a_stream_runs_for_whom_it_was_made_and_is_closed() -> None:
    client = running()
    assert client.get("/texts", headers={"x-user": "u-1"}).data
    app = client.application
    assert isinstance(app, Application)
    assert app.source.users == ["u-1", "u-1"]
    assert app.source.closed >= 1


def test_a_reader_who_leaves() -> None:
    app = Application(stream())
    install(app)
    found = app.test_client().get("/streamed", buffered=False)
    pieces: Any = found.iter_encoded()
    next(pieces)
    found.close()
    assert charges()[0][0] == "aborted"


def test_a_stream_of_a_loop_that_ends_with_its_view() -> None:
    made = guarded_async(Scripted(stream()))
    app = flask.Flask(__name__)
    install(app)

    @app.get("/")
    async def view() -> flask.Response:
        return relay(await made.messages.create(**HELLO, stream=True))

    app.testing = True
    with pytest.raises(TypeError, match="takes a stream of Anthropic: that of AsyncAnthropic ends with its view"):
        app.test_client().get("/")


def test_async_views() -> None:
    app = flask.Flask(__name__)
    made = guarded_async(Scripted())
    install(app, user=who)

    @app.get("/")
    @tidegate.caller(route="chat")
    async def view() -> dict[str, str]:
        return {"text": text_of(await made.messages.create(**HELLO))}

    assert app.test_client().get("/", headers={"x-user": "u-1"}).json == {"text": "High."}
    assert rows("SELECT user_id, route FROM charges") == [("u-1", "chat")]


def test_who_asks() -> None:
    client = running()
    assert client.get("/who", headers={"x-user": "u-1"}).json == {"user": "u-1", "route": "named"}
    assert client.get("/who").json == {"user": None, "route": "named"}
    assert tuple(current()) == (None, None)


def test_who_asks_is_forgotten_however_the_request_ends() -> None:
    client = running(error(500))
    for path in ("/whole", "/mistaken", "/not/there", "/streamed", "/texts"):
        client.get(path, headers={"x-user": "u-1"})
        assert tuple(current()) == (None, None)


def test_installed_twice() -> None:
    """The next request of the thread must not be that of the last user."""
    app = Application()
    install(app, user=who)
    install(app, user=lambda request: who(request) and f"other-{who(request)}")
    assert app.test_client().get("/who", headers={"x-user": "u-1"}).json == {"user": "other-u-1", "route": "named"}
    assert tuple(current()) == (None, None)


def test_who_asks_cannot_be_found_out() -> None:
    """A request of whom nobody can say whose it is does not go on."""
    app = Application()
    install(app, user=lambda request: request.headers["x-user"])
    assert app.test_client().get("/whole").status_code >= 400
    assert tuple(current()) == (None, None)


def test_the_route_may_be_said_for_all() -> None:
    app = Application()
    install(app, user=who, route=lambda request: request.endpoint)
    assert app.test_client().get("/whole").json == {"text": "High."}
    assert rows("SELECT user_id, route FROM charges") == [("anonymous", "whole")]


def test_what_an_earlier_function_has_found_out() -> None:
    app = Application()

    @app.before_request
    def sign_in() -> None:
        flask.g.user = "from g"

    install(app, user=lambda _: flask.g.user)
    found = app.test_client().get("/who").json
    assert found == {"user": "from g", "route": "named"}


def with_own_handlers(*replies: Any) -> FlaskClient:
    app = Application(*replies)
    install(app)

    @app.errorhandler(anthropic.RateLimitError)
    def limited(problem: anthropic.RateLimitError) -> tuple[flask.Response, int]:
        return reply(problem), 418

    @app.errorhandler(Exception)
    def anything(problem: Exception) -> tuple[str, int]:
        return f"own words about {type(problem).__name__}", 555

    return app.test_client()


def test_ones_own_handlers() -> None:
    """For the SDK's classes they come first, for Exception they do not; and what is left keeps its own."""
    found = with_own_handlers(error(429, "rate_limit_error")).get("/whole")
    assert (found.status_code, said(found.data)["title"]) == (418, "Please wait a little")
    client = with_own_handlers(error(500))
    assert said(client.get("/whole").data)["status"] == 500
    assert client.get("/mistaken").text == "own words about KeyError"
    assert client.get("/not/there").text == "own words about NotFound"
    assert isinstance(client.application, Application)
    client.application.calls = bare(Scripted(not_json()))
    assert said(client.get("/whole").data)["status"] == 502


def test_a_mistake_of_the_application_is_flasks(caplog: pytest.LogCaptureFixture) -> None:
    found = running().get("/mistaken")
    assert found.status_code == 500
    assert "claude_error_shown" not in caplog.text
    assert [type(record.exc_info[1]) for record in caplog.records if record.exc_info] == [KeyError]
    client = running()
    client.application.testing = True
    with pytest.raises(KeyError):
        client.get("/mistaken")


def test_errors_of_flask_stay_as_they_are() -> None:
    found = running().get("/not/there")
    assert found.status_code == 404
    assert "error" not in (found.json or {})


def test_concurrent_users_are_limited_apart() -> None:
    app = Application(limits=[{"per": "user", "requests": "2/minute"}])
    install(app, user=who)

    def one(number: int) -> tuple[int, int]:
        return number % 5, app.test_client().get("/whole", headers={"x-user": f"u-{number % 5}"}).status_code

    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(one, range(20)))
    for user in range(5):
        assert sorted(status for name, status in found if name == user) == [200, 200, 429, 429]


def test_what_is_relayed_lazily() -> None:
    """A call that is made while its answer is sent, when Flask has left the request behind."""
    app = Application(stream())
    install(app, user=who)

    def later() -> Iterator[str]:
        with app.calls.messages.stream(**HELLO) as found:
            yield from found.text_stream

    app.add_url_rule("/later", "later", lambda: relay(later()))
    found = app.test_client().get("/later", headers={"x-user": "u-1"})
    assert [kind for kind, _ in events_of(found.data)] == ["text", "done"]
    assert charges()[0][3] == "u-1"
