-- Messages and mailboxes. Times: milliseconds since 1970, NULL: never.
-- One row, of one store.
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- Told to clients; another one after a backup was restored.
    epoch INTEGER NOT NULL,
    -- How often it was opened and written to.
    run INTEGER NOT NULL,
    -- What proves the key that bodies are sealed with; NULL: they are not.
    seal BLOB
) STRICT;
INSERT INTO meta VALUES (1, (random() & 0x1fffffffffffff) | 1, 0, NULL);

-- Of every account that has or had mail or settings of its own. head: the last position given out. delivered: up to
-- where devices have taken the log, but for its gaps. waiting: messages that no device has taken, and the bytes of
-- their bodies. run: the last one that added to the log; run_head: what head was before it did.
CREATE TABLE mailboxes (
    account INTEGER PRIMARY KEY REFERENCES accounts (id),
    head INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    gaps INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    waiting_bytes INTEGER NOT NULL,
    run INTEGER NOT NULL,
    run_head INTEGER NOT NULL,
    -- 0: anyone, 1: known, 2: allowed.
    accept_from INTEGER NOT NULL,
    delivery_receipts INTEGER NOT NULL,
    read_receipts INTEGER NOT NULL
) STRICT;

-- Positions after `after` up to `upto` that no device has taken, though some have taken what comes later: where a
-- device began at the head.
CREATE TABLE gaps (
    account INTEGER NOT NULL REFERENCES accounts (id),
    after INTEGER NOT NULL,
    upto INTEGER NOT NULL,
    PRIMARY KEY (account, after)
) STRICT, WITHOUT ROWID;

-- Where a device is in its account's log; sent: up to where it may have been sent before; online: its sessions in
-- that run, none if that is not the present one.
ALTER TABLE devices ADD COLUMN acked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN sent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN online INTEGER NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN run INTEGER NOT NULL DEFAULT 0;

-- Of two accounts, the lower first; of one with itself, it twice, and then the low side counts. One row, because each
-- message and each receipt changes it. *_sent: the last seq that side sent, 0: it never answered. *_delivered,
-- *_read: the last seq of the other that it took, or read; *_shown_*: what of that the other was told. *_waiting*: as
-- in mailboxes, from this peer. *_last*: seq and time of the last message that was not blocked for that side.
CREATE TABLE conversations (
    id INTEGER PRIMARY KEY,
    low INTEGER NOT NULL REFERENCES accounts (id),
    high INTEGER NOT NULL REFERENCES accounts (id),
    last_seq INTEGER NOT NULL,
    last_time INTEGER NOT NULL,
    low_sent INTEGER NOT NULL,
    low_delivered INTEGER NOT NULL,
    low_read INTEGER NOT NULL,
    low_shown_delivered INTEGER NOT NULL,
    low_shown_read INTEGER NOT NULL,
    low_waiting INTEGER NOT NULL,
    low_waiting_bytes INTEGER NOT NULL,
    high_sent INTEGER NOT NULL,
    high_delivered INTEGER NOT NULL,
    high_read INTEGER NOT NULL,
    high_shown_delivered INTEGER NOT NULL,
    high_shown_read INTEGER NOT NULL,
    high_waiting INTEGER NOT NULL,
    high_waiting_bytes INTEGER NOT NULL,
    low_last INTEGER NOT NULL,
    low_last_time INTEGER NOT NULL,
    high_last INTEGER NOT NULL,
    high_last_time INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX conversations_by_low ON conversations (low, high);
CREATE INDEX conversations_by_high ON conversations (high);

-- What an account decided about another.
CREATE TABLE relations (
    account INTEGER NOT NULL REFERENCES accounts (id),
    peer INTEGER NOT NULL REFERENCES accounts (id),
    blocked INTEGER NOT NULL,
    allowed INTEGER NOT NULL,
    PRIMARY KEY (account, peer)
) STRICT, WITHOUT ROWID;

-- In the order in which they were accepted. from_high: which of the two sent it. message_id and kind: as between their
-- quotes. id_key: 64 bits of the SHA-256 of message_id. fingerprint: of what was sent under that messageId. state: 0 there, 1 deleted for both, 2 expired, 3 trimmed,
-- 4 damaged, 5 lost (up to to_seq); then body is empty. hidden: 1 from low, 2 from high, 4 it was blocked.
-- crc: CRC-32C of all the rest but id and id_key.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    from_high INTEGER NOT NULL,
    time INTEGER NOT NULL,
    state INTEGER NOT NULL,
    hidden INTEGER NOT NULL,
    reply_to INTEGER,
    edited INTEGER,
    expires INTEGER,
    to_seq INTEGER,
    crc INTEGER NOT NULL,
    sender INTEGER,
    message_id BLOB,
    id_key INTEGER,
    fingerprint BLOB,
    kind BLOB,
    body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX messages_by_seq ON messages (conversation, seq);
-- sender is NULL where there is no messageId. Two of one sender that have one key are one: who makes a second one gets
-- messageIdReused.
CREATE UNIQUE INDEX messages_by_message_id ON messages (sender, id_key) WHERE sender IS NOT NULL;
CREATE INDEX messages_by_expiry ON messages (expires) WHERE expires IS NOT NULL;

-- Mailboxes. kind: 0 message in, 1 sent by the account itself, 2 delivered, 3 read, 4 changed, 5 read elsewhere, 6 new
-- device. message: its row, for 0, 1 and 4. peer, seq, time: what else the entry says. bytes: of the body, for 0.
-- by: 0 transport, 1 client. device: the one that caused it, which does not get it.
CREATE TABLE log (
    account INTEGER NOT NULL,
    pos INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    message INTEGER,
    peer INTEGER,
    seq INTEGER,
    time INTEGER,
    bytes INTEGER,
    by INTEGER,
    device TEXT,
    PRIMARY KEY (account, pos)
) STRICT, WITHOUT ROWID;
-- There is one entry for all changes of a message.
CREATE INDEX log_changes ON log (message, account) WHERE kind = 4;
