"""UTF-16 in either byte order, with and without a mark, at any offset."""

import random

import pytest

from tidegate.checks.scan.kinds import KindName
from tidegate.checks.scan.wide import has_mark, has_wide, narrowed, wide_credentials
from unit.checks.scan.fakes import MAKERS


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("kind", ["api-key", "oauth-token", "app-key", "webhook-secret", "session-token"])
@pytest.mark.parametrize("before", [b"", b"\x01", b"\x80\x81", b"\0\0\0"])
@pytest.mark.parametrize("behind", ["", " ", "\n", '"', "ü"])
def test_both_orders(order: str, kind: KindName, before: bytes, behind: str) -> None:
    for seed in range(5):
        secret = MAKERS[kind](random.Random(seed))
        data = before + f"{secret}{behind}".encode(order)
        assert has_wide(data)
        if len(before) % 2 == 0 or behind:
            (match,) = wide_credentials(data)
            assert (match.kind, match.secret.decode()) == (kind, secret)


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_noise_behind_a_key_is_not_part_of_it(order: str) -> None:
    secret = MAKERS["api-key"](random.Random(1))
    for noise in (b"aaaaaaaa", b"\xff\xff", b"a\x01a\x01"):
        (match,) = wide_credentials(secret.encode(order) + noise)
        assert match.secret.decode() == secret


def test_plain_text_is_not_wide() -> None:
    assert not has_wide(MAKERS["api-key"](random.Random(1)).encode())
    assert not has_wide(bytes(1000))


@pytest.mark.parametrize("text", ["", "hello", "ü\n", "\U0001f30a"])
def test_marks(text: str) -> None:
    for data in (text.encode("utf-16"), b"\xfe\xff" + text.encode("utf-16-be")):
        assert has_mark(data)
        assert narrowed(data).decode() == text
        assert has_mark(b"123" + data, 3)
    assert not has_mark(text.encode())


def test_text_that_ends_in_the_middle_of_a_character() -> None:
    assert narrowed("ab".encode("utf-16")[:-1]).decode().startswith("a")
