//! Looking for a text in the current conversation, further and further back.

use super::super::conversation::Body;
use super::*;

#[derive(Debug, Default)]
pub struct Search {
    pub query: Editor,
    pub state: Looked,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Looked {
    #[default]
    NotYet,
    Found,
    /// What is older is being loaded.
    Loading,
    /// There is nothing older, or no more is kept here.
    Nowhere,
}

impl Model {
    /// `false`: the key means the same as without a search.
    pub(super) fn search_key(&mut self, key: Key) -> bool {
        match key {
            Key::Escape => self.search = None,
            Key::Enter | Key::Up | Key::Ctrl('f') => self.look(true),
            Key::Down => self.look(false),
            Key::PageUp | Key::PageDown | Key::Function(_) => return false,
            Key::Ctrl('c' | 'd') => self.search = None,
            _ => {
                if let Some(search) = &mut self.search {
                    search.query.key(key);
                    search.state = Looked::NotYet;
                }
            }
        }
        true
    }

    pub(super) fn search_for(&mut self, words: &str) {
        if self.talk().is_none() || words.is_empty() {
            return self.say("/search TEXT, in an open conversation");
        }
        let mut search = Search::default();
        search.query.set(words.to_string());
        self.search = Some(search);
        self.marked = None;
        self.look(true);
    }

    /// Goes to the next message with the text: an older one than the marked, or a newer.
    fn look(&mut self, older: bool) {
        let (Some(search), Some(talk)) = (&self.search, self.talk()) else {
            return;
        };
        let wanted = search.query.text().to_lowercase();
        if wanted.is_empty() {
            return;
        }
        let log = talk.log();
        let marked = log
            .iter()
            .position(|message| Some(message.serial) == self.marked);
        let has = |message: &&Message| match &message.body {
            Body::Text(text) => text.to_lowercase().contains(&wanted),
            Body::Hole { .. } => false,
        };
        let found = match older {
            true => log.iter().take(marked.unwrap_or(log.len())).rev().find(has),
            false => log
                .iter()
                .skip(marked.map_or(log.len(), |at| at + 1))
                .find(has),
        };
        match found.map(|message| message.serial) {
            Some(serial) => self.mark(serial),
            None if older => self.look_further(),
            None => self.looked(Looked::Nowhere),
        }
    }

    fn look_further(&mut self) {
        let loading = self.talk().is_some_and(|talk| talk.loading);
        match loading || self.load(SEARCH_PAGE) {
            true => self.looked(Looked::Loading),
            false => self.looked(Looked::Nowhere),
        }
    }

    pub(super) fn search_loaded(&mut self, key: u64) {
        let waits = self
            .search
            .as_ref()
            .is_some_and(|search| search.state == Looked::Loading);
        if waits && self.current == Some(key) {
            self.look(true);
        }
    }

    pub(super) fn search_lost(&mut self) {
        if self
            .search
            .as_ref()
            .is_some_and(|search| search.state == Looked::Loading)
        {
            self.looked(Looked::Nowhere);
        }
    }

    fn looked(&mut self, state: Looked) {
        if let Some(search) = &mut self.search {
            search.state = state;
        }
    }

    /// Marks a message, and shows it in the middle.
    fn mark(&mut self, serial: u64) {
        self.marked = Some(serial);
        self.looked(Looked::Found);
        let height = usize::from(self.layout().messages.height);
        let Some(talk) = self.talk() else { return };
        let view = self.view(talk);
        let (most, _) = view.extent(height);
        let below = view.below_message(serial).saturating_sub(height / 2);
        self.scroll_to(below.min(most));
    }
}

#[cfg(test)]
mod tests {
    use super::super::desk::Desk;
    use super::*;

    #[test]
    fn a_search_goes_back_as_far_as_it_takes() {
        let mut desk = Desk::mailbox();
        desk.line("/msg Bob");
        desk.history(60..=99, false);
        desk.line("/search NUMBER 7");
        assert_eq!(desk.model.search.as_ref().unwrap().state, Looked::Found);
        let marked = |desk: &Desk| {
            let marked = desk.model.marked.unwrap();
            desk.model.talk().unwrap().get(marked).unwrap().seq.unwrap()
        };
        assert_eq!(marked(&desk), 79);
        desk.press(Key::Up);
        assert_eq!(marked(&desk), 78);
        desk.press(Key::Down);
        assert_eq!(marked(&desk), 79);
        desk.press(Key::Escape);
        desk.line("/search number 12");
        assert_eq!(desk.model.search.as_ref().unwrap().state, Looked::Loading);
        desk.history(20..=59, false);
        desk.history(1..=19, true);
        assert_eq!(marked(&desk), 12);
        desk.press(Key::Enter);
        assert_eq!(desk.model.search.as_ref().unwrap().state, Looked::Nowhere);
    }
}
