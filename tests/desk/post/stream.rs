//! What comes next in a device's log, and what has arrived of it.

use std::collections::BTreeMap;

use privmsgd::mailbox::{Answer, Entry, Event, Fetched, Sender};
use privmsgd::wire::code::{Evidence, Stage};
use privmsgd::wire::name::Name;

use super::{Added, Post};

impl Post {
    pub(super) fn fetch(&mut self, from: &Sender, after: u64, entries: u32) -> Answer {
        let mailbox = &self.boxes[&from.account];
        let device = from.device.as_deref().expect("a device");
        let sent = mailbox.devices.get(device).map_or(0, |cursor| cursor.sent);
        let mut rest = mailbox.log.iter().filter(|entry| {
            entry.pos > after
                && (entry.not_for.is_none() || entry.not_for.as_deref() != Some(device))
        });
        let entries: Vec<Entry> = rest
            .by_ref()
            .take(entries as usize)
            .map(|entry| Entry {
                redelivered: entry.pos <= sent,
                ..entry.clone()
            })
            .collect();
        Answer::Fetched(Fetched {
            entries,
            complete: rest.next().is_none(),
        })
    }

    pub(super) fn ack(
        &mut self,
        from: &Sender,
        pos: u64,
        by: Evidence,
        added: &mut Added,
    ) -> Answer {
        let mailbox = self.mailbox(from.account);
        let head = mailbox.log.len() as u64;
        let device = from.device.as_deref().expect("a device");
        let Some(cursor) = mailbox.devices.get_mut(device) else {
            return Answer::Ok;
        };
        assert!(pos <= head, "{pos} was never sent: the last is {head}");
        if pos <= cursor.acked {
            return Answer::Ok;
        }
        let was = std::mem::replace(&mut cursor.acked, pos);
        cursor.by = Some(by);
        let mut told = BTreeMap::new();
        for entry in &mailbox.log[was as usize..pos as usize] {
            if let Event::Message(message) = &entry.event
                && message.to.is_none()
            {
                told.insert(message.from.as_str().to_owned(), message.seq);
            }
        }
        for (who, seq) in told {
            let who = Name::parse(&who).expect("a name");
            self.tell_delivered(from, &who, seq, by, added);
        }
        Answer::Ok
    }

    pub(super) fn tell_delivered(
        &mut self,
        from: &Sender,
        who: &Name<'_>,
        seq: u64,
        by: Evidence,
        added: &mut Added,
    ) {
        let peer = self.find(who).expect("an account");
        let with = self.boxes[&from.account].who.clone();
        let last = self
            .mailbox(from.account)
            .delivered
            .entry(peer)
            .or_default();
        if peer != from.account && *last < seq {
            *last = seq;
            let event = Event::Receipt {
                with,
                stage: Stage::Delivered,
                up_to_seq: seq,
                by,
                time_unix_ms: self.unix_ms,
            };
            self.add(peer, None, event, added);
        }
    }
}
