//! Whether the rows of a store agree with each other. Reads all of them and changes none.

use rusqlite::{Connection, OptionalExtension, params};

use super::check::Findings;
use super::{Sealer, from_sql, messages};
use crate::upkeep::Checked;

pub fn check(
    db: &Connection,
    version: u32,
    sealer: Option<&Sealer>,
    checked: &mut Checked,
    findings: &mut Findings<'_>,
) -> rusqlite::Result<()> {
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        db.query_row(&sql, [], |row| row.get(0).map(from_sql))
    };
    checked.accounts = count("accounts")?;
    if version < WITH_MAIL {
        return Ok(());
    }
    check_messages(db, sealer, checked, findings)?;
    checked.conversations = check_numbers(db, findings)?;
    checked.entries = count("log")?;
    for rule in RULES {
        rule.check(db, findings)?;
    }
    Ok(())
}

/// Versions from this one on have messages.
const WITH_MAIL: u32 = 2;

/// Each row holds what was written, and with the key its text can be read.
fn check_messages(
    db: &Connection,
    sealer: Option<&Sealer>,
    checked: &mut Checked,
    findings: &mut Findings<'_>,
) -> rusqlite::Result<()> {
    let mut all = db.prepare(messages::ALL)?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        checked.messages += 1;
        let place = |conversation: i64, seq: i64| format!("conversation {conversation}, seq {seq}");
        let at = || Ok::<_, rusqlite::Error>(place(row.get(1)?, row.get(2)?));
        match messages::sum_is_right(row) {
            false => {
                let at = at().unwrap_or_else(|_| "a row without a number".into());
                findings.tell(
                    "message",
                    at,
                    "is not as it was written; clients see damaged",
                );
            }
            true if sealer.is_some() => match messages::opens(row, sealer) {
                true => checked.opened += 1,
                false => findings.tell("message", at()?, "does not open with this key"),
            },
            true => {}
        }
    }
    Ok(())
}

/// The numbers of each conversation follow each other, or a row says which are gone. How many conversations there are.
fn check_numbers(db: &Connection, findings: &mut Findings<'_>) -> rusqlite::Result<u64> {
    let mut conversations = db.prepare("SELECT id, last_seq FROM conversations ORDER BY id")?;
    let mut numbers =
        db.prepare("SELECT seq FROM messages WHERE conversation = ?1 ORDER BY seq")?;
    let (mut rows, mut count) = (conversations.query([])?, 0);
    while let Some(row) = rows.next()? {
        let (conversation, last): (i64, i64) = (row.get(0)?, row.get(1)?);
        count += 1;
        let mut end = 0;
        let mut seqs = numbers.query([conversation])?;
        while let Some(row) = seqs.next()? {
            let seq = row.get(0)?;
            check_hole(db, conversation, end, seq, findings)?;
            end = seq;
        }
        let end = end_of(db, conversation, end)?;
        if end != last {
            let what = format!("its last number is {last}, and its messages end at {end}");
            findings.tell("numbers", format!("conversation {conversation}"), what);
        }
    }
    Ok(count)
}

/// `before` and `seq` are neighbours among the rows.
fn check_hole(
    db: &Connection,
    conversation: i64,
    before: i64,
    seq: i64,
    findings: &mut Findings<'_>,
) -> rusqlite::Result<()> {
    if seq == before.saturating_add(1) {
        return Ok(());
    }
    let end = end_of(db, conversation, before)?;
    if seq != end.saturating_add(1) {
        let first = end.saturating_add(1);
        let last = seq.saturating_sub(1);
        let what = format!("numbers {first} to {last} are gone, and nothing says why");
        let what = if seq > end {
            what
        } else {
            "is there twice".into()
        };
        findings.tell(
            "numbers",
            format!("conversation {conversation}, seq {seq}"),
            what,
        );
    }
    Ok(())
}

/// The last number that a row stands for.
fn end_of(db: &Connection, conversation: i64, seq: i64) -> rusqlite::Result<i64> {
    let sql = "SELECT to_seq FROM messages WHERE conversation = ?1 AND seq = ?2";
    let mut find = db.prepare_cached(sql)?;
    let end = find.query_row(params![conversation, seq], |row| {
        row.get::<_, Option<i64>>(0)
    });
    Ok(end.optional()?.flatten().unwrap_or(seq))
}

/// What a query finds is wrong: it gives the place, and what is to be said of it.
struct Rule {
    kind: &'static str,
    sql: &'static str,
}

impl Rule {
    fn check(&self, db: &Connection, findings: &mut Findings<'_>) -> rusqlite::Result<()> {
        let mut find = db.prepare(self.sql)?;
        let mut rows = find.query([])?;
        while let Some(row) = rows.next()? {
            findings.tell(self.kind, row.get(0)?, row.get::<_, String>(1)?);
        }
        Ok(())
    }
}

const RULES: &[Rule] = &[
    Rule {
        kind: "numbers",
        sql: "SELECT 'message row ' || min(id), 'is of conversation ' || conversation || ', which is not there'
              FROM messages WHERE conversation NOT IN (SELECT id FROM conversations) GROUP BY conversation",
    },
    Rule {
        kind: "log",
        sql: "SELECT 'account ' || account || ', pos ' || pos, 'names message row ' || message || ', which is not there'
              FROM log WHERE message IS NOT NULL AND NOT EXISTS (SELECT 1 FROM messages WHERE id = log.message)",
    },
    Rule {
        kind: "log",
        sql: "SELECT 'account ' || account || ', pos ' || pos, 'names no message'
              FROM log WHERE kind IN (0, 1, 4) AND message IS NULL",
    },
    Rule {
        kind: "log",
        sql: "SELECT 'account ' || account || ', pos ' || pos, 'does not say of whom or of what it is'
              FROM log WHERE kind <> 6 AND (peer IS NULL OR seq IS NULL)
                  OR kind = 0 AND bytes IS NULL OR kind = 6 AND device IS NULL",
    },
    Rule {
        kind: "log",
        sql: "SELECT 'account ' || l.account || ', pos ' || l.pos, 'names a message of other people, or another number'
              FROM log l JOIN messages m ON m.id = l.message JOIN conversations c ON c.id = m.conversation
              WHERE l.seq IS NOT m.seq OR NOT ((c.low, c.high) IS (l.account, l.peer) OR (c.high, c.low) IS (l.account, l.peer))",
    },
    Rule {
        kind: "log",
        sql: "SELECT 'account ' || l.account, 'its log ends at ' || max(l.pos) || ', after its head ' || coalesce(m.head, 0)
              FROM log l LEFT JOIN mailboxes m ON m.account = l.account
              GROUP BY l.account HAVING max(l.pos) > coalesce(m.head, 0)",
    },
    Rule {
        kind: "log",
        sql: "SELECT 'account ' || account || ', pos ' || pos, 'is of no account, or of no kind'
              FROM log WHERE kind NOT BETWEEN 0 AND 6 OR account NOT IN (SELECT id FROM accounts)
                  OR peer NOT IN (SELECT id FROM accounts)",
    },
    Rule {
        kind: "cursor",
        sql: "SELECT 'account ' || d.account, 'a device is at ' || max(d.acked, d.sent) || ', after the head ' || coalesce(m.head, 0)
              FROM devices d LEFT JOIN mailboxes m ON m.account = d.account
              WHERE max(d.acked, d.sent) > coalesce(m.head, 0)",
    },
    Rule {
        kind: "cursor",
        sql: "SELECT 'account ' || account, 'delivered up to ' || delivered || ', after the head ' || head
              FROM mailboxes WHERE delivered > head",
    },
    Rule {
        kind: "cursor",
        sql: "SELECT 'conversation ' || id, 'a side has taken, read or sent more than there is'
              FROM conversations WHERE max(low_sent, low_delivered, low_read, low_shown_delivered, low_shown_read,
                  high_sent, high_delivered, high_read, high_shown_delivered, high_shown_read) > last_seq",
    },
    Rule {
        kind: "count",
        sql: "SELECT 'account ' || m.account, 'it has ' || count(g.after) || ' gaps and says ' || m.gaps
              FROM mailboxes m LEFT JOIN gaps g ON g.account = m.account
              GROUP BY m.account HAVING count(g.after) <> m.gaps",
    },
    Rule {
        kind: "count",
        sql: "WITH found AS (SELECT l.account, count(*) AS n, total(l.bytes) AS b
                  FROM log l JOIN mailboxes m ON m.account = l.account
                  WHERE l.kind = 0 AND (l.pos > m.delivered OR EXISTS
                      (SELECT 1 FROM gaps g WHERE g.account = l.account AND g.after < l.pos AND l.pos <= g.upto))
                  GROUP BY l.account)
              SELECT 'account ' || m.account, 'waiting: ' || coalesce(f.n, 0) || ' messages, '
                      || CAST(coalesce(f.b, 0) AS INTEGER) || ' bytes; it says '
                      || m.waiting || ' and ' || m.waiting_bytes
              FROM mailboxes m LEFT JOIN found f ON f.account = m.account
              WHERE (m.waiting, m.waiting_bytes) <> (coalesce(f.n, 0), coalesce(f.b, 0))",
    },
    Rule {
        kind: "count",
        sql: "WITH found AS (SELECT l.account, l.peer, count(*) AS n, total(l.bytes) AS b
                  FROM log l JOIN mailboxes m ON m.account = l.account
                  WHERE l.kind = 0 AND (l.pos > m.delivered OR EXISTS
                      (SELECT 1 FROM gaps g WHERE g.account = l.account AND g.after < l.pos AND l.pos <= g.upto))
                  GROUP BY l.account, l.peer),
              said AS (SELECT id, low AS account, high AS peer, low_waiting AS n, low_waiting_bytes AS b FROM conversations
                  UNION ALL SELECT id, high, low, high_waiting, high_waiting_bytes FROM conversations WHERE low <> high)
              SELECT 'conversation ' || s.id || ', account ' || s.account, 'waiting: ' || coalesce(f.n, 0)
                      || ' messages, ' || CAST(coalesce(f.b, 0) AS INTEGER) || ' bytes; it says ' || s.n || ' and ' || s.b
              FROM said s LEFT JOIN found f ON f.account = s.account AND f.peer = s.peer
              WHERE (s.n, s.b) <> (coalesce(f.n, 0), coalesce(f.b, 0))",
    },
];
