//! `privmsg history`.

use clap::ArgMatches;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::out::{Out, body, is_watched, local_time, one_line};
use super::reading::{Reading, is_from};
use super::{FAREWELL, count, is_set, session, text};
use crate::client::driver::MOST_AT_ONCE;
use crate::client::error::Error;
use crate::client::frame::Message;
use crate::client::profile::checked_name;
use crate::client::session::Purpose;

pub fn run(matches: &ArgMatches, out: &mut Out) -> Result<(), Error> {
    let with = text(matches, "with").unwrap_or_default();
    checked_name(with)?;
    let wanted = match count(matches) {
        None => USUAL,
        Some(0) => u64::MAX,
        Some(count) => count,
    };
    let (mut client, patience) = session(matches, Purpose::Send)?;
    let bar = progress("messages", wanted > u64::from(MOST_AT_ONCE));
    // The newest page comes first, and the oldest is printed first.
    let (mut pages, mut before, mut fetched) = (Vec::new(), None, 0);
    while fetched < wanted {
        let limit = u64::from(MOST_AT_ONCE).min(wanted - fetched) as u32;
        let (messages, complete) = client.history(with, before, limit, patience)?;
        let first = messages.first().and_then(|message| message.seq);
        fetched += messages.len() as u64;
        bar.set_position(fetched);
        pages.push(messages);
        before = first;
        if complete || first.is_none() {
            break;
        }
    }
    bar.finish_and_clear();
    let json = is_set(matches, "json");
    let mut reading = Reading::default();
    for message in pages.iter().rev().flatten() {
        out.print(&line(message, json))?;
        if is_from(message, with) {
            reading.note(message);
        }
    }
    let told = match is_set(matches, "mark-read") {
        true => reading.tell(&mut client, patience),
        false => Ok(()),
    };
    client.close(FAREWELL);
    told
}

fn line(message: &Message, json: bool) -> String {
    if json {
        return format!("{}\n", message.line);
    }
    let (time, from) = (local_time(&message.time), one_line(&message.from));
    let edited = message.edited_at.as_ref().map_or("", |_| " (edited)");
    format!("{time} {from}: {}{edited}\n", body(message))
}

/// On standard error, if somebody looks at it and it is `long`; how much there will be is not known.
pub fn progress(unit: &'static str, long: bool) -> ProgressBar {
    let target = match long && is_watched() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(None, target).with_message(unit);
    let style = ProgressStyle::with_template("{spinner} {human_pos} {msg} ({per_sec}, {elapsed})");
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

const USUAL: u64 = 50;
