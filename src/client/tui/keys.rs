//! The keys of a keyboard, as the model takes them. The only file besides `terminal` that knows crossterm.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Char(char),
    /// A lower-case letter.
    Ctrl(char),
    Alt(char),
    Enter,
    /// Enter with Alt: a line end within the message.
    NewLine,
    Tab,
    BackTab,
    Escape,
    Backspace,
    /// Backspace with Alt or Ctrl.
    DeleteWord,
    Delete,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Up,
    Down,
    /// Up and Down with Alt or Ctrl.
    Previous,
    Next,
    PageUp,
    PageDown,
    Function(u8),
}

/// `None`: a key that means nothing here, or one that was let go.
pub fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let has = |modifier| event.modifiers.contains(modifier);
    let (ctrl, alt) = (has(KeyModifiers::CONTROL), has(KeyModifiers::ALT));
    let or = |modified, plain| if ctrl || alt { modified } else { plain };
    Some(match event.code {
        KeyCode::Char(c) if ctrl => Key::Ctrl(c.to_ascii_lowercase()),
        KeyCode::Char(c) if alt => Key::Alt(c),
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => or(Key::NewLine, Key::Enter),
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => or(Key::DeleteWord, Key::Backspace),
        KeyCode::Delete => Key::Delete,
        KeyCode::Left => or(Key::WordLeft, Key::Left),
        KeyCode::Right => or(Key::WordRight, Key::Right),
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Up => or(Key::Previous, Key::Up),
        KeyCode::Down => or(Key::Next, Key::Down),
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::F(number) => Key::Function(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_change_what_a_key_means() {
        let with = |code, modifiers| key(KeyEvent::new(code, modifiers));
        assert_eq!(
            with(KeyCode::Char('É'), KeyModifiers::SHIFT),
            Some(Key::Char('É'))
        );
        assert_eq!(
            with(KeyCode::Char('W'), KeyModifiers::CONTROL),
            Some(Key::Ctrl('w'))
        );
        assert_eq!(with(KeyCode::Up, KeyModifiers::ALT), Some(Key::Previous));
        assert_eq!(with(KeyCode::Enter, KeyModifiers::ALT), Some(Key::NewLine));
        assert_eq!(with(KeyCode::CapsLock, KeyModifiers::NONE), None);
        let mut released = KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE);
        released.kind = KeyEventKind::Release;
        assert_eq!(key(released), None);
    }
}
