//! `privmsg listen`. A message is dealt with once it is handed to standard output; what ends this between the two makes it
//! come again, and nothing else does.

use std::time::{Duration, Instant};

use clap::ArgMatches;

use super::out::{Out, body, one_line, say};
use super::reading::{Reading, is_from};
use super::{FAREWELL, count, duration, is_set, profile, tell_news, text};
use crate::client::driver::Client;
use crate::client::error::{Error, Kind};
use crate::client::event::{Connected, Event};
use crate::client::frame::{Message, Notice};
use crate::client::profile::checked_name;
use crate::client::session::Purpose;

pub fn run(matches: &ArgMatches, out: &mut Out) -> Result<(), Error> {
    let from = text(matches, "from");
    from.map_or(Ok(()), checked_name)?;
    let (wanted, time) = (count(matches), duration(matches, "time"));
    let (json, marks) = (is_set(matches, "json"), is_set(matches, "mark-read"));
    let start = Instant::now();
    let mut client = Client::start(&profile(matches)?, Purpose::Receive)?;
    let (mut printed, mut reading) = (0, Reading::default());
    while wanted.is_none_or(|wanted| printed < wanted) {
        let left = time.map_or(A_WHILE, |time| time.saturating_sub(start.elapsed()));
        let patience = reading.wait().unwrap_or(A_WHILE);
        let event = client.next_event(left.min(patience));
        let event_came = event.is_some();
        tell_news(&mut client);
        if reading.wait() == Some(Duration::ZERO) {
            // Whatever it is: it is tried again, and said if the session has ended.
            let _ = reading.tell(&mut client, SOON);
        }
        match event {
            Some(Event::Message(message)) if is_wanted(&message, from) => {
                out.print(&line(&message, json))?;
                printed += 1;
                if marks {
                    reading.note(&message);
                }
            }
            Some(other) => tell(other)?,
            None => {}
        }
        if !event_came && time.is_some_and(|time| start.elapsed() >= time) {
            break;
        }
    }
    let told = reading.tell(&mut client, FAREWELL);
    client.close(FAREWELL);
    told?;
    match wanted {
        Some(wanted) if printed < wanted => {
            let what = format!("{printed} of {wanted} messages came in time");
            Err(Error::new(Kind::Timeout, what, ""))
        }
        _ => Ok(()),
    }
}

/// Not a copy of what another device of this name sent.
fn is_wanted(message: &Message, from: Option<&str>) -> bool {
    message.to.is_none() && from.is_none_or(|from| is_from(message, from))
}

fn line(message: &Message, json: bool) -> String {
    match json {
        true => format!("{}\n", message.line),
        false => format!("{}: {}\n", one_line(&message.from), body(message)),
    }
}

/// What is no message, on standard error.
fn tell(event: Event) -> Result<(), Error> {
    match event {
        Event::Disconnected { why, retry_in } => {
            let seconds = retry_in.as_secs_f32();
            say(&format!("{why}; connecting again in {seconds:.1} s"));
        }
        Event::Connected(Connected { restored: true, .. }) => {
            say("the server was restored from a backup: what comes now may have come before");
        }
        Event::Connected(Connected { again: true, .. }) => say("connected again"),
        Event::Notice(notice) => say(&about(&notice)),
        Event::Error(error) => say(&error.to_string()),
        Event::Ended(end) => return Err(end.into()),
        _ => {}
    }
    Ok(())
}

/// What its owner should know of a name.
fn about(notice: &Notice) -> String {
    let count = notice.count.unwrap_or(1);
    match (notice.kind.as_str(), &notice.device) {
        ("newDevice", Some(device)) => {
            format!("a new device of yours is there: {}", one_line(device))
        }
        ("claimRefused", _) => format!("somebody tried to take your name ({count})"),
        ("authFailures", _) => format!("somebody failed to prove your name ({count})"),
        (kind, _) => format!("the server says: {}", one_line(kind)),
    }
}

const A_WHILE: Duration = Duration::from_secs(60);
/// What comes meanwhile is printed a little later.
const SOON: Duration = Duration::from_secs(2);
