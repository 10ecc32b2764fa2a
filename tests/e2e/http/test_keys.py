"""App keys at the door of a running gateway: each bad kind, what a key may do, revocation within a second."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from e2e.gateways import KEY_SECRET, Site, until
from e2e.http.wire import BODY, Reply, ask, body, request, wire
from e2e.sdk.stage import Stage
from tidegate.core.run_now import run_now
from tidegate.databases.sqlite import BlockingFile
from tidegate.ledgers.keys import SqliteKeys
from tidegate.model.keys import AppKey, compose, keyed_hash
from tidegate.system.ids import new_key_id, new_key_secret

DAY = 86_400_000_000


def now() -> int:
    return time.time_ns() // 1000


def altered(key: str, at: int) -> str:
    """The key with another character at that place."""
    other = "b" if key[at] == "a" else "a"
    return key[:at] + other + key[at:][1:]


def other_secret(key: str) -> str:
    """A well-formed key with that id and another secret."""
    return compose(key.split("_")[1], new_key_secret())


BAD: dict[str, Callable[[str], str | None]] = {
    "missing": lambda _: None,
    "empty": lambda _: "",
    "of Anthropic": lambda _: "sk-ant-api03-abcdefgh",
    "a word": lambda _: "password",
    "only the prefix": lambda _: "tg_",
    "another prefix": lambda key: f"TG_{key[3:]}",
    "one character too few": lambda key: key[:-1],
    "one character too many": lambda key: f"{key}a",
    "wrong checksum": lambda key: altered(key, len(key) - 1),
    "wrong secret, so wrong checksum": lambda key: altered(key, 20),
    "wrong secret": other_secret,
    "unknown id": lambda _: compose(new_key_id(), new_key_secret()),
    "its hash": lambda _: "0" * 64,
    "in other letters": lambda key: key.swapcase(),
    "twice in one": lambda key: f"{key},{key}",
    "in quotes": lambda key: f'"{key}"',
    "a very long one": lambda _: "tg_" + "a" * 8_000,
    "with a line of SQL": lambda _: "tg_' OR 1=1 --",
}


@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_key(stage: Stage, kind: str, header: str, address: str) -> None:
    key = BAD[kind](stage.key)
    lines = [] if key is None else [f"{header}: {'Bearer ' if header == 'authorization' else ''}{key}"]
    reply = ask(stage.gateway.port, request(None, BODY, *lines), source=address)
    assert (reply.status, reply.error, reply.reason) == (401, "authentication_error", "bad_key")
    assert not {"x-should-retry", "retry-after"} & reply.headers.keys()
    stage.nothing_reached_the_fake()


def test_bytes_that_are_no_text_are_no_key(stage: Stage, address: str) -> None:
    reply = ask(stage.gateway.port, request(None, BODY, b"x-api-key: tg_\xff\xfe\xc3"), source=address)
    assert (reply.status, reply.reason) == (401, "bad_key")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"revoked_at": 1}, "key_revoked"),
        ({"expires_at": 1}, "key_expired"),
        ({"revoked_at": 1, "expires_at": 1}, "key_revoked"),
    ],
)
def test_a_key_that_has_ended(stage: Stage, options: dict[str, int], reason: str) -> None:
    reply = ask(stage.gateway.port, request(stage.site.new_key(**options)))
    assert (reply.status, reply.error, reply.reason) == (401, "authentication_error", reason)
    stage.nothing_reached_the_fake()


def test_a_key_with_an_end_ahead_works(stage: Stage) -> None:
    assert ask(stage.gateway.port, request(stage.site.new_key(expires_at=now() + DAY))).status == 200


def test_a_key_expires_while_the_gateway_runs(stage: Stage) -> None:
    key = stage.site.new_key(expires_at=now() + 700_000)
    assert ask(stage.gateway.port, request(key)).status == 200
    until(lambda: ask(stage.gateway.port, request(key)).reason == "key_expired")


def tidegate(site: Site, *arguments: str) -> Any:
    """A command of tidegate beside the running gateway."""
    done = subprocess.run(
        [sys.executable, "-m", "tidegate", *arguments, "--config", str(site.folder / "tidegate.toml"), "--json"],
        env={**site.environ, "PATH": os.environ["PATH"]},
        cwd=site.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_a_key_made_beside_the_gateway_works_at_once_and_ends_within_a_second(stage: Stage) -> None:
    made = tidegate(stage.site, "keys", "create", "--app", "new")
    assert made.keys() == {"id", "key", "app", "scopes", "expires_at"}
    stream = request(made["key"], body(stream=True), "x-fake-fault: gap=0.3; output_tokens=60; tokens_per_event=8")
    with wire(stage.gateway.port, stream) as running:
        stage.fake.wait(open=1)
        tidegate(stage.site, "keys", "revoke", made["id"])
        until(lambda: ask(stage.gateway.port, request(made["key"])).reason == "key_revoked")
        assert running.reply().body.endswith(b'data: {"type":"message_stop"}\n\n'), "running streams finish"


def test_a_key_that_was_asked_for_too_early_works_within_a_second(stage: Stage, address: str) -> None:
    """A look-up that found nothing is not believed for long either."""
    id_ = new_key_id()
    key = compose(id_, new_key_secret())
    assert ask(stage.gateway.port, request(key), source=address).reason == "bad_key"
    file = BlockingFile(stage.site.database)
    run_now(SqliteKeys(file).add(AppKey(id=id_, hash=keyed_hash(key, KEY_SECRET), app="late", created_at=now())))
    file.close()
    until(lambda: ask(stage.gateway.port, request(key), source=address).status == 200)


def test_bad_keys_are_limited_per_address(stage: Stage, address: str) -> None:
    """Twenty a minute; then `rate_limited`.  Good keys from there, and bad ones from elsewhere, are not touched."""

    def bad(source: str) -> Reply:
        return ask(stage.gateway.port, request("tg_nonsense"), source=source)

    assert [bad(address).status for _ in range(20)] == [401] * 20
    reply = bad(address)
    assert (reply.status, reply.error, reply.reason) == (429, "rate_limit_error", "rate_limited")
    assert reply.headers["x-tidegate-scope"] == "address"
    assert reply.headers["x-should-retry"] == "false"
    assert 0 < int(reply.headers["retry-after"]) <= 60
    assert ask(stage.gateway.port, request(stage.key), source=address).status == 200
    assert bad("127.0.255.1").status == 401


# -- what a key may do

MODELS = {"method": "GET", "path": "/v1/models"}
CASES: list[tuple[str, dict[str, Any], dict[str, Any], tuple[str, ...], int]] = [
    ("default, messages", {}, {}, (), 200),
    ("default, count_tokens", {}, {"path": "/v1/messages/count_tokens"}, (), 200),
    ("default, models", {}, MODELS, (), 200),
    ("only models, messages", {"scopes": ("models",)}, {}, (), 403),
    ("only models, models", {"scopes": ("models",)}, MODELS, (), 200),
    ("only messages, models", {"scopes": ("messages",)}, MODELS, (), 403),
    ("only messages, a model", {"scopes": ("messages",)}, {"method": "GET", "path": "/v1/models/x"}, (), 403),
    ("only messages, count", {"scopes": ("messages",)}, {"path": "/v1/messages/count_tokens"}, (), 403),
    ("only count, messages", {"scopes": ("count_tokens",)}, {}, (), 403),
    ("a model granted", {"models": ("claude-haiku-4-5",)}, {}, (), 200),
    ("another model", {"models": ("claude-opus-5",)}, {}, (), 403),
    ("one route is the route", {"routes": ("haiku",)}, {}, ("x-tidegate-route: default",), 200),
    ("a route granted", {"routes": ("small", "haiku")}, {}, ("x-tidegate-route: small",), 200),
    ("a route not granted", {"routes": ("small", "haiku")}, {}, ("x-tidegate-route: default",), 403),
    ("no route named", {"routes": ("small", "haiku")}, {}, (), 403),
]


@pytest.mark.parametrize(("options", "how", "lines", "status"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_what_a_key_may_do(
    stage: Stage, options: dict[str, Any], how: dict[str, Any], lines: tuple[str, ...], status: int
) -> None:
    reply = ask(stage.gateway.port, request(stage.site.new_key(**options), BODY, *lines, **how))
    assert reply.status == status
    if status == 403:
        assert (reply.error, reply.reason) == ("permission_error", "not_allowed")
        assert reply.headers["x-tidegate-scope"] in ("path", "model", "route")
        stage.nothing_reached_the_fake()


USERS: list[tuple[str, dict[str, Any], tuple[str, ...], str]] = [
    ("the key's own", {"user_id": "bound"}, ("x-tidegate-user: other",), "bound"),
    ("the header's", {}, ("x-tidegate-user:  ann ",), "ann"),
    ("metadata is not asked", {}, (), "anonymous"),
    ("metadata is asked", {"user_from": "metadata"}, (), "u-7"),
    ("the header before metadata", {"user_from": "metadata"}, ("x-tidegate-user: ann",), "ann"),
    ("an empty header", {}, ("x-tidegate-user:",), "anonymous"),
    ("the first of two", {}, ("x-tidegate-user: ann", "x-tidegate-user: bob"), "ann"),
]


@pytest.mark.parametrize(("options", "lines", "user"), [case[1:] for case in USERS], ids=[case[0] for case in USERS])
def test_whose_call_it_is(stage: Stage, options: dict[str, Any], lines: tuple[str, ...], user: str) -> None:
    raw = body(metadata={"user_id": "u-7"})
    assert ask(stage.gateway.port, request(stage.site.new_key(**options), raw, *lines)).status == 200
    assert stage.site.charges()[-1]["user_id"] == user


@pytest.mark.parametrize("name", ["jane doe", "j" * 129, "ünï", "a\tb", "<script>", "user@example.com"])
def test_names_of_users_are_labels_or_hashes(stage: Stage, name: str) -> None:
    lines = (f"x-tidegate-user: {name}".encode(), f"x-tidegate-route: {name}".encode())
    assert ask(stage.gateway.port, request(stage.key, BODY, *lines)).status == 200
    charge = stage.site.charges()[-1]
    if name == "user@example.com":
        assert (charge["user_id"], charge["route"]) == (name, name)
    else:
        assert charge["user_id"].startswith("hash:")
        assert charge["user_id"] == charge["route"]
        assert name.encode() not in stage.site.bytes_on_disk()
