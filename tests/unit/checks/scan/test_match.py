"""Which texts are credentials, of which kind, and how much of one is shown."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tidegate.checks.scan.kinds import KINDS, KindName
from tidegate.checks.scan.match import Match, credentials, shown
from unit.checks.scan.fakes import MAKERS, START, drawn

SURE = {
    "api-key",
    "admin-key",
    "compliance-key",
    "oauth-token",
    "refresh-token",
    "session-key",
    "session-token",
    "app-key",
}


def found(text: str | bytes) -> list[Match]:
    return list(credentials(text if isinstance(text, bytes) else text.encode()))


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize(
    "around", ['"{}"', "KEY={}\n", "a,{},b", "?k={}&b=1", "({})", "{}", "x{}", r"\"{}\"", "{}\\n", "_{}_"]
)
def test_every_kind_in_every_surrounding(kind: KindName, around: str) -> None:
    for seed in range(20):
        secret = MAKERS[kind](random.Random(seed))
        (match,) = found(around.format(secret))
        assert (match.kind, match.secret.decode(), match.sure) == (kind, secret, kind in SURE)
        assert around.format(secret).encode()[match.start : match.end].decode() == secret


def test_there_is_a_maker_for_every_kind() -> None:
    assert MAKERS.keys() | {"other"} == KINDS.keys()


@pytest.mark.parametrize("kind", ["api-key", "admin-key", "compliance-key"])
@pytest.mark.parametrize("change", [lambda key: key[:-1], lambda key: f"{key}x", lambda key: f"{key[:-1]}B", str.upper])
def test_keys_have_an_exact_form(kind: KindName, change: object) -> None:
    assert callable(change)
    assert found(change(MAKERS[kind](random.Random(1)))) == []


@pytest.mark.parametrize("behind", ["...", "…", "****", "•••", "<cut>", "[redacted]"])
def test_a_token_that_was_cut_short_is_none(behind: str) -> None:
    token = f"{START}oat01-{drawn(random.Random(1), 50)}a1"
    assert len(found(token)) == 1
    assert found(token + behind) == []


def test_tokens_need_forty_characters() -> None:
    body = drawn(random.Random(3), 40).replace("-", "x").replace("_", "y")
    assert len(found(f"{START}oat01-{body}")) == 1
    assert found(f"{START}oat01-{body[:-1]}") == []


def test_an_app_key_needs_its_checksum() -> None:
    key = MAKERS["app-key"](random.Random(1))
    assert len(found(key)) == 1
    assert found(key[:20] + ("a" if key[20] != "a" else "b") + key[21:]) == []


@pytest.mark.parametrize(
    "seam",
    ["=\n", "=\r\n", "\\\n   ", '" "', "' +\n  '", '"\n  f"', '" . "', '\\" + \\"', "\n", "\n> ", "\r\n    "],
)
@pytest.mark.parametrize("cut", [12, 30, 70, 100])
def test_a_key_in_two_pieces(seam: str, cut: int) -> None:
    key = MAKERS["api-key"](random.Random(2))
    (match,) = found(f"k = '{key[:cut]}{seam}{key[cut:]}'")
    assert (match.kind, match.secret.decode(), match.sure) == ("api-key", key, False)


def test_a_key_in_three_pieces() -> None:
    key = MAKERS["admin-key"](random.Random(2))
    (match,) = found(f'"{key[:20]}" +\n"{key[20:60]}" +\n"{key[60:]}"')
    assert match.secret.decode() == key


@pytest.mark.parametrize("seam", ['", "', '": "', " ", ") + ("])
def test_what_is_no_seam(seam: str) -> None:
    key = MAKERS["api-key"](random.Random(2))
    assert found(f'"{key[:50]}{seam}{key[50:]}"') == []


def test_several_in_one_text() -> None:
    rng = random.Random(4)
    secrets = [make(rng) for make in MAKERS.values() for _ in range(3)]
    assert {match.secret.decode() for match in found(" ".join(secrets))} == set(secrets)


@pytest.mark.parametrize("kind", MAKERS)
def test_no_more_than_prefix_and_last_four_are_shown(kind: KindName) -> None:
    secret = MAKERS[kind](random.Random(5))
    told = shown(secret, kind)
    prefix, _, last = told.partition("…")
    assert secret.startswith(prefix)
    assert secret.endswith(last)
    assert len(last) == 4
    assert len(prefix) <= len("sk-ant-admin01-")


def test_of_other_secrets_even_less_is_shown() -> None:
    assert shown("AKIA" + "B" * 16, "other") == "…BBBB"
    assert shown("hunter2-hunter2", "other") == "…"


@pytest.mark.parametrize(
    "text", [START * 50_000, f"{START}api03-" * 50_000, f"{START}\n" * 50_000, f'{START}"' * 50_000]
)
def test_texts_that_were_made_to_be_slow_find_nothing(text: str) -> None:
    assert found(text) == []


def test_fields_of_a_database_stand_side_by_side(tmp_path: Path) -> None:
    file = tmp_path / "db.sqlite3"
    secrets = [MAKERS[kind](random.Random(6)) for kind in ("api-key", "admin-key", "session-key", "app-key")]
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE t (name TEXT, key TEXT, url TEXT)")
        database.executemany("INSERT INTO t VALUES ('name', ?, 'https://example.test')", [(one,) for one in secrets])
        database.commit()
    assert {match.secret.decode() for match in found(file.read_bytes())} == set(secrets)
    assert found(f"name{secrets[0]}https://example.test") == []


@pytest.mark.parametrize("half", [("MfKQ9r8GKYqrTwjU", "PD8ILPZIo2LaLaSw"), ("C2FVsBQIhrscChlQ", "IMV+b5sSYspob7oD")])
def test_the_examples_of_webhook_libraries_are_none(half: tuple[str, str]) -> None:
    assert found(f"whsec_{half[0]}{half[1]}") == []
    assert len(found(f"whsec_{half[1]}{half[0]}")) == 1
