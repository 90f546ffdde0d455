//! `privmsg account export`: everything that is kept of the account, as the server tells it, line by line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};

use super::account::verb_of;
use super::history::progress;
use super::out::{Out, say};
use super::{FAREWELL, session};
use crate::client::command::{AccountAction, Command as Asked};
use crate::client::error::{Error, Kind};
use crate::client::event::{Answer, Event};
use crate::client::session::Purpose;

pub fn command() -> Command {
    verb_of("export", "Write down everything that is kept of the account, one JSON object a line")
        .arg(
            Arg::new("to")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("A new file, for you only; without it, or -: standard output"),
        )
        .after_help(
            "The file is there when the export is whole. The lines are those of protocol.md, exported.\n\n\
             Examples:\n  privmsg account export me.jsonl\n  privmsg account export | jq 'select(.what == \"device\")'",
        )
}

pub fn run(matches: &ArgMatches, out: &mut Out) -> Result<(), Error> {
    let path = matches
        .get_one::<PathBuf>("to")
        .filter(|path| path.as_os_str() != "-");
    let (mut client, patience) = session(matches, Purpose::Change)?;
    let mut to = match path {
        Some(path) => To::File(Unfinished::new(path)?),
        None => To::Stdout(out),
    };
    let bar = progress("lines", true);
    let asked = client.request(Asked::Account(AccountAction::Export));
    let count = loop {
        match client.next_event(patience) {
            Some(Event::Exported(line)) => {
                to.line(&line)?;
                bar.inc(1);
            }
            Some(Event::Answer { id, answer }) if id == asked => match answer? {
                Answer::Exported { count } => break count,
                _ => break 0,
            },
            Some(Event::Ended(end)) => return Err(end.into()),
            Some(_) => {}
            None => return Err(client.too_late(patience)),
        }
    };
    bar.finish_and_clear();
    to.finish()?;
    if let Some(path) = path {
        say(&format!("{count} lines in {}", path.display()));
    }
    client.close(FAREWELL);
    Ok(())
}

enum To<'a> {
    Stdout(&'a mut Out),
    File(Unfinished),
}

impl To<'_> {
    fn line(&mut self, line: &str) -> Result<(), Error> {
        match self {
            To::Stdout(out) => out.print(&format!("{line}\n")),
            To::File(file) => file.line(line),
        }
    }

    fn finish(self) -> Result<(), Error> {
        match self {
            To::Stdout(_) => Ok(()),
            To::File(file) => file.finish(),
        }
    }
}

/// A file that has its name only when it is whole.
struct Unfinished {
    file: io::BufWriter<File>,
    so_far: PathBuf,
    path: PathBuf,
    finished: bool,
}

impl Unfinished {
    fn new(path: &Path) -> Result<Unfinished, Error> {
        if path.exists() {
            let what = format!("{} is there already", path.display());
            return Err(Error::new(
                Kind::Usage,
                what,
                "nothing is overwritten: take another name",
            ));
        }
        let mut so_far = path.as_os_str().to_owned();
        so_far.push(format!(".{}", std::process::id()));
        let so_far = PathBuf::from(so_far);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&so_far)
            .map_err(|error| Error::file("cannot write", &so_far, &error))?;
        Ok(Unfinished {
            file: io::BufWriter::new(file),
            so_far,
            path: path.into(),
            finished: false,
        })
    }

    fn line(&mut self, line: &str) -> Result<(), Error> {
        let written = self.file.write_all(line.as_bytes());
        let written = written.and_then(|()| self.file.write_all(b"\n"));
        written.map_err(|error| Error::file("cannot write", &self.so_far, &error))
    }

    fn finish(mut self) -> Result<(), Error> {
        let written = self
            .file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .and_then(|()| fs::rename(&self.so_far, &self.path));
        self.finished = written.is_ok();
        written.map_err(|error| Error::file("cannot write", &self.path, &error))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.so_far);
        }
    }
}
