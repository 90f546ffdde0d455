//! What was said: times, texts, and what became of one's own.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::conversation::{Body, Conversation, Message, State};
use super::super::model::Model;
use super::super::text::width;
use super::super::theme::Theme;
use super::super::view::{Row, View};
use super::super::when;
use super::{put, put_right};

pub fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(talk) = model.talk() else {
        return welcome(model, theme, area, buffer);
    };
    let view = model.view(talk);
    let rows = view.rows(usize::from(area.height));
    let first = area.bottom() - u16::try_from(rows.len()).unwrap_or(0).min(area.height);
    for (y, row) in (first..area.bottom()).zip(rows) {
        let place = Rect {
            y,
            height: 1,
            ..area
        };
        match row {
            Row::Top => line(&top(talk), theme.dim(), place, buffer),
            Row::Fresh => line("new", theme.fresh(), place, buffer),
            Row::Day(at) => {
                let day = talk.log().get(at).and_then(|message| message.day);
                let day = day.map(|day| day.to_string()).unwrap_or_default();
                line(&day, theme.dim(), place, buffer);
            }
            Row::Text { at, part, last } => {
                if let Some(message) = talk.log().get(at) {
                    text(model, view, message, (part, last), theme, place, buffer);
                }
            }
        }
    }
}

fn text(
    model: &Model,
    view: View<'_>,
    message: &Message,
    (part, last): (Range<usize>, bool),
    theme: Theme,
    row: Rect,
    buffer: &mut Buffer,
) {
    let columns = model.columns();
    let first = part.start == 0;
    if first && columns.time > 0 {
        let time = message.time.map(|time| when::clock(time, &model.zone));
        let time = time.unwrap_or_else(|| "--:--".into());
        put(buffer, row, row.y, 0, &time, theme.dim());
    }
    let place = Rect {
        width: columns.text.min(row.width),
        x: row.x + columns.time,
        ..row
    };
    let place = place.intersection(row);
    said(view, message, &part, theme, place, buffer);
    if model.marked == Some(message.serial) {
        buffer.set_style(place, theme.chosen());
    }
    if last && columns.mark > 0 {
        let (mark, style) = theme.mark(view.talk.mark(message));
        put_right(buffer, row, row.y, mark, style);
    }
}

/// The writer's name, what was said, and why it was not taken: each in its colour.
fn said(
    view: View<'_>,
    message: &Message,
    part: &Range<usize>,
    theme: Theme,
    place: Rect,
    buffer: &mut Buffer,
) {
    let said = view.text(message);
    let names = match message.body {
        Body::Text(_) => view.writer(message).len() + 1,
        Body::Hole { .. } => 0,
    };
    let rest = match (&message.body, &message.state) {
        (Body::Hole { .. }, _) => theme.dim(),
        // The reason stands on rows of its own.
        (_, State::Failed(_)) if is_reason(&said, part) => theme.bad(),
        _ => Style::new(),
    };
    let name = match message.mine {
        true => theme.mine(),
        false => theme.theirs(),
    };
    let split = names.clamp(part.start, part.end);
    let text = |part: Range<usize>| said.get(part).unwrap_or("");
    let x = put(buffer, place, place.y, 0, text(part.start..split), name);
    put(buffer, place, place.y, x, text(split..part.end), rest);
}

fn is_reason(said: &str, part: &Range<usize>) -> bool {
    said.rfind("\n✗ ").is_some_and(|at| part.start > at)
}

fn top(talk: &Conversation) -> String {
    match (talk.complete, talk.loading, talk.is_full()) {
        (true, _, _) if talk.log().is_empty() => "nothing has been said yet".into(),
        (true, _, _) => "the beginning".into(),
        (_, true, _) => "loading what was before…".into(),
        (_, _, true) => "older messages are not kept here".into(),
        _ => "PgUp loads what was before".into(),
    }
}

/// Words in the middle of a line.
fn line(words: &str, style: Style, row: Rect, buffer: &mut Buffer) {
    let all = usize::from(row.width);
    let left = all.saturating_sub(width(words) + 2);
    let (before, after) = (left / 2, left - left / 2);
    let line = match left {
        0 => words.to_string(),
        _ => format!("{} {words} {}", "─".repeat(before), "─".repeat(after)),
    };
    put(buffer, row, row.y, 0, &line, style);
}

fn welcome(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let open = match model.book.list().is_empty() {
        true => "",
        false => "Alt-↓ opens a conversation, Alt-A the next with something new.",
    };
    let lines = [
        "/msg NAME opens a conversation with NAME; then type, and Enter sends.",
        open,
        "/help has all commands and keys; Ctrl-D leaves.",
    ];
    let rows = lines.iter().flat_map(|line| {
        let cuts = super::super::text::rows(line, usize::from(area.width));
        cuts.into_iter().map(|cut| line.get(cut).unwrap_or(""))
    });
    for (y, line) in (area.y..area.bottom()).zip(rows) {
        put(buffer, area, y, 0, line, theme.dim());
    }
}
