//! Which rows of a conversation are on the screen, and how they move. Knows no colours, keys or terminals.

use std::ops::Range;

use super::conversation::{Body, Conversation, Fresh, Message, State};
use super::text;

/// How wide the texts are, and who the two are.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub talk: &'a Conversation,
    /// As the server shows this side's name.
    pub me: &'a str,
    pub columns: usize,
    /// Whether there may be something older than what is loaded.
    pub stored: bool,
}

/// One row. Messages are given by their place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// What stands above the oldest message.
    Top,
    Day(usize),
    /// The line above the first message that was new.
    Fresh,
    /// A part of what [`View::text`] says of the message. `last`: it ends there.
    Text {
        at: usize,
        part: Range<usize>,
        last: bool,
    },
}

impl View<'_> {
    /// The rows that fit into `height`, from top to bottom.
    pub fn rows(&self, height: usize) -> Vec<Row> {
        let (end, cut) = self.anchor();
        let mut found = Vec::new();
        for at in (0..end).rev() {
            let mut rows = self.rows_of(at);
            if at + 1 == end {
                rows.truncate(rows.len() - cut.min(rows.len()));
            }
            found.extend(rows.into_iter().rev());
            if found.len() >= height {
                break;
            }
        }
        if found.len() < height && self.stored {
            found.push(Row::Top);
        }
        found.truncate(height);
        found.reverse();
        found
    }

    /// What is shown of a message: its writer, its text, and what became of it.
    pub fn text(&self, message: &Message) -> String {
        let body = match &message.body {
            Body::Text(text) => {
                let edited = if message.edited { " (edited)" } else { "" };
                format!("{}: {text}{edited}", self.writer(message))
            }
            Body::Hole { why, to_seq } => hole(why, message.seq, *to_seq),
        };
        match &message.state {
            State::Failed(why) => format!("{body}\n✗ {why}"),
            _ => body,
        }
    }

    pub fn writer(&self, message: &Message) -> String {
        let name = if message.mine {
            self.me
        } else {
            &self.talk.name
        };
        text::harmless_row(name)
    }

    /// Rows that can be scrolled to above what fits into `height`, and those below what is shown.
    pub fn extent(&self, height: usize) -> (usize, usize) {
        let heights = (0..self.talk.log().len()).map(|at| self.height(at));
        let total = heights.sum::<usize>() + usize::from(self.stored);
        (total.saturating_sub(height), self.below())
    }

    /// Where [`Conversation::scroll`] has to be for `below` rows to be below the screen.
    pub fn anchor_for(&self, below: usize) -> Option<(u64, usize)> {
        let mut left = below;
        if left == 0 {
            return None;
        }
        for (at, message) in self.talk.log().iter().enumerate().rev() {
            let height = self.height(at);
            if left < height {
                return Some((message.serial, left));
            }
            left -= height;
        }
        self.talk.log().front().map(|first| (first.serial, 0))
    }

    /// The rows below the end of a message.
    pub fn below_message(&self, serial: u64) -> usize {
        let later = |at: &usize| self.talk.log().get(*at).is_some_and(|m| m.serial != serial);
        let places = (0..self.talk.log().len()).rev().take_while(later);
        places.map(|at| self.height(at)).sum()
    }

    fn below(&self) -> usize {
        let (end, cut) = self.anchor();
        let later = (end..self.talk.log().len()).map(|at| self.height(at));
        later.sum::<usize>() + cut
    }

    /// Behind which message the screen ends, and how many of its rows are below that.
    fn anchor(&self) -> (usize, usize) {
        let log = self.talk.log();
        let Some((serial, cut)) = self.talk.scroll else {
            return (log.len(), 0);
        };
        match log.iter().position(|message| message.serial == serial) {
            Some(at) => (at + 1, cut.min(self.height(at).saturating_sub(1))),
            None => (log.len(), 0),
        }
    }

    fn rows_of(&self, at: usize) -> Vec<Row> {
        let Some(message) = self.talk.log().get(at) else {
            return Vec::new();
        };
        let mut rows = Vec::new();
        rows.extend(self.begins_day(at).then_some(Row::Day(at)));
        rows.extend(self.is_fresh(message).then_some(Row::Fresh));
        let parts = text::rows(&self.text(message), self.columns);
        let count = parts.len();
        let parts = parts.into_iter().enumerate();
        rows.extend(parts.map(|(number, part)| Row::Text {
            at,
            part,
            last: number + 1 == count,
        }));
        rows
    }

    /// `rows_of(at).len()`, remembered.
    fn height(&self, at: usize) -> usize {
        let Some(message) = self.talk.log().get(at) else {
            return 0;
        };
        let known = message
            .rows
            .get()
            .filter(|(columns, _)| *columns == self.columns);
        let rows = known.map_or_else(
            || text::rows(&self.text(message), self.columns).len(),
            |(_, rows)| rows,
        );
        message.rows.set(Some((self.columns, rows)));
        rows + usize::from(self.begins_day(at)) + usize::from(self.is_fresh(message))
    }

    fn begins_day(&self, at: usize) -> bool {
        let log = self.talk.log();
        let before = at.checked_sub(1).and_then(|at| log.get(at));
        let day = log.get(at).and_then(|message| message.day);
        day.is_some() && before.is_none_or(|before| before.day != day)
    }

    fn is_fresh(&self, message: &Message) -> bool {
        self.talk.fresh == Some(Fresh::From(message.serial))
    }
}

fn hole(why: &str, seq: Option<u64>, to_seq: Option<u64>) -> String {
    let count = match (seq, to_seq) {
        (Some(seq), Some(to)) => to.saturating_sub(seq).saturating_add(1),
        _ => 1,
    };
    match (why, count) {
        ("deleted", _) => "(deleted)".into(),
        ("expired", _) => "(expired)".into(),
        ("trimmed", _) => "(too old to be kept)".into(),
        ("blocked", _) => "(blocked)".into(),
        ("damaged", _) => "(damaged on the server's disk)".into(),
        ("lost", 1) => "(one message was lost: the server was restored from a backup)".into(),
        ("lost", _) => "(messages may be lost here: the server was restored from a backup)".into(),
        (why, _) => format!("(not there: {why})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(texts: &[&str]) -> Conversation {
        let mut talk = Conversation::new(1, "Bob");
        for (serial, text) in texts.iter().enumerate() {
            let mut message = Message::typed(serial as u64, text);
            message.mine = false;
            message.state = State::Accepted;
            talk.add(message);
        }
        talk
    }

    fn shown(talk: &Conversation, height: usize) -> Vec<String> {
        let view = view(talk);
        let text = |row| match row {
            Row::Text { at, part, .. } => view.text(&talk.log()[at])[part].to_string(),
            other => format!("{other:?}"),
        };
        view.rows(height).into_iter().map(text).collect()
    }

    fn view(talk: &Conversation) -> View<'_> {
        View {
            talk,
            me: "Alice",
            columns: 9,
            stored: true,
        }
    }

    #[test]
    fn the_newest_is_at_the_bottom() {
        let talk = talk(&["one", "two and three", "four"]);
        assert_eq!(shown(&talk, 2), ["and three", "Bob: four"]);
        assert_eq!(shown(&talk, 4)[..2], ["Bob: one", "Bob: two "]);
        assert_eq!(shown(&talk, 9)[0], "Top");
        assert_eq!(shown(&talk, 0), [""; 0]);
    }

    #[test]
    fn scrolling_moves_by_rows_and_stays_where_it_is() {
        let mut talk = talk(&["one", "two and three", "four"]);
        assert_eq!(view(&talk).extent(2), (3, 0));
        for (below, expected) in [(1, "and three"), (2, "Bob: two "), (3, "Bob: one")] {
            talk.scroll = view(&talk).anchor_for(below);
            assert_eq!(view(&talk).extent(2).1, below);
            assert_eq!(shown(&talk, 2)[1], expected);
        }
        talk.scroll = view(&talk).anchor_for(2);
        let before = shown(&talk, 2);
        talk.add(Message::typed(9, "x"));
        assert_eq!(shown(&talk, 2), before);
        assert_eq!(view(&talk).below_message(1), 2);
        // What it was scrolled to has gone.
        talk.scroll = Some((77, 1));
        assert_eq!(shown(&talk, 1), ["Alice: x"]);
    }

    #[test]
    fn every_hole_is_stated() {
        let mut talk = talk(&["one"]);
        let lost = Body::Hole {
            why: "lost".into(),
            to_seq: Some(9),
        };
        talk.with(0, |message| {
            message.seq = Some(1);
            message.change(lost);
        });
        assert!(view(&talk).text(&talk.log()[0]).contains("may be lost"));
        for why in [
            "deleted", "expired", "trimmed", "blocked", "damaged", "lost", "new",
        ] {
            assert!(hole(why, Some(1), None).starts_with('('));
        }
    }
}
