//! A page that covers the screen, and the end of a session, which is told on one.

use super::super::page::{Page, Row};
use super::*;

impl Model {
    /// As the screen is now.
    pub fn page_rows(&self, page: &Page) -> Vec<Row> {
        let columns = usize::from(self.size.0).saturating_sub(1);
        page.rows(columns, self.is_mailbox())
    }

    pub(super) fn show(&mut self, page: Page) {
        self.page = Some(page);
        self.page_row = 0;
    }

    /// Scrolls where there is more than fits. `false`: there is no page, or none that whoever is typing has asked for: it
    /// goes, and the line gets the key.
    pub(super) fn page_key(&mut self, key: Key) -> bool {
        let Some(page) = &self.page else {
            return false;
        };
        let height = usize::from(self.layout().status.y);
        let most = self.page_rows(page).len().saturating_sub(height);
        let step = height.saturating_sub(1).max(1);
        let row = self.page_row.min(most);
        self.page_row = match key {
            Key::Up if most > 0 => row.saturating_sub(1),
            Key::PageUp if most > 0 => row.saturating_sub(step),
            Key::Down if most > 0 => most.min(row + 1),
            Key::PageDown if most > 0 => most.min(row + step),
            _ => {
                let (is_end, is_asked) = (matches!(page, Page::End(_)), *page == Page::Help);
                self.page = None;
                match key {
                    Key::Char(_) if !is_asked => return false,
                    Key::Enter if is_end => self.connect(),
                    Key::Ctrl('d') if is_end => self.quit(),
                    _ => {}
                }
                return true;
            }
        };
        true
    }

    pub(super) fn ended(&mut self, why: &str) {
        self.lost(Link::Ended(harmless_row(why)));
        self.show(Page::End(why.to_string()));
        self.ring();
    }

    /// What has no answer yet is sent on the new session.
    pub(super) fn connect(&mut self) {
        if !matches!(self.link, Link::Ended(_)) {
            return self.say("the session has not ended: there is nothing to begin again");
        }
        self.link = Link::Connecting;
        self.effects.push(Effect::Connect);
    }
}

#[cfg(test)]
mod tests {
    use super::super::desk::Desk;
    use super::*;
    use crate::client::End;

    #[test]
    fn after_the_end_of_a_session_another_one_can_begin() {
        let mut desk = Desk::mailbox();
        desk.line("/connect");
        assert!(desk.model.notice().unwrap().contains("has not ended"));
        let end = || {
            let (code, message) = ("replaced".into(), "elsewhere".into());
            Input::Client(Event::Ended(End::Goodbye { code, message }))
        };
        desk.input(end());
        let told = "the server ended it: elsewhere (replaced)";
        assert_eq!(desk.model.page, Some(Page::End(told.into())));
        desk.press(Key::Char('x'));
        assert_eq!(desk.model.page, None);
        assert_eq!(
            desk.model.editor.text(),
            "x",
            "whoever was typing loses nothing"
        );
        desk.press(Key::Ctrl('u'));
        desk.line("/msg Bob for later");
        assert_eq!(desk.model.book.waiting(), 1);
        desk.line("/connect");
        assert_eq!(desk.model.link, Link::Connecting);
        assert_eq!(desk.effects.pop(), Some(Effect::Connect));
        desk.input(end());
        desk.press(Key::Enter);
        assert_eq!(desk.effects.pop(), Some(Effect::Connect));
        // Without the page, too.
        desk.input(end());
        desk.press(Key::Escape);
        desk.press(Key::Enter);
        assert_eq!(desk.effects.pop(), Some(Effect::Connect));
        desk.connect("mailbox");
        assert_eq!(desk.model.book.waiting(), 1, "the client sends it");
    }
}
