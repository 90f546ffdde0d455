//! What the library tells: messages, what became of one's own, who is there, and answers.

use super::super::conversation::{Body, Presence};
use super::super::text::harmless;
use super::super::when;
use super::*;
use crate::client::{self, Connected, MessageChanged, Notice, Receipt, Refusal};

impl Model {
    pub(super) fn event(&mut self, event: Event) {
        match event {
            Event::Connected(connected) => self.connected(&connected),
            Event::Disconnected { why, retry_in } => {
                let retry_in = u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX);
                let again_at = self.now.mono.saturating_add(retry_in);
                self.lost(Link::Lost {
                    why: harmless_row(&why),
                    again_at,
                });
            }
            Event::Ended(end) => self.ended(&end.to_string()),
            Event::Message(message) => self.message(&message),
            Event::Accepted {
                message_id,
                to,
                seq,
                time,
                ..
            } => {
                self.accepted(&message_id, &to, seq, &time);
            }
            Event::Refused {
                message_id,
                to,
                error,
            } => self.refused(&message_id, &to, &error),
            Event::Delayed { to, error, .. } => {
                self.say(&format!("the message to {to} waits: {}", error.message));
            }
            Event::Receipt(receipt) => self.receipt(&receipt),
            Event::Changed(changed) => self.changed(&changed),
            Event::ReadElsewhere(read) => {
                if let Some(talk) = self.book.find(&read.with_username) {
                    talk.read_elsewhere(read.seq);
                }
            }
            Event::Notice(notice) => self.warn(&warning(&notice)),
            Event::Synced => self.synced(),
            Event::Presence(presence) => self.presence(&presence),
            Event::Typing { from } => {
                let until = self.now.mono + TYPING_MS;
                if let Some(talk) = self.book.find(&from) {
                    talk.typing_until = until;
                }
            }
            Event::Error(refusal) => self.error(&refusal),
            Event::Answer { .. } | Event::Exported(_) => {}
        }
    }

    pub(super) fn answer(&mut self, ask: Ask, answer: Result<Answer, Lost>) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(lost) => return self.unanswered(&ask, &lost),
        };
        match (ask, answer) {
            (Ask::Conversations, Answer::Conversations { list, .. }) => self.listed(&list),
            (Ask::History(key), Answer::History { messages, complete }) => {
                self.history(key, &messages, complete);
            }
            (Ask::Edit { key, serial, text }, _) => {
                let text = Body::Text(harmless(&text));
                self.put(key, serial, text);
            }
            (Ask::Delete { key, serial }, _) => {
                let why = "deleted".to_string();
                self.put(key, serial, Body::Hole { why, to_seq: None });
            }
            (Ask::Told(text), _) => self.say(&text),
            _ => {}
        }
    }

    pub(super) fn sent(&mut self, serial: u64, message_id: String) {
        let mut talks = self.book.iter_mut();
        if let Some(talk) = talks.find(|talk| talk.get(serial).is_some()) {
            talk.with(serial, |message| message.id = Some(message_id));
        }
    }

    pub(super) fn not_sent(&mut self, serial: u64, why: &str) {
        for talk in self.book.iter_mut() {
            talk.with(serial, |message| message.fail(why));
        }
    }

    fn connected(&mut self, connected: &Connected) {
        self.link = Link::Up;
        self.me.clone_from(&connected.name);
        self.mailbox = Some(connected.hello.is_mailbox());
        self.synced = !self.is_mailbox();
        if connected.restored {
            self.book.iter_mut().for_each(Conversation::start_over);
            self.warn("the server was restored from a backup: what was said last may be lost");
        }
        self.load_if_short();
    }

    pub(super) fn lost(&mut self, link: Link) {
        self.link = link;
        self.notice = None;
        for talk in self.book.iter_mut() {
            talk.loading = false;
            talk.typing_until = 0;
            talk.presence = None;
        }
        self.search_lost();
    }

    fn synced(&mut self) {
        self.synced = true;
        let limit = super::super::book::MAX_CONVERSATIONS as u32;
        let list = Command::Conversations {
            before: None,
            limit,
        };
        self.ask(Ask::Conversations, list);
    }

    fn listed(&mut self, list: &[client::Conversation]) {
        // The oldest first: if there are too many, those go.
        for listed in list.iter().rev() {
            let used = when::moment(&listed.last_time).unwrap_or(0);
            if listed.unread == 0 && self.book.is_closed(&listed.with_username, used) {
                continue;
            }
            self.book
                .with(&listed.with_username, self.current)
                .listed(listed);
        }
        self.load_if_short();
    }

    fn message(&mut self, message: &client::Message) {
        // One's own, come back: there is no `seq` to know it by, and nobody else has the name.
        if !self.is_mailbox() && message.from == self.me {
            return;
        }
        let name = message.partner(&self.me).to_string();
        let mine = message.to.is_some() && message.from == self.me;
        let serial = self.serial();
        let received = Message::received(serial, mine, message, &self.zone);
        let new = !mine && received.body_is_text();
        let keep = self.current;
        let talk = self.book.with(&name, keep);
        let key = talk.key;
        talk.name = name;
        if !talk.add(received) {
            return;
        }
        if new {
            talk.typing_until = 0;
            talk.count_unread(message.seq);
            self.announce(key);
        }
    }

    /// Rings for a message that nobody is looking at.
    fn announce(&mut self, key: u64) {
        if self.synced && (self.current != Some(key) || !self.focused) {
            self.ring();
        }
    }

    fn accepted(&mut self, id: &str, to: &str, seq: Option<u64>, time: &str) {
        let zone = self.zone.clone();
        let Some(talk) = self.book.find(to) else {
            return;
        };
        if talk.accepted(id, seq, time, &zone) {
            talk.name = to.to_string();
        }
    }

    fn refused(&mut self, id: &str, to: &str, error: &Refusal) {
        let Some(talk) = self.book.find(to) else {
            return self.error(error);
        };
        let serial = talk.serial_of(id).unwrap_or(0);
        talk.with(serial, |message| message.fail(&error.message));
        let key = talk.key;
        self.announce(key);
    }

    fn receipt(&mut self, receipt: &Receipt) {
        let Some(talk) = self.book.find(&receipt.with_username) else {
            return;
        };
        if receipt.stage == "read" {
            talk.read = talk.read.max(receipt.up_to_seq);
        }
        talk.delivered = talk.delivered.max(receipt.up_to_seq);
    }

    fn changed(&mut self, changed: &MessageChanged) {
        let Some(talk) = self.book.find(&changed.with_username) else {
            return;
        };
        let Some(message) = talk.at_seq(changed.seq) else {
            return;
        };
        let (serial, mine) = (message.serial, message.mine);
        let now = match (&changed.removed, &changed.body) {
            (Some(why), _) => Body::Hole {
                why: harmless(why),
                to_seq: None,
            },
            (None, Some(text)) => Body::Text(harmless(&text.text())),
            (None, None) => return,
        };
        if !mine && changed.removed.is_some() && changed.seq > talk.read_seq {
            talk.unread = talk.unread.saturating_sub(1);
        }
        talk.with(serial, |message| message.change(now));
    }

    fn presence(&mut self, presence: &client::Presence) {
        let now = self.now.unix;
        let Some(talk) = self.book.find(&presence.username) else {
            return;
        };
        // Of a name that the server knows nothing of, or may not tell, it says that it has been offline since it was asked.
        let asked_now = |since: &i64| talk.presence.is_none() && *since > now - JUST_NOW_MS;
        let since = when::moment(&presence.since).filter(|since| !asked_now(since));
        let status = harmless_row(&presence.status);
        talk.name.clone_from(&presence.username);
        talk.presence = Some(Presence { status, since });
    }

    fn error(&mut self, refusal: &Refusal) {
        // To somebody who has gone: no more than that.
        if refusal.command.as_deref() == Some("typing") {
            return;
        }
        match &refusal.hint {
            Some(hint) => self.say(&format!("{}; {hint}", refusal.message)),
            None => self.say(&refusal.message),
        }
    }

    fn unanswered(&mut self, ask: &Ask, lost: &Lost) {
        if let Ask::History(key) = ask
            && let Some(talk) = self.book.get_mut(*key)
        {
            talk.loading = false;
            // The account does not exist, or is gone: asking again is of no use.
            talk.complete |= matches!(lost, Lost::Refused(refusal) if !refusal.retryable);
            self.search_lost();
        }
        match (ask, lost) {
            (Ask::Silent, _) => {}
            (_, Lost::Refused(refusal)) => self.error(refusal),
            (Ask::History(_) | Ask::Conversations, Lost::Disconnected) => {}
            (_, Lost::Disconnected) => self.say(&lost.to_string()),
        }
    }

    fn history(&mut self, key: u64, messages: &[client::Message], complete: bool) {
        for message in messages {
            let mine = message.from == self.me;
            let serial = self.serial();
            let received = Message::received(serial, mine, message, &self.zone);
            if let Some(talk) = self.book.get_mut(key) {
                talk.add(received);
            }
        }
        if let Some(talk) = self.book.get_mut(key) {
            talk.loading = false;
            talk.complete |= complete;
        }
        self.search_loaded(key);
    }

    fn put(&mut self, key: u64, serial: u64, body: Body) {
        if let Some(talk) = self.book.get_mut(key) {
            talk.with(serial, |message| message.change(body));
        }
    }
}

impl Message {
    fn body_is_text(&self) -> bool {
        matches!(self.body, Body::Text(_))
    }
}

/// What began no longer ago, when a name is asked for, tells nothing.
const JUST_NOW_MS: i64 = 3_000;

fn warning(notice: &Notice) -> String {
    let count = notice.count.unwrap_or(1);
    let times = if count == 1 {
        "once".into()
    } else {
        format!("{count} times")
    };
    let device = notice.device.as_deref().unwrap_or("?");
    match notice.kind.as_str() {
        "newDevice" => format!("a new device uses this account: {device}"),
        "claimRefused" => format!("somebody tried to take this name, {times}"),
        "authFailures" => format!("somebody failed to prove this name, {times}"),
        other => format!("the server says: {other}"),
    }
}
