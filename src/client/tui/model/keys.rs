//! What a key does.

use super::super::command::complete;
use super::super::editor::Done;
use super::*;

impl Model {
    pub(super) fn key(&mut self, key: Key) {
        if self.page_key(key) {
            return;
        }
        if !matches!(key, Key::Tab | Key::BackTab) {
            self.completion = None;
        }
        if self.search.is_some() && self.search_key(key) {
            return;
        }
        match key {
            Key::Enter => self.enter(),
            Key::Tab => self.tab(true),
            Key::BackTab => self.tab(false),
            Key::Escape => self.escape(),
            Key::PageUp => self.scroll(true),
            Key::PageDown => self.scroll(false),
            Key::Previous => self.step(false),
            Key::Next => self.step(true),
            Key::Alt(digit @ '1'..='9') => self.open_place(digit as usize - '1' as usize),
            Key::Alt('a' | 'A') => self.open_unread(),
            Key::Function(1) => self.show(Page::Help),
            Key::Function(2) => self.toggle_list(),
            Key::Ctrl('f') => self.search = self.talk().map(|_| Search::default()),
            Key::Ctrl('l') => self.effects.push(Effect::Redraw),
            Key::Ctrl('c') => self.interrupt(),
            Key::Ctrl('z') => self.effects.push(Effect::Suspend),
            Key::Ctrl('d') if self.editor.text().is_empty() => self.quit(),
            _ => self.edit(key),
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        self.completion = None;
        let done = match &mut self.search {
            Some(search) => search.query.paste(text),
            None => self.editor.paste(text),
        };
        self.edited(done);
    }

    pub(super) fn toggle_list(&mut self) {
        let wide = self.size.0 >= MIN_COLUMNS_FOR_LIST;
        let shown = if wide {
            &mut self.lists.0
        } else {
            &mut self.lists.1
        };
        *shown = !*shown;
    }

    pub(super) fn scroll_to(&mut self, below: usize) {
        let Some(talk) = self.talk() else { return };
        let anchor = self.view(talk).anchor_for(below);
        if let Some(talk) = self.talk_mut() {
            talk.scroll = anchor;
        }
    }

    fn edit(&mut self, key: Key) {
        let done = self.editor.key(key);
        self.edited(done);
    }

    fn edited(&mut self, done: Done) {
        match done {
            Done::Full => self.say("the line is as long as it may be"),
            Done::Changed if self.search.is_none() => self.tell_typing(),
            _ => {}
        }
    }

    fn tell_typing(&mut self) {
        let text = self.editor.text();
        let quiet = text.is_empty() || text.starts_with('/') || self.editing.is_some();
        let now = self.now.mono;
        let up = self.is_up();
        let Some(talk) = self.talk_mut().filter(|_| up && !quiet) else {
            return;
        };
        let there = talk
            .presence
            .as_ref()
            .is_some_and(|who| who.status != "offline");
        if !there || now < talk.told_typing_until {
            return;
        }
        talk.told_typing_until = now + TELL_TYPING_MS;
        let to_username = talk.name.clone();
        self.ask(Ask::Silent, Command::Typing { to_username });
    }

    fn tab(&mut self, forward: bool) {
        let completion = match self.completion.take() {
            Some(mut last) => {
                let count = last.words.len();
                let step = if forward { 1 } else { count - 1 };
                last.at = (last.at + step) % count;
                last
            }
            None => {
                let names = self.book.list().iter().map(|talk| talk.name.as_str());
                let (start, words) = complete(self.editor.before(), names, self.is_mailbox());
                Completion {
                    start,
                    words,
                    at: 0,
                }
            }
        };
        let Some(word) = completion.words.get(completion.at) else {
            return;
        };
        let only = completion.words.len() == 1;
        let word = if only {
            format!("{word} ")
        } else {
            word.clone()
        };
        self.editor.replace_from(completion.start, &word);
        self.completion = (!only).then_some(completion);
    }

    fn escape(&mut self) {
        if self.editing.take().is_some() {
            self.editor.set(String::new());
        }
        self.marked = None;
        self.lists.1 = false;
        if let Some(talk) = self.talk_mut() {
            talk.scroll = None;
            talk.fresh = None;
        }
    }

    fn interrupt(&mut self) {
        if self.editor.text().is_empty() {
            self.say("Ctrl-D or /quit leaves");
        }
        self.editing = None;
        self.editor.set(String::new());
    }

    fn scroll(&mut self, up: bool) {
        let Some(talk) = self.talk() else { return };
        let height = usize::from(self.layout().messages.height);
        let page = height.saturating_sub(1).max(1);
        let (most, below) = self.view(talk).extent(height);
        let to = match up {
            true => (below + page).min(most.max(below)),
            false => below.saturating_sub(page),
        };
        self.scroll_to(to);
        if up && to >= most {
            self.load_or_tell();
        }
    }

    fn load_or_tell(&mut self) {
        if !self.load(HISTORY_PAGE) && self.talk().is_some_and(|talk| talk.is_full()) {
            self.say("as much is loaded as is kept here; privmsg history NAME has all");
        }
    }

    fn step(&mut self, down: bool) {
        let list = self.book.list();
        let at = list.iter().position(|talk| Some(talk.key) == self.current);
        let to = match (at, down) {
            (None, _) => Some(0),
            (Some(at), true) => Some(at + 1),
            (Some(at), false) => at.checked_sub(1),
        };
        self.open_place(to.unwrap_or(0));
    }

    fn open_place(&mut self, at: usize) {
        if let Some(key) = self.book.list().get(at).map(|talk| talk.key) {
            self.open(key);
        }
    }

    fn open_unread(&mut self) {
        let mut others = self.book.list().iter();
        let new = others.find(|talk| talk.unread > 0 && Some(talk.key) != self.current);
        match new.map(|talk| talk.key) {
            Some(key) => self.open(key),
            None => self.say("nothing new"),
        }
    }
}
