"""What the application does not take: callers that it does not know, and bodies that its page would not send."""

import json
import re

import pytest

from e2e.nextjs.application import ROUTES, User
from e2e.nextjs.sentences import of_the_example
from e2e.nextjs.stage import Stage, canary

pytestmark = pytest.mark.slow

each_route = pytest.mark.parametrize("route", ROUTES)


def forged(cookie: str) -> list[str]:
    """The same cookie for somebody else, for longer, with another seal, and some that are none."""
    name, ends, seal = cookie.removeprefix("session=").split("%7C")
    return [
        f"session=admin%7C{ends}%7C{seal}",
        f"session={name}%7C{ends}0%7C{seal}",
        f"session={name}%7C{ends}%7C{seal[:-1]}",
        f"session={name}%7C{ends}%7C{'A' * len(seal)}",
        f"session={name}",
        "session=%7C%7C",
        "",
    ]


@each_route
def test_only_who_has_signed_in_may_ask(stage: Stage, route: str) -> None:
    user, before = stage.new_user(), stage.last()
    for cookie in forged(user.cookie):
        user.cookie = cookie
        answer = user.ask("Hello", route=route)
        assert answer.failure is not None
        assert (answer.status, answer.failure["message"]) == (401, "Please sign in first.")
        assert "Your name" in user.page()
    assert not stage.seen(before)


def test_the_cookie(stage: Stage) -> None:
    user = stage.new_user()
    with user.sent("POST", "/session", "name=somebody", {"content-type": "application/x-www-form-urlencoded"}) as reply:
        cookie = reply.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    secure = {"content-type": "application/x-www-form-urlencoded", "x-forwarded-proto": "https"}
    with user.sent("POST", "/session", "name=somebody", secure) as reply:
        assert "secure" in reply.headers["set-cookie"].lower()
    assert f">{user.name}<" in user.page()
    with user.sent("POST", "/session", "", {"content-type": "application/x-www-form-urlencoded"}) as reply:
        assert reply.headers["set-cookie"].startswith("session=;")


@pytest.mark.parametrize("name", ["", "a b", "a|b", "ä", "x" * 65, "a\r\nb", "<b>"])
def test_a_name_that_is_none(stage: Stage, name: str) -> None:
    user = User(stage.app, name)
    with user.sent("POST", "/session", _form(name), {"content-type": "application/x-www-form-urlencoded"}) as reply:
        assert (reply.status, reply.headers["location"]) == (303, "/?name=unfit")
        assert reply.headers["set-cookie"] is None
    assert "Letters, digits and" in user.page("/?name=unfit")


@pytest.mark.parametrize("body", [b"\xff" * 900, b"name=x&" * 5_000, b'{"name": "x"}'])
def test_a_form_that_is_none(stage: Stage, body: bytes) -> None:
    """Nobody is signed in by it, and no stack trace is in the log."""
    user = User(stage.app, "nobody")
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", ""):
        with user.sent("POST", "/session", body, {"content-type": kind}) as reply:
            assert reply.status == 303
            assert "session=;" in (reply.headers["set-cookie"] or "session=;")
    stage.app.failures()


def _form(name: str) -> bytes:
    return b"name=" + b"".join(b"%%%02x" % byte for byte in name.encode())


MESSAGE = {"role": "user", "content": "Hello"}
BAD: dict[str, object] = {
    "nothing": {},
    "null": None,
    "a list": [MESSAGE],
    "no messages": {"messages": []},
    "a text": {"messages": "Hello"},
    "another role": {"messages": [{"role": "system", "content": "Hello"}]},
    "no text": {"messages": [{"role": "user", "content": " \n"}]},
    "blocks": {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]},
    "the answer last": {"messages": [MESSAGE, {"role": "assistant", "content": "Hello"}]},
    "stream": {"messages": [MESSAGE], "stream": "yes"},
}


@each_route
@pytest.mark.parametrize("what", [*BAD, "no JSON", "no UTF-8"])
def test_a_body_that_is_no_question(stage: Stage, route: str, what: str) -> None:
    word = canary("Body")
    bad = {"no JSON": f'{{"messages": [{word}'.encode(), "no UTF-8": b"\xff\xfe" + word.encode()}
    body = bad[what] if what in bad else json.dumps(BAD[what]).encode()
    user, before = stage.new_user(), stage.last()
    answer = user.ask_badly(body, route=route)
    assert answer.failure is not None
    assert answer.status == 400
    assert answer.failure["message"] in of_the_example()
    assert not stage.seen(before)
    assert word.encode() not in stage.written() + answer.raw


@each_route
@pytest.mark.parametrize("body", [{"messages": [MESSAGE] * 41}, {"messages": [{**MESSAGE, "content": "x" * 64_000}]}])
def test_a_question_that_is_too_long(stage: Stage, route: str, body: object) -> None:
    user, before = stage.new_user(), stage.last()
    answer = user.ask_badly(json.dumps(body), route=route)
    assert answer.failure is not None
    assert (answer.status, answer.failure["message"][:30]) == (413, "This conversation is too long.")
    assert not stage.seen(before)


@each_route
def test_a_browser_cannot_say_who_it_is(stage: Stage, route: str) -> None:
    """Nor which model, nor how long the answer may be."""
    user = stage.new_user("mallory")
    more = {"user": "alice", "model": "claude-opus-5", "max_tokens": 9_999, "headers": {"x-tidegate-user": "alice"}}
    headers = {"content-type": "application/json", "x-tidegate-user": "alice", "x-tidegate-route": "free"}
    with user.sent("POST", f"/api/{route}", json.dumps({"messages": [MESSAGE], **more}), headers) as reply:
        assert reply.status == 200
        assert b'"done"' in reply.read()
    (charge,) = stage.site.charges(user.name)
    found = charge["route"], charge["model_requested"], charge["max_tokens"]
    assert found == (route, "claude-haiku-4-5", 512)


@each_route
def test_other_methods(stage: Stage, route: str) -> None:
    with stage.new_user().sent("GET", f"/api/{route}") as reply:
        assert reply.status == 405
        assert not re.search(rb"\bat [A-Za-z./]+:\d+", reply.read())
