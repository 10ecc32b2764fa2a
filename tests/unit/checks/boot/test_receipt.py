from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tidegate.checks.boot.receipt import LASTS, Receipt, Signer, choose_signer, hash_key, read_receipt, write_receipt
from tidegate.checks.verdict import State
from tidegate.config.hidden import Hidden
from unit.checks.live.organization import NOW, text

SECRET = Hidden("3858f62230ac3c915f300c664312c63f")
KEY = Hidden(text(5))
RESULTS = {"TG1001": State.PASS, "TG110": State.WARN, "TG1011": State.FAIL}


def write(signer: Hidden = SECRET, **given: Any) -> bytes:
    usual: dict[str, Any] = {
        "now": NOW,
        "version": "0.1.0",
        "where": "host-canary",
        "platform": "FLY_APP_NAME",
        "seen": "sk-ant-api03-…abAA",
        "key": KEY,
    }
    return write_receipt(RESULTS, Signer("TIDEGATE_KEY_SECRET", signer), **{**usual, **given}).encode()


def read(line: bytes, *secrets: Hidden, days: float = 1) -> Receipt | str:
    return read_receipt(line, secrets or (SECRET,), NOW + timedelta(days=days))


def test_what_was_written_is_read() -> None:
    found = read(write(), Hidden("0" * 40), KEY, SECRET)
    assert isinstance(found, Receipt)
    assert found.checks == RESULTS
    assert (found.at, found.until) == (NOW, NOW + LASTS)
    assert (found.platform, found.key) == ("FLY_APP_NAME", "sk-ant-api03-…abAA")


def test_it_is_one_line_without_values() -> None:
    line = write()
    assert b"\n" not in line
    for secret in (SECRET.reveal(), KEY.reveal().removeprefix("sk-ant-api03-"), "host-canary"):
        for size in (8, len(secret)):
            assert not any(secret[at : at + size].encode() in line for at in range(len(secret) - size + 1))


def test_two_receipts_share_no_hash() -> None:
    one, two = (msgspec.json.decode(write()) for _ in range(2))
    for name in ("salt", "signer", "key_hash", "signature"):
        assert one[name] != two[name]


def test_the_place_is_the_same_for_the_same_secret_alone() -> None:
    def place(signer: Hidden = SECRET, **given: Any) -> str:
        return str(msgspec.json.decode(write(signer, **given))["where"])

    assert place() == place()
    assert place() != place(where="another")
    assert place() != place(KEY)


FIELDS = [name for name in Receipt.__struct_fields__ if name != "signature"]


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_is_signed(field: str) -> None:
    document = msgspec.json.decode(write())
    document[field] = {
        "receipt": 0,
        "checks": {**document["checks"], "TG1011": "pass"},
        "at": "2026-11-22T14:00:00Z",
        "until": "2026-12-21T14:00:00Z",
        "salt": "00" * 16,
        "signer": "00" * 8,
    }.get(field, "another")
    found = read(msgspec.json.encode(document))
    assert isinstance(found, str)


@pytest.mark.parametrize("without", [*FIELDS, "signature"])
def test_a_receipt_without_a_field_is_none(without: str) -> None:
    document = msgspec.json.decode(write())
    del document[without]
    assert isinstance(read(msgspec.json.encode(document)), str)


def test_another_field_makes_it_no_receipt() -> None:
    document = {**msgspec.json.decode(write()), "more": 1}
    assert read(msgspec.json.encode(document)) == "it is no receipt of `tidegate check --profile boot`"


def test_a_changed_signature() -> None:
    document = msgspec.json.decode(write())
    document["signature"] = "0" * 64
    assert read(msgspec.json.encode(document)) == "it was changed after it was signed"
    document["signature"] = "é"
    assert read(msgspec.json.encode(document)) == "it was changed after it was signed"


def test_a_change_of_blanks_is_none() -> None:
    assert isinstance(read(msgspec.json.format(write(), indent=2)), Receipt)


def test_another_targets() -> None:
    found = read(write(Hidden("another secret of 32 characters, at least")))
    assert (
        found
        == "the TIDEGATE_KEY_SECRET that signed it is not here: it is of another target, or that secret is missing"
    )


def test_signed_with_the_api_key() -> None:
    line = write_receipt(
        RESULTS, Signer("API key", KEY), now=NOW, version="1", where="", platform=None, seen="", key=None
    ).encode()
    assert isinstance(read(line, KEY), Receipt)
    found = read(line)
    assert isinstance(found, str)
    assert found.startswith("the API key that signed it is not here")


@pytest.mark.parametrize(("days", "counts"), [(0, True), (29.9, True), (30.1, False), (400, False), (-1, False)])
def test_it_counts_for_a_time(days: float, counts: bool) -> None:
    found = read(write(), days=days)
    assert isinstance(found, Receipt) == counts
    if days > 0 and not counts:
        assert found == "it counted until 2026-12-22"
    elif not counts:
        assert "yet to come" in str(found)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"not json",
        b"\xff\xfe",
        b'{"receipt": "one"}',
        b'{"receipt": 1}',
        b"[" * 5_000,
        b"{" * 5_000,
    ],
)
def test_what_is_no_receipt(line: bytes) -> None:
    assert read(line) == "it is no receipt of `tidegate check --profile boot`"


def test_a_newer_form() -> None:
    assert read(b'{"receipt": 2, "anything": 1}') == "it was written by a newer tidegate"


def test_a_salt_that_is_none() -> None:
    document = {**msgspec.json.decode(write()), "salt": "canary"}
    found = read(msgspec.json.encode(document))
    assert found == "it is no receipt of `tidegate check --profile boot`"


def test_times_without_a_zone() -> None:
    document = {**msgspec.json.decode(write()), "at": "2026-11-22T14:00:00"}
    assert read(msgspec.json.encode(document)) == "it is no whole receipt"


@pytest.mark.parametrize(
    ("secret", "key", "name"),
    [
        (SECRET, KEY, "TIDEGATE_KEY_SECRET"),
        (None, KEY, "API key"),
        (Hidden("a" * 40), KEY, "API key"),
        (None, Hidden("sk-1234"), None),
        (None, None, None),
    ],
)
def test_what_signs(secret: Hidden | None, key: Hidden | None, name: str | None) -> None:
    found = choose_signer(secret, key)
    assert (found.name if found else None) == name


def test_a_key_that_could_be_guessed_leaves_no_hash() -> None:
    assert hash_key(Hidden("secret123"), "00") == ""
    assert hash_key(KEY, "00") == hash_key(KEY, "00") != ""


def test_nothing_shows_the_secret_by_accident() -> None:
    assert SECRET.reveal() not in repr(Signer("TIDEGATE_KEY_SECRET", SECRET))
