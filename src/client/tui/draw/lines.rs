//! The single rows: with whom, what is the matter, and what is being typed.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::super::conversation::Conversation;
use super::super::model::{Link, Looked, Model};
use super::super::text::{cut, harmless_row, width};
use super::super::theme::Theme;
use super::super::when;
use super::{list, put, put_right};

pub fn header(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let Some(talk) = model.talk() else {
        put(buffer, area, area.y, 0, "privmsg", theme.strong());
        return;
    };
    let (dot, style) = list::dot(talk, theme);
    let x = put(buffer, area, area.y, 0, dot, style);
    let name = harmless_row(&talk.name);
    let x = put(buffer, area, area.y, x + 1, &name, theme.strong());
    let x = put(
        buffer,
        area,
        area.y,
        x + 1,
        &presence(model, talk),
        theme.dim(),
    );
    let others = model.book.unread().saturating_sub(talk.unread);
    let hidden = model.layout().list.is_empty() && others > 0;
    let told = format!("{others} new elsewhere");
    if hidden && usize::from(area.width.saturating_sub(x)) > width(&told) {
        put_right(buffer, area, area.y, &told, theme.fresh());
    }
}

fn presence(model: &Model, talk: &Conversation) -> String {
    if model.is_typing(talk) {
        return "is typing…".into();
    }
    let Some(who) = &talk.presence else {
        return String::new();
    };
    match (who.status.as_str(), who.since) {
        ("offline", Some(since)) => {
            format!(
                "last seen {}",
                when::dated(since, model.now.unix, &model.zone)
            )
        }
        (status, _) => status.to_string(),
    }
}

pub fn status(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    buffer.set_style(area, theme.chosen());
    let (left, bad) = match told(model) {
        Some(told) => told,
        None => (
            format!("{} at {}", harmless_row(&model.me), model.place),
            false,
        ),
    };
    let right = right(model);
    let style = if bad { theme.bad() } else { theme.chosen() };
    let room = usize::from(area.width).saturating_sub(width(&right) + 2);
    put(buffer, area, area.y, 1, &cut(&left, room), style);
    put_right(buffer, area, area.y, &right, theme.chosen());
}

/// What is most worth saying, and whether it is bad.
fn told(model: &Model) -> Option<(String, bool)> {
    if let Some(completion) = &model.completion {
        let words = completion.words.iter().map(|word| harmless_row(word));
        return Some((words.collect::<Vec<_>>().join("  "), false));
    }
    if let Some(notice) = model.notice() {
        return Some((notice.to_string(), false));
    }
    match &model.link {
        Link::Connecting => return Some((format!("connecting to {}…", model.place), false)),
        Link::Ended(why) => {
            let how = match model.editor.text().is_empty() {
                true => "Enter",
                false => "/connect",
            };
            return Some((format!("ended, {how} connects again: {why}"), true));
        }
        Link::Lost { why, again_at } => {
            let left = again_at.saturating_sub(model.now.mono).div_ceil(1_000);
            let again = match left {
                0 => "trying again".into(),
                left => format!("again in {left} s"),
            };
            return Some((format!("connection lost, {again}: {why}"), true));
        }
        Link::Up => {}
    }
    let told = match model.search.as_ref()?.state {
        Looked::NotYet => "Enter looks for it, Esc ends",
        Looked::Found => "Enter: further back, ↓: forward, Esc ends",
        Looked::Loading => "looking further back…",
        Looked::Nowhere => "nothing more that way",
    };
    Some((told.into(), false))
}

fn right(model: &Model) -> String {
    let waiting = match model.book.waiting() {
        0 => String::new(),
        count => format!("{count} unsent "),
    };
    let scrolled = model.talk().is_some_and(|talk| talk.scroll.is_some());
    let scrolled = if scrolled { "↓ Esc " } else { "" };
    format!(" {scrolled}{waiting}")
}

/// The cursor's place.
pub fn input(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let (whose, editor) = match (&model.search, model.editing, model.talk()) {
        (Some(search), _, _) => ("search".to_string(), &search.query),
        (None, Some(_), _) => ("edit".to_string(), &model.editor),
        (None, None, Some(talk)) => (harmless_row(&talk.name), &model.editor),
        (None, None, None) => (String::new(), &model.editor),
    };
    // Most of the row is for what is typed.
    let most = usize::from(area.width / 3).saturating_sub(2);
    let prompt = format!("{}> ", cut(&whose, most));
    let x = put(buffer, area, area.y, 0, &prompt, theme.strong());
    let window = editor.window(usize::from(area.width.saturating_sub(x)));
    put(
        buffer,
        area,
        area.y,
        x,
        &window.text,
        ratatui::style::Style::new(),
    );
    let column = u16::try_from(window.column).unwrap_or(0);
    let right = area.right().saturating_sub(1);
    Some(Position {
        x: (area.x + x).saturating_add(column).min(right),
        y: area.y,
    })
}
