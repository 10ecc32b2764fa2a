"""Archives that are broken, hostile or locked: what can be read is read, nothing raises, nothing takes for ever."""

import gzip
import io
import random
import struct
import zipfile

import pytest

from tidegate.checks.scan import packed
from tidegate.checks.scan.packed import Budget, form_of, is_packed, members
from unit.checks.scan.hidden import HIDDEN, NOISE, env, tarred, zipped

PACKED = [
    name for name, hidden in HIDDEN.items() if hidden.via[:1] in {("gzip",), ("bzip2",), ("xz",), ("zip",), ("tar",)}
]


def unpacked(data: bytes, size: int = 10**6) -> tuple[dict[bytes, bytes], Budget]:
    budget = Budget(size)
    form = form_of(data)
    assert form is not None
    return {one.name: one.stream.read(10**9) for one in members(io.BytesIO(data), form, budget)}, budget


@pytest.mark.parametrize("place", PACKED)
def test_the_form_is_known_by_the_first_bytes(place: str) -> None:
    data = HIDDEN[place].hide("x")
    assert form_of(data[:262]) == HIDDEN[place].via[0]
    assert is_packed(data)
    assert is_packed(b"12345" + data, 5)
    assert not is_packed(b"?" + data)


@pytest.mark.parametrize("place", PACKED)
def test_an_archive_that_was_cut_off_or_changed_anywhere(place: str) -> None:
    data = HIDDEN[place].hide("key")
    rng = random.Random(1)
    for _ in range(150):
        at = rng.randrange(262, len(data)) if len(data) > 300 else rng.randrange(10, len(data))
        for broken in (data[:at], data[:at] + rng.randbytes(20) + data[at + 20 :]):
            if form_of(broken) is not None:
                assert unpacked(broken)[1].cut is None


def test_of_a_truncated_gzip_the_beginning_is_read() -> None:
    data = gzip.compress(b"a line\n" + NOISE)
    found, _ = unpacked(data[:-600])
    assert found[b""].startswith(b"a line\n")


@pytest.mark.parametrize("size", [1000, 5000])
def test_a_budget_ends_the_reading(size: int) -> None:
    found, budget = unpacked(zipped(("a", b"x" * 3000), ("b", b"y" * 3000)), size)
    assert sum(map(len, found.values())) == size
    assert budget.cut is not None


def test_a_budget_that_is_just_enough() -> None:
    found, budget = unpacked(zipped(("a", b"x" * 3000), ("b", b"y" * 3000)), 6000)
    assert sum(map(len, found.values())) == 6000
    assert budget.cut is None


def test_too_many_members() -> None:
    data = tarred(*((f"{number}", b"") for number in range(20)))
    budget = Budget(10**6, members=10)
    assert len(list(members(io.BytesIO(data), "tar", budget))) == 10
    assert budget.cut == "it has too many members"


@pytest.mark.parametrize("wide", [False, True])
def test_a_huge_directory_is_not_read(monkeypatch: pytest.MonkeyPatch, wide: bool) -> None:
    data = bytearray(zipped(*((f"{number}", b"x") for number in range(40))))
    if wide:
        at = data.rindex(b"PK\x05\x06")
        data[at:at] = b"PK\x06\x06" + bytes(36) + data[at + 12 : at + 16] + bytes(12)
        at = data.rindex(b"PK\x05\x06")
        data[at + 12 : at + 16] = b"\xff" * 4
    monkeypatch.setattr(packed, "_MOST_DIRECTORY", 1000)
    found, budget = unpacked(bytes(data))
    assert found == {}
    assert budget.cut == "it has too many members"


def test_a_directory_that_cannot_be_so_large_is_damage() -> None:
    data = bytearray(zipped(("a", b"x")))
    at = data.rindex(b"PK\x05\x06")
    data[at + 12 : at + 16] = struct.pack("<I", 2**31)
    found, budget = unpacked(bytes(data))
    assert (found, budget.cut) == ({}, None)


def test_encrypted_members_are_passed_over() -> None:
    data = bytearray(zipped(("a", b"x"), ("b", b"plain")))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    assert unpacked(bytes(data))[0] == {b"b": b"plain"}


def test_an_unknown_method_is_no_error() -> None:
    data = bytearray(zipped(("a", b"x")))
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(mark) + offset] = 98
    assert unpacked(bytes(data))[0] == {}


def test_no_archive_is_deeper_than_four() -> None:
    budget = Budget(10**6)
    assert [budget.enter() for _ in range(5)] == [True, True, True, True, False]
    assert budget.cut is not None


def test_names_stay_bytes() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../ü\n.env", env("x"))
    assert list(unpacked(file.getvalue())[0]) == ["../ü\n.env".encode()]
