//! Standard output, which may go away, and standard error; times and texts as people read them. Knows no commands.

use std::io::{self, ErrorKind, IsTerminal, Write};

use crate::client::error::{Error, Kind};
use crate::client::frame::Message;
use crate::escape;
use crate::ops::exit::reason;

pub struct Out {
    /// Nobody reads it any more: `privmsg listen | head -1`.
    gone: bool,
}

impl Out {
    pub fn new() -> Out {
        Out { gone: false }
    }

    /// Whole, and handed over when this returns.
    pub fn print(&mut self, text: &str) -> Result<(), Error> {
        let mut stdout = io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        written.map_err(|error| {
            self.gone |= error.kind() == ErrorKind::BrokenPipe;
            let what = format!("cannot write to standard output: {}", reason(&error));
            Error::new(Kind::Io, what, "")
        })
    }

    pub fn is_gone(&self) -> bool {
        self.gone
    }
}

/// To standard error.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr(), "privmsg: {text}");
}

/// Whether somebody looks at standard error.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// One line of text for people: what would drive a terminal stands escaped in it.
pub fn one_line(text: &str) -> String {
    escape::plain(text, usize::MAX)
}

/// What a message says, or why it is a hole.
pub fn body(message: &Message) -> String {
    match &message.removed {
        Some(why) => format!("({})", one_line(why)),
        None => one_line(&message.body.text()),
    }
}

/// The local time of a time of the server's, to the minute; as it came, if it is none.
pub fn local_time(time: &str) -> String {
    let parsed: Result<jiff::Timestamp, _> = time.parse();
    match parsed {
        Ok(time) => {
            let zoned = time.to_zoned(jiff::tz::TimeZone::system());
            zoned.strftime("%Y-%m-%d %H:%M").to_string()
        }
        Err(_) => one_line(time),
    }
}
