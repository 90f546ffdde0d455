//! All conversations, the one that was used last on top. Bounded. Knows neither keys nor the screen.

use std::cmp::Reverse;

use super::conversation::Conversation;

/// Beyond these the one that was not used for longest is forgotten here; the server keeps it.
pub const MAX_CONVERSATIONS: usize = 200;

#[derive(Debug, Default)]
pub struct Book {
    list: Vec<Conversation>,
    made: u64,
    /// The watched names of those that made room; for the model to take.
    pub gone: Vec<String>,
}

impl Book {
    /// The conversation with `name`, however it is written. A new one makes room first: never `keep`, and if it can be avoided
    /// nothing that has messages to send or to read.
    pub fn with(&mut self, name: &str, keep: Option<u64>) -> &mut Conversation {
        let at = match self.list.iter().position(|talk| is_same(&talk.name, name)) {
            Some(at) => at,
            None => {
                self.make_room(keep);
                self.made += 1;
                self.list.push(Conversation::new(self.made, name));
                self.list.len() - 1
            }
        };
        &mut self.list[at]
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
