//! The lines of an export. Knows no recipient.
//!
//! Everything that is kept of an account, one JSON object a line: `{"type":"exported","what":…}` with, by `what`,
//! - `account`: `username`, `createdAt`, `acceptFrom`, `deliveryReceipts`, `readReceipts`; once, first;
//! - `key`: `publicKey`, `createdAt`;
//! - `device`: `device`, `createdAt`, `seenAt`;
//! - `relation`: `withUsername`, `blocked`, `allowed`;
//! - `conversation`: `withUsername` and the other keys of the frame `conversation`; its messages follow it;
//! - `message`: the keys of a `privateMessage` of a history, ascending by `seq`: what the account can see, and its
//!   holes. With `from` and `to`, hence without `withUsername`.

use super::mail::{conversation_keys, message_keys, time};
use super::{flag, key, open, text};
use crate::accounts::PublicKey;
use crate::mailbox::{Conversation, Message, Settings};
use crate::wire::base64url;

/// What one line is about. Times: milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub enum ExportLine<'a> {
    Account {
        username: &'a str,
        created_unix_ms: u64,
        settings: &'a Settings,
    },
    Key {
        key: &'a PublicKey,
        created_unix_ms: u64,
    },
    /// `device`: as it stands between its quotes.
    Device {
        device: &'a str,
        created_unix_ms: u64,
        seen_unix_ms: u64,
    },
    Relation {
        with: &'a str,
        blocked: bool,
        allowed: bool,
    },
    Conversation(&'a Conversation),
    Message(&'a Message),
}

impl ExportLine<'_> {
    /// Without a line end.
    pub fn line(&self) -> Box<[u8]> {
        let mut line = Vec::new();
        let out = &mut line;
        open(out, "exported", None);
        text(out, "what", self.what());
        match *self {
            ExportLine::Account {
                username,
                created_unix_ms,
                settings,
            } => {
                text(out, "username", username);
                time(out, "createdAt", created_unix_ms);
                text(out, "acceptFrom", settings.accept_from.as_str());
                flag(out, "deliveryReceipts", settings.delivery_receipts);
                flag(out, "readReceipts", settings.read_receipts);
            }
            ExportLine::Key {
                key: public,
                created_unix_ms,
            } => {
                key(out, "publicKey");
                out.push(b'"');
                base64url::encode(out, public);
                out.push(b'"');
                time(out, "createdAt", created_unix_ms);
            }
            ExportLine::Device {
                device,
                created_unix_ms,
                seen_unix_ms,
            } => {
                text(out, "device", device);
                time(out, "createdAt", created_unix_ms);
                time(out, "seenAt", seen_unix_ms);
            }
            ExportLine::Relation {
                with,
                blocked,
                allowed,
            } => {
                text(out, "withUsername", with);
                flag(out, "blocked", blocked);
                flag(out, "allowed", allowed);
            }
            ExportLine::Conversation(listed) => conversation_keys(out, listed),
            ExportLine::Message(message) => message_keys(out, message, None),
        }
        out.push(b'}');
        line.into()
    }

    fn what(&self) -> &'static str {
        match self {
            ExportLine::Account { .. } => "account",
            ExportLine::Key { .. } => "key",
            ExportLine::Device { .. } => "device",
            ExportLine::Relation { .. } => "relation",
            ExportLine::Conversation(_) => "conversation",
            ExportLine::Message(_) => "message",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::mailbox::Who;
    use crate::wire::code::AcceptFrom;
    use crate::wire::name::Name;

    fn who(name: &'static str) -> Who {
        Arc::new(Name::parse(name).unwrap())
    }

    fn lines() -> Vec<String> {
        let settings = Settings {
            accept_from: AcceptFrom::Known,
            delivery_receipts: true,
            read_receipts: false,
        };
        let message = Message {
            from: who("Bob"),
            to: Some(who("Alice")),
            seq: 3,
            to_seq: None,
            time_unix_ms: 0,
            body: Arc::from(&b"{\"a\":1}"[..]),
            message_id: None,
            kind: None,
            reply_to: Some(2),
            edited_unix_ms: None,
            expires_unix_ms: None,
            removed: None,
        };
        let conversation = Conversation {
            with: who("Bob"),
            last_seq: 3,
            last_unix_ms: 0,
            read_seq: 2,
            their_delivered_seq: 1,
            their_read_seq: 0,
            unread: 1,
        };
        let exported = [
            ExportLine::Account {
                username: "Alice",
                created_unix_ms: 0,
                settings: &settings,
            },
            ExportLine::Key {
                key: &[0; 32],
                created_unix_ms: 0,
            },
            ExportLine::Device {
                device: "d",
                created_unix_ms: 0,
                seen_unix_ms: 1,
            },
            ExportLine::Relation {
                with: "Carol",
                blocked: true,
                allowed: false,
            },
            ExportLine::Conversation(&conversation),
            ExportLine::Message(&message),
        ];
        let line = |line: &ExportLine<'_>| String::from_utf8(line.line().into()).unwrap();
        exported.iter().map(line).collect()
    }

    #[test]
    fn each_line_is_one_object_that_says_what_it_is_about() {
        for line in lines() {
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(value["type"], "exported", "{line}");
            assert!(!line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn the_keys_are_those_that_are_documented() {
        let epoch = "1970-01-01T00:00:00.000Z";
        let expected = [
            format!(
                r#"{{"type":"exported","what":"account","username":"Alice","createdAt":"{epoch}","acceptFrom":"known","deliveryReceipts":true,"readReceipts":false}}"#
            ),
            format!(
                r#"{{"type":"exported","what":"key","publicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","createdAt":"{epoch}"}}"#
            ),
            format!(
                r#"{{"type":"exported","what":"device","device":"d","createdAt":"{epoch}","seenAt":"1970-01-01T00:00:00.001Z"}}"#
            ),
            r#"{"type":"exported","what":"relation","withUsername":"Carol","blocked":true,"allowed":false}"#.into(),
            format!(
                r#"{{"type":"exported","what":"conversation","withUsername":"Bob","lastSeq":3,"lastTime":"{epoch}","readSeq":2,"theirDeliveredSeq":1,"theirReadSeq":0,"unread":1}}"#
            ),
            format!(
                r#"{{"type":"exported","what":"message","from":"Bob","message":{{"a":1}},"time":"{epoch}","to":"Alice","seq":3,"replyTo":2}}"#
            ),
        ];
        assert_eq!(lines(), expected);
    }
}
