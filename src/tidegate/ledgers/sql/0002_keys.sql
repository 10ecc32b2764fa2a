-- App keys: only a keyed hash of the key is here.  Lists are JSON; an empty list of models or routes allows all.
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL,
    app TEXT NOT NULL,
    scopes TEXT NOT NULL,
    models TEXT NOT NULL,
    routes TEXT NOT NULL,
    user_id TEXT,
    user_from TEXT,
    transparent INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    revoked_at TEXT
) STRICT, WITHOUT ROWID;
