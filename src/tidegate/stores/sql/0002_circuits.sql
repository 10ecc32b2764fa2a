-- The breaker's circuits (policy/breaker.py), as of the snapshot; state is MessagePack.
CREATE TABLE circuits (
    name TEXT PRIMARY KEY,
    state BLOB NOT NULL
) STRICT, WITHOUT ROWID;
