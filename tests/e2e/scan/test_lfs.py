"""What git-lfs keeps beside the history is read, and what is not here is a gap."""

import random
from hashlib import sha256
from pathlib import Path

import pytest

from e2e.scan.command import document, scan
from e2e.scan.conftest import NewRepo
from e2e.scan.planted import Repo, zipped
from tidegate.checks.scan import dig
from unit.checks.scan.fakes import MAKERS

KEY = MAKERS["api-key"](random.Random(1))


def pointer(content: bytes) -> bytes:
    """As git-lfs writes it (docs/spec.md there)."""
    name = sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{name}\nsize {len(content)}\n".encode()


def keep(repo: Repo, content: bytes, store: str = ".git/lfs") -> Path:
    name = sha256(content).hexdigest()
    return repo.write(f"{store}/objects/{name[:2]}/{name[2:4]}/{name}", content)


@pytest.fixture
def large(new_repo: NewRepo) -> Repo:
    """A pointer, in the history alone; what it stands for is kept nowhere."""
    repo = new_repo()
    repo.commit("data.bin", pointer(b"settings\n" + KEY.encode()))
    repo.remove("data.bin")
    return repo


def test_a_content_that_is_not_here_is_a_gap_each_time(large: Repo) -> None:
    for _ in range(2):  # the second time with what is remembered of the first
        told = document(large.path, code=4)
        (gap,) = told["unknowns"]
        assert "git-lfs keeps its content, which is not here: 1 object" in gap["what"]
        assert gap["remedy"].endswith("git lfs fetch --all")


def test_a_content_that_is_here_is_read_as_the_file_that_it_is(large: Repo) -> None:
    keep(large, b"settings\n" + KEY.encode())
    (finding,) = document(large.path, code=1)["findings"]
    (place,) = finding["places"]
    assert (place["path"], place["line"], place["via"], place["where"]) == ("data.bin", 2, ["git-lfs"], "history")
    assert "in git-lfs" in scan(large.path).out


def test_a_clean_content_is_remembered_as_any_other(new_repo: NewRepo) -> None:
    repo = new_repo()
    repo.commit("data.bin", pointer(b"nothing\n"))
    keep(repo, b"nothing\n")
    assert document(repo.path, code=0)["state"] == "clean"
    assert document(repo.path, code=0)["counts"]["objects_read"] == 0


def test_files_and_the_index(new_repo: NewRepo) -> None:
    repo = new_repo()
    repo.write("a.bin", pointer(KEY.encode()))
    repo.git("add", "a.bin")
    for arguments in (("--no-history",), ("--staged",)):
        assert document(repo.path, *arguments, code=4)["state"] == "unknown"
    keep(repo, KEY.encode())
    for option, where in (("--no-history", ["file", "staged"]), ("--staged", ["staged"])):
        (finding,) = document(repo.path, option, code=1)["findings"]
        assert [(place["path"], place["where"]) for place in finding["places"]] == [("a.bin", one) for one in where]


def test_another_store(large: Repo) -> None:
    large.git("config", "lfs.storage", "elsewhere")
    keep(large, b"settings\n" + KEY.encode(), ".git/elsewhere")
    assert document(large.path, code=1)["unknowns"] == []


def test_many_gaps_are_one(new_repo: NewRepo) -> None:
    repo = new_repo()
    for number in range(3):
        repo.commit(f"{number}.bin", pointer(f"{number}".encode()))
    gaps = document(repo.path, code=4)["unknowns"]
    assert [gap["what"].split(", the")[0].rpartition(": ")[2] for gap in gaps] == ["3 files", "3 objects"]


@pytest.mark.parametrize("window", [64, dig.WINDOW])
def test_an_archive_in_it(new_repo: NewRepo, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dig, "WINDOW", window)
    repo, content = new_repo(), zipped(**{"a.env": f"KEY={KEY}\n".encode()})
    repo.commit("a.zip", pointer(content))
    keep(repo, content)
    (finding,) = document(repo.path, code=1)["findings"]
    assert {(place["path"], tuple(place["via"])) for place in finding["places"]} == {
        ("a.zip!a.env", ("git-lfs", "zip"))
    }


def test_a_key_beside_the_pointer_is_found_too(new_repo: NewRepo) -> None:
    repo = new_repo()
    repo.commit("a.bin", pointer(b"x") + f"KEY={KEY}\n".encode())
    assert len(document(repo.path, code=1)["findings"]) == 1


def test_a_page_about_pointers_is_none(new_repo: NewRepo) -> None:
    repo = new_repo()
    repo.commit("README.md", b"A pointer:\n\n" + pointer(b"x"))
    assert document(repo.path, code=0)["state"] == "clean"
