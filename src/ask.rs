//! Asking whoever sits at the terminal: passwords without echo, yes or no, a line. Passwords come from the terminal or from
//! standard input, never from arguments or the environment. Knows no accounts and no commands.

use std::fmt;
use std::io::{self, Write};
use std::os::fd::AsFd;

use rustix::stdio::stdin;
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};

use crate::accounts::{Secret, overwrite};
use crate::ops::exit::{Exit, reason};

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Unanswered {
    pub code: Exit,
    pub what: String,
}

impl Unanswered {
    fn new(code: Exit, what: impl fmt::Display) -> Unanswered {
        Unanswered {
            code,
            what: what.to_string(),
        }
    }
}

/// From the terminal once, or one line of standard input that is none.
pub fn password(question: &str) -> Result<Secret, Unanswered> {
    let password = match isatty(stdin()) {
        false => line(&stdin(), |_| Key::Take)?,
        true => typed(question)?,
    };
    checked(password)
}

/// A line from the terminal; nothing where there is none, or if only Enter is typed.
pub fn text(question: &str) -> Result<Option<String>, Unanswered> {
    if !isatty(stdin()) {
        return Ok(None);
    }
    prompt(question);
    let answer = line(&stdin(), |_| Key::Take)?;
    let text = String::from_utf8_lossy(answer.expose()).trim().to_owned();
    Ok((!text.is_empty()).then_some(text))
}

/// From the terminal twice, or one line of standard input that is none.
pub fn new_password(name: &str) -> Result<Secret, Unanswered> {
    let password = match isatty(stdin()) {
        false => line(&stdin(), |_| Key::Take)?,
        true => {
            let first = typed(&format!("New password of {name}: "))?;
            if first != typed("The same again: ")? {
                let what = "the two are not the same: nothing has changed";
                return Err(Unanswered::new(Exit::Usage, what));
            }
            first
        }
    };
    checked(password)
}

fn checked(password: Secret) -> Result<Secret, Unanswered> {
    if password.expose().is_empty() {
        let what = "no password was given, on the terminal or as one line of standard input";
        return Err(Unanswered::new(Exit::Usage, what));
    }
    match std::str::from_utf8(password.expose()) {
        Ok(_) => Ok(password),
        Err(_) => Err(Unanswered::new(Exit::Usage, "the password is not UTF-8")),
    }
}

/// Asks on the terminal; fails where there is none, and on anything but yes.
pub fn confirm(question: &str) -> Result<(), Unanswered> {
    if !isatty(stdin()) {
        let what = "there is no terminal to ask on: say --yes";
        return Err(Unanswered::new(Exit::Usage, what));
    }
    prompt(&format!("{question} [y/N] "));
    let answer = line(&stdin(), |_| Key::Take)?;
    match answer.expose() {
        b"y" | b"Y" | b"yes" => Ok(()),
        _ => Err(Unanswered::new(Exit::Usage, "nothing has changed")),
    }
}

/// The terminal does not show what is typed, nor act upon it, until this is dropped: what would end the process with
/// the echo off is read here.
struct Silent(Termios);

impl Silent {
    fn new() -> Result<Self, Unanswered> {
        let before = tcgetattr(stdin()).map_err(unreadable)?;
        let mut silent = before.clone();
        silent.local_modes -=
            LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        // What was typed before the question was read is thrown away.
        tcsetattr(stdin(), OptionalActions::Flush, &silent).map_err(unreadable)?;
        Ok(Silent(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
        prompt("\n");
    }
}

fn typed(question: &str) -> Result<Secret, Unanswered> {
    let silent = Silent::new()?;
    prompt(question);
    let password = line(&stdin(), |byte| match byte {
        b'\r' => Key::End,
        0x08 | 0x7f => Key::Back,
        0x15 => Key::Clear,
        0x03 | 0x04 | 0x1c => Key::Abort,
        _ => Key::Take,
    });
    drop(silent);
    password
}

/// What a byte means besides being part of the line.
enum Key {
    Take,
    End,
    Back,
    Clear,
    Abort,
}

/// Up to the line end or the end of input; without a CR before it. Reads nothing behind it.
fn line(from: &impl AsFd, meaning: impl Fn(u8) -> Key) -> Result<Secret, Unanswered> {
    let mut bytes = [0; MAX_LINE_BYTES];
    let (mut length, mut byte) = (0, [0]);
    let outcome = loop {
        match rustix::io::read(from, &mut byte) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => break Err(unreadable(error)),
            Ok(0) => break Ok(()),
            Ok(_) => {}
        }
        match (byte[0], meaning(byte[0])) {
            (b'\n', _) | (_, Key::End) => break Ok(()),
            (_, Key::Back) => length = before_last(bytes.get(..length).unwrap_or_default()),
            (_, Key::Clear) => length = 0,
            (_, Key::Abort) => {
                break Err(Unanswered::new(
                    Exit::Usage,
                    "given up: nothing has changed",
                ));
            }
            (taken, Key::Take) => match bytes.get_mut(length) {
                Some(place) => {
                    *place = taken;
                    length += 1;
                }
                None => break Err(Unanswered::new(Exit::Usage, "the line is too long")),
            },
        }
    };
    let text = bytes.get(..length).unwrap_or_default();
    let secret = Secret::new(text.strip_suffix(b"\r").unwrap_or(text));
    overwrite(&mut bytes);
    outcome.map(|()| secret)
}

/// The length without the last character.
fn before_last(bytes: &[u8]) -> usize {
    let is_start = |byte: &u8| *byte & 0xc0 != 0x80;
    bytes.iter().rposition(is_start).unwrap_or(0)
}

fn prompt(text: &str) {
    let mut stderr = io::stderr();
    let _ = stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush());
}

fn unreadable(error: rustix::io::Errno) -> Unanswered {
    let why = reason(&error.into());
    Unanswered::new(Exit::Io, format_args!("cannot read standard input: {why}"))
}

const MAX_LINE_BYTES: usize = 4_096;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn one_line_is_read_and_nothing_behind_it() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all("pä ss\r\nrest".as_bytes()).unwrap();
        drop(writer);
        let read = |from: &io::PipeReader| line(from, |_| Key::Take).unwrap();
        assert_eq!(read(&reader).expose(), "pä ss".as_bytes());
        assert_eq!(read(&reader).expose(), b"rest");
        assert_eq!(read(&reader).expose(), b"");
    }

    #[test]
    fn a_line_has_a_bound_and_characters_are_taken_back_whole() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(&[b'x'; MAX_LINE_BYTES + 1]).unwrap();
        drop(writer);
        assert_eq!(line(&reader, |_| Key::Take).unwrap_err().code, Exit::Usage);
        assert_eq!(before_last("aé".as_bytes()), 1);
        assert_eq!(before_last(b"a"), 0);
        assert_eq!(before_last(b""), 0);
    }
}
