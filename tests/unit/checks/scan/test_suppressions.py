"""`.tidegate-scan.toml`: what it may say, and one clear line for what it may not."""

from datetime import date

import pytest

from tidegate.checks.scan.results import Suppressed
from tidegate.checks.scan.suppressions import parse
from tidegate.checks.scan.trouble import ScanError

GOOD = 'fingerprint = "0123456789abcdef"\nreason = "revoked in March"\nexpires = 2027-03-01\n'


def test_a_good_one() -> None:
    rules = parse(f"# ours\n[[suppress]]\n{GOOD}".encode(), "file")
    assert rules.find("0123456789abcdef") == Suppressed("revoked in March", date(2027, 3, 1))
    assert rules.find("f" * 16) is None


@pytest.mark.parametrize("text", ["", "\ufeff", "# nothing yet\n", "suppress = []\n"])
def test_an_empty_file(text: str) -> None:
    assert parse(text.encode(), "file").rules == {}


@pytest.mark.parametrize("expires", ["2027-03-01", '"2027-03-01"', "2027-03-01T10:00:00Z"])
def test_days(expires: str) -> None:
    text = f"[[suppress]]\n{GOOD}".replace("expires = 2027-03-01", f"expires = {expires}")
    assert parse(text.encode(), "file").rules["0123456789abcdef"].expires == date(2027, 3, 1)


def test_a_longer_fingerprint_is_that_of_betterleaks() -> None:
    text = f"[[suppress]]\n{GOOD}".replace("0123456789abcdef", "0123456789abcdef" * 4)
    assert list(parse(text.encode(), "file").rules) == ["0123456789abcdef"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("reason", "# reason"), "file:3: a suppression needs a reason"),
        (("revoked in March", ""), "file:3: a suppression needs a reason"),
        (("revoked in March", "ok"), "file:3: a suppression needs a reason"),
        (("expires", "# expires"), "file:3: a suppression needs a last day"),
        (("2027-03-01", '"some day"'), "file:3: a suppression needs a last day"),
        (("0123456789abcdef", "0123"), "file:3: a suppression needs the fingerprint"),
        (("0123456789abcdef", "0123456789ABCDEF"), "file:3: a suppression needs the fingerprint"),
        (("reason", "reasons"), "file:3: 'reasons' means nothing here; did you mean reason?"),
        (("reason", "why"), "file:3: 'why' means nothing here; a suppression has"),
        (("[[suppress]]\n", "[suppress]\n"), "file: write [[suppress]], in double brackets"),
        (("[[suppress]]", "[[suppressed]]"), "file: 'suppressed' means nothing here"),
        (("2027", "20"), "file: this is not TOML"),
    ],
)
def test_what_is_wrong(change: tuple[str, str], told: str) -> None:
    with pytest.raises(ScanError) as raised:
        parse(f"# ours\n\n[[suppress]]\n{GOOD}".replace(*change).encode(), "file")
    assert str(raised.value).startswith(told)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", [b"\xff", b"[[", b"a = " + b"[" * 5000])
def test_what_is_no_toml(text: bytes) -> None:
    with pytest.raises(ScanError, match="file: this is not TOML"):
        parse(text, "file")


def test_a_reason_is_one_harmless_line() -> None:
    text = f"[[suppress]]\n{GOOD}".replace('"revoked in March"', '"""revoked\n \\u001b[31m twice"""')
    assert parse(text.encode(), "file").rules["0123456789abcdef"].reason == "revoked [31m twice"
