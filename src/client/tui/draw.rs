//! The model as a picture, at any size. Changes nothing; knows no keys and no connection.

mod lines;
mod list;
mod messages;
mod page;
#[cfg(test)]
mod tests;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::model::Model;
use super::text::{plain_flags, width};
use super::theme::Theme;

pub fn draw(model: &Model, frame: &mut Frame<'_>) {
    let theme = Theme {
        colors: model.colors,
    };
    // The model learns of a new size an event later than the terminal.
    let area = frame.area();
    let layout = model.layout();
    let fits = |part: Rect| part.intersection(area);
    let buffer = frame.buffer_mut();
    list::draw(model, theme, fits(layout.list), buffer);
    for y in fits(layout.rule).rows().map(|row| row.y) {
        put(buffer, fits(layout.rule), y, 0, "│", theme.dim());
    }
    lines::header(model, theme, fits(layout.header), buffer);
    messages::draw(model, theme, fits(layout.messages), buffer);
    if let Some(shown) = &model.page {
        let body = Rect::new(0, 0, layout.status.width, layout.status.y);
        page::draw(shown, model, theme, fits(body), buffer);
    }
    lines::status(model, theme, fits(layout.status), buffer);
    let cursor = lines::input(model, theme, fits(layout.input), buffer);
    if let Some(Position { x, y }) = cursor {
        frame.set_cursor_position((x, y));
    }
}

/// Writes in one row of `area`, from its column `x` on, and never beyond it. Returns the column behind what was written.
fn put(buffer: &mut Buffer, area: Rect, y: u16, x: u16, text: &str, style: Style) -> u16 {
    if y < area.top() || y >= area.bottom() || x >= area.width {
        return x;
    }
    let room = usize::from(area.width - x);
    let (end, _) = buffer.set_stringn(area.x + x, y, plain_flags(text), room, style);
    end - area.x
}

/// The same, ending at the right edge of `area`.
fn put_right(buffer: &mut Buffer, area: Rect, y: u16, text: &str, style: Style) {
    let wide = u16::try_from(width(text)).unwrap_or(u16::MAX);
    put(
        buffer,
        area,
        y,
        area.width.saturating_sub(wide),
        text,
        style,
    );
}
