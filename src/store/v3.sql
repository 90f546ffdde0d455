-- What was committed and does not stand in its tables yet: changes one after the other, as changes.rs writes them, cut
-- into rows as slots.rs says.
CREATE TABLE tail (
    id INTEGER PRIMARY KEY,
    sum INTEGER NOT NULL,
    changes BLOB NOT NULL
) STRICT;
