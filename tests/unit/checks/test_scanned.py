"""What a scan could not read: each gap counts where it belongs, files or history."""

import gzip
from functools import partial
from pathlib import Path

import pytest

from tidegate.checks import scanned
from tidegate.checks.scan import scan
from tidegate.checks.scan.results import Counts, ScanResult, Unknown
from tidegate.checks.scanned import read_secrets
from unit.checks.corpus import commit_all

FILE = Unknown("1 file cannot be read", "run it as a user who may read it", "files")
CLONE = Unknown("this is a shallow clone", "fetch the whole history")
INNER = Unknown("web/ cannot be read", "repair it", "both")


def result(history: str) -> ScanResult:
    return ScanResult(
        root="/x",
        history=history,  # type: ignore[arg-type]
        unknowns=(FILE, CLONE, INNER),
        counts=Counts(files=1, objects=1),
    )


@pytest.mark.parametrize(
    ("history", "asked", "files", "old"),
    [
        ("read", True, [FILE, INNER], [CLONE, INNER]),
        ("skipped", False, [FILE, CLONE, INNER], ["the history was not read (--no-history)"]),
        ("none", True, [FILE, CLONE, INNER], ["this is no git repository"]),
    ],
)
def test_gaps(
    monkeypatch: pytest.MonkeyPatch, history: str, asked: bool, files: list[Unknown], old: list[Unknown | str]
) -> None:
    monkeypatch.setattr(scanned, "scan", lambda *_, **__: result(history))
    found = read_secrets(Path("/x"), history=asked)
    assert list(found.files.unknowns) == files
    assert [one.what if isinstance(old[0], str) else one for one in found.history.unknowns] == old


def test_an_archive_that_is_too_large_says_nothing_of_the_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("a")
    commit_all(tmp_path, {})
    (tmp_path / "large.gz").write_bytes(gzip.compress(b"a word " * 10_000))
    monkeypatch.setattr(scanned, "scan", partial(scan, unpack=1000))
    found = read_secrets(tmp_path, history=True)
    assert [one.what.split(":")[0] for one in found.files.unknowns] == ["large.gz was not looked at in full"]
    assert found.history.unknowns == ()
