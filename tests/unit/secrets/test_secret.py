"""A secret is shown by nothing, and compared in constant time."""

import copy
import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from tidegate.secrets.secret import Secret

CANARY = "sk-ant-api03-canary-canary-canary-wxyz"


def test_no_way_shows_it() -> None:
    secret = Secret(CANARY, "env://A")
    assert f"{secret}{secret!r}{secret!s}{secret:>9}" == "<secret from env://A>" * 4
    assert CANARY not in repr({"key": [secret]})
    assert not hasattr(secret, "__dict__")
    for dump in (pickle.dumps, copy.copy, copy.deepcopy, msgspec.json.encode, msgspec.to_builtins):
        with pytest.raises(TypeError):
            dump(secret)
    assert secret.reveal() == CANARY


@profile(deadline=None)
@given(st.text(min_size=1), st.text())
def test_matches_only_itself(text: str, other: str) -> None:
    secret = Secret(text, "x")
    assert secret.matches(text)
    assert secret.matches(text.encode("utf-8", "surrogatepass"))
    assert secret.matches(other) is (text == other)


def test_fingerprints_tell_secrets_apart_and_show_little() -> None:
    secret = Secret(CANARY, "x")
    shown = secret.fingerprint()
    assert shown.startswith("…wxyz ")
    assert len(shown) == 18
    assert shown == Secret(CANARY, "y").fingerprint()
    assert shown != Secret("b" + CANARY, "x").fingerprint()
    assert shown != secret.fingerprint(b"key")


def test_short_secrets_show_nothing_that_helps_to_guess_them() -> None:
    secret = Secret("hunter2", "x")
    assert secret.fingerprint() == "(too short to show anything of it)"
    assert "ter2" not in secret.fingerprint(b"key")
