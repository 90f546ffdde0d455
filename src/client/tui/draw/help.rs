//! The page of commands and keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::command::{COMMANDS, KEYS};
use super::super::model::Model;
use super::super::theme::Theme;
use super::put;

/// Columns of what is explained.
const WORDS: u16 = 32;

/// As much of it as there is room for.
pub fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    for cell in area.positions() {
        if let Some(cell) = buffer.cell_mut(cell) {
            cell.reset();
        }
    }
    let known = COMMANDS
        .iter()
        .filter(|command| model.is_mailbox() || !command.mailbox);
    let commands = known.map(|command| {
        let words = format!("{} {}", command.word, command.arguments);
        (words, command.about)
    });
    let keys = KEYS.iter().map(|(key, about)| (key.to_string(), *about));
    let end = ("".to_string(), "any key goes back");
    let rows = (area.y..area.bottom()).zip(commands.chain(keys).chain([end]));
    for (y, (words, about)) in rows {
        let x = put(buffer, area, y, 1, &words, theme.strong());
        let x = if area.width > 2 * WORDS { WORDS } else { x + 1 };
        put(buffer, area, y, x, about, theme.dim());
    }
}
