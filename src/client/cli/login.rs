//! `privmsg login`: proves a name once, and keeps what proves it from then on. A key is made for this installation, so that
//! the password is kept nowhere.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::ArgMatches;

use super::account::signed;
use super::out::{one_line, say};
use super::{FAREWELL, PATIENCE, asked, duration, is_set, text};
use crate::accounts::Secret;
use crate::ask;
use crate::client::address::Address;
use crate::client::command::{Command, Create, line};
use crate::client::credential::Credential;
use crate::client::dialogue::Dialogue;
use crate::client::driver::Client;
use crate::client::error::{Error, Kind};
use crate::client::key::Key;
use crate::client::profile::{
    Entry, Paths, Profile, Profiles, SERVER, checked_name, read_key, secret_file,
};
use crate::client::session::Purpose;

pub fn run(matches: &ArgMatches) -> Result<(), Error> {
    let paths = Paths::of_user()?;
    let title = text(matches, "profile").unwrap_or("default");
    if Profiles::load(&paths.profiles())?.all.contains_key(title) {
        let what = format!("there is a profile {title:?} already");
        let fix = format!(
            "take another name, --profile NAME, or take it out of {}",
            paths.profiles().display()
        );
        return Err(Error::new(Kind::Config, what, fix));
    }
    let mut login = Login {
        entry: whole(asked(matches))?,
        title: title.into(),
        patience: duration(matches, "timeout").unwrap_or(PATIENCE),
        register: is_set(matches, "register"),
        keep_password: is_set(matches, "keep-password"),
        paths,
    };
    login.run()
}

/// With what was not given asked for, and every path from the root.
fn whole(mut entry: Entry) -> Result<Entry, Error> {
    if entry.server.is_none() {
        let typed = ask::text(&format!("Server [{SERVER}]: "))?;
        entry.server = Some(typed.unwrap_or_else(|| SERVER.into()));
    }
    if entry.name.is_none() {
        entry.name = ask::text("Your name there: ")?;
    }
    let Some(name) = &entry.name else {
        return Err(Error::new(
            Kind::Usage,
            "no name was given",
            "say --name NAME",
        ));
    };
    checked_name(name)?;
    let paths = [
        &mut entry.password_file,
        &mut entry.key,
        &mut entry.token_file,
        &mut entry.ca,
    ];
    for path in paths.into_iter().flatten() {
        let absolute = std::path::absolute(&*path);
        *path = absolute.map_err(|error| Error::file("cannot find", path, &error))?;
    }
    Ok(entry)
}

struct Login {
    entry: Entry,
    title: String,
    patience: Duration,
    register: bool,
    keep_password: bool,
    paths: Paths,
}

impl Login {
    fn run(&mut self) -> Result<(), Error> {
        let trust = self.entry.trust(&self.paths)?;
        let address: Address = self.entry.server.as_deref().unwrap_or(SERVER).parse()?;
        let mut dialogue = Dialogue::open(&address, &trust, self.patience)?;
        if let Some(news) = dialogue.news() {
            say(&news);
        }
        let hello = dialogue.hello.clone();
        if !hello.is_mailbox() {
            say("this server has no accounts: nothing proves a name there");
            return self.keep();
        }
        if self.entry.server_name.is_none() && hello.server_name != address.likely_server_name() {
            say(&format!(
                "the server calls itself {}",
                one_line(&hello.server_name)
            ));
            self.entry.server_name = Some(hello.server_name);
        }
        if self.entry.device.is_none() {
            self.entry.device = Some(device());
        }
        let profile = self.entry.profile(&self.paths)?;
        match profile.credential {
            Credential::None => self.with_password(profile, dialogue)?,
            Credential::Key(_) => self.with_key(profile, dialogue)?,
            Credential::Password(_) | Credential::TokenFile(_) => {
                self.create(&profile, dialogue)?;
                self.prove(&profile)?.close(FAREWELL);
            }
        }
        self.keep()
    }

    /// Asks for it once, and makes a key that takes its place.
    fn with_password(&mut self, mut profile: Profile, dialogue: Dialogue) -> Result<(), Error> {
        profile.credential = self.ask_password(&profile.name)?;
        self.create(&profile, dialogue)?;
        let mut client = self.prove(&profile)?;
        let secrets = self.paths.secrets();
        if self.keep_password {
            if let Credential::Password(password) = &profile.credential {
                let path = secrets.join(file_name(&self.title) + ".password");
                let text = String::from_utf8_lossy(password.expose()).into_owned() + "\n";
                secret_file::write(&path, &text, true)?;
                self.entry.password_file = Some(path);
            }
        } else {
            let cannot = || Error::new(Kind::Io, "the system gives no random bytes for a key", "");
            let (key, text) = Key::generate().ok_or_else(cannot)?;
            let path = secrets.join(file_name(&self.title) + ".key");
            secret_file::write(&path, &text, true)?;
            self.add(&mut client, &key, &profile, &path)?;
            self.entry.key = Some(path);
        }
        client.close(FAREWELL);
        Ok(())
    }

    /// The server may know it already; else the password lets it in.
    fn with_key(&self, mut profile: Profile, dialogue: Dialogue) -> Result<(), Error> {
        self.create(&profile, dialogue)?;
        match self.prove(&profile) {
            Ok(client) => client.close(FAREWELL),
            Err(error) if self.register || error.kind != Kind::Refused => return Err(error),
            Err(error) => {
                say(&format!(
                    "the key does not prove the name yet ({})",
                    error.what
                ));
                profile.credential = self.ask_password(&profile.name)?;
                let mut client = self.prove(&profile)?;
                let path = self.entry.key.clone().unwrap_or_default();
                let key = read_key(&path)?;
                let action = signed(&mut client, &key, &profile.server_name);
                client.ask(Command::Account(action), self.patience)?;
                client.close(FAREWELL);
            }
        }
        Ok(())
    }

    /// A key that the server does not take is not kept.
    fn add(
        &self,
        client: &mut Client,
        key: &Key,
        profile: &Profile,
        path: &Path,
    ) -> Result<(), Error> {
        let action = signed(client, key, &profile.server_name);
        let added = client.ask(Command::Account(action), self.patience);
        added
            .map(drop)
            .inspect_err(|_| drop(std::fs::remove_file(path)))
    }

    fn ask_password(&self, name: &str) -> Result<Credential, Error> {
        let password: Secret = match self.register {
            true => ask::new_password(name)?,
            false => ask::password(&format!("Password of {}: ", one_line(name)))?,
        };
        Ok(Credential::Password(Arc::new(password)))
    }

    /// With `--register`: the account, first.
    fn create(&self, profile: &Profile, mut dialogue: Dialogue) -> Result<(), Error> {
        if !self.register {
            return Ok(());
        }
        if profile.credential.is_bearer() && !profile.address.is_confidential() {
            let what = "others could read the password on this connection: it was not sent";
            return Err(Error::new(Kind::Refused, what, "connect to tls:HOST:PORT"));
        }
        let mut create = Create {
            kind: "account",
            action: "create",
            username: &profile.name,
            id: 1,
            ..Create::default()
        };
        match &profile.credential {
            Credential::Password(password) => {
                create.password = std::str::from_utf8(password.expose()).ok();
            }
            Credential::Key(key) => {
                let nonce = dialogue.hello.nonce.clone().unwrap_or_default();
                create.public_key = Some(key.public());
                create.signature = Some(key.sign(&nonce, &profile.server_name, &profile.name));
            }
            Credential::None | Credential::TokenFile(_) => return Ok(()),
        }
        dialogue.ask(line(&create), self.patience).map(drop)
    }

    fn prove(&self, profile: &Profile) -> Result<Client, Error> {
        let mut client = Client::start(profile, Purpose::Change)?;
        client.connected(self.patience)?;
        Ok(client)
    }

    /// Puts the profile behind those that are there.
    fn keep(&self) -> Result<(), Error> {
        let path = self.paths.profiles();
        let mut text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(_) => format!("default = {:?}\n", self.title),
        };
        text.push('\n');
        text.push_str(&self.entry.lines(&self.title));
        secret_file::write(&path, &text, true)?;
        let name = self.entry.name.as_deref().unwrap_or_default();
        say(&format!(
            "{name} is kept as the profile {:?} of {}",
            self.title,
            path.display()
        ));
        Ok(())
    }
}

/// What this installation is called from now on: the machine's name, and something that nobody else has.
fn device() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host
        .trim()
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || "-.".contains(*letter))
        .collect();
    let mut random = [0; 2];
    // Without, two installations on machines of one name would be one device.
    let _ = getrandom::fill(&mut random);
    let host = host.get(..host.len().min(40)).unwrap_or_default();
    format!("{host}-{:02x}{:02x}", random[0], random[1])
}

fn file_name(title: &str) -> String {
    let plain = |letter: char| match letter.is_ascii_alphanumeric() || "-_".contains(letter) {
        true => letter,
        false => '_',
    };
    title.chars().map(plain).collect()
}
