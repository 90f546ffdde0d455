//! The conversations: who is there, and how much is new.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::conversation::Conversation;
use super::super::model::Model;
use super::super::text::{cut, harmless_row, width};
use super::super::theme::Theme;
use super::put;

pub fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let list = model.book.list();
    if list.is_empty() {
        put(buffer, area, area.y, 0, "no conversations", theme.dim());
        return;
    }
    let chosen = list.iter().position(|talk| Some(talk.key) == model.current);
    let rows = usize::from(area.height);
    let first = (chosen.unwrap_or(0) + 1).saturating_sub(rows);
    for (y, talk) in area.rows().map(|row| row.y).zip(list.iter().skip(first)) {
        line(
            model,
            talk,
            theme,
            Rect {
                y,
                height: 1,
                ..area
            },
            buffer,
        );
    }
}

fn line(model: &Model, talk: &Conversation, theme: Theme, row: Rect, buffer: &mut Buffer) {
    let chosen = Some(talk.key) == model.current;
    if chosen {
        buffer.set_style(row, theme.chosen());
    }
    // Reversed, a colour would be a block.
    let plain = |style: Style| if chosen { Style::new() } else { style };
    let (dot, style) = dot(talk, theme);
    put(buffer, row, row.y, 0, dot, plain(style));
    let count = match talk.unread {
        0 if model.is_typing(talk) => "…".to_string(),
        0 => String::new(),
        1..=999 => talk.unread.to_string(),
        _ => "999+".to_string(),
    };
    let room = usize::from(row.width).saturating_sub(3 + width(&count));
    let style = match talk.unread {
        0 => Style::new(),
        _ => theme.strong(),
    };
    let name = harmless_row(&talk.name);
    put(buffer, row, row.y, 2, &cut(&name, room), style);
    super::put_right(buffer, row, row.y, &count, plain(theme.fresh()));
}

/// Without colours, who is away is told by the shape too.
pub fn dot(talk: &Conversation, theme: Theme) -> (&'static str, Style) {
    match talk.presence.as_ref().map(|who| who.status.as_str()) {
        Some("online") => ("●", theme.online()),
        Some("away") => ("◐", theme.away()),
        Some(_) => ("○", theme.dim()),
        None => (" ", Style::new()),
    }
}
