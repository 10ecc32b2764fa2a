"""Names are shown in one harmless line, without a secret."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.checks.scan.names import display
from unit.checks.scan.fakes import MAKERS


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"src/app.py", "src/app.py"),
        ("größe/名前.py".encode(), "größe/名前.py"),
        (b"a b", "a b"),
        (b"new\nline", r'"new\nline"'),
        (b"\x1b[31mred", r'"\x1b[31mred"'),
        (b"bad\xff", r'"bad\xff"'),
        (b'quo"te', r'"quo\"te"'),
        (b"back\\slash", r"back\slash"),
        ("\u202egnp.exe".encode(), r'"\u202egnp.exe"'),
        (b"", ""),
    ],
)
def test_names(raw: bytes, told: str) -> None:
    assert display(raw) == told


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_every_name_can_be_printed(raw: bytes) -> None:
    told = display(raw)
    assert told.isprintable()
    told.encode()


@pytest.mark.parametrize("kind", MAKERS)
def test_a_secret_in_a_name_is_masked(kind: object) -> None:
    secret = MAKERS[kind](random.Random(1))  # type: ignore[index]  # one of the kinds
    told = display(f"logs/{secret}.json {secret}".encode())
    assert secret not in told
    assert told.count(secret[-4:]) == 2
    assert told.startswith("logs/")
