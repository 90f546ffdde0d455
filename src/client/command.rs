//! What a client asks, as lines (protocol.md §6). Knows no session and no socket.

use serde::Serialize;
use serde_json::Value;

/// A command that is answered with an `id`. `register`, `privateMessage`, `ack` and `bye` are the session's own.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Command {
    /// At most one of `before` and `after`: the last messages before it, or the first after it.
    History {
        with_username: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
        /// 1 to 500.
        limit: u32,
    },
    Conversations {
        /// Those after this one in the list.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<String>,
        limit: u32,
    },
    Watch {
        usernames: Vec<String>,
    },
    Unwatch {
        usernames: Vec<String>,
    },
    SetStatus {
        status: Status,
    },
    Typing {
        to_username: String,
    },
    MarkRead {
        with_username: String,
        seq: u64,
        /// The other is not told.
        private: bool,
    },
    EditMessage {
        with_username: String,
        seq: u64,
        message: Value,
    },
    DeleteMessage {
        with_username: String,
        seq: u64,
        for_both: bool,
    },
    Block {
        username: String,
    },
    Unblock {
        username: String,
    },
    Allow {
        username: String,
    },
    Disallow {
        username: String,
    },
    Settings {
        #[serde(skip_serializing_if = "Option::is_none")]
        accept_from: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        delivery_receipts: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        read_receipts: Option<bool>,
    },
    Account(AccountAction),
    Ping,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    #[default]
    Online,
    Away,
    /// In mailbox mode only.
    Invisible,
}

#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "action",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum AccountAction {
    SetPassword {
        password: String,
    },
    AddKey {
        public_key: String,
        signature: String,
    },
    RemoveKey {
        public_key: String,
    },
    Devices,
    RevokeDevice {
        device: String,
    },
    Export,
    Delete,
}

/// Shows no password.
impl std::fmt::Debug for AccountAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            AccountAction::SetPassword { .. } => "SetPassword(…)",
            AccountAction::AddKey { .. } => "AddKey",
            AccountAction::RemoveKey { .. } => "RemoveKey",
            AccountAction::Devices => "Devices",
            AccountAction::RevokeDevice { .. } => "RevokeDevice",
            AccountAction::Export => "Export",
            AccountAction::Delete => "Delete",
        })
    }
}

impl Command {
    /// Asked twice, it does what it does once.
    pub fn is_idempotent(&self) -> bool {
        use Command::{Account, Conversations, History, MarkRead, Ping, Watch};
        matches!(
            self,
            History { .. } | Conversations { .. } | MarkRead { .. } | Ping | Watch { .. }
        ) || matches!(self, Account(AccountAction::Devices))
    }

    /// The line, with its end.
    pub fn line(&self, id: u64) -> String {
        #[derive(Serialize)]
        struct WithId<'a> {
            #[serde(flatten)]
            command: &'a Command,
            id: u64,
        }
        line(&WithId { command: self, id })
    }
}

/// `value` as one line.
pub(super) fn line(value: &impl Serialize) -> String {
    // Nothing that is sent has keys that are no strings, the one thing that fails.
    let json = serde_json::to_string(value).unwrap_or_default();
    let mut line = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        match c {
            // The server takes these only when they are escaped; they stand within strings.
            '\u{7f}'..='\u{9f}' => line.push_str(&format!("\\u{:04x}", c as u32)),
            _ => line.push(c),
        }
    }
    line.push('\n');
    line
}

/// What is sent to register. Only what is known is there.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Register<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<&'a str>,
    pub deliver: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    pub protocol: u32,
}

/// What makes an account, before a name is registered.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Create<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub action: &'static str,
    pub username: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    pub id: u64,
}

/// A message on its way.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PrivateMessage<'a> {
    #[serde(rename = "type")]
    pub kind_of_line: &'static str,
    pub to_username: &'a str,
    pub message: &'a Value,
    pub message_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_does_not_take_raw_is_escaped() {
        let typing = Command::Typing {
            to_username: "a\u{7f}\u{9b}\u{1b}é".into(),
        };
        assert!(typing.line(1).contains(r"a\u007f\u009b\u001bé"));
    }
}
