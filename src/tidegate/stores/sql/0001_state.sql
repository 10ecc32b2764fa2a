-- Live state.  Keys are written by policy/scopes.py; money is in nano-dollars, times in microseconds since 1970 UTC.
CREATE TABLE tallies (
    key TEXT PRIMARY KEY,
    settled INTEGER NOT NULL,
    held INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE windows (
    key TEXT PRIMARY KEY,
    ends_at INTEGER NOT NULL,
    state BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- An open hold is a durable promise; the blob is everything that a sweep needs to charge it.
CREATE TABLE holds (
    attempt_id TEXT PRIMARY KEY,
    lease_until INTEGER NOT NULL,
    hold BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE clock (one INTEGER PRIMARY KEY CHECK (one = 1), last INTEGER NOT NULL) STRICT;
INSERT INTO clock VALUES (1, 0);
