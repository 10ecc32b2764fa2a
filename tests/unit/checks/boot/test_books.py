import sqlite3
from pathlib import Path

import pytest

from tidegate.checks.boot import books
from tidegate.checks.boot.books import look
from tidegate.config.settings import LedgerSettings, Settings, StoreSettings


def said(store: str, ledger: str, directory: Path, sign: str | None = None) -> list[tuple[str, str]]:
    settings = Settings(store=StoreSettings(url=store), ledger=LedgerSettings(url=ledger), directory=directory)
    return [(one.state.value, one.text) for one in look(settings, sign)]


def test_one_file_for_both_is_looked_at_once_and_not_made(tmp_path: Path) -> None:
    assert said("sqlite:///t.db", "sqlite:///t.db", tmp_path) == [("pass", "the store can be written")]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE one (a)")
    db.close()
    before = path.read_bytes()
    assert said("sqlite:///t.db", "sqlite:///other.db", tmp_path) == [
        ("pass", "the store can be written"),
        ("pass", "the ledger can be written"),
    ]
    assert path.read_bytes() == before


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "t.db").write_text("words " * 300)
    ((state, text),) = said("sqlite:///t.db", "sqlite:///t.db", tmp_path)
    assert state == "fail"
    assert "cannot be written" in text


def test_a_file_that_somebody_else_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "_PATIENCE", 0.0)
    holder = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    ((state, _),) = said("sqlite:///t.db", "sqlite:///t.db", tmp_path)
    holder.close()
    assert state == "fail"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    ((state, text),) = said("sqlite:///none/t.db", "sqlite:///none/t.db", tmp_path)
    assert state == "fail"
    assert "No such file" in text


def test_memory_forgets(tmp_path: Path) -> None:
    found = said("memory://", "sqlite:///t.db", tmp_path)
    assert [state for state, _ in found] == ["warn", "pass"]


@pytest.mark.parametrize("url", ["redis://user:canary@host/0", "postgresql://user:canary@host/db"])
def test_what_is_not_looked_at(url: str, tmp_path: Path) -> None:
    found = said(url, url, tmp_path)
    assert {state for state, _ in found} == {"unknown"}
    assert "canary" not in str(found)


def test_the_disk_of_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "_on_system_disk", lambda _: True)
    url = "sqlite:///t.db"
    assert [state for state, _ in said(url, url, tmp_path, "FLY_APP_NAME")] == ["warn"]
    assert [state for state, _ in said(url, url, tmp_path, "TIDEGATE_ENV")] == ["pass"]
    assert [state for state, _ in said(url, url, tmp_path)] == ["pass"]


def test_which_disk(tmp_path: Path) -> None:
    assert books._on_system_disk(Path("/"))
    assert not books._on_system_disk(tmp_path / "none")
