//! How much memory jobs and answers take while they wait. Knows nothing of what they mean.

use std::mem;

use super::super::Done;
use crate::mailbox::{Answer, Ask, Change, Entry, Event, Mail, Message};

/// Of a name, with what holds it.
const NAME_BYTES: usize = 96;

/// Bytes of an answer that is not fetched, roughly.
pub fn weight(done: &Done) -> usize {
    let answer = match &done.answer {
        super::super::Answer::Mail { answer, reply, .. } => {
            mailbox_weight(answer) + reply.as_ref().map_or(0, |echo| echo.len())
        }
        _ => 0,
    };
    mem::size_of::<Done>() + answer + entries_weight(&done.entries)
}

fn mailbox_weight(answer: &Answer) -> usize {
    mem::size_of::<Answer>()
        + match answer {
            Answer::Fetched(fetched) => entries_weight(&fetched.entries),
            Answer::History { messages, .. } => messages.iter().map(|m| message_weight(m)).sum(),
            Answer::Conversations { conversations, .. } => {
                mem::size_of_val(conversations.as_slice())
            }
            Answer::Listing(listing) => listing.bytes(),
            Answer::Export { lines, .. } => lines.iter().map(|line| line.len()).sum(),
            _ => 0,
        }
}

fn entries_weight(entries: &[Entry]) -> usize {
    let events = entries.iter().map(|entry| match &entry.event {
        Event::Message(message) => message_weight(message),
        Event::Changed {
            change: Change::Edited(body),
            ..
        } => body.len(),
        _ => 0,
    });
    mem::size_of_val(entries) + events.sum::<usize>()
}

fn message_weight(message: &Message) -> usize {
    mem::size_of::<Message>() + message.body.len()
}

/// Bytes of what is asked of a mailbox, roughly.
pub fn mail_weight(mail: &Mail) -> usize {
    // What an `ephemeral` message has to say is in its echo.
    let echo = mail.reply.as_ref().map_or(0, |echo| echo.len());
    mem::size_of::<Mail>()
        + echo
        + match &mail.ask {
            Ask::Send(letter) => letter.message.len(),
            Ask::Edit { message, .. } => message.len(),
            Ask::Conversations(listing) => listing.bytes(),
            Ask::Watch { usernames } => usernames.len().saturating_mul(NAME_BYTES),
            _ => 0,
        }
}
