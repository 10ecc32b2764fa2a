-- What belongs to this file alone.  Labels that are not plain become hashes with this secret where TIDEGATE_KEY_SECRET is not set.
CREATE TABLE installation (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    label_secret BLOB NOT NULL
) STRICT;
INSERT INTO installation VALUES (1, randomblob(32));
