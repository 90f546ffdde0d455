//! Screens of fixed sizes, and any sequence of inputs at any size.

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::super::keys::Key;
use super::super::model::desk::Desk;
use super::super::model::{Ask, Input};
use super::*;
use crate::client::Event;

fn terminal(desk: &Desk, columns: u16, rows: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(&desk.model, frame)).unwrap();
    terminal
}

/// The screen, without spaces at the ends of its rows.
fn screen(desk: &mut Desk, columns: u16, rows: u16) -> String {
    desk.input(Input::Resize(columns, rows));
    let shown = terminal(desk, columns, rows).backend().to_string();
    // Behind the row stands which of its cells are covered by wide characters.
    let row = |line: &str| {
        line.split("\" Hidden")
            .next()
            .unwrap_or("")
            .trim_matches('"')
            .to_string()
    };
    let line = |line: &str| row(line).trim_end().to_string() + "\n";
    shown.lines().map(line).collect()
}

fn talk() -> Desk {
    let mut desk = Desk::mailbox();
    desk.from_bob(1, "Salut Alice !");
    desk.from_bob(2, "日本語 👩‍👩‍👧 e\u{301}");
    desk.line("/msg Carol");
    desk.wait(5);
    desk.line("/msg Bob");
    desk.history(std::ops::RangeInclusive::new(1, 0), true);
    desk.server(r#"{"type":"presence","username":"Bob","status":"online","since":"2026-11-22T10:42:00.000Z"}"#);
    desk.server(r#"{"type":"presence","username":"Carol","status":"offline","since":"2026-11-20T10:42:00.000Z"}"#);
    desk
}

#[test]
fn a_wide_screen_has_two_panes() {
    let mut desk = talk();
    let expected = "\
● Bob          │● Bob online
○ Carol        │─────────────── the beginning ───────────────
               │──────────────── 2026-11-22 ─────────────────
               │──────────────────── new ────────────────────
               │10:40 Bob: Salut Alice !
               │10:40 Bob: 日本語 👩‍👩‍👧 e\u{301}
 Alice at localhost:7748
Bob>
";
    let shown = screen(&mut desk, 61, 8);
    assert_eq!(
        shown.replace("               │\n", "\n"),
        expected,
        "{shown}"
    );
}

#[test]
fn a_narrow_screen_has_one() {
    let mut desk = talk();
    let expected = "\
● Bob online
── the beginning ───
──── 2026-11-22 ────
─────── new ────────
Bob: Salut Alice
!
";
    let shown = screen(&mut desk, 20, 9);
    assert!(shown.starts_with(expected), "{shown}");
    desk.line("one two three four");
    let expected = "\
Bob: 日本語 👩‍👩‍👧 e\u{301}
Alice: one two
three four         …
 Alice a…  1 unsent
Bob>
";
    let shown = screen(&mut desk, 20, 10);
    assert!(shown.ends_with(expected), "{shown}");
    desk.line("/list");
    assert!(screen(&mut desk, 20, 4).starts_with("● Bob\n○ Carol\n"));
}

#[test]
fn the_smallest_screens_are_for_typing() {
    let mut desk = talk();
    "hello".chars().for_each(|c| desk.press(Key::Char(c)));
    assert_eq!(screen(&mut desk, 30, 1), "Bob> hello\n");
    assert_eq!(screen(&mut desk, 8, 1), "> hello\n");
    assert_eq!(screen(&mut desk, 1, 1), ">\n");
}

#[test]
fn without_colors_nothing_has_one() {
    let mut desk = talk();
    desk.server(r#"{"type":"typing","from":"Bob"}"#);
    let colored = |desk: &Desk| {
        let terminal = terminal(desk, 80, 24);
        let cells = terminal.backend().buffer().content.clone();
        let colors = cells.iter().flat_map(|cell| [cell.fg, cell.bg]);
        colors.filter(|color| *color != Color::Reset).count()
    };
    desk.input(Input::Resize(80, 24));
    assert!(colored(&desk) > 20);
    desk.model.colors = false;
    assert_eq!(colored(&desk), 0);
    assert!(screen(&mut desk, 80, 24).contains("Bob is typing…"));
}

#[test]
fn what_was_read_is_told_apart_without_colors() {
    let theme = |colors| Theme { colors };
    use super::super::conversation::Mark;
    let (delivered, read) = (
        theme(true).mark(Mark::Delivered),
        theme(true).mark(Mark::Read),
    );
    assert_eq!(delivered.0, read.0);
    assert_ne!(delivered.1, read.1);
    assert_ne!(
        theme(false).mark(Mark::Delivered).0,
        theme(false).mark(Mark::Read).0
    );
}

#[test]
fn nothing_from_outside_reaches_the_terminal_as_it_is() {
    let mut desk = Desk::mailbox();
    desk.from_bob(1, r"\u001b[2J\u0007\u202eevil\u009b31m");
    desk.press(Key::Alt('1'));
    let shown = screen(&mut desk, 80, 24);
    assert!(shown.contains("␛[2J␇<U+202E>evil<U+009B>31m"), "{shown}");
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
}

#[test]
fn the_help_has_what_the_mode_has() {
    let mut desk = Desk::mailbox();
    desk.line("/help");
    let shown = screen(&mut desk, 80, 24);
    assert!(
        shown.contains("/block [NAME]") && shown.contains("↓ PgDn"),
        "{shown}"
    );
    desk.press(Key::PageDown);
    let shown = screen(&mut desk, 80, 24);
    assert!(
        shown.contains("any other key goes back") && !shown.contains("↓ PgDn"),
        "{shown}"
    );
    desk.press(Key::Char('x'));
    assert!(!screen(&mut desk, 80, 24).contains("/block"));
    let mut desk = Desk::new(80, 24);
    desk.connect("open");
    desk.line("/help");
    assert!(!screen(&mut desk, 80, 24).contains("/block"));
}

#[derive(Clone, Debug)]
enum Step {
    Key(Key),
    Line(String),
    Paste(String),
    Size(u16, u16),
    From(u64, String),
    History(u64, u64, bool),
    Mode(bool),
    Lost,
    Presence(String),
    Wait(u64),
}

fn key() -> impl Strategy<Value = Key> {
    use Key::*;
    let plain = vec![
        Enter,
        NewLine,
        Tab,
        BackTab,
        Escape,
        Backspace,
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
        Previous,
        Next,
        PageUp,
        PageDown,
        Function(1),
        Function(2),
    ];
    prop_oneof![
        4 => prop::sample::select(plain),
        2 => any::<char>().prop_map(Char),
        1 => prop::char::range('a', 'z').prop_map(Ctrl),
        1 => prop::sample::select(vec!['1', '2', '9', 'a', 'b', 'd', 'f']).prop_map(Alt),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let lines = vec![
        "/msg Bob",
        "/msg Carol hi",
        "/msg 日本 x",
        "/search e",
        "/edit",
        "/edit x",
        "/delete",
        "/delete me",
        "/help",
        "/list",
        "/block",
        "/nonsense",
        "//",
        "hello there",
        "👩‍👩‍👧 日本語",
    ];
    let text = prop_oneof!["\\PC{0,40}", "[a-z \n]{0,200}", any::<String>()];
    prop_oneof![
        6 => key().prop_map(Step::Key),
        6 => prop::sample::select(lines).prop_map(|line| Step::Line(line.into())),
        1 => text.clone().prop_map(Step::Paste),
        3 => (0..120_u16, 0..40_u16).prop_map(|(columns, rows)| Step::Size(columns, rows)),
        4 => (1..40_u64, text.clone()).prop_map(|(seq, text)| Step::From(seq, text)),
        2 => (1..40_u64, 0..30_u64, any::<bool>()).prop_map(|(seq, count, all)| Step::History(seq, count, all)),
        1 => any::<bool>().prop_map(Step::Mode),
        1 => Just(Step::Lost),
        1 => text.prop_map(Step::Presence),
        1 => (0..10_000_u64).prop_map(Step::Wait),
    ]
}

fn take(desk: &mut Desk, step: &Step, size: &mut (u16, u16)) {
    match step {
        Step::Key(key) => desk.press(*key),
        Step::Line(line) => desk.line(line),
        Step::Paste(text) => desk.input(Input::Paste(text.clone())),
        Step::Size(columns, rows) => {
            *size = (*columns, *rows);
            desk.input(Input::Resize(*columns, *rows));
        }
        Step::From(seq, text) => {
            let text = serde_json::Value::from(text.as_str());
            desk.server(&format!(
                r#"{{"type":"privateMessage","from":"Bob","message":{text},"time":"2026-11-2{}T10:40:07.412Z","seq":{seq}}}"#,
                seq % 10
            ));
        }
        Step::History(seq, count, complete) => {
            if asked_history(desk) {
                desk.history(*seq..=seq + count, *complete);
            }
        }
        Step::Mode(mailbox) => desk.connect(if *mailbox { "mailbox" } else { "open" }),
        Step::Lost => {
            let retry_in = std::time::Duration::from_millis(300);
            let why = "\u{1b}[0m".to_string();
            desk.input(Input::Client(Event::Disconnected { why, retry_in }));
        }
        Step::Presence(status) => {
            let status = serde_json::Value::from(status.as_str());
            desk.server(&format!(
                r#"{{"type":"presence","username":"BOB","status":{status},"since":"{}"}}"#,
                "2026-11-22T10:42:00.000Z"
            ));
        }
        Step::Wait(ms) => desk.wait(*ms),
    }
}

fn asked_history(desk: &Desk) -> bool {
    use super::super::model::Effect;
    let is = |effect: &Effect| matches!(effect, Effect::Ask(Ask::History(_), _));
    desk.effects.iter().any(is)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Nothing panics, nothing that drives a terminal is drawn, and the cursor stays on the screen.
    #[test]
    fn any_inputs_at_any_size_make_a_screen(steps in prop::collection::vec(step(), 1..40)) {
        let mut desk = Desk::new(80, 24);
        let mut size = (80, 24);
        for step in &steps {
            take(&mut desk, step, &mut size);
            // The terminal may have been resized again before the model knows.
            for (columns, rows) in [size, (size.0 / 2, size.1 / 2), (size.0 + 9, size.1 + 9)] {
                let mut terminal = terminal(&desk, columns, rows);
                let buffer = terminal.backend().buffer();
                let drives = |cell: &ratatui::buffer::Cell| cell.symbol().chars().any(char::is_control);
                prop_assert!(!buffer.content.iter().any(drives), "{steps:?}");
                let at = terminal.get_cursor_position().unwrap();
                prop_assert!(columns == 0 || rows == 0 || (at.x < columns && at.y < rows));
            }
            desk.model.sleep();
        }
    }
}
