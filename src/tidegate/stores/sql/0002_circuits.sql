-- The breaker's circuits (policy/breaker.py), as of the snapshot; state is MessagePack.
-- IF NOT EXISTS, because files exist in which this script ran under an earlier name.
CREATE TABLE IF NOT EXISTS circuits (
    name TEXT PRIMARY KEY,
    state BLOB NOT NULL
) STRICT, WITHOUT ROWID;
