-- Holds that a sweep has closed and whose truth may still come (policy/journal.py), as of the snapshot, in the order in
-- which they will be forgotten; counted is MessagePack.
CREATE TABLE counted (
    number INTEGER PRIMARY KEY,
    attempt_id TEXT NOT NULL,
    counted BLOB NOT NULL
) STRICT;
