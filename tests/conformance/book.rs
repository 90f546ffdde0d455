//! The checks: a sentence of protocol.md and what shows that it holds, read from the files of `chapters`.
//!
//! A file is a list of checks:
//!
//! ```text
//! = open               from here on, checks of open mode (`mailbox`: of mailbox mode, `any`: of both)
//! > A sentence, perhaps
//! > over several lines.
//! ? max_errors<=20     needs a limit like this, or is not run
//! A: (registers as Alice)
//! A: {"type":"ping"}
//! S→A: {"type":"pong","time":"…"}
//! ```
//!
//! The lines with a connection are those of the examples of protocol.md, and more of their kind: see [`Step`].

use crate::faults;
use crate::server::Server;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Any,
    Open,
    Mailbox,
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Any => "any",
            Mode::Open => "open",
            Mode::Mailbox => "mailbox",
        }
    }
}

pub struct Check {
    /// File and line, for people.
    pub place: String,
    pub mode: Mode,
    pub quote: String,
    /// `key<=number` or `key>=number`.
    pub needs: Vec<String>,
    pub how: How,
}

pub enum How {
    Script(Vec<Step>),
    Code(fn(&Server, u64) -> Result<(), String>),
}

/// What one line says. Names of limits may stand where a number does.
#[derive(Clone, Debug)]
pub struct Step {
    pub who: char,
    pub text: String,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    /// `(connects)`: and reads `hello`. `(dials)`: and reads nothing. Either with `through bytes` or `through delays`.
    Connects {
        greeted: bool,
        through: String,
    },
    /// `(registers as Alice on phone with "deliver":"ack")`: until `registered`, in mailbox mode until `synced`.
    /// `(proves Alice with …)`: only sends `register`, on the connection there is or a new one.
    Proves {
        name: String,
        fields: String,
        through: String,
        reads: bool,
    },
    /// A line as it stands. `(70 times line) {…,"id":#}`: so many, numbered from 1.
    Sends {
        times: String,
        line: String,
    },
    /// `(bytes ff f4)`, `(9 times x)`: without a line end.
    Bytes(Vec<u8>),
    Letters {
        times: String,
        letter: String,
    },
    EndsInput,
    Resets,
    /// `(is forgotten)`: nothing more is read from it.
    Forgotten,
    /// `(waits 100)`: milliseconds.
    Waits(String),
    /// `S→A: {…}`. `(70 times line)` as above; `(later)`: other lines may come before it.
    Gets {
        times: String,
        later: bool,
        pattern: String,
    },
    /// `S→A: (closes)`.
    Closes,
    /// `S→A: (nothing)`: the next line is the answer to a `ping`.
    Nothing,
}

const CHAPTERS: &[(&str, &str)] = &[
    ("transport.txt", include_str!("chapters/transport.txt")),
    ("lines.txt", include_str!("chapters/lines.txt")),
    ("values.txt", include_str!("chapters/values.txt")),
    ("commands.txt", include_str!("chapters/commands.txt")),
    ("names.txt", include_str!("chapters/names.txt")),
    ("presence.txt", include_str!("chapters/presence.txt")),
    ("frames.txt", include_str!("chapters/frames.txt")),
    ("errors.txt", include_str!("chapters/errors.txt")),
    ("limits.txt", include_str!("chapters/limits.txt")),
    ("ending.txt", include_str!("chapters/ending.txt")),
    ("accounts.txt", include_str!("chapters/accounts.txt")),
    ("mailbox.txt", include_str!("chapters/mailbox.txt")),
    ("delivery.txt", include_str!("chapters/delivery.txt")),
];

/// Those that wait come first, so that the others run meanwhile.
pub fn all() -> Vec<Check> {
    let mut checks: Vec<Check> = CHAPTERS
        .iter()
        .flat_map(|(file, text)| chapter(file, text))
        .chain(faults::all())
        .collect();
    checks.sort_by_key(|check| match &check.how {
        How::Script(steps) => !steps.iter().any(|step| matches!(step.what, What::Waits(_))),
        How::Code(_) => false,
    });
    checks
}

fn chapter(file: &str, text: &str) -> Vec<Check> {
    let mut checks: Vec<Check> = Vec::new();
    let (mut mode, mut quoting) = (Mode::Any, false);
    for (number, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", number + 1);
        if let Some(quoted) = line.strip_prefix("> ") {
            match checks.last_mut() {
                Some(check) if quoting => check.quote += &format!(" {quoted}"),
                _ => checks.push(Check {
                    place,
                    mode,
                    quote: quoted.into(),
                    needs: Vec::new(),
                    how: How::Script(Vec::new()),
                }),
            }
            quoting = true;
            continue;
        }
        quoting = false;
        match line.split_at_checked(2).unwrap_or((line, "")) {
            ("", _) | ("# ", _) => {}
            ("= ", "any") => mode = Mode::Any,
            ("= ", "open") => mode = Mode::Open,
            ("= ", "mailbox") => mode = Mode::Mailbox,
            _ => {
                let check = checks.last_mut();
                let check = check.unwrap_or_else(|| panic!("{place}: no sentence before it"));
                if let Some(need) = line.strip_prefix("? ") {
                    check.needs.push(need.into());
                } else if let How::Script(steps) = &mut check.how {
                    let step = step(line).unwrap_or_else(|| panic!("{place}: what is {line}?"));
                    steps.push(step);
                }
            }
        }
    }
    checks
}

fn step(line: &str) -> Option<Step> {
    let (who, text) = line
        .split_once(": ")
        .or_else(|| Some((line.strip_suffix(':')?, "")))?;
    let (from_server, who) = match who.strip_prefix("S→") {
        Some(who) => (true, who),
        None => (false, who),
    };
    let mut letters = who.chars();
    let who = letters.next().filter(char::is_ascii_uppercase)?;
    if letters.next().is_some() {
        return None;
    }
    let what = match from_server {
        true => answer(text)?,
        false => action(text)?,
    };
    let text = text.to_owned();
    Some(Step { who, text, what })
}

fn answer(text: &str) -> Option<What> {
    let gets = |times: &str, later, pattern: &str| What::Gets {
        times: times.into(),
        later,
        pattern: pattern.into(),
    };
    Some(match text {
        "(closes)" => What::Closes,
        "(nothing)" => What::Nothing,
        _ => match text.strip_prefix('(') {
            None => gets("1", false, text),
            Some(rest) => match rest.split_once(") ")? {
                ("later", pattern) => gets("1", true, pattern),
                (times, pattern) => gets(times.strip_suffix(" times line")?, false, pattern),
            },
        },
    })
}

fn action(text: &str) -> Option<What> {
    let Some(rest) = text.strip_prefix('(') else {
        return Some(What::Sends {
            times: "1".into(),
            line: text.into(),
        });
    };
    if let Some((times, line)) = rest.split_once(" times line) ") {
        return Some(What::Sends {
            times: times.into(),
            line: line.into(),
        });
    }
    let rest = rest.strip_suffix(')')?;
    let (rest, through) = rest.split_once(" through ").unwrap_or((rest, ""));
    let through = through.to_owned();
    Some(match rest {
        "connects" => What::Connects {
            greeted: true,
            through,
        },
        "dials" => What::Connects {
            greeted: false,
            through,
        },
        "ends input" => What::EndsInput,
        "resets" => What::Resets,
        "is forgotten" => What::Forgotten,
        _ => return longer_action(rest, through),
    })
}

fn longer_action(text: &str, through: String) -> Option<What> {
    if let Some(ms) = text.strip_prefix("waits ") {
        return Some(What::Waits(ms.into()));
    }
    if let Some(octets) = text.strip_prefix("bytes ") {
        let octets = octets.split(' ').map(|octet| u8::from_str_radix(octet, 16));
        return octets.collect::<Result<_, _>>().ok().map(What::Bytes);
    }
    if let Some((times, letter)) = text.split_once(" times ") {
        return Some(What::Letters {
            times: times.into(),
            letter: letter.into(),
        });
    }
    let (who, with) = text.split_once(" with ").unwrap_or((text, ""));
    let (reads, who) = match who.strip_prefix("registers as ") {
        Some(who) => (true, who),
        None => (false, who.strip_prefix("proves ")?),
    };
    let (name, device) = who.split_once(" on ").unwrap_or((who, ""));
    let device = match device {
        "" => String::new(),
        device => format!(r#","device":"{device}""#),
    };
    let with = match with {
        "" => String::new(),
        with => format!(",{with}"),
    };
    Some(What::Proves {
        name: name.into(),
        fields: device + &with,
        through,
        reads,
    })
}
