//! What two people have with each other: sending, what was said, and what becomes of it.

use std::sync::Arc;

use privmsgd::mailbox::{
    Accepted, Answer, Change, Conversation, Event, Letter, Message, Page, Sender,
};
use privmsgd::wire::code::Code;
use privmsgd::wire::name::Name;

use super::{Added, Post, pair, refused, unknown};

impl Post {
    pub(super) fn send(&mut self, from: &Sender, letter: &Letter, added: &mut Added) -> Answer {
        let known = letter.message_id.clone().map(|id| (from.account, id));
        if let Some(accepted) = known.as_ref().and_then(|known| self.known.get(known)) {
            return Answer::Accepted(Accepted {
                duplicate: true,
                ..accepted.clone()
            });
        }
        let Some(to) = self.find(&letter.to) else {
            return unknown();
        };
        let (me, you) = (
            self.boxes[&from.account].who.clone(),
            self.boxes[&to].who.clone(),
        );
        let talk = self.talks.entry(pair(from.account, to)).or_default();
        let message = Message {
            from: me,
            to: None,
            seq: talk.len() as u64 + 1,
            to_seq: None,
            time_unix_ms: self.unix_ms,
            body: Arc::from(&*letter.message),
            message_id: letter.message_id.clone(),
            kind: letter.kind.clone(),
            reply_to: letter.reply_to,
            edited_unix_ms: None,
            expires_unix_ms: letter
                .expires_in_s
                .map(|s| self.unix_ms + u64::from(s) * 1_000),
            removed: None,
        };
        talk.push(Arc::new(message.clone()));
        let accepted = Accepted {
            to: you.clone(),
            message_id: letter.message_id.clone(),
            seq: message.seq,
            time_unix_ms: self.unix_ms,
            duplicate: false,
        };
        if let Some(known) = known {
            self.known.insert(known, accepted.clone());
        }
        if !self.boxes[&to].blocked.contains(&from.account) {
            let event = Event::Message(Arc::new(message.clone()));
            self.add(to, None, event, added);
        }
        let devices = self.boxes[&from.account].devices.keys();
        let has_others = devices
            .filter(|device| Some(&***device) != from.device.as_deref())
            .count();
        if has_others > 0 && from.account != to {
            let to = Some(you);
            let copy = Event::Message(Arc::new(Message { to, ..message }));
            self.add(from.account, from.device.clone(), copy, added);
        }
        Answer::Accepted(accepted)
    }

    pub(super) fn history(&self, from: &Sender, with: &Name<'_>, page: Page, limit: u32) -> Answer {
        let Some(peer) = self.find(with) else {
            return unknown();
        };
        let talk = self.talks.get(&pair(from.account, peer));
        let all: Vec<_> = talk.into_iter().flatten().cloned().collect();
        let limit = limit as usize;
        let (messages, complete) = match page {
            Page::Before(before) => {
                let end = before.map_or(all.len(), |seq| (seq as usize - 1).min(all.len()));
                let start = end.saturating_sub(limit);
                (all[start..end].to_vec(), start == 0)
            }
            Page::After(after) => {
                let start = (after as usize).min(all.len());
                let end = (start + limit).min(all.len());
                (all[start..end].to_vec(), end == all.len())
            }
        };
        Answer::History { messages, complete }
    }

    pub(super) fn conversations(&self, from: &Sender) -> Answer {
        let mut conversations = Vec::new();
        for (peers, talk) in &self.talks {
            let peer = match *peers {
                (one, other) if one == from.account => other,
                (one, other) if other == from.account => one,
                _ => continue,
            };
            conversations.push(Conversation {
                with: self.boxes[&peer].who.clone(),
                last_seq: talk.len() as u64,
                last_unix_ms: talk.last().map_or(0, |message| message.time_unix_ms),
                read_seq: self.boxes[&from.account]
                    .read
                    .get(&peer)
                    .copied()
                    .unwrap_or(0),
                their_delivered_seq: 0,
                their_read_seq: 0,
                unread: 0,
            });
        }
        Answer::Conversations {
            conversations,
            complete: true,
        }
    }

    pub(super) fn change(
        &mut self,
        from: &Sender,
        with: &Name<'_>,
        seq: u64,
        change: Change,
        added: &mut Added,
    ) -> Answer {
        let Some(peer) = self.find(with) else {
            return unknown();
        };
        let talk = self.talks.get(&pair(from.account, peer));
        if !talk.is_some_and(|talk| (1..=talk.len() as u64).contains(&seq)) {
            return refused(Code::NotFound, "there is no such message");
        }
        let time_unix_ms = self.unix_ms;
        let ends = [
            (from.account, peer, from.device.clone()),
            (peer, from.account, None),
        ];
        for (owner, other, not_for) in ends {
            let event = Event::Changed {
                with: self.boxes[&other].who.clone(),
                seq,
                change: change.clone(),
                time_unix_ms,
            };
            self.add(owner, not_for, event, added);
        }
        Answer::Accepted(Accepted {
            to: self.boxes[&peer].who.clone(),
            message_id: None,
            seq,
            time_unix_ms,
            duplicate: false,
        })
    }
}
