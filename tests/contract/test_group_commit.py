"""How much work becomes one transaction of a SQLite file on an event loop."""

import asyncio
import sqlite3
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.databases.sqlite import _TURNS, AsyncFile


class Commits:
    """A listener that counts."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self._before = 0

    def before_work(self, db: sqlite3.Connection) -> None:
        self._before = self._count(db)

    def before_commit(self, db: sqlite3.Connection) -> None:
        self.sizes.append(self._count(db) - self._before)

    def after_rollback(self) -> None:
        """Nothing is kept here."""

    def _count(self, db: sqlite3.Connection) -> int:
        return int(db.execute("SELECT COUNT(*) FROM notes").fetchone()[0])


@pytest.fixture
def commits() -> Commits:
    return Commits()


@pytest.fixture
def file(tmp_path: Path, commits: Commits) -> Iterator[AsyncFile]:
    file = AsyncFile(tmp_path / "notes.db")
    asyncio.run(_table(file))
    file.listen(commits)
    yield file
    file.close()


async def _table(file: AsyncFile) -> None:
    await file.run(lambda db: db.execute("CREATE TABLE notes (text TEXT)"))


async def note(file: AsyncFile, *, turn: int = 0) -> None:
    for _ in range(turn):
        await asyncio.sleep(0)  # gives way for one turn of the loop
    await file.run(lambda db: db.execute("INSERT INTO notes VALUES ('x')"))


async def _all(*work: Coroutine[Any, Any, None]) -> None:
    await asyncio.gather(*work)


def test_who_is_alone_waits_for_nobody(file: AsyncFile, commits: Commits) -> None:
    async def one_after_the_other() -> None:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = asyncio.ensure_future(count())
        await note(file)
        counting.cancel()
        assert turns <= 2

    asyncio.run(one_after_the_other())
    assert commits.sizes == [1]


def test_turns_that_bring_more_work_are_waited_for(file: AsyncFile, commits: Commits) -> None:
    asyncio.run(_all(note(file), *(note(file, turn=turn) for turn in range(_TURNS - 1))))
    assert commits.sizes == [_TURNS]


def test_a_pause_ends_the_waiting(file: AsyncFile, commits: Commits) -> None:
    asyncio.run(_all(note(file), note(file), note(file, turn=4)))
    assert commits.sizes == [2, 1]


def test_nobody_waits_longer_than_the_most_turns(file: AsyncFile, commits: Commits) -> None:
    """Work that never stops coming does not keep the first of it for ever."""
    asyncio.run(_all(note(file), *(note(file, turn=turn) for turn in range(5 * _TURNS))))
    assert sum(commits.sizes) == 5 * _TURNS + 1
    assert max(commits.sizes) <= _TURNS + 2
