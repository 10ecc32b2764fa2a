"""Credentials of which characters are escaped, keys over continued lines, and zips behind something else."""

import io
import json
import random

import pytest

from tidegate.checks.scan import dig as dig_module
from tidegate.checks.scan.dig import Digger, Hit
from tidegate.checks.scan.escaped import escaped_credentials
from tidegate.checks.scan.match import credentials
from tidegate.checks.scan.sieve import Sieve
from unit.checks.scan.fakes import MAKERS, PLAIN, START, drawn, look_alikes
from unit.checks.scan.hidden import NOISE, b64, env, zipped

KEY = MAKERS["api-key"](random.Random(4))
FORMS = ["\\u002d", "\\u002D", "%2D"]


def dug(data: bytes) -> list[Hit]:
    hits, cut = Digger(Sieve(), 10**7).dig(data)
    assert cut is None
    return hits


def pointed_at(data: bytes) -> bool:
    """Whether the fast look sends a content among others to the close one."""
    before = b"some code\n" * 100 + b"\n\n"
    return Sieve().pieces(before + data + b"\n\nmore", [0, len(before), len(before) + len(data) + 2]) == {1}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["api-key", "admin-key", "oauth-token", "session-key"])
def test_escaped_dashes(form: str, kind: str) -> None:
    secret = MAKERS[kind](random.Random(4))  # type: ignore[index]  # one of the kinds
    data = f'{{"a": 1,\n "key": "{secret.replace("-", form)}"}}'.encode()
    assert [(hit.kind, hit.secret.decode(), hit.via, hit.line, hit.column) for hit in dug(data)] == [
        (kind, secret, ("escapes",), 2, 10)
    ]
    assert pointed_at(data)


@pytest.mark.parametrize("form", [*FORMS, "\\\\u002d", "%2d"])
def test_an_escape_in_the_middle_alone(form: str) -> None:
    secret = f"{START}oat01-{drawn(random.Random(5), 50, PLAIN)}-{drawn(random.Random(6), 44, PLAIN)}"
    cut = secret.rindex("-")
    data = f"k={secret[:cut]}{form}{secret[cut + 1 :]}\n".encode()
    assert [(hit.secret.decode(), hit.via) for hit in dug(data)] == [(secret, ("escapes",))]


def test_what_follows_a_key_may_be_escaped() -> None:
    for behind in ("\\u0022", "%22%7D", "\\x22"):
        assert [(hit.secret.decode(), hit.via) for hit in dug(f"?key={KEY}{behind}".encode())] == [(KEY, ())]


def test_in_base64() -> None:
    (hit,) = dug(b64(json.dumps({"k": KEY}).replace("-", "\\u002d").encode()))
    assert (hit.secret.decode(), hit.via) == (KEY, ("base64", "escapes"))


@pytest.mark.parametrize("form", FORMS)
def test_no_look_alike_becomes_one(form: str) -> None:
    for line in look_alikes(random.Random(7)):
        text = line.replace("-", form).encode()
        assert [one.secret for one in escaped_credentials(text) if one.secret not in _plain(line)] == []


def _plain(line: str) -> set[bytes]:
    return {one.secret for one in credentials(line.encode())}


@pytest.mark.parametrize(
    "seam",
    ['" \\\n    "', '" + \\\n  "', '" \\\r\n\t"', '"\\\n"', "' \\\n    f'", '" "{}" \\\n "', '" \\\n "{}" \\\n "'],
)
def test_literals_on_continued_lines(seam: str) -> None:
    first, second = KEY[:40], KEY[40:]
    if "{}" in seam:
        seam, second = seam.format(KEY[40:70]), KEY[70:]
    quote = seam[0]
    data = f"k = {quote}{first}{seam}{second}{quote}\n".encode()
    assert [(hit.secret.decode(), hit.sure) for hit in dug(data)] == [(KEY, False)]


@pytest.mark.parametrize("before", [b"#!/usr/bin/env python3\n", b"MZ" + NOISE, b"\x7fELF" + NOISE * 3])
@pytest.mark.parametrize("comment", [b"", b"made by hand" * 1000])
def test_a_zip_behind_something_else(before: bytes, comment: bytes) -> None:
    archive = bytearray(zipped(("app/settings.py", env(KEY))))
    archive[-2:] = len(comment).to_bytes(2, "little")
    data = before + bytes(archive) + comment
    (hit,) = dug(data)
    assert (hit.secret.decode(), hit.via, hit.inside, hit.line) == (KEY, ("zip",), (b"app/settings.py",), 3)
    assert pointed_at(data)


def test_a_zip_behind_something_else_in_a_zip() -> None:
    inner = b"#!/usr/bin/env python3\n" + zipped(("a", env(KEY)))
    assert [hit.inside for hit in dug(zipped(("x.pyz", inner)))] == [(b"x.pyz", b"a")]


def test_a_large_file_that_ends_in_a_zip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dig_module, "WINDOW", 4096)
    data = b"#!/bin/sh\n" + NOISE * 50 + zipped(("a", env(KEY)))
    hits, cut = Digger(Sieve(), 10**7).dig_large(io.BytesIO(data))
    assert cut is None
    assert [(hit.secret.decode(), hit.inside) for hit in hits] == [(KEY, (b"a",))]


def test_a_record_without_a_zip_is_no_harm() -> None:
    assert dug(b"#!/bin/sh PK\x05\x06" + NOISE[:30]) == []
