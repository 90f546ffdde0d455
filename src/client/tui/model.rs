//! Everything that the screen shows, and what is to be done because of a key or an event. Pure: no clock, no terminal, no
//! connection; what it wants done it says in [`Effect`]s.

#[cfg(test)]
pub mod desk;
mod events;
mod keys;
mod orders;
mod pages;
mod search;
#[cfg(test)]
mod tests;
mod upkeep;

use jiff::tz::TimeZone;

use super::book::Book;
use super::conversation::{Conversation, Fresh, HIDDEN, Message, SHOWN};
use super::editor::Editor;
use super::keys::Key;
use super::layout::{Columns, Layout, MIN_COLUMNS_FOR_LIST};
use super::page::Page;
use super::text::harmless_row;
use super::view::View;
use crate::client::{Answer, Command, Event, Lost};
pub use search::{Looked, Search};

/// Milliseconds for which something is said at the bottom.
const NOTICE_MS: u64 = 8_000;
/// The same if it is about who uses the account.
const WARNING_MS: u64 = 60_000;
/// Milliseconds for which `typing` is believed, and between two that are sent.
const TYPING_MS: u64 = 6_000;
const TELL_TYPING_MS: u64 = 3_000;
/// Milliseconds until a gap is asked for: messages that overtake each other make one for a moment.
const GAP_MS: u64 = 1_000;
/// Names of which presence is asked for; the server has a bound of 128.
const MAX_WATCHED: usize = 100;
/// Messages that are asked for at once; more while searching.
const HISTORY_PAGE: u32 = 50;
const SEARCH_PAGE: u32 = 500;

/// One reading of the clocks, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    pub mono: u64,
    pub unix: i64,
}

#[derive(Clone, Debug)]
pub enum Input {
    Key(Key),
    Paste(String),
    Resize(u16, u16),
    Focus(bool),
    Client(Event),
    /// A page to show.
    Note(String),
    Answer(Ask, Result<Answer, Lost>),
    /// What [`Effect::Send`] of this serial was sent as.
    Sent {
        serial: u64,
        message_id: String,
    },
    /// It could not even be tried.
    NotSent {
        serial: u64,
        why: String,
    },
    Tick,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Send {
        serial: u64,
        to: String,
        text: String,
    },
    Ask(Ask, Command),
    Bell,
    /// Draw everything again: something else has written on the screen.
    Redraw,
    /// Begin a new session; the last one has ended.
    Connect,
    /// Stop the process for a while.
    Suspend,
    Quit,
}

/// What an answer is for. Conversations are given by their key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    Conversations,
    History(u64),
    Edit {
        key: u64,
        serial: u64,
        text: String,
    },
    Delete {
        key: u64,
        serial: u64,
    },
    /// Says this when it is done.
    Told(String),
    /// Nobody is waiting for it, and if it fails nobody is told.
    Silent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    Connecting,
    Up,
    /// `again_at`: milliseconds of the monotonic clock.
    Lost {
        why: String,
        again_at: u64,
    },
    Ended(String),
}

/// Tab was pressed: what stood there begins at `start`, and word `at` is there now.
#[derive(Debug)]
pub struct Completion {
    start: usize,
    pub words: Vec<String>,
    pub at: usize,
}

#[derive(Debug)]
pub struct Model {
    /// The server, as it was given.
    pub place: String,
    pub zone: TimeZone,
    pub colors: bool,
    /// This side's name, as the server shows it.
    pub me: String,
    /// `None` until the server has said so.
    pub mailbox: Option<bool>,
    pub link: Link,
    pub book: Book,
    pub current: Option<u64>,
    pub editor: Editor,
    /// The message that is being edited, in the current conversation.
    pub editing: Option<u64>,
    pub completion: Option<Completion>,
    pub search: Option<Search>,
    /// The message that a search found last, in the current conversation.
    pub marked: Option<u64>,
    pub page: Option<Page>,
    /// The first row of it that is on the screen.
    pub page_row: usize,
    pub bell: bool,
    pub now: Now,
    notice: Option<(String, u64)>,
    size: (u16, u16),
    focused: bool,
    /// What was missed has come: what comes now is new.
    synced: bool,
    /// Whether the list is wanted where there is room for both, and where there is not.
    lists: (bool, bool),
    /// The gap in the current conversation, and when it was seen first.
    gap: Option<(u64, u64)>,
    /// There was a warning about what is not sent.
    leaving: bool,
    serials: u64,
    effects: Vec<Effect>,
}

impl Model {
    pub fn new(name: &str, place: &str, zone: TimeZone, colors: bool, size: (u16, u16)) -> Self {
        Model {
            place: harmless_row(place),
            zone,
            colors,
            me: name.to_string(),
            mailbox: None,
            link: Link::Connecting,
            book: Book::default(),
            current: None,
            editor: Editor::default(),
            editing: None,
            completion: None,
            search: None,
            marked: None,
            page: None,
            page_row: 0,
            bell: true,
            now: Now::default(),
            notice: None,
            size,
            focused: true,
            synced: false,
            lists: (true, false),
            gap: None,
            leaving: false,
            serials: 0,
            effects: Vec::new(),
        }
    }

    pub fn update(&mut self, now: Now, input: Input) -> Vec<Effect> {
        self.now = now;
        match input {
            Input::Key(key) => self.key(key),
            Input::Paste(text) => self.paste(&text),
            Input::Resize(columns, rows) => self.size = (columns, rows),
            Input::Focus(focused) => self.focused = focused,
            Input::Client(event) => self.event(event),
            Input::Note(text) => self.show(Page::Note(text)),
            Input::Answer(ask, answer) => self.answer(ask, answer),
            Input::Sent { serial, message_id } => self.sent(serial, message_id),
            Input::NotSent { serial, why } => self.not_sent(serial, &why),
            Input::Tick => {}
        }
        self.settle();
        std::mem::take(&mut self.effects)
    }

    /// Milliseconds until something on the screen changes by itself.
    pub fn sleep(&self) -> Option<u64> {
        let typing = self.book.list().iter().map(|talk| talk.typing_until);
        let notice = self.notice.iter().map(|(_, until)| *until);
        let gap = self.gap.iter().map(|(_, seen)| seen + GAP_MS);
        let later = typing.chain(notice).chain(gap);
        let next = later.filter(|at| *at > self.now.mono).min();
        let next = next.map(|at| at - self.now.mono);
        match self.link {
            // The seconds are counted down.
            Link::Lost { .. } => Some(next.unwrap_or(1_000).min(1_000)),
            _ => next,
        }
    }

    pub fn layout(&self) -> Layout {
        let (columns, rows) = self.size;
        Layout::new(columns, rows, self.shows_list())
    }

    pub fn columns(&self) -> Columns {
        // Without colours what was read is a word.
        let mark = if self.colors { 2 } else { 4 };
        Columns::new(self.layout().messages.width, mark)
    }

    pub fn talk(&self) -> Option<&Conversation> {
        self.current.and_then(|key| self.book.get(key))
    }

    pub fn view<'a>(&'a self, talk: &'a Conversation) -> View<'a> {
        View {
            talk,
            me: &self.me,
            columns: usize::from(self.columns().text),
            stored: self.is_mailbox(),
        }
    }

    pub fn is_mailbox(&self) -> bool {
        self.mailbox == Some(true)
    }

    pub fn is_up(&self) -> bool {
        self.link == Link::Up
    }

    /// What is to be said at the bottom for now.
    pub fn notice(&self) -> Option<&str> {
        let notice = self.notice.as_ref();
        notice
            .filter(|(_, until)| *until > self.now.mono)
            .map(|(text, _)| text.as_str())
    }

    pub fn is_typing(&self, talk: &Conversation) -> bool {
        talk.typing_until > self.now.mono
    }

    fn shows_list(&self) -> bool {
        let (wide, narrow) = self.lists;
        match self.size.0 >= MIN_COLUMNS_FOR_LIST {
            true => wide,
            false => narrow || self.current.is_none(),
        }
    }

    fn talk_mut(&mut self) -> Option<&mut Conversation> {
        self.current.and_then(|key| self.book.get_mut(key))
    }

    fn say(&mut self, text: &str) {
        self.notice = Some((harmless_row(text), self.now.mono + NOTICE_MS));
    }

    fn warn(&mut self, text: &str) {
        self.notice = Some((harmless_row(text), self.now.mono + WARNING_MS));
        self.ring();
    }

    fn ring(&mut self) {
        if self.bell && !self.effects.contains(&Effect::Bell) {
            self.effects.push(Effect::Bell);
        }
    }

    /// Asks, if there is a connection to ask on.
    fn ask(&mut self, ask: Ask, command: Command) -> bool {
        if self.is_up() {
            self.effects.push(Effect::Ask(ask, command));
        }
        self.is_up()
    }

    /// Leaves, but not with unsent messages at the first try: they would be lost.
    fn quit(&mut self) {
        let waiting = self.book.waiting();
        if waiting == 0 || self.leaving {
            return self.effects.push(Effect::Quit);
        }
        self.leaving = true;
        self.warn(&format!(
            "not sent yet: {waiting}; once more to leave without them"
        ));
    }

    fn serial(&mut self) -> u64 {
        self.serials += 1;
        self.serials
    }

    fn open(&mut self, key: u64) {
        if self.current != Some(key) {
            self.leave();
        }
        self.current = Some(key);
        self.lists.1 = false;
        let stored = self.is_mailbox();
        let Some(talk) = self.book.get_mut(key) else {
            return;
        };
        talk.fresh = match talk.unread {
            0 => None,
            _ if stored => Some(Fresh::After(talk.read_seq)),
            new => {
                let theirs = talk.log().iter().rev().filter(|message| !message.mine);
                let first = theirs
                    .take(usize::try_from(new).unwrap_or(usize::MAX))
                    .last();
                first.map(|message| Fresh::From(message.serial))
            }
        };
        let draft = std::mem::take(&mut talk.draft);
        self.editor.set(draft);
        self.load_if_short();
    }

    /// Puts away what is being typed in the current conversation, and what is loaded of it beyond what is kept.
    fn leave(&mut self) {
        let draft = match self.editing.take() {
            Some(_) => String::new(),
            None => self.editor.text().to_string(),
        };
        self.completion = None;
        self.search = None;
        self.marked = None;
        self.gap = None;
        self.editor.set(String::new());
        if let Some(talk) = self.talk_mut() {
            talk.draft = draft;
            talk.fresh = None;
            talk.scroll = None;
            talk.trim(HIDDEN);
        }
    }

    fn send(&mut self, key: u64, text: &str) {
        let serial = self.serial();
        self.leaving = false;
        let unix = self.now.unix;
        let Some(talk) = self.book.get_mut(key) else {
            return;
        };
        talk.add(Message::typed(serial, text));
        talk.activity = talk.activity.max(unix);
        talk.scroll = None;
        talk.fresh = None;
        talk.told_typing_until = 0;
        let (to, text) = (talk.name.clone(), text.to_string());
        self.effects.push(Effect::Send { serial, to, text });
    }

    fn load_if_short(&mut self) {
        let rows = usize::from(self.layout().messages.height);
        if self.talk().is_some_and(|talk| talk.log().len() < rows) {
            self.load(HISTORY_PAGE);
        }
    }
}
