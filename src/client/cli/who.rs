//! `privmsg who`: presence of names, those of one's conversations if none are given.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clap::ArgMatches;
use serde::Serialize;

use super::out::{Out, local_time, one_line};
use super::{FAREWELL, is_set, session};
use crate::client::command::Command;
use crate::client::driver::Client;
use crate::client::error::{Error, Kind};
use crate::client::event::{Event, Lost};
use crate::client::frame::{Conversation, Presence};
use crate::client::profile::checked_name;
use crate::client::session::Purpose;

pub fn run(matches: &ArgMatches, out: &mut Out) -> Result<(), Error> {
    let asked: Vec<String> = matches
        .get_many::<String>("names")
        .map(|names| names.cloned().collect())
        .unwrap_or_default();
    asked.iter().try_for_each(|name| checked_name(name))?;
    let (mut client, patience) = session(matches, Purpose::Send)?;
    if asked.is_empty() && !client.hello().is_mailbox() {
        let what = "this server stores nothing, so that it knows no conversations";
        return Err(Error::new(
            Kind::Refused,
            what,
            "give names: privmsg who Bob",
        ));
    }
    let conversations = match client.hello().is_mailbox() {
        true => client.conversations(patience)?,
        false => Vec::new(),
    };
    let names = match asked.is_empty() {
        true => conversations
            .iter()
            .map(|one| one.with_username.clone())
            .collect(),
        false => asked,
    };
    let unread: BTreeMap<&str, &Conversation> = conversations
        .iter()
        .map(|one| (one.with_username.as_str(), one))
        .collect();
    for names in names.chunks(MOST_WATCHED) {
        for presence in watch(&mut client, names, patience)? {
            let unread = unread.get(presence.username.as_str()).map(|one| one.unread);
            out.print(&line(&presence, unread, is_set(matches, "json")))?;
        }
    }
    client.close(FAREWELL);
    Ok(())
}

/// One presence for each name, in their order.
fn watch(
    client: &mut Client,
    names: &[String],
    patience: Duration,
) -> Result<Vec<Presence>, Error> {
    let (start, mut found) = (Instant::now(), Vec::new());
    let asked = client.watch(names);
    while found.len() < names.len() {
        let left = patience.saturating_sub(start.elapsed());
        match client.next_event(left) {
            Some(Event::Presence(presence)) => found.push(presence),
            Some(Event::Answer {
                id,
                answer: Err(Lost::Refused(refusal)),
            }) if id == asked => {
                return Err(Lost::Refused(refusal).into());
            }
            // The names are watched again, and told again, on the next connection.
            Some(Event::Disconnected { .. }) => found.clear(),
            Some(Event::Ended(end)) => return Err(end.into()),
            Some(_) => {}
            None if left.is_zero() => return Err(client.too_late(patience)),
            None => {}
        }
    }
    let usernames = names.to_vec();
    client.request(Command::Unwatch { usernames });
    Ok(found)
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    status: &'a str,
    since: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<u64>,
}

fn line(presence: &Presence, unread: Option<u64>, json: bool) -> String {
    let (name, status, since) = (&presence.username, &presence.status, &presence.since);
    if json {
        let line = Line {
            name,
            status,
            since,
            unread,
        };
        return serde_json::to_string(&line).unwrap_or_default() + "\n";
    }
    let unread = match unread {
        None | Some(0) => String::new(),
        Some(count) => format!("  {count} unread"),
    };
    // Who has just begun to watch is not told since when somebody is away.
    let since = match status.as_str() {
        "offline" => String::new(),
        _ => format!(" since {}", local_time(since)),
    };
    let (name, status) = (one_line(name), one_line(status));
    let about = format!("{status:<8}{since}{unread}");
    format!("{name:<16} {}\n", about.trim_end())
}

/// Names in one `watch`.
const MOST_WATCHED: usize = 128;
