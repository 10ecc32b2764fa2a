-- Live state is the fold of the journal (policy/journal.py).  The other tables are its snapshot as of one entry; keys
-- are written by policy/scopes.py, money is in nano-dollars, times in microseconds since 1970 UTC.
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    entry BLOB NOT NULL
) STRICT;

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

CREATE TABLE holds (
    attempt_id TEXT PRIMARY KEY,
    hold BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- seq: the last entry that the snapshot contains; first: entries from here on are still in the journal;
-- clock: the store's time at the snapshot; epoch: grows when the snapshot was made anew from elsewhere (rebuild).
CREATE TABLE snapshot (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    first INTEGER NOT NULL,
    clock INTEGER NOT NULL,
    epoch INTEGER NOT NULL
) STRICT;
INSERT INTO snapshot VALUES (1, 0, 1, 0, 0);
