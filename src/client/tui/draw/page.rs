//! A page over everything but the last rows.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::model::Model;
use super::super::page::Page;
use super::super::theme::Theme;
use super::{put, put_right};

pub fn draw(page: &Page, model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    for cell in area.positions() {
        if let Some(cell) = buffer.cell_mut(cell) {
            cell.reset();
        }
    }
    let rows = model.page_rows(page);
    let more = rows.len() > model.page_row + usize::from(area.height);
    for (y, row) in (area.y..area.bottom()).zip(rows.into_iter().skip(model.page_row)) {
        let at = u16::try_from(row.at).unwrap_or(u16::MAX).saturating_add(1);
        put(buffer, area, y, 1, &row.words, theme.strong());
        put(buffer, area, y, at, &row.about, theme.dim());
    }
    if more {
        let last = area.bottom().saturating_sub(1);
        put_right(buffer, area, last, " ↓ PgDn", theme.fresh());
    }
}
