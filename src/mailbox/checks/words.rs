//! What the tests say in short.

use super::*;

pub fn sender(account: AccountId, device: &str) -> Sender {
    Sender {
        account,
        device: Some(device.into()),
        invisible: false,
    }
}

pub fn letter(to: &str, text: &str) -> Letter {
    Letter {
        to: name(to),
        message: quoted(text),
        message_id: None,
        kind: None,
        reply_to: None,
        expires_in_s: None,
    }
}

pub fn quoted(text: &str) -> Box<[u8]> {
    format!("\"{text}\"").into_bytes().into()
}

pub fn name(text: &str) -> Name<'static> {
    Name::parse(text).unwrap().into_owned()
}

pub fn code(answer: &Answer) -> Option<Code> {
    match answer {
        Answer::Refused(refused) => Some(refused.code),
        _ => None,
    }
}

/// What it says, or why it does not.
pub fn says(message: &Message) -> String {
    match message.removed {
        Some(removed) => {
            assert!(message.body.is_empty(), "{message:?}");
            removed.as_str().into()
        }
        None => String::from_utf8(message.body.to_vec()).unwrap(),
    }
}

pub fn all_say(messages: &[Message]) -> Vec<String> {
    messages.iter().map(says).collect()
}

/// Whose log, and what it says, in short.
pub fn told(entries: &[Entry]) -> Vec<String> {
    let owner = |entry: &Entry| entry.owner.as_str().to_owned();
    entries
        .iter()
        .map(|entry| format!("{}: {}", owner(entry), short(&entry.event)))
        .collect()
}

pub fn short(event: &Event) -> String {
    match event {
        Event::Message(message) => format!("{} {}", message.seq, says(message)),
        Event::Receipt {
            with,
            stage,
            up_to_seq,
            ..
        } => format!("{} {} {up_to_seq}", with.as_str(), stage.as_str()),
        Event::Changed {
            with, seq, change, ..
        } => {
            let change = match change {
                Change::Edited(body) => String::from_utf8(body.to_vec()).unwrap(),
                Change::Removed(removed) => removed.as_str().into(),
            };
            format!("{} changed {seq} {change}", with.as_str())
        }
        Event::ReadElsewhere { with, seq } => format!("{} readElsewhere {seq}", with.as_str()),
        Event::NewDevice { device, .. } => format!("new device {device}"),
    }
}
