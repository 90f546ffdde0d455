//! `privmsg account`: what proves the name, its devices, who may write, and all that is kept of it; and its end.

use std::path::Path;

use clap::{Arg, ArgMatches, Command};
use serde::Serialize;

use super::args::{flag, positional, text as option, timeout};
use super::export;
use super::out::{Out, local_time, one_line, say};
use super::{FAREWELL, is_set, profile, session, text};
use crate::accounts::written_key;
use crate::ask;
use crate::client::command::{AccountAction, Command as Asked};
use crate::client::credential::Credential;
use crate::client::driver::Client;
use crate::client::error::{Error, Kind};
use crate::client::event::Answer;
use crate::client::frame::{Device, Settings};
use crate::client::profile::{checked_name, read_key};
use crate::client::session::Purpose;
use crate::wire::base64url;

pub fn command() -> Command {
    let of_name = |verb: &'static str, about: &'static str| {
        verb_of(verb, about).arg(positional("username", "NAME", "Whom"))
    };
    Command::new("account")
        .about("See and change your account, where names are accounts")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand_value_name("COMMAND")
        .subcommands([
            verb_of("password", "Set another password; every other session ends")
                .after_help("It is asked for, or is the one line of standard input."),
            verb_of("add-key", "Let one more Ed25519 key prove the name")
                .arg(positional("private-key", "FILE", "The private key, of ssh-keygen or openssl; it stays here")),
            verb_of("remove-key", "Let a key prove nothing any more")
                .arg(positional("public-key", "KEY", "The public key: base64url, an ssh-ed25519 line, or a file of one")),
            verb_of("devices", "List the devices").arg(flag("json", "Print JSON, one object a line")),
            verb_of("revoke-device", "Forget a device; its session ends")
                .arg(positional("which", "DEVICE", "As devices lists it")),
            export::command(),
            settings(),
            of_name("block", "Hear nothing more from somebody, who is not told"),
            of_name("unblock", "Undo block"),
            of_name("allow", "Let somebody write, see your presence and get receipts"),
            of_name("disallow", "Undo allow"),
            verb_of("delete", "End the account, for good; its name stays reserved")
                .arg(flag("yes", "Do not ask")),
        ])
        .after_help(
            "What proves the name and its devices are seen and changed as this device: a session of it that runs meanwhile ends.\n\n\
             Examples:\n  privmsg account devices\n  privmsg account export me.jsonl\n  privmsg account settings --accept-from known",
        )
}

pub fn verb_of(verb: &'static str, about: &'static str) -> Command {
    Command::new(verb)
        .about(about)
        .arg(timeout("Give up after so long without an answer", "30"))
}

fn settings() -> Command {
    let choice = |name: &'static str, values: [&'static str; 2], help: &'static str| {
        option(name, "WHICH", help).value_parser(values)
    };
    verb_of(
        "settings",
        "See and change who may write, and what others are told",
    )
    .arg(
        Arg::new("accept-from")
            .long("accept-from")
            .value_name("WHOM")
            .value_parser(["anyone", "known", "allowed"])
            .help("Whose messages are taken: anyone, known or allowed"),
    )
    .arg(choice(
        "delivery-receipts",
        ["on", "off"],
        "Tell others that their messages have arrived: on or off",
    ))
    .arg(choice(
        "read-receipts",
        ["on", "off"],
        "Tell others that you have read their messages: on or off",
    ))
    .arg(flag("json", "Print JSON"))
}

pub fn run(matches: &ArgMatches, out: &mut Out) -> Result<(), Error> {
    let Some((verb, sub)) = matches.subcommand() else {
        return Err(Error::new(
            Kind::Usage,
            "account needs a command",
            "privmsg account --help",
        ));
    };
    let name = text(sub, "username").unwrap_or_default().to_owned();
    match verb {
        "password" => password(sub),
        "add-key" => add_key(sub),
        "remove-key" => {
            let public_key = public_key(text(sub, "public-key").unwrap_or_default())?;
            change(sub, AccountAction::RemoveKey { public_key })
        }
        "devices" => devices(sub, out),
        "revoke-device" => {
            let device = text(sub, "which").unwrap_or_default().into();
            change(sub, AccountAction::RevokeDevice { device })
        }
        "export" => export::run(sub, out),
        "settings" => set(sub, out),
        "delete" => delete(sub),
        verb => {
            checked_name(&name)?;
            let username = name;
            let command = match verb {
                "block" => Asked::Block { username },
                "unblock" => Asked::Unblock { username },
                "allow" => Asked::Allow { username },
                _ => Asked::Disallow { username },
            };
            asked(sub, command).map(drop)
        }
    }
}

/// Asks one thing and ends.
fn asked(matches: &ArgMatches, command: Asked) -> Result<Answer, Error> {
    let purpose = match command {
        Asked::Account(_) => Purpose::Change,
        _ => Purpose::Send,
    };
    let (mut client, patience) = session(matches, purpose)?;
    let answer = client.ask(command, patience)?;
    client.close(FAREWELL);
    Ok(answer)
}

fn change(matches: &ArgMatches, action: AccountAction) -> Result<(), Error> {
    asked(matches, Asked::Account(action)).map(drop)
}

fn password(matches: &ArgMatches) -> Result<(), Error> {
    let (mut client, patience) = session(matches, Purpose::Change)?;
    let password = ask::new_password(client.name())?;
    let password = String::from_utf8_lossy(password.expose()).into_owned();
    client.ask(
        Asked::Account(AccountAction::SetPassword { password }),
        patience,
    )?;
    let kept = match profile(matches)?.credential {
        Credential::Password(_) => "; keep the new password where your profile reads it",
        _ => "",
    };
    say(&format!("every other session has ended{kept}"));
    client.close(FAREWELL);
    Ok(())
}

fn add_key(matches: &ArgMatches) -> Result<(), Error> {
    let path = text(matches, "private-key").unwrap_or_default();
    let key = read_key(Path::new(path))?;
    let server_name = profile(matches)?.server_name;
    let (mut client, patience) = session(matches, Purpose::Change)?;
    let action = signed(&mut client, &key, &server_name);
    client.ask(Asked::Account(action), patience)?;
    client.close(FAREWELL);
    Ok(())
}

/// Says to the server of this connection that the key is this account's.
pub fn signed(
    client: &mut Client,
    key: &crate::client::key::Key,
    server_name: &str,
) -> AccountAction {
    let nonce = client.hello().nonce.clone().unwrap_or_default();
    AccountAction::AddKey {
        public_key: key.public(),
        signature: key.sign(&nonce, server_name, client.name()),
    }
}

/// In any of its forms, or a file of one.
fn public_key(text: &str) -> Result<String, Error> {
    let path = Path::new(text);
    let text = match path.is_file() {
        true => std::fs::read_to_string(path)
            .map_err(|error| Error::file("cannot read", path, &error))?,
        false => text.to_owned(),
    };
    let key = written_key::parse(&text).map_err(|why| Error::new(Kind::Usage, why, ""))?;
    let mut public = Vec::new();
    base64url::encode(&mut public, &key);
    Ok(String::from_utf8_lossy(&public).into_owned())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceLine<'a> {
    device: &'a str,
    created_at: &'a str,
    seen_at: &'a str,
}

fn devices(matches: &ArgMatches, out: &mut Out) -> Result<(), Error> {
    let json = is_set(matches, "json");
    let line = |device: &Device| match json {
        true => {
            let line = DeviceLine {
                device: &device.device,
                created_at: &device.created_at,
                seen_at: &device.seen_at,
            };
            serde_json::to_string(&line).unwrap_or_default() + "\n"
        }
        false => format!(
            "{:<24} since {}  seen {}\n",
            one_line(&device.device),
            local_time(&device.created_at),
            local_time(&device.seen_at)
        ),
    };
    match asked(matches, Asked::Account(AccountAction::Devices))? {
        Answer::Devices(devices) => devices
            .iter()
            .map(line)
            .try_for_each(|line| out.print(&line)),
        _ => Ok(()),
    }
}

fn set(matches: &ArgMatches, out: &mut Out) -> Result<(), Error> {
    let switch = |name: &str| text(matches, name).map(|word| word == "on");
    let command = Asked::Settings {
        accept_from: text(matches, "accept-from").map(str::to_owned),
        delivery_receipts: switch("delivery-receipts"),
        read_receipts: switch("read-receipts"),
    };
    match asked(matches, command)? {
        Answer::Settings(settings) => out.print(&shown(&settings, is_set(matches, "json"))),
        _ => Ok(()),
    }
}

fn shown(settings: &Settings, json: bool) -> String {
    let accept_from = settings.accept_from.as_deref().unwrap_or_default();
    let (delivery, read) = (
        settings.delivery_receipts.unwrap_or_default(),
        settings.read_receipts.unwrap_or_default(),
    );
    if json {
        let line = serde_json::json!({
            "acceptFrom": accept_from, "deliveryReceipts": delivery, "readReceipts": read,
        });
        return format!("{line}\n");
    }
    let word = |on: bool| if on { "on" } else { "off" };
    format!(
        "accept-from {}\ndelivery-receipts {}\nread-receipts {}\n",
        one_line(accept_from),
        word(delivery),
        word(read)
    )
}

fn delete(matches: &ArgMatches) -> Result<(), Error> {
    let (mut client, patience) = session(matches, Purpose::Change)?;
    if !is_set(matches, "yes") {
        let name = client.name();
        ask::confirm(&format!(
            "End the account {name}, for good? Its name stays reserved, and what waits for it is lost."
        ))?;
    }
    client.ask(Asked::Account(AccountAction::Delete), patience)?;
    Ok(())
}
