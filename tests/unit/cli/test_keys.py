"""`tidegate keys`: create, list, revoke."""

import json
from pathlib import Path
from typing import Any

import pytest

from tidegate.cli import exits
from tidegate.databases.sqlite import BlockingFile
from tidegate.ledgers.keys import SqliteKeys
from tidegate.model.keys import AppKey, key_id, keyed_hash
from unit.cli.conftest import KEY_SECRET, Cli


def create(cli: Cli, *options: str) -> dict[str, Any]:
    ran = cli("keys", "create", "--app", "chat", "--json", *options)
    assert ran.code == exits.OK, ran.err
    return dict(json.loads(ran.out))


def stored(home: Path, id_: str) -> AppKey:
    file = BlockingFile(home / "tidegate.db")
    try:
        key = SqliteKeys(file).find(id_)
        assert key is not None
        return key
    finally:
        file.close()


def test_json_is_the_contract(cli: Cli, home: Path) -> None:
    document = create(cli)
    assert list(document) == ["id", "key", "app", "scopes", "expires_at"]
    assert document["app"] == "chat"
    assert document["scopes"] == ["messages", "count_tokens", "models"]
    assert document["expires_at"] is None
    assert key_id(document["key"]) == document["id"]


def test_only_a_keyed_hash_is_kept(cli: Cli, home: Path) -> None:
    document = create(cli)
    key = stored(home, document["id"])
    assert key.hash == keyed_hash(document["key"], KEY_SECRET)
    for path in home.iterdir():
        assert document["key"].encode() not in path.read_bytes()


def test_every_option_is_kept(cli: Cli, home: Path) -> None:
    document = create(
        cli,
        *("--route", "a", "--route", "b", "--route", "a", "--scope", "batches", "--scope", "messages"),
        *("--model", "claude-haiku-4-5", "--user", "bob", "--transparent", "--expires", "2999-01-01"),
    )
    key = stored(home, document["id"])
    assert key.routes == ("a", "b")
    assert key.scopes == ("messages", "batches")
    assert key.models == ("claude-haiku-4-5",)
    assert (key.user_id, key.user_from, key.transparent) == ("bob", None, True)
    assert document["expires_at"] == "2999-01-01T00:00:00.000000Z"


def test_the_user_may_come_from_metadata(cli: Cli, home: Path) -> None:
    assert stored(home, create(cli, "--user-from", "metadata")["id"]).user_from == "metadata"


@pytest.mark.parametrize(
    "options",
    [
        ("--app", "my app"),
        ("--app", ""),
        ("--app", "x" * 129),
        ("--user", "a|b"),
        ("--route", "a b"),
        ("--model", "ü"),
        ("--scope", "everything"),
        ("--expires", "2020-01-01"),
        ("--expires", "soon"),
        ("--expires", "30"),
        ("--expires", "0d"),
        ("--user-from", "header"),
        ("--user-from", "metadata", "--user", "bob"),
    ],
)
def test_what_cannot_be_kept_is_a_wrong_usage(cli: Cli, home: Path, options: tuple[str, ...]) -> None:
    ran = cli("keys", "create", "--app", "chat", *options)
    assert ran.code == exits.USAGE
    assert "Error: Invalid value for --" in ran.err
    assert not (home / "tidegate.db").exists()


def test_a_model_without_a_price_is_told(cli: Cli) -> None:
    ran = cli("keys", "create", "--app", "chat", "--json", "--model", "claude-haiku-4-6")
    assert ran.code == exits.OK
    assert json.loads(ran.out)["app"] == "chat"
    assert 'no price is known for the model "claude-haiku-4-6"' in ran.err


def test_without_the_key_secret_there_is_no_key(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIDEGATE_KEY_SECRET")
    ran = cli("keys", "create", "--app", "chat")
    assert ran.code == exits.USAGE
    assert ran.err.startswith("error: TIDEGATE_KEY_SECRET is not set")
    assert ran.out == ""


def test_the_words_name_the_address_and_show_the_key_once(cli: Cli, home: Path) -> None:
    (home / "tidegate.toml").write_text('[gateway]\nhost = "0.0.0.0"\nport = 9000\n')
    ran = cli("keys", "create", "--app", "chat")
    assert "ANTHROPIC_BASE_URL=http://127.0.0.1:9000\n" in ran.out
    assert "ANTHROPIC_API_KEY=tg_" in ran.out


def test_list_shows_the_state_and_never_the_hash(cli: Cli, home: Path) -> None:
    ids = [create(cli)["id"] for _ in range(2)]
    cli("keys", "revoke", ids[1])
    listed = json.loads(cli("keys", "list", "--json").out)["keys"]
    assert [(key["id"], key["state"]) for key in listed] == [(ids[0], "active"), (ids[1], "revoked")]
    assert "hash" not in listed[0]
    table = cli("keys", "list").out
    assert "revoked" in table
    assert all(one in table for one in ids)


def test_list_of_nothing_makes_no_file(cli: Cli, home: Path) -> None:
    ran = cli("keys", "list")
    assert ran.code == exits.OK
    assert "There are no keys" in ran.err
    assert list(home.iterdir()) == []
    assert json.loads(cli("keys", "list", "--json").out) == {"keys": []}


def test_revoke_by_id_or_by_the_whole_key(cli: Cli, home: Path) -> None:
    first, second = create(cli), create(cli)
    assert cli("keys", "revoke", first["id"]).code == exits.OK
    ran = cli("keys", "revoke", second["key"], "--json")
    assert json.loads(ran.out)["id"] == second["id"]
    assert stored(home, first["id"]).revoked_at is not None


def test_revoking_twice_keeps_the_first_time(cli: Cli, home: Path) -> None:
    id_ = create(cli)["id"]
    cli("keys", "revoke", id_)
    before = stored(home, id_).revoked_at
    ran = cli("keys", "revoke", id_)
    assert ran.code == exits.OK
    assert "already revoked" in ran.out
    assert stored(home, id_).revoked_at == before


def test_an_unknown_id_is_not_found(cli: Cli, home: Path) -> None:
    assert cli("keys", "revoke", "nothere1").code == exits.NOT_FOUND
    create(cli)
    ran = cli("keys", "revoke", "nothere1")
    assert ran.code == exits.NOT_FOUND
    assert ran.err.startswith("error: there is no key nothere1")


def test_a_place_that_cannot_be_a_file_is_one_line(cli: Cli, home: Path) -> None:
    (home / "tidegate.db").mkdir()
    ran = cli("keys", "create", "--app", "chat")
    assert ran.code == exits.USAGE
    assert "may this user write there?" in ran.err
    assert ran.err.count("\n") == 1


def test_a_file_that_is_no_database_is_one_line(cli: Cli, home: Path) -> None:
    (home / "tidegate.db").write_text("garbage\n" * 200)
    ran = cli("keys", "list")
    assert ran.code == exits.USAGE
    assert ran.err.endswith("is not a SQLite database: move it away or name another file\n")
    assert ran.err.count("\n") == 1
