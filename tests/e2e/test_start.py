"""A start that is refused makes nothing: one line, and the folder as it was."""

import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.commands import Folder
from tidegate.assemble import assemble, assemble_guard, load_texts
from tidegate.config.load import load
from tidegate.config.settings import Settings
from tidegate.model.errors import ConfigError

TWO = '[store]\nurl = "sqlite:///s.db"\n[ledger]\nurl = "sqlite:///l.db"\n'
GARBAGE = b"no database at all " * 500


def nothing(_: Path) -> None:
    """The folder of somebody who begins."""


def garbage(name: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / name).write_bytes(GARBAGE)

    return make


def torn(name: str) -> Callable[[Path], None]:
    """A database whose first page is whole in its head only."""

    def make(folder: Path) -> None:
        with sqlite3.connect(folder / name) as db:
            db.execute("CREATE TABLE t (a)")
        db.close()
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))

    return make


def hard_links(folder: Path) -> None:
    (folder / "l.db").touch()
    (folder / "s.db").hardlink_to(folder / "l.db")


def circle(folder: Path) -> None:
    (folder / "s.db").symlink_to("s.db")


def a_folder(folder: Path) -> None:
    (folder / "s.db").mkdir()


REFUSED: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "a store that is not built": ('[store]\nurl = "redis://x"\n', nothing, '[store] url = "redis://…" is not built'),
    "a ledger that is not built": ('[ledger]\nurl = "postgresql://x/y"\n', nothing, '[ledger] url = "postgresql://…"'),
    "a store that is none": (TWO, garbage("s.db"), "s.db is not a SQLite database: move it away"),
    "a ledger that is none": (TWO, garbage("l.db"), "l.db is not a SQLite database: move it away"),
    "a store that is torn": (TWO, torn("s.db"), "s.db is damaged: move it away"),
    "a ledger that is torn": (TWO, torn("l.db"), "l.db is damaged: move it away"),
    "a store without a folder": (TWO.replace("s.db", "no/s.db"), nothing, "no/s.db cannot be opened: does its folder"),
    "a ledger without a folder": (TWO.replace("l.db", "no/l.db"), nothing, "no/l.db cannot be opened: does its folder"),
    "a store below a file": (TWO.replace("s.db", "tidegate.toml/s.db"), nothing, "s.db cannot be opened"),
    "a store that is a folder": (TWO, a_folder, "s.db cannot be opened"),
    "a store that is a circle": (TWO, circle, "s.db cannot be opened: where does its link lead?"),
    "one file under two names": (TWO, hard_links, "l.db and "),
}


def settings_of(folder: Path, text: str) -> Settings:
    (folder / "tidegate.toml").write_text(text)
    environ = {"TIDEGATE_KEY_SECRET": "s" * 32, "ANTHROPIC_API_KEY": "sk-ant-api03-x"}
    return load(environ=environ, directory=folder)


def contents(folder: Path) -> dict[str, bytes | None]:
    return {path.name: path.read_bytes() if path.is_file() else None for path in folder.iterdir()}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("door", ["gateway", "guard"])
def test_a_refused_start_leaves_the_folder_as_it_was(tmp_path: Path, kind: str, door: str) -> None:
    text, prepare, words = REFUSED[kind]
    prepare(tmp_path)
    settings = settings_of(tmp_path, text)
    before = contents(tmp_path)
    with pytest.raises(ConfigError) as caught:
        assemble(settings) if door == "gateway" else assemble_guard(settings, load_texts())
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("kind", REFUSED)
def test_serve_leaves_it_as_it_was_too(tmp_path: Path, kind: str) -> None:
    """Before anything is assembled it counts the app keys, in the ledger."""
    text, prepare, words = REFUSED[kind]
    folder = Folder(tmp_path / "app")
    prepare(folder.path)
    (folder.path / "tidegate.toml").write_text(text)
    folder.environ |= {"TIDEGATE_KEY_SECRET": "s" * 32, "ANTHROPIC_API_KEY": "sk-ant-api03-x"}
    before = set(contents(folder.path))
    ran = folder.run("serve", "--port", "0")
    lines = [line for line in ran.stderr.splitlines() if not line.startswith("note:")]
    assert (ran.returncode, len(lines), ran.stdout) == (2, 1, "")
    assert words in lines[0]
    assert set(contents(folder.path)) == before


def test_a_port_in_use_leaves_it_as_it_was_too(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "app")
    (folder.path / "tidegate.toml").write_text(TWO)
    folder.environ |= {"TIDEGATE_KEY_SECRET": "s" * 32, "ANTHROPIC_API_KEY": "sk-ant-api03-x"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = folder.run("serve", "--port", str(taken.getsockname()[1]))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "is in use by another program" in ran.stderr
    assert set(contents(folder.path)) == {"tidegate.toml"}


def test_certificates_that_are_none_leave_it_as_it_was_too(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "app")
    (folder.path / "ca.pem").write_text("no certificate\n")
    (folder.path / "tidegate.toml").write_text(TWO + '[upstreams.anthropic]\nca_file = "ca.pem"\n')
    folder.environ |= {"TIDEGATE_KEY_SECRET": "s" * 32, "ANTHROPIC_API_KEY": "sk-ant-api03-x"}
    ran = folder.run("serve", "--port", "0")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "ca.pem cannot be used" in ran.stderr
    assert set(contents(folder.path)) == {"ca.pem", "tidegate.toml"}


def test_two_names_of_one_file_are_told_apart_from_a_failing_disk(tmp_path: Path) -> None:
    hard_links(tmp_path)
    with pytest.raises(ConfigError) as caught:
        assemble_guard(settings_of(tmp_path, TWO), load_texts())
    assert str(caught.value) == (
        f"[ledger] url and [store] url are two names of one file, {tmp_path / 'l.db'} and {tmp_path / 's.db'}, which "
        "SQLite cannot keep whole: give both the same url"
    )


def test_a_symbolic_link_is_the_file_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "l.db").touch()
    (tmp_path / "s.db").symlink_to("l.db")
    shared = assemble_guard(settings_of(tmp_path, TWO), load_texts())
    shared.close()
    assert [file.path.name for file in shared.files] == ["l.db"]


def test_keys_can_be_made_and_used_whatever_the_store_is(tmp_path: Path) -> None:
    """A ledger that is there is not refused because of a store that is damaged: keys must be revoked all the same."""
    folder = Folder(tmp_path / "app")
    (folder.path / "tidegate.toml").write_text(TWO)
    folder.environ |= {"TIDEGATE_KEY_SECRET": "s" * 32}
    key = folder.json("keys", "create", "--app", "chat")
    assert sorted(path.name for path in folder.path.glob("*.db*")) == ["l.db"]
    (folder.path / "s.db").write_bytes(GARBAGE)
    assert folder.run("keys", "revoke", str(key["id"])).returncode == 0
    assert folder.run("usage").returncode == 0


def test_workers_over_memory_are_refused(tmp_path: Path) -> None:
    """Each would let the whole budget be spent."""
    folder = Folder(tmp_path / "app")
    (folder.path / "tidegate.toml").write_text('[store]\nurl = "memory://"\n')
    folder.environ |= {"TIDEGATE_KEY_SECRET": "s" * 32, "ANTHROPIC_API_KEY": "sk-ant-api03-x"}
    ran = folder.run("serve", "--port", "0", "--workers", "2")
    assert ran.returncode == 2
    assert ran.stderr.startswith(
        'error: the option "gateway.workers" is 2, but the store is memory:// (tidegate.toml:2)'
    )
    assert len(ran.stderr.splitlines()) == 1
    assert list(folder.path.iterdir()) == [folder.path / "tidegate.toml"]
