//! What is typed after a slash, and what can be completed. Knows neither the screen nor the connection.

/// A command with its words, before anybody knows whether it makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    Text(&'a str),
    Command(Verb, &'a str),
    /// A slash and a word that is no command.
    Unknown(&'a str),
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Allow,
    Bell,
    Block,
    Close,
    Connect,
    Delete,
    Disallow,
    Edit,
    Help,
    List,
    Msg,
    Quit,
    Receipts,
    Retry,
    Search,
    Status,
    Unblock,
}

pub struct Described {
    pub word: &'static str,
    pub verb: Verb,
    pub arguments: &'static str,
    pub about: &'static str,
    /// Open mode has nothing that it could do.
    pub mailbox: bool,
}

/// All commands, in the order of their words.
pub const COMMANDS: [Described; 17] = [
    described(
        "/allow",
        Verb::Allow,
        "[NAME]",
        "take messages from NAME, and tell what arrived",
        true,
    ),
    described(
        "/bell",
        Verb::Bell,
        "on|off",
        "ring when a message comes",
        false,
    ),
    described(
        "/block",
        Verb::Block,
        "[NAME]",
        "hear nothing more from NAME, who is not told",
        true,
    ),
    described(
        "/close",
        Verb::Close,
        "",
        "hide this conversation until something comes",
        false,
    ),
    described(
        "/connect",
        Verb::Connect,
        "",
        "begin another session after one has ended",
        false,
    ),
    described(
        "/delete",
        Verb::Delete,
        "[me]",
        "delete the marked one or your last; me: only here",
        true,
    ),
    described(
        "/disallow",
        Verb::Disallow,
        "[NAME]",
        "take /allow back",
        true,
    ),
    described(
        "/edit",
        Verb::Edit,
        "[TEXT]",
        "change the marked one or your last",
        true,
    ),
    described("/help", Verb::Help, "", "this page", false),
    described(
        "/list",
        Verb::List,
        "",
        "show or hide the conversations (F2)",
        false,
    ),
    described(
        "/msg",
        Verb::Msg,
        "NAME [TEXT]",
        "open the conversation with NAME",
        false,
    ),
    described("/quit", Verb::Quit, "", "leave (Ctrl-D)", false),
    described(
        "/receipts",
        Verb::Receipts,
        "on|off",
        "tell others what you have read",
        true,
    ),
    described(
        "/retry",
        Verb::Retry,
        "",
        "send the marked or last refused one once more",
        false,
    ),
    described(
        "/search",
        Verb::Search,
        "TEXT",
        "look for TEXT, further and further back (Ctrl-F)",
        false,
    ),
    described(
        "/status",
        Verb::Status,
        "online|away|invisible",
        "what others see of you",
        false,
    ),
    described(
        "/unblock",
        Verb::Unblock,
        "[NAME]",
        "take /block back",
        true,
    ),
];

/// Keys beside those of readline.
pub const KEYS: [(&str, &str); 8] = [
    ("Tab", "complete a name or a command"),
    ("PgUp PgDn", "scroll; at the top, load what was before"),
    ("Alt-Up Alt-Down", "the conversation above, below"),
    ("Alt-1 … Alt-9", "that conversation"),
    ("Alt-A", "the next one with something new"),
    ("Alt-Enter", "a line end within the message"),
    (
        "Ctrl-F",
        "search, and mark what is found; Enter: further back, Esc: enough",
    ),
    ("Esc", "back to the newest message"),
];

/// All commands and keys, and what they do. `mailbox`: with the commands that open mode has not.
pub fn explained(mailbox: bool) -> impl Iterator<Item = (String, &'static str)> {
    let known = COMMANDS
        .iter()
        .filter(move |command| mailbox || !command.mailbox);
    let commands = known.map(|command| {
        let words = format!("{} {}", command.word, command.arguments);
        (words.trim_end().to_owned(), command.about)
    });
    commands.chain(KEYS.iter().map(|(key, about)| (key.to_string(), *about)))
}

/// Begins a text with a slash: `//text` is the message `/text`.
pub fn read(line: &str) -> Line<'_> {
    let Some(rest) = line.strip_prefix('/') else {
        return match line.trim().is_empty() {
            true => Line::Nothing,
            false => Line::Text(line),
        };
    };
    if rest.starts_with('/') {
        return Line::Text(rest);
    }
    let (word, rest) = word(line);
    match COMMANDS.iter().find(|command| command.word == word) {
        Some(command) => Line::Command(command.verb, rest),
        None => Line::Unknown(word),
    }
}

/// The first word, and what follows it without the spaces between.
pub fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim()),
        None => (text, ""),
    }
}

impl Described {
    /// What its argument may be, if that is one of a few words and no name or text.
    fn choices(&self) -> impl Iterator<Item = &'static str> {
        let words = self.arguments.trim_matches(['[', ']']).split('|');
        words.filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
    }
}

pub fn on_or_off(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

/// What may stand in the place of the word before the cursor: where that word begins, and the words that begin like it.
pub fn complete<'a>(
    before: &str,
    names: impl Iterator<Item = &'a str>,
    mailbox: bool,
) -> (usize, Vec<String>) {
    let last = before.rsplit(char::is_whitespace).next().unwrap_or("");
    let start = before.len() - last.len();
    let begun = last.to_lowercase();
    let fits = |word: &str| word.to_lowercase().starts_with(&begun);
    if start == 0 && begun.starts_with('/') {
        let known = COMMANDS
            .iter()
            .filter(|command| mailbox || !command.mailbox);
        let words = known.map(|command| command.word).filter(|word| fits(word));
        return (0, words.map(String::from).collect());
    }
    if begun.is_empty() && !before.starts_with('/') {
        return (start, Vec::new());
    }
    let (command, rest) = word(before);
    let known = COMMANDS.iter().find(|known| known.word == command);
    let mut choices = known.into_iter().flat_map(Described::choices).peekable();
    let words: Vec<&str> = match choices.peek() {
        Some(_) => choices.filter(|_| rest == last).collect(),
        None => names.collect(),
    };
    let words = words.into_iter().filter(|word| fits(word));
    (start, words.map(String::from).collect())
}

const fn described(
    word: &'static str,
    verb: Verb,
    arguments: &'static str,
    about: &'static str,
    mailbox: bool,
) -> Described {
    Described {
        word,
        verb,
        arguments,
        about,
        mailbox,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_makes_a_command_and_two_make_a_text() {
        assert_eq!(read("  "), Line::Nothing);
        assert_eq!(read("hi /msg"), Line::Text("hi /msg"));
        assert_eq!(read("//etc"), Line::Text("/etc"));
        assert_eq!(
            read("/msg  Bob  hi there "),
            Line::Command(Verb::Msg, "Bob  hi there")
        );
        assert_eq!(read("/quit"), Line::Command(Verb::Quit, ""));
        assert_eq!(read("/frobnicate now"), Line::Unknown("/frobnicate"));
        assert!(COMMANDS.is_sorted_by_key(|command| command.word));
    }

    #[test]
    fn words_are_completed_where_they_stand() {
        let names = ["Bob", "Carol", "bernd"];
        let found = |before: &str, mailbox| complete(before, names.into_iter(), mailbox);
        let words = |words: &[&str]| {
            words
                .iter()
                .map(|word| word.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(found("/b", true), (0, words(&["/bell", "/block"])));
        assert_eq!(found("/b", false), (0, words(&["/bell"])));
        assert_eq!(found("/msg B", false), (5, words(&["Bob", "bernd"])));
        assert_eq!(
            found("/msg ", false),
            (5, words(&["Bob", "Carol", "bernd"]))
        );
        assert_eq!(found("/status ", false).1.len(), 3);
        assert_eq!(found("/status a", false), (8, words(&["away"])));
        assert_eq!(found("/status away ", false).1.len(), 0);
        assert_eq!(found("/bell o", false).1, ["on", "off"]);
        assert_eq!(found("/delete ", true).1, ["me"]);
        assert_eq!(found("/block c", true), (7, words(&["Carol"])));
        assert_eq!(found("hello ca", false), (6, words(&["Carol"])));
        assert_eq!(found("hello ", false), (6, words(&[])));
        assert_eq!(found("日本 b", false).0, 7);
        assert_eq!(found("a\u{3000}b", false).0, 4);
    }
}
