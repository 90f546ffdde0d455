//! The interactive session in a real terminal, which is tmux: keys go in, screens come out and are compared.
//!
//! The screens are in `screens/`; with `PRIVMSG_WRITE_SCREENS=1` they are written instead of compared, for a person to look at.

#[path = "../common/bare.rs"]
mod bare;
mod house;
mod pane;

use std::time::Duration;

use house::House;

#[test]
fn two_people_talk() {
    let house = House::mailbox(&["Alice", "Bob"]);
    let (alice, bob) = (house.pane("Alice"), house.pane("Bob"));
    alice.start();
    bob.start();
    alice.shows("welcome");
    alice.types("/msg Bob Salut Bob !");
    alice.shows("sent");
    bob.shows("unread");
    bob.keys(&["M-a"]);
    bob.types("/receipts on");
    bob.shows("opened");
    bob.types("Salut Alice ! 日本語 👩\u{200d}👩\u{200d}👧 e\u{301}");
    bob.shows("delivered");
    alice.types(
        "A longer one, which does not fit into one row of the pane and goes on in the next one.",
    );
    alice.shows("read");
    // What was read has another colour than what was delivered.
    alice.shows_colored("\u{1b}[38;5;12m✓✓");
    bob.keys(&["x"]);
    alice.shows_text("Bob is typing…");
}

#[test]
fn a_message_is_edited_and_deleted() {
    let house = House::mailbox(&["Alice", "Bob"]);
    let (alice, bob) = (house.pane("Alice"), house.pane("Bob"));
    alice.start();
    bob.start();
    alice.shows_text("Alice at");
    bob.shows_text("Bob at");
    alice.types("/msg Bob helo");
    bob.shows_unread("Alice", 1);
    bob.keys(&["M-1"]);
    alice.shows_text("helo");
    alice.types("/edit");
    alice.shows_text("edit> helo");
    alice.keys(&["BSpace", "l", "o", "Enter"]);
    bob.shows_text("Alice: hello (edited)");
    alice.shows_text("Alice: hello (edited)");
    alice.types("/delete");
    bob.shows_text("(deleted)");
    alice.shows("deleted");
}

#[test]
fn the_screen_follows_the_size_of_the_terminal() {
    let house = House::mailbox(&["Alice", "Bob"]);
    let alice = house.pane("Alice");
    alice.start();
    alice.shows_text("Alice at");
    alice.types(
        "/msg Bob a text that is wrapped otherwise in every size of the terminal, 日本語 too",
    );
    alice.shows_text("✓");
    for (columns, rows, screen) in [
        (40, 10, "narrow"),
        (12, 4, "small"),
        (30, 1, "one-row"),
        (100, 12, "wide"),
    ] {
        alice.resize(columns, rows);
        alice.shows(screen);
    }
}

#[test]
fn what_was_typed_while_the_connection_was_lost_is_sent_after() {
    let mut house = House::mailbox(&["Alice", "Bob"]);
    let alice = house.pane("Alice");
    alice.start();
    alice.shows_text("Alice at");
    alice.types("/msg Bob one");
    alice.shows_text("✓");
    house.stop();
    alice.shows_text("connection lost");
    alice.types("two");
    alice.shows("lost");
    // Not without being asked again.
    alice.keys(&["C-d"]);
    alice.shows_text("once more to leave without them");
    house.restart();
    alice.shows_no_more("unsent");
    alice.shows("restored");
    let bob = house.pane("Bob");
    bob.start();
    bob.shows_unread("Alice", 2);
    bob.keys(&["M-Down"]);
    bob.shows("both");
}

#[test]
fn history_is_loaded_and_searched() {
    let house = House::mailbox(&["Alice", "Bob"]);
    let lines: String = (1..=120)
        .map(|number| format!("number {number}\n"))
        .collect();
    house.send("Alice", "Bob", &lines);
    let bob = house.pane("Bob");
    bob.start();
    bob.shows_unread("Alice", 120);
    bob.keys(&["M-1"]);
    bob.shows_text("number 120");
    bob.keys(&["PPage"]);
    bob.shows("page-up");
    bob.types("/search number 7");
    bob.shows("found");
    bob.keys(&["Escape"]);
    bob.shows_text("Bob at");
    bob.keys(&["Escape"]);
    bob.shows_text("number 120");
    for _ in 0..8 {
        bob.keys(&["PPage"]);
    }
    bob.shows("beginning");
}

#[test]
fn in_open_mode_it_is_a_chat() {
    let house = House::open(&["Alice", "Bob"]);
    let (alice, bob) = (house.pane("Alice"), house.pane("Bob"));
    alice.start();
    alice.shows_text("Alice at");
    alice.types("/msg Carol are you there?");
    alice.shows_text("not found");
    bob.start();
    bob.shows_text("Bob at");
    alice.types("/msg Bob Salut Bob !");
    bob.shows_unread("Alice", 1);
    bob.keys(&["M-a"]);
    bob.types("Salut !");
    alice.shows_text("Bob: Salut !");
    alice.types("/block Bob");
    alice.shows("open-mode");
    alice.types("/help");
    alice.shows("open-help");
}

/// More than the reader of keys takes at once, and no further key behind it.
#[test]
fn what_is_typed_ahead_is_all_taken() {
    let house = House::open(&["Alice"]);
    let alice = house.pane("Alice");
    alice.start();
    alice.shows_text("Alice at");
    alice.types("/msg Alice");
    let lines: String = (1..=60)
        .map(|number| format!("a line of thirty-two bytes, the {number:02}\n"))
        .collect();
    alice.pastes(&lines, false);
    alice.shows_text("the 60");
    alice.shows_no_more("unsent");
}

#[test]
fn lines_that_are_pasted_are_one_message() {
    let house = House::open(&["Alice"]);
    let alice = house.pane("Alice");
    alice.start();
    alice.shows_text("Alice at");
    alice.types("/msg Alice");
    alice.pastes("one\ntwo\nthree", true);
    alice.shows_text("one⏎two⏎three");
    alice.keys(&["Enter"]);
    alice.shows_text("Alice: one");
    alice.shows_no_more("⏎");
}

#[test]
fn a_session_that_was_ended_says_why_and_begins_again() {
    let house = House::mailbox(&["Alice", "Bob"]);
    let alice = house.pane("Alice");
    alice.start();
    alice.shows_text("Alice at");
    house.listen("Alice");
    alice.shows("ended");
    alice.keys(&["Escape"]);
    alice.types("/msg Bob later");
    alice.shows_text("1 unsent");
    alice.types("/connect");
    alice.shows_text("✓");
    alice.shows_no_more("unsent");
}

#[test]
fn whoever_was_typing_when_it_ended_still_sees_why() {
    let house = House::mailbox(&["Alice"]);
    let alice = house.pane("Alice");
    alice.start();
    alice.shows_text("Alice at");
    house.listen("Alice");
    alice.shows_text("the server ended it");
    alice.keys(&["x"]);
    alice.shows("ended-typing");
    alice.keys(&["BSpace"]);
    alice.shows_text("ended, Enter connects again: the server ended it");
    alice.keys(&["Enter"]);
    alice.shows_text("Alice at");
}

#[test]
fn whoever_leaves_without_what_was_not_sent_is_told_and_so_is_the_shell() {
    let mut house = House::mailbox(&["Alice"]);
    let alice = house.pane("Alice");
    alice.types("privmsg; echo \"code $?\"");
    alice.shows_text("Alice at");
    house.stop();
    alice.shows_text("connection lost");
    alice.types("/msg Bob one");
    alice.shows_text("1 unsent");
    alice.keys(&["C-d"]);
    alice.shows_text("once more to leave without them");
    alice.keys(&["C-d"]);
    alice.shows_text("privmsg: 1 message was not sent\ncode 1");
}

#[test]
fn a_flag_is_its_letters() {
    let house = House::open(&["Alice"]);
    let alice = house.pane("Alice");
    alice.start();
    alice.shows_text("Alice at");
    alice.types("/msg Alice");
    alice.types("vive la 🇫🇷🇧🇪 !");
    alice.shows_text("Alice: vive la FRBE !");
    assert!(!alice.raw().contains('🇫'));
}

#[test]
fn without_colors_no_code_for_one_is_sent() {
    let house = House::mailbox(&["Alice", "Bob"]);
    let (alice, bob) = (house.pane_with("Alice", &["NO_COLOR=1"]), house.pane("Bob"));
    alice.start();
    bob.start();
    alice.shows_text("Alice at");
    bob.shows_text("Bob at");
    bob.types("/receipts on");
    bob.types("/msg Alice hello");
    alice.shows_unread("Bob", 1);
    alice.keys(&["M-a"]);
    alice.types("hello Bob");
    alice.shows("no-color");
    assert_eq!(alice.color_codes(), [""; 0]);
    bob.shows_text("hello Bob");
    assert_ne!(
        bob.color_codes(),
        [""; 0],
        "codes are seen where there are some"
    );
}

#[test]
fn nothing_of_a_message_drives_the_terminal() {
    let house = House::mailbox(&["Alice", "Bob"]);
    let alice = house.pane("Alice");
    alice.start();
    alice.shows_text("Alice at");
    house.send(
        "Bob",
        "Alice",
        "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}evil\u{9b}31m\n",
    );
    alice.shows_unread("Bob", 1);
    alice.keys(&["M-a"]);
    alice.shows_text("␛]0;owned␇␛[2J<U+202E>evil<U+009B>31m");
    assert!(!alice.raw().contains("\u{1b}]0;owned"));
    assert!(!alice.raw().contains('\u{202e}'));
    // The bell rang once: for the message, not because of it.
    assert_eq!(alice.raw().matches('\u{7}').count(), 1);
}

#[test]
fn the_terminal_is_given_back_as_it_was() {
    let house = House::mailbox(&["Alice"]);
    let alice = house.pane("Alice");
    alice.types("stty -a | md5sum > before; echo ready");
    alice.shows_text("\nready");
    alice.start();
    alice.shows_text("Alice at");
    assert!(alice.is_full_screen());
    alice.keys(&["C-d"]);
    alice.is_given_back();
    alice.start();
    alice.shows_text("Alice at");
    alice.signal("TERM");
    alice.is_given_back();
    alice.start();
    alice.shows_text("Alice at");
    alice.keys(&["C-z"]);
    alice.shows_text("Stopped");
    assert!(!alice.is_full_screen());
    alice.types("fg");
    alice.shows_text("Alice at");
    alice.types("/quit");
    alice.is_given_back();
}

#[test]
fn nothing_else_is_on_the_screen_where_there_is_no_other_one() {
    let house = House::mailbox(&["Alice"]);
    let alice = house.pane("Alice");
    alice.has_one_screen_only();
    alice.types("seq 1 22");
    alice.shows_text("\n22\n");
    alice.start();
    alice.shows("welcome");
    alice.keys(&["C-z"]);
    alice.shows_text("Stopped");
    alice.types("seq 1 22; fg");
    alice.shows("welcome");
    alice.is_written_on("something else");
    alice.shows_text("something else");
    alice.keys(&["C-l"]);
    alice.shows("welcome");
}

#[test]
fn it_ends_with_its_terminal() {
    let house = House::mailbox(&["Alice"]);
    let alice = house.pane("Alice");
    alice.start();
    alice.shows_text("Alice at");
    let pid = alice.client();
    assert_ne!(pid, "");
    alice.close();
    let proc = std::path::PathBuf::from(format!("/proc/{pid}"));
    assert!(house::soon(|| !proc.exists()), "{pid} lives on");
}

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    let house = House::mailbox(&["Alice"]);
    let output = house.privmsg("Alice", &[]).output().expect("privmsg runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(64), "{told}");
    assert!(told.contains("needs a terminal"), "{told}");
}

/// How long anything may take until it is on the screen.
const PATIENCE: Duration = Duration::from_secs(30);
