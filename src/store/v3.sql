-- What was committed and does not stand in its tables yet: a row a commit, changes one after the other, as changes.rs
-- writes them. sum: CRC-32C of changes.
CREATE TABLE tail (
    id INTEGER PRIMARY KEY,
    sum INTEGER NOT NULL,
    changes BLOB NOT NULL
) STRICT;
