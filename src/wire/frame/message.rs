//! The frames of a private message: to whom it is sent, to the sender, to the sender's other devices. What most lines
//! are, hence written straight into the buffer. Knows no recipient.

use super::json::{open, raw, text};
use crate::time::Stamp;
use crate::wire::command::{PrivateMessage, Raw};

/// What the `privateMessage` frames of one sender have in common at one time: rendered once for many of them.
#[derive(Debug)]
pub struct Envelope {
    /// Up to the message.
    head: Vec<u8>,
    /// From behind the message to the end of a frame without further keys.
    tail: [u8; TAIL_BYTES],
    time: Stamp,
}

const TAIL_BYTES: usize = 9 + 24 + LINE_END.len();
const LINE_END: &[u8] = b"\"}\n";

impl Envelope {
    /// `from`: a name.
    pub fn new(from: &[u8], time: Stamp) -> Self {
        let mut envelope = Envelope {
            head: Vec::new(),
            tail: [0; TAIL_BYTES],
            time,
        };
        envelope.set_sender(from);
        envelope.set_time(time);
        envelope
    }

    pub fn set_sender(&mut self, from: &[u8]) {
        self.head.clear();
        self.head
            .extend_from_slice(b"{\"type\":\"privateMessage\",\"from\":\"");
        self.head.extend_from_slice(from);
        self.head.extend_from_slice(b"\",\"message\":");
    }

    pub fn set_time(&mut self, time: Stamp) {
        self.time = time;
        let (key, rest) = self.tail.split_at_mut(9);
        key.copy_from_slice(b",\"time\":\"");
        let (stamp, end) = rest.split_at_mut(24);
        stamp.copy_from_slice(time.as_bytes());
        end.copy_from_slice(LINE_END);
    }

    #[inline]
    pub fn time(&self) -> &Stamp {
        &self.time
    }
}

#[inline]
pub(super) fn private_message(out: &mut Vec<u8>, envelope: &Envelope, sent: &PrivateMessage<'_>) {
    out.reserve(envelope.head.len() + sent.message.0.len() + TAIL_BYTES);
    out.extend_from_slice(&envelope.head);
    out.extend_from_slice(sent.message.0);
    out.extend_from_slice(&envelope.tail);
    if sent.message_id.is_some() || sent.kind.is_some() || sent.reply_to.is_some() {
        further_keys(out, sent);
    }
}

/// Goes on behind the time of a whole frame.
fn further_keys(out: &mut Vec<u8>, sent: &PrivateMessage<'_>) {
    out.truncate(out.len() - (LINE_END.len() - 1));
    raw(out, "messageId", sent.message_id);
    raw(out, "kind", sent.kind);
    raw(out, "replyTo", sent.reply_to);
    out.extend_from_slice(b"}\n");
}

#[inline]
pub(super) fn accepted(
    out: &mut Vec<u8>,
    id: Option<Raw<'_>>,
    message_id: Option<Raw<'_>>,
    to: &str,
    time: &Stamp,
) {
    let given = id.map_or(0, |id| id.0.len()) + message_id.map_or(0, |id| id.0.len());
    out.reserve(given + to.len() + 112);
    out.extend_from_slice(b"{\"type\":\"accepted\"");
    if let Some(id) = id {
        out.extend_from_slice(b",\"id\":");
        out.extend_from_slice(id.0);
    }
    raw(out, "messageId", message_id);
    out.extend_from_slice(b",\"toUsername\":\"");
    out.extend_from_slice(to.as_bytes());
    out.extend_from_slice(b"\",\"time\":\"");
    out.extend_from_slice(time.as_bytes());
    out.extend_from_slice(b"\"}\n");
}

pub(super) fn copy(
    out: &mut Vec<u8>,
    from: &str,
    sent: &PrivateMessage<'_>,
    time: &Stamp,
    to: &str,
) {
    open(out, "privateMessage", None);
    text(out, "from", from);
    raw(out, "message", Some(sent.message));
    text(out, "time", time.as_str());
    text(out, "to", to);
    raw(out, "messageId", sent.message_id);
    raw(out, "kind", sent.kind);
    raw(out, "replyTo", sent.reply_to);
}
