"""App keys in the ledger's SQLite file."""

import sqlite3

import msgspec

from tidegate.databases.sqlite import File
from tidegate.model.keys import AppKey
from tidegate.model.times import parse_rfc3339, rfc3339

_COLUMNS = "id, hash, app, scopes, models, routes, user_id, user_from, transparent, created_at, expires_at, revoked_at"


class SqliteKeys:
    """Create, look up, list and revoke app keys; `file` has the ledger's tables."""

    def __init__(self, file: File) -> None:
        self._file = file
        file.migrate("ledger", "tidegate.ledgers")

    async def add(self, key: AppKey) -> None:
        """Write a new key."""
        lists = [msgspec.json.encode(value).decode() for value in (key.scopes, key.models, key.routes)]
        row = (
            *(key.id, key.hash, key.app, *lists, key.user_id, key.user_from, int(key.transparent)),
            *(_text(at) for at in (key.created_at, key.expires_at, key.revoked_at)),
        )
        await self._file.run(lambda db: db.execute(f"INSERT INTO keys VALUES ({','.join('?' * 12)})", row))  # noqa: S608 - only question marks

    def find(self, key_id: str) -> AppKey | None:
        """The key of that id, revoked or not; one indexed read."""
        query = f"SELECT {_COLUMNS} FROM keys WHERE id = ?"  # noqa: S608 - fixed column names
        row = self._file.read(lambda db: db.execute(query, (key_id,)).fetchone())
        return _key(row) if row else None

    def list(self) -> list[AppKey]:
        """All keys, oldest first."""
        query = f"SELECT {_COLUMNS} FROM keys ORDER BY created_at, id"  # noqa: S608 - fixed column names
        return [_key(row) for row in self._file.read(lambda db: db.execute(query).fetchall())]

    async def revoke(self, key_id: str, at: int) -> bool:
        """Mark a key as revoked; False when there is none of that id.  Revoking twice keeps the first time."""
        query = "UPDATE keys SET revoked_at = COALESCE(revoked_at, ?) WHERE id = ?"
        return await self._file.run(lambda db: db.execute(query, (rfc3339(at), key_id)).rowcount == 1)


def _key(row: sqlite3.Row) -> AppKey:
    key_id, digest, app, scopes, models, routes, user_id, user_from, transparent, *times = row
    created_at, expires_at, revoked_at = (parse_rfc3339(text) if text else None for text in times)
    return AppKey(
        id=key_id,
        hash=digest,
        app=app,
        scopes=tuple(msgspec.json.decode(scopes)),
        models=tuple(msgspec.json.decode(models)),
        routes=tuple(msgspec.json.decode(routes)),
        user_id=user_id,
        user_from=user_from,
        transparent=bool(transparent),
        created_at=created_at or 0,
        expires_at=expires_at,
        revoked_at=revoked_at,
    )


def _text(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)
