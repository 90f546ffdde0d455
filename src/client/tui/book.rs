//! All conversations, the one that was used last on top. Bounded. Knows neither keys nor the screen.

use std::cmp::Reverse;

use super::conversation::Conversation;

/// Beyond these the one that was not used for longest is forgotten here; the server keeps it.
pub const MAX_CONVERSATIONS: usize = 200;

#[derive(Debug, Default)]
pub struct Book {
    list: Vec<Conversation>,
    made: u64,
    /// The watched names of those that are here no more; for the model to take.
    pub gone: Vec<String>,
    /// The names of those that were closed, and when they had been used last.
    closed: Vec<(String, i64)>,
}

impl Book {
    /// The conversation with `name`, however it is written. A new one makes room first: never `keep`, and if it can be avoided
    /// nothing that has messages to send or to read.
    pub fn with(&mut self, name: &str, keep: Option<u64>) -> &mut Conversation {
        let at = match self.list.iter().position(|talk| is_same(&talk.name, name)) {
            Some(at) => at,
            None => {
                self.make_room(keep);
                self.closed.retain(|(closed, _)| !is_same(closed, name));
                self.made += 1;
                self.list.push(Conversation::new(self.made, name));
                self.list.len() - 1
            }
        };
        &mut self.list[at]
    }

    /// Takes it away until somebody asks for it.
    pub fn close(&mut self, key: u64) {
        let Some(at) = self.list.iter().position(|talk| talk.key == key) else {
            return;
        };
        let closed = self.list.remove(at);
        if self.closed.len() >= MAX_CONVERSATIONS {
            self.closed.remove(0);
        }
        self.closed.push((closed.name.clone(), closed.activity));
        self.gone.extend(closed.watched.then_some(closed.name));
    }

    /// Whether the conversation with `name`, which was used at `activity`, was closed and not used since.
    pub fn is_closed(&self, name: &str, activity: i64) -> bool {
        let mut closed = self.closed.iter();
        closed.any(|(closed, used)| is_same(closed, name) && activity <= *used)
    }

    pub fn find(&mut self, name: &str) -> Option<&mut Conversation> {
        self.list.iter_mut().find(|talk| is_same(&talk.name, name))
    }

    pub fn get(&self, key: u64) -> Option<&Conversation> {
        self.list.iter().find(|talk| talk.key == key)
    }

    pub fn get_mut(&mut self, key: u64) -> Option<&mut Conversation> {
        self.list.iter_mut().find(|talk| talk.key == key)
    }

    pub fn sort(&mut self) {
        self.list.sort_by_key(|talk| Reverse(talk.activity));
    }

    pub fn list(&self) -> &[Conversation] {
        &self.list
    }

    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Conversation> {
        self.list.iter_mut()
    }

    pub fn unread(&self) -> u64 {
        let counts = self.list.iter().map(|talk| talk.unread);
        counts.fold(0, u64::saturating_add)
    }

    pub fn waiting(&self) -> usize {
        self.list.iter().map(Conversation::waiting).sum()
    }

    fn make_room(&mut self, keep: Option<u64>) {
        if self.list.len() < MAX_CONVERSATIONS {
            return;
        }
        let worth = |talk: &Conversation| (talk.waiting() > 0, talk.unread > 0, talk.activity);
        let mut others = self.list.iter().enumerate();
        let others = others.by_ref().filter(|(_, talk)| Some(talk.key) != keep);
        if let Some((at, _)) = others.min_by_key(|(_, talk)| worth(talk)) {
            let gone = self.list.remove(at);
            self.gone.extend(gone.watched.then_some(gone.name));
        }
    }
}

/// Two names are one if they differ in case only, as far as a client can tell (protocol.md §5).
pub fn is_same(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::conversation::Message;
    use super::*;

    #[test]
    fn what_was_closed_stays_closed_until_it_is_used() {
        let mut book = Book::default();
        let talk = book.with("Bob", None);
        (talk.activity, talk.watched) = (7, true);
        let key = talk.key;
        book.close(key);
        assert!(book.list().is_empty());
        assert_eq!(book.gone, ["Bob"]);
        assert!(book.is_closed("bob", 7) && !book.is_closed("bob", 8));
        assert!(!book.is_closed("Carol", 1));
        book.with("BOB", None);
        assert!(!book.is_closed("bob", 7));
        for number in 0..2 * MAX_CONVERSATIONS {
            let key = book.with(&format!("n{number}"), None).key;
            book.close(key);
        }
        assert_eq!(book.closed.len(), MAX_CONVERSATIONS);
    }

    #[test]
    fn the_least_worth_goes_when_there_are_too_many() {
        let mut book = Book::default();
        for number in 0..MAX_CONVERSATIONS {
            let talk = book.with(&format!("n{number}"), None);
            talk.activity = number as i64;
        }
        book.with("n0", None).unread = 1;
        book.with("N1", None).add(Message::typed(1, "unsent"));
        let kept = book.with("n2", None).key;
        book.with("new", Some(kept)).activity = 1_000;
        assert_eq!(book.list().len(), MAX_CONVERSATIONS);
        assert!(book.find("n3").is_none());
        assert!(
            ["n0", "n1", "n2", "NEW"]
                .iter()
                .all(|name| book.find(name).is_some())
        );
        book.sort();
        assert_eq!(book.list()[0].name, "new");
        assert_eq!((book.unread(), book.waiting()), (1, 1));
    }
}
