-- Times: milliseconds since 1970. A row of accounts is never deleted: its name stays reserved.
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    -- As shown; empty once removed.
    name TEXT NOT NULL,
    -- As compared.
    key TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    seen INTEGER,
    -- 0: good, 1: disabled, 2: removed.
    state INTEGER NOT NULL,
    -- A PHC string; NULL: none.
    password TEXT
) STRICT;
-- What a name looks like (UTS #39): one or two for each account.
CREATE TABLE skeletons (
    skeleton TEXT PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES accounts (id)
) STRICT, WITHOUT ROWID;
-- Failed tries to prove a name since it was last proved. Account 0: names that nobody has.
CREATE TABLE failures (
    account INTEGER PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT;
CREATE TABLE keys (
    account INTEGER NOT NULL REFERENCES accounts (id),
    key BLOB NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;
-- Hashes of resume tokens: SHA-256. spent: the last ones that are good no more, 32 bytes each.
CREATE TABLE devices (
    account INTEGER NOT NULL REFERENCES accounts (id),
    device TEXT NOT NULL,
    created INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    current BLOB,
    previous BLOB,
    spent BLOB NOT NULL,
    PRIMARY KEY (account, device)
) STRICT, WITHOUT ROWID;
