//! How sessions are sent what is in their mailboxes: window, socket, turns, and the order of it all.

use privmsgd::mailbox::Ask;

use crate::stage::{Session, Stage};

const NONE: [&str; 0] = [];

fn messages(from: u64, to: u64) -> Vec<String> {
    (from..=to)
        .map(|pos| format!("privateMessage {pos}"))
        .collect()
}

fn ack(session: &Session, pos: u64) {
    session.say(&format!(r#"{{"type":"ack","pos":{pos}}}"#));
}

/// > At most `window` entries of the mailbox are out without being acknowledged; receipts and changes count like messages.
#[test]
fn a_window_holds_so_many_and_no_more() {
    let mut stage = Stage::new();
    stage.write_to("Bob", "Alice", 10, "hi");
    let mut alice = stage.register("Alice", "phone", r#","deliver":"ack","window":3"#);
    assert_eq!(alice.seen(), messages(1, 3));
    ack(&alice, 2);
    stage.turn();
    assert_eq!(alice.seen(), messages(4, 5));
    stage.wait(5_000);
    assert_eq!(alice.seen(), NONE);
    ack(&alice, 5);
    stage.turn();
    assert_eq!(alice.seen(), messages(6, 8));
    // The window is not full yet: nothing more waits.
    ack(&alice, 8);
    stage.turn();
    assert_eq!(
        alice.seen(),
        ["privateMessage 9", "privateMessage 10", "synced 10"]
    );
    ack(&alice, 10);
    stage.turn();
    assert_eq!(stage.cursor("Alice", "phone").acked, 10);
}

/// A session that has everything falls behind when its window is full, and goes on with an `ack`. `synced` comes once.
#[test]
fn a_live_session_falls_behind_and_comes_back() {
    let mut stage = Stage::new();
    let mut alice = stage.register("Alice", "phone", r#","deliver":"ack","window":2"#);
    assert_eq!(alice.seen(), ["synced 0"]);
    stage.write_to("Bob", "Alice", 5, "hi");
    assert_eq!(alice.seen(), messages(1, 2));
    for pos in [2, 4] {
        ack(&alice, pos);
        stage.turn();
        assert_eq!(alice.seen(), messages(pos + 1, (pos + 2).min(5)));
    }
    ack(&alice, 5);
    stage.turn();
    stage.write_to("Bob", "Alice", 1, "hi");
    assert_eq!(alice.seen(), messages(6, 6));
}

/// B12, A13. Nothing is kept for a reader that does not read, and everything comes when it does.
#[test]
fn a_slow_reader_falls_behind_and_misses_nothing() {
    let mut stage = Stage::new();
    let mut slow = stage.register("Alice", "slow", r#","window":1024"#);
    let mut quick = stage.register("Alice", "quick", r#","window":1024"#);
    slow.seen();
    quick.seen();
    slow.far.set_window(10_000);
    let text = "x".repeat(1_000);
    let (mut came, mut largest) = (0, 0);
    for _ in 0..30 {
        stage.write_to("Bob", "Alice", 100, &text);
        came += quick.seen().len();
        largest = largest.max(stage.engine.conns.queue_bytes());
    }
    assert_eq!(came, 3_000);
    assert!(largest <= 256 * 1024, "{largest} bytes wait");
    let mut seen = Vec::new();
    while seen.len() < 3_000 {
        let more = slow.seen();
        if slow.far.take_writable() {
            stage.engine.writable(slow.id.key);
        }
        stage.turn();
        if more.is_empty() {
            stage.wait(1_000);
        }
        seen.extend(more);
    }
    // Position 1 is the notice of the second device.
    let seen: Vec<String> = seen
        .into_iter()
        .filter(|line| line.starts_with("private"))
        .collect();
    assert_eq!(seen, messages(2, 3_001));
    assert!(!stage.engine.is_broken());
}

/// Whatever is added before the answer to what a session asked for is in it; whatever is added after is told after it.
#[test]
fn nothing_is_missed_between_asking_and_being_told() {
    for before in 0..4 {
        let mut stage = Stage::new();
        stage.write_to("Bob", "Alice", 1, "hi");
        let bob = stage.register("Bob", "phone", "");
        stage.turn();
        let mut alice = stage.connect();
        alice.say(r#"{"type":"register","username":"Alice","password":"pw","device":"phone"}"#);
        stage.is_held = true;
        stage.turn();
        stage.answer_one();
        stage.tell_one();
        // The question for more and three messages, `before` of which are stored first.
        let send = |stage: &mut Stage| {
            bob.say(r#"{"type":"privateMessage","toUsername":"Alice","message":"hi"}"#);
            stage.engine.readable(bob.id.key, false);
        };
        (0..before).for_each(|_| send(&mut stage));
        let mut jobs = stage.engine.take_jobs();
        jobs.sort_by_key(|job| match &job.ask {
            privmsgd::accounts::Ask::Mail(mail) => matches!(mail.ask, Ask::Fetch { .. }),
            _ => true,
        });
        stage.jobs.extend(jobs);
        (before..3).for_each(|_| send(&mut stage));
        stage.jobs.extend(stage.engine.take_jobs());
        assert_eq!(stage.jobs.len(), 4);
        while !stage.jobs.is_empty() {
            stage.answer_one();
        }
        stage.is_held = false;
        stage.turn();
        let mut expected = messages(1, 1 + before);
        expected.push(format!("synced {}", 1 + before));
        expected.extend(messages(2 + before, 4));
        assert_eq!(alice.seen()[1..], expected);
    }
}

/// So many read at once, the others wait for their turn; all are told everything.
#[test]
fn sessions_that_need_more_take_turns() {
    let mut stage = Stage::with(|limits| limits.max_fetches = 2);
    stage.write_to("Bob", "Alice", 5, "hi");
    stage.write_to("Bob", "Carol", 5, "hi");
    stage.write_to("Alice", "Bob", 5, "hi");
    let names = ["Alice", "Bob", "Carol"];
    let mut sessions: Vec<Session> = names.map(|_| stage.connect()).into();
    for (name, session) in names.iter().zip(&sessions) {
        session.say(&format!(
            r#"{{"type":"register","username":"{name}","password":"pw","device":"phone"}}"#
        ));
    }
    stage.is_held = true;
    stage.turn();
    for _ in names {
        stage.answer_one();
        stage.tell_one();
    }
    stage.step();
    assert_eq!(stage.asked().len(), 2);
    // One that leaves gives its turn away.
    sessions[0].far.reset();
    stage.turn();
    stage.answer_one();
    stage.tell_one();
    stage.turn();
    let fetches = |stage: &Stage| {
        let asked = stage.asked();
        asked
            .iter()
            .filter(|ask| matches!(ask, Ask::Fetch { .. }))
            .count()
    };
    assert_eq!(fetches(&stage), 2);
    stage.is_held = false;
    stage.turn();
    for session in &mut sessions[1..] {
        let seen = session.seen();
        assert_eq!(seen.last().expect("lines"), "synced 5", "{seen:?}");
    }
}

/// Of one turn the last `ack` counts; each that has an `id` is answered.
#[test]
fn acks_of_one_turn_are_one() {
    let mut stage = Stage::new();
    stage.write_to("Bob", "Alice", 5, "hi");
    let mut alice = stage.register("Alice", "phone", r#","deliver":"ack""#);
    alice.seen();
    stage.is_held = true;
    (1..=4).for_each(|pos| ack(&alice, pos));
    stage.turn();
    assert!(matches!(stage.asked()[..], [Ask::Ack { pos: 4, .. }]));
    stage.is_held = false;
    stage.turn();
    assert_eq!(alice.seen(), NONE);
    alice.say(r#"{"type":"ack","pos":5,"id":7}"#);
    stage.turn();
    assert_eq!(
        alice.line(),
        serde_json::json!({"type":"ok","id":7,"command":"ack"})
    );
    assert_eq!(stage.cursor("Alice", "phone").acked, 5);
}

/// > `badValue` with `field` `pos`: it is above the last `pos` that was sent on this connection.
#[test]
fn acks_are_for_what_was_sent() {
    let mut stage = Stage::new();
    stage.write_to("Bob", "Alice", 5, "hi");
    let mut alice = stage.register("Alice", "phone", r#","deliver":"ack","window":2"#);
    alice.seen();
    // There is more, but it was not sent.
    alice.say(r#"{"type":"ack","pos":3,"id":1}"#);
    stage.turn();
    let line = alice.line();
    assert_eq!(
        (&line["code"], &line["field"], &line["id"]),
        (&"badValue".into(), &"pos".into(), &1.into())
    );
    ack(&alice, 2);
    stage.turn();
    alice.seen();
    stage.is_held = true;
    for (line, replies) in [
        (r#"{"type":"ack","pos":1,"id":2}"#, vec!["ok"]),
        (r#"{"type":"ack","pos":2}"#, vec![]),
        (r#"{"type":"ack","pos":0,"id":3}"#, vec!["ok"]),
    ] {
        alice.say(line);
        stage.turn();
        assert_eq!(alice.seen(), replies);
    }
    assert_eq!(stage.asked().len(), 0);
    assert_eq!(stage.cursor("Alice", "phone").acked, 2);
}

/// An `ack` that was not stored is not taken for one: the next stands for it.
#[test]
fn an_ack_that_failed_may_be_repeated() {
    let mut stage = Stage::new();
    stage.write_to("Bob", "Alice", 1, "hi");
    let mut alice = stage.register("Alice", "phone", r#","deliver":"ack""#);
    alice.seen();
    stage.is_held = true;
    alice.say(r#"{"type":"ack","pos":1,"id":1}"#);
    stage.turn();
    let job = stage.jobs.pop_front().expect("a question");
    stage.engine.done(&crate::desk::turned_down(&job));
    stage.is_held = false;
    alice.say(r#"{"type":"ack","pos":1,"id":2}"#);
    stage.turn();
    assert_eq!(alice.seen(), ["errorMessage", "ok"]);
    assert_eq!(stage.cursor("Alice", "phone").acked, 1);
}

/// What could not be read is read a little later.
#[test]
fn a_question_for_more_that_failed_is_put_again() {
    let mut stage = Stage::new();
    stage.write_to("Bob", "Alice", 2, "hi");
    stage.is_held = true;
    let mut alice = stage.connect();
    alice.say(r#"{"type":"register","username":"Alice","password":"pw"}"#);
    stage.turn();
    stage.answer_one();
    stage.tell_one();
    stage.step();
    let job = stage.jobs.pop_front().expect("a question");
    stage.engine.done(&crate::desk::turned_down(&job));
    stage.is_held = false;
    stage.turn();
    assert_eq!(alice.seen(), ["registered 2"]);
    stage.wait(1_000);
    assert_eq!(
        alice.seen(),
        ["privateMessage 1", "privateMessage 2", "synced 2"]
    );
}

/// > With `"after":0` everything that is kept is sent again; the cursor does not move back.
#[test]
fn a_client_that_knows_where_it_was_goes_on_there() {
    let mut stage = Stage::new();
    stage.write_to("Bob", "Alice", 4, "hi");
    let mut alice = stage.register("Alice", "phone", r#","after":3,"epoch":1,"deliver":"ack""#);
    assert_eq!(alice.seen(), ["privateMessage 4", "synced 4"]);
    assert_eq!(stage.cursor("Alice", "phone").acked, 3);
    let mut again = stage.register("Alice", "phone", r#","after":0,"epoch":1,"deliver":"ack""#);
    assert_eq!(alice.line()["code"], "replaced");
    let seen = again.lines();
    assert_eq!(seen.len(), 5);
    // What the older session was sent may have arrived.
    assert!(
        seen[..4].iter().all(|line| line["redelivered"] == true),
        "{seen:?}"
    );
    again.say(r#"{"type":"ack","pos":2,"id":1}"#);
    stage.turn();
    assert_eq!(again.seen(), ["ok"]);
    assert_eq!(stage.cursor("Alice", "phone").acked, 3);
}

/// The cursor is no bound for what `after` asks for: as it is acknowledged, more comes, to the end and beyond.
#[test]
fn what_is_sent_again_leaves_the_window_too() {
    let mut stage = Stage::new();
    stage.write_to("Bob", "Alice", 3, "hi");
    let mut alice = stage.register("Alice", "phone", r#","after":3,"epoch":1,"deliver":"ack""#);
    assert_eq!(alice.seen(), ["synced 3"]);
    let more = r#","after":0,"epoch":1,"deliver":"ack","window":1"#;
    let mut again = stage.register("Alice", "phone", more);
    for pos in 1..=2 {
        assert_eq!(again.seen(), [format!("privateMessage {pos}")]);
        again.say(&format!(r#"{{"type":"ack","pos":{pos}}}"#));
        stage.turn();
    }
    assert_eq!(again.seen(), ["privateMessage 3", "synced 3"]);
    again.say(r#"{"type":"ack","pos":3}"#);
    stage.turn();
    stage.write_to("Bob", "Alice", 1, "hi");
    assert_eq!(again.seen(), ["privateMessage 4"]);
}

/// The device that caused an entry does not get it; what is skipped that way is no hole.
#[test]
fn one_s_own_messages_come_to_the_other_devices_only() {
    let mut stage = Stage::new();
    let mut phone = stage.register("Alice", "phone", r#","deliver":"ack""#);
    let mut laptop = stage.register("Alice", "laptop", r#","deliver":"ack""#);
    phone.say(r#"{"type":"privateMessage","toUsername":"Bob","message":"hi","id":1}"#);
    stage.turn();
    assert_eq!(phone.seen(), ["synced 0", "sessionNotice 1", "accepted"]);
    let lines = laptop.lines();
    assert_eq!(
        (&lines[1]["to"], &lines[1]["pos"]),
        (&"Bob".into(), &2.into())
    );
    stage.write_to("Bob", "Alice", 1, "hi");
    assert_eq!(phone.seen(), ["privateMessage 3"]);
    assert_eq!(laptop.seen(), ["privateMessage 3"]);
}

/// However many sessions there are in whatever state, no more is kept than their bounds allow.
#[test]
fn many_slow_readers_cost_little() {
    let mut stage = Stage::with(|limits| limits.delivery_queue_bytes = 8 * 1024);
    let mut sessions = Vec::new();
    for device in ["a", "b", "c"] {
        for name in ["Alice", "Carol"] {
            let session = stage.register(name, device, r#","window":1024"#);
            session.far.set_window(0);
            sessions.push(session);
        }
    }
    let text = "x".repeat(500);
    for _ in 0..20 {
        stage.write_to("Bob", "Alice", 50, &text);
        stage.write_to("Bob", "Carol", 50, &text);
    }
    let bytes = stage.engine.conns.queue_bytes();
    assert!(bytes <= sessions.len() * 32 * 1024, "{bytes}");
}
