"""The cache holds clean ids, and believes nothing that it has not written itself."""

import random
from pathlib import Path

import pytest

from tidegate.checks.scan import cache as cache_module
from tidegate.checks.scan.cache import Cache


def ids(count: int, length: int = 40) -> set[bytes]:
    rng = random.Random(count)
    return {rng.randbytes(length // 2).hex().encode() for _ in range(count)}


@pytest.mark.parametrize("length", [40, 64])
@pytest.mark.parametrize("count", [0, 1, 1000])
def test_what_is_written_is_read(tmp_path: Path, length: int, count: int) -> None:
    cache = Cache(tmp_path, length, 1)
    assert cache.read() == set()
    assert cache.write(ids(count, length)) is None
    assert cache.read() == ids(count, length)
    assert [path.name for path in (tmp_path / "tidegate").iterdir()] == ["scan-cache"]


def test_other_rules_and_other_bounds_know_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Cache(tmp_path, 40, 1).write(ids(5))
    assert Cache(tmp_path, 40, 2).read() == set()
    assert Cache(tmp_path, 64, 1).read() == set()
    monkeypatch.setattr(cache_module, "RULES", cache_module.RULES + 1)
    assert Cache(tmp_path, 40, 1).read() == set()


def test_a_damaged_file_is_as_none(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 40, 1)
    cache.write(ids(50))
    file = tmp_path / "tidegate" / "scan-cache"
    whole = file.read_bytes()
    rng = random.Random(1)
    for _ in range(300):
        at = rng.randrange(len(whole))
        for broken in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :], whole + b"x", b""):
            file.write_bytes(broken)
            assert cache.read() == set()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "tidegate").write_text("a file is in the way")
    told = Cache(tmp_path, 40, 1).write(ids(1))
    assert told is not None
    assert "scan-cache" in told
    assert Cache(tmp_path, 40, 1).read() == set()
