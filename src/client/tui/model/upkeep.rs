//! What the model does of its own accord: loads what was before, tells what was read, asks who is there.

use super::*;

impl Model {
    /// What follows from any change.
    pub(super) fn settle(&mut self) {
        self.book.sort();
        if self.talk().is_none() {
            self.current = None;
        }
        for talk in self.book.iter_mut() {
            let shown = Some(talk.key) == self.current;
            talk.trim(if shown { SHOWN } else { HIDDEN });
            talk.find_fresh();
        }
        if self.leaving && self.book.waiting() == 0 {
            self.leaving = false;
            self.notice = None;
        }
        self.mark_read();
        self.watch();
        self.fill_gap();
    }

    pub(super) fn load(&mut self, limit: u32) -> bool {
        if !self.is_mailbox() || !self.is_up() {
            return false;
        }
        let Some(talk) = self.talk_mut() else {
            return false;
        };
        if talk.complete || talk.loading || talk.is_full() {
            return false;
        }
        talk.loading = true;
        let (key, with_username, before) = (talk.key, talk.name.clone(), talk.first_seq());
        let history = Command::History {
            with_username,
            before,
            after: None,
            limit,
        };
        self.ask(Ask::History(key), history)
    }

    /// Tells how far the current conversation was read: what is on the screen, in front of somebody.
    fn mark_read(&mut self) {
        let hidden = self.page.is_some() || !self.focused || self.layout().messages.is_empty();
        let (mailbox, up) = (self.is_mailbox(), self.is_up() && self.synced);
        let Some(talk) = self
            .talk_mut()
            .filter(|talk| !hidden && talk.scroll.is_none())
        else {
            return;
        };
        if !mailbox {
            talk.unread = 0;
            return;
        }
        let Some(seq) = talk
            .last_of_theirs()
            .filter(|seq| up && *seq > talk.read_seq)
        else {
            return;
        };
        talk.read_seq = seq;
        talk.unread = 0;
        let with_username = talk.name.clone();
        let read = Command::MarkRead {
            with_username,
            seq,
            private: false,
        };
        self.ask(Ask::Silent, read);
    }

    fn watch(&mut self) {
        if !self.is_up() {
            return;
        }
        let gone = std::mem::take(&mut self.book.gone);
        if !gone.is_empty() {
            self.ask(Ask::Silent, Command::Unwatch { usernames: gone });
        }
        let watched = self.book.list().iter().filter(|talk| talk.watched).count();
        let new = self.book.iter_mut().filter(|talk| !talk.watched);
        let new = new.take(MAX_WATCHED.saturating_sub(watched));
        let name = |talk: &mut Conversation| {
            talk.watched = true;
            talk.name.clone()
        };
        let usernames: Vec<String> = new.map(name).collect();
        if !usernames.is_empty() {
            self.ask(Ask::Silent, Command::Watch { usernames });
        }
    }

    /// Numbers that are missing between others are asked for: they may be holes, which the server states.
    fn fill_gap(&mut self) {
        let ready = self.is_mailbox() && self.is_up() && self.synced;
        let gap = self.talk().filter(|talk| ready && !talk.loading);
        let gap = gap.and_then(|talk| talk.gap().filter(|gap| *gap != talk.asked_gap));
        let now = self.now.mono;
        self.gap = gap.map(|gap| match self.gap {
            Some((known, seen)) if known == gap => (gap, seen),
            _ => (gap, now),
        });
        let Some((gap, _)) = self.gap.filter(|(_, seen)| now >= seen + GAP_MS) else {
            return;
        };
        let Some(talk) = self.talk_mut() else { return };
        talk.asked_gap = gap;
        let (key, with_username) = (talk.key, talk.name.clone());
        let before = Some(gap);
        let history = Command::History {
            with_username,
            before,
            after: None,
            limit: HISTORY_PAGE,
        };
        self.ask(Ask::History(key), history);
    }
}
