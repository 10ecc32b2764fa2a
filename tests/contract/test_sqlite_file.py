"""One SQLite file: transactions, group commit, locks, and whatever can be wrong with a file."""

import asyncio
import multiprocessing
import os
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop

from contract.places import AnyFile, Run
from tidegate.core.run_now import run_now
from tidegate.databases import sqlite as module
from tidegate.databases.sqlite import AsyncFile, BlockingFile
from tidegate.model.errors import ConfigError, StoreDown

TABLE = "CREATE TABLE notes (note TEXT UNIQUE)"


class Desk:
    """A file, and how its door drives it."""

    def __init__(self, run: Run, file: AnyFile) -> None:
        self.run = run
        self.file = file
        self.run(self.write(lambda db: db.execute(TABLE)))

    async def write(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        return await self.file.run(work)

    def note(self, text: str) -> None:
        self.run(self.write(lambda db: db.execute("INSERT INTO notes VALUES (?)", (text,))))

    def notes(self) -> list[str]:
        """As another process sees them."""
        with closing(sqlite3.connect(self.file.path)) as db:
            return [row[0] for row in db.execute("SELECT note FROM notes ORDER BY note")]


@pytest.fixture(params=["asyncio", "uvloop", "blocking"])
def desk(request: pytest.FixtureRequest, folder: Path) -> Iterator[Desk]:
    path = folder / "notes.db"
    if request.param == "blocking":
        with closing(BlockingFile(path)) as blocking:
            yield Desk(run_now, blocking)
        return
    loop = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
    with closing(AsyncFile(path)) as file, asyncio.Runner(loop_factory=loop) as runner:
        yield Desk(runner.run, file)


@contextmanager
def locked(path: Path) -> Iterator[Callable[[], None]]:
    """Another program holds the file; call what is given to let it go."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as db:
        db.execute("BEGIN IMMEDIATE")

        def let_go() -> None:
            if db.in_transaction:
                db.execute("ROLLBACK")

        yield let_go


class Hours:
    """The time of the module: every look at it is a second later, and sleeping calls whoever waits for that."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: float = 0.0) -> None:
        self.now = 0.0
        self.step = step
        self.slept = 0
        self.on_sleep: Callable[[], None] = lambda: None
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=self.monotonic, sleep=self.sleep))

    def monotonic(self) -> float:
        self.now += self.step
        return self.now

    def sleep(self, _seconds: float) -> None:
        self.slept += 1
        self.on_sleep()


# -- one transaction


def test_what_is_answered_is_on_disk(desk: Desk) -> None:
    desk.note("a")
    assert desk.notes() == ["a"]


def test_what_fails_is_not(desk: Desk) -> None:
    def work(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO notes VALUES ('half')")
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        desk.run(desk.write(work))
    with pytest.raises(StoreDown, match="UNIQUE"):
        desk.run(desk.write(lambda db: db.executemany("INSERT INTO notes VALUES (?)", [("b",), ("b",)])))
    assert desk.notes() == []
    desk.note("c")
    assert desk.notes() == ["c"]


@pytest.mark.parametrize(("durability", "level"), [("process", 1), ("power", 2)])
@pytest.mark.parametrize("make", [AsyncFile, BlockingFile])
def test_durability(folder: Path, make: type[AsyncFile] | type[BlockingFile], durability: str, level: int) -> None:
    with closing(make(folder / "notes.db", durability=durability)) as file:
        assert file.read(lambda db: db.execute("PRAGMA synchronous").fetchone()) == (level,)
        assert file.read(lambda db: db.execute("PRAGMA journal_mode").fetchone()) == ("wal",)


class Ear:
    """A listener that notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def before_work(self, db: sqlite3.Connection) -> None:
        assert db.in_transaction
        self.heard.append("before_work")

    def before_commit(self, db: sqlite3.Connection) -> None:
        assert db.in_transaction
        self.heard.append("before_commit")

    def after_rollback(self) -> None:
        self.heard.append("after_rollback")


def test_listeners_hear_of_every_transaction(desk: Desk) -> None:
    ear = Ear()
    desk.file.listen(ear)
    desk.note("a")
    assert ear.heard == ["before_work", "before_commit"]
    with pytest.raises(StoreDown):
        desk.note("a")
    assert ear.heard[-2:] == ["before_work", "after_rollback"]


def test_waiting_for_a_lock_is_no_rollback(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or every collision of two processes would cost each of them all that it knows."""
    ear = Ear()
    desk.file.listen(ear)
    Hours(monkeypatch, step=1.0)
    with locked(desk.file.path), pytest.raises(StoreDown):
        desk.note("a")
    assert ear.heard == []
    desk.note("a")
    assert ear.heard == ["before_work", "before_commit"]


def test_a_rollback_that_fails_is_made_up_for(desk: Desk) -> None:
    file = desk.file
    file._db.execute("BEGIN IMMEDIATE")
    file._db.execute("INSERT INTO notes VALUES ('left over')")
    with suppress(StoreDown):
        desk.note("a")
    desk.note("b")
    assert desk.notes()[-1] == "b"
    assert "left over" not in desk.notes()


# -- group commit


def together(*works: Callable[[sqlite3.Connection], Any]) -> Callable[[AsyncFile], Coroutine[Any, Any, list[Any]]]:
    async def run(file: AsyncFile) -> list[Any]:
        return await asyncio.gather(*[file.run(work) for work in works], return_exceptions=True)

    return run


def note(text: str) -> Callable[[sqlite3.Connection], int]:
    return lambda db: db.execute("INSERT INTO notes VALUES (?)", (text,)).rowcount


@pytest.fixture
def group(folder: Path) -> Iterator[Desk]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, closing(AsyncFile(folder / "notes.db")) as file:
        yield Desk(runner.run, file)


def test_all_work_of_a_turn_is_one_transaction(group: Desk) -> None:
    assert isinstance(group.file, AsyncFile)
    said: list[str] = []
    group.file._db.set_trace_callback(said.append)
    assert group.run(together(*[note(f"{n:03}") for n in range(200)])(group.file)) == [1] * 200
    assert [text for text in said if not text.startswith("INSERT")] == ["BEGIN IMMEDIATE", "COMMIT"]
    assert group.notes() == [f"{n:03}" for n in range(200)]


def test_a_bad_piece_fails_alone(group: Desk) -> None:
    assert isinstance(group.file, AsyncFile)

    def bug(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO notes VALUES ('half')")
        raise ValueError("a bug")

    group.note("a")
    results = group.run(together(note("b"), note("a"), note("c"), bug, note("d"))(group.file))
    assert [results[0], results[2], results[4]] == [1, 1, 1]
    assert isinstance(results[1], StoreDown)
    assert isinstance(results[3], ValueError)
    assert group.notes() == ["a", "b", "c", "d"]


def test_a_cancelled_piece_is_done_all_the_same(group: Desk) -> None:
    assert isinstance(group.file, AsyncFile)
    file = group.file

    async def run() -> None:
        first, second = asyncio.ensure_future(file.run(note("a"))), asyncio.ensure_future(file.run(note("b")))
        first.cancel()
        await second

    group.run(run())
    assert group.notes() == ["a", "b"]


def test_a_bad_piece_while_the_file_is_locked(group: Desk) -> None:
    """The good ones wait for the lock as they would without the bad one."""
    assert isinstance(group.file, AsyncFile)
    file = group.file
    other = sqlite3.connect(file.path, isolation_level=None, timeout=0)

    def bug(_db: sqlite3.Connection) -> None:
        raise ValueError("a bug")

    class Locks(Ear):
        """Locks the file right after the batch has failed."""

        def after_rollback(self) -> None:
            if "after_rollback" not in self.heard:
                other.execute("BEGIN IMMEDIATE")
            self.heard.append("after_rollback")

    file.listen(Locks())

    async def run() -> list[Any]:
        results = asyncio.ensure_future(together(note("a"), bug, note("b"))(file))
        for _ in range(20):
            await asyncio.sleep(0)
        other.execute("ROLLBACK")
        return await results

    with closing(other):
        results = group.run(run())
    assert [results[0], results[2]] == [1, 1]
    assert isinstance(results[1], ValueError)


# -- locks


def test_a_locked_file_is_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with locked(desk.file.path) as let_go:
        if isinstance(desk.file, BlockingFile):
            hours = Hours(monkeypatch)
            hours.on_sleep = lambda: let_go() if hours.slept == 3 else None
            desk.note("a")
            assert hours.slept == 3
        else:

            async def run() -> None:
                task = asyncio.ensure_future(desk.write(note("a")))
                for _ in range(50):
                    await asyncio.sleep(0)
                assert not task.done()
                let_go()
                await task

            desk.run(run())
    assert desk.notes() == ["a"]


def test_a_file_that_stays_locked_is_down(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    Hours(monkeypatch, step=1.0)
    with locked(desk.file.path):
        with pytest.raises(StoreDown, match=r"notes\.db is locked by another program; stop that one or wait") as caught:
            desk.note("a")
        assert "\n" not in str(caught.value)
        with pytest.raises(StoreDown):
            desk.note("b")
    desk.note("c")
    assert desk.notes() == ["c"], "what was refused is not done later"


def test_patience_begins_anew(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was down is waited for again."""
    hours = Hours(monkeypatch, step=1.0)
    with locked(desk.file.path):
        with pytest.raises(StoreDown):
            desk.note("a")
        first = hours.now
        with pytest.raises(StoreDown):
            desk.note("b")
        assert hours.now - first > module.PATIENCE


def test_closing_writes_what_waits(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of a process the last settlements are worth a little patience."""
    hours = Hours(monkeypatch)
    file = AsyncFile(folder / "notes.db")

    async def run() -> int:
        await file.run(lambda db: db.execute(TABLE))
        task = asyncio.ensure_future(together(note("a"), note("b"))(file))
        await asyncio.sleep(0)
        with locked(file.path) as let_go:
            hours.on_sleep = let_go
            file.close()
        return sum(await task)

    assert asyncio.run(run()) == 2
    assert hours.slept == 1


def test_work_after_the_end_is_refused(desk: Desk) -> None:
    desk.file.close()
    with pytest.raises(StoreDown):
        desk.note("a")


def test_a_loop_that_ended_while_it_waited_holds_nobody_up(folder: Path) -> None:
    """Scripts call asyncio.run several times with one client."""
    with closing(AsyncFile(folder / "notes.db")) as file:
        asyncio.run(Desk(asyncio.run, file).write(note("a")))

        async def impatient() -> None:
            task = asyncio.ensure_future(file.run(note("b")))
            for _ in range(5):
                await asyncio.sleep(0)
            assert not task.done()

        with locked(file.path):
            asyncio.run(impatient())
        asyncio.run(Desk.write(SimpleNamespace(file=file), note("c")))  # type: ignore[arg-type]  # only its file is used
        with closing(sqlite3.connect(file.path)) as db:
            assert {row[0] for row in db.execute("SELECT note FROM notes")} >= {"a", "c"}


def test_whoever_waits_on_a_loop_that_is_closed_holds_nobody_up(folder: Path) -> None:
    with closing(AsyncFile(folder / "notes.db")) as file:
        desk = Desk(asyncio.run, file)
        loop = asyncio.new_event_loop()

        async def forgotten() -> None:
            file.run(note("a")).add_done_callback(lambda _: None)  # type: ignore[attr-defined]  # it is a future

        with locked(file.path):
            loop.run_until_complete(forgotten())
            loop.close()

        assert asyncio.run(together(note("b"), note("c"))(file)) == [1, 1]
        assert desk.notes() == ["a", "b", "c"]


def test_threads_take_turns(folder: Path) -> None:
    with closing(BlockingFile(folder / "notes.db")) as file:
        file.run_blocking(lambda db: db.execute(TABLE))

        def write(name: int) -> None:
            for number in range(50):
                file.run_blocking(note(f"{name}-{number}"))

        threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert file.read(lambda db: db.execute("SELECT COUNT(*) FROM notes").fetchone()) == (200,)


def test_a_reader_sees_committed_data_only(folder: Path) -> None:
    """Even when another thread is in the middle of a transaction on the same connection."""
    seen: list[int] = []
    with closing(BlockingFile(folder / "notes.db")) as file:
        file.run_blocking(lambda db: db.execute(TABLE))
        begun = threading.Event()

        def read() -> None:
            begun.set()
            seen.append(file.read(lambda db: db.execute("SELECT COUNT(*) FROM notes").fetchone()[0]))

        reader = threading.Thread(target=read)

        def work(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO notes VALUES ('never committed')")
            reader.start()
            begun.wait()
            reader.join(0.05)  # a reader that does not wait for the end of this transaction is done by then
            raise KeyError("roll back")

        with pytest.raises(KeyError):
            file.run_blocking(work)
        reader.join()
    assert seen == [0]


def test_a_new_file_that_another_process_opens_just_now(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite refuses the switch to WAL at once then, whatever its time-out says; two workers start together."""
    connect, refusals = sqlite3.connect, ["database is locked"] * 3
    hours = Hours(monkeypatch)

    class Connection(sqlite3.Connection):
        def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
            if "journal_mode" in statement and refusals:
                error = sqlite3.OperationalError(refusals.pop())
                error.sqlite_errorcode = sqlite3.SQLITE_BUSY
                raise error
            return super().execute(statement, *arguments)

    monkeypatch.setattr(sqlite3, "connect", lambda path, **options: connect(path, **options, factory=Connection))
    with closing(BlockingFile(folder / "notes.db")) as file:
        file.run_blocking(lambda db: db.execute(TABLE))
    assert (refusals, hours.slept) == ([], 3)
    hours.step = 1.0
    refusals += ["database is locked"] * 100
    with pytest.raises(ConfigError, match=r"notes\.db is locked by another program"):
        BlockingFile(folder / "notes.db")


# -- what can be wrong with a file


def test_a_full_disk(desk: Desk) -> None:
    db = desk.file._db
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(StoreDown, match=r"notes\.db cannot grow: the disk is full; free some space") as caught:
        desk.note("x" * 100_000)
    assert "\n" not in str(caught.value)
    db.execute("PRAGMA max_page_count = 1000000")
    desk.note("y" * 100_000)
    assert desk.notes() == ["y" * 100_000]


@pytest.mark.parametrize("make", [AsyncFile, BlockingFile])
def test_files_that_cannot_be_opened(folder: Path, make: type[AsyncFile] | type[BlockingFile]) -> None:
    (folder / "letter.db").write_text("Dear Sir or Madam,\n" * 100, "utf-8")
    (folder / "folder.db").mkdir()
    expected = {
        "letter.db": "is not a SQLite database: move it away or name another file",
        "folder.db": "cannot be opened: does its folder exist, and may this user write there?",
        "missing/notes.db": "cannot be opened: does its folder exist, and may this user write there?",
    }
    for name, text in expected.items():
        with pytest.raises(ConfigError) as caught:
            make(folder / name)
        assert str(caught.value) == f"{folder / name} {text}"
    assert not (folder / "missing").exists()


def test_a_damaged_file(desk: Desk) -> None:
    for number in range(50):
        desk.note(f"{number}" * 400)
    desk.file._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = desk.file.path.stat().st_size
    with desk.file.path.open("r+b") as raw:
        raw.seek(4096)
        raw.write(b"\xff" * (size - 4096))
    desk.file._db.execute("PRAGMA shrink_memory")
    with pytest.raises(StoreDown, match=r"notes\.db is damaged: move it away and restore a backup") as caught:
        desk.note("a")
    assert "\n" not in str(caught.value)


def _as_another_user(path: str, said: Any) -> None:
    """In a child: open the file without the right to write it."""
    if os.getuid() == 0:
        os.setuid(65534)
    try:
        file = BlockingFile(Path(path))
        file.run_blocking(lambda db: db.execute("INSERT INTO notes VALUES ('a')"))
    except (ConfigError, StoreDown) as error:
        said.put(str(error))
    else:
        said.put("written")


@pytest.mark.parametrize("mode", ["file", "folder"])
def test_a_file_that_may_not_be_written(mode: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "notes.db"
        with closing(BlockingFile(path)) as file:
            file.run_blocking(lambda db: db.execute(TABLE))
        path.chmod(0o444 if mode == "file" else 0o666)
        Path(name).chmod(0o777 if mode == "file" else 0o555)
        fork = multiprocessing.get_context("fork")
        said = fork.SimpleQueue()
        child = fork.Process(target=_as_another_user, args=(str(path), said))
        child.start()
        text = said.get()
        child.join()
        Path(name).chmod(0o700)
    assert text.startswith(f"{path} ")
    assert "read-only: give this user the right to write" in text or "cannot be opened: does its folder" in text
    assert "\n" not in text


@pytest.mark.parametrize("part", ["store", "ledger"])
def test_a_file_of_a_newer_version_is_told_apart_from_a_damaged_one(tmp_path: Path, part: str) -> None:
    path = tmp_path / "tidegate.db"
    package = f"tidegate.{part}s"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE migrations (part TEXT, script TEXT, PRIMARY KEY (part, script)) WITHOUT ROWID")
        db.execute("INSERT INTO migrations VALUES (?, '9999_of_tomorrow.sql')", (part,))
        db.commit()
    file = BlockingFile(path)
    with pytest.raises(ConfigError, match=r"tidegate\.db was made by a newer version of tidegate: use that version"):
        file.migrate(part, package)
    file.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("migrations",)]
