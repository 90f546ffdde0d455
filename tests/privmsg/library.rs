//! The library as another program uses it, without the command line.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use privmsgd::client::{Answer, Client, Command, Credential, End, Event, Profile, Purpose, Trust};

use crate::bench::place::Place;
use crate::common::PASSWORD;
use crate::home::{Home, written};

const PATIENCE: Duration = Duration::from_secs(15);

fn profile(place: &Place, home: &Home, name: &str) -> Profile {
    let mut profile = Profile::new(written(&place.address()).parse().unwrap(), name);
    profile.credential = Credential::password(PASSWORD);
    profile.trust = Trust::FirstUse(home.path("known_servers"));
    profile
}

/// The next event that `found` finds something in.
#[track_caller]
fn until<T>(client: &mut Client, mut found: impl FnMut(Event) -> Option<T>) -> T {
    loop {
        let event = client.next_event(PATIENCE).expect("an event in time");
        if let Some(found) = found(event) {
            return found;
        }
    }
}

#[test]
fn two_clients_talk_and_see_what_becomes_of_it() {
    let (place, home) = (Place::new(&["Alice", "Bob"]), Home::new());
    let mut alice = Client::start(&profile(&place, &home, "alice"), Purpose::Receive).unwrap();
    let mut bob = Client::start(&profile(&place, &home, "Bob"), Purpose::Receive).unwrap();
    // It goes when there is a connection.
    let id = alice.send("bob", "hello").unwrap();
    let seq = until(&mut alice, |event| match event {
        Event::Accepted {
            message_id,
            seq,
            to,
            ..
        } if message_id == id => {
            assert_eq!(to, "Bob");
            seq
        }
        _ => None,
    });
    assert_eq!((seq, alice.name()), (1, "Alice"));
    let message = until(&mut bob, |event| match event {
        Event::Message(message) => Some(message),
        _ => None,
    });
    assert_eq!(
        (message.partner("Bob"), message.body.text().as_ref()),
        ("Alice", "hello")
    );
    bob.send("Alice", "hello yourself").unwrap();
    alice.watch(&["Bob".into()]);
    let (mut told, wanted) = (BTreeSet::new(), ["hello yourself", "online"]);
    while !wanted.iter().all(|wanted| told.contains(*wanted)) {
        match alice.next_event(PATIENCE).expect("an event in time") {
            Event::Presence(presence) => drop(told.insert(presence.status)),
            Event::Message(message) => drop(told.insert(message.body.text().into_owned())),
            _ => {}
        }
        bob.next_event(Duration::from_millis(10));
    }
    let (messages, complete) = alice.history("Bob", None, 10, PATIENCE).unwrap();
    assert_eq!((messages.len(), complete), (2, true));
    let list = alice.conversations(PATIENCE).unwrap();
    assert_eq!((list.len(), list[0].unread), (1, 1));
    let mark = Command::MarkRead {
        with_username: "Bob".into(),
        seq: 2,
        private: false,
    };
    assert!(matches!(alice.ask(mark, PATIENCE), Ok(Answer::Ok)));
    let settings = alice.ask(
        Command::Settings {
            accept_from: None,
            delivery_receipts: None,
            read_receipts: None,
        },
        PATIENCE,
    );
    assert!(matches!(settings, Ok(Answer::Settings(_))));
    assert_eq!(alice.conversations(PATIENCE).unwrap()[0].unread, 0);
    alice.close(PATIENCE);
    bob.close(PATIENCE);
}

/// It says that the connection is lost and that it is back, and what was given meanwhile is sent then.
#[test]
fn a_server_that_comes_back_finds_its_clients() {
    let (mut place, home) = (Place::new(&["Alice", "Bob"]), Home::new());
    let address = place.daemon().tcp();
    let mut alice = Client::start(&profile(&place, &home, "Alice"), Purpose::Receive).unwrap();
    alice.connected(PATIENCE).unwrap();
    place.daemon().signal(rustix::process::Signal::TERM);
    until(&mut alice, |event| match event {
        Event::Disconnected { why, .. } => {
            assert!(why.contains("serverClosing"), "{why}");
            Some(())
        }
        _ => None,
    });
    let id = alice.send("Bob", "while you were away").unwrap();
    place.daemon_mut().wait();
    place.start_at(address);
    let again = until(&mut alice, |event| match event {
        Event::Connected(connected) => Some(connected.again),
        Event::Ended(end) => panic!("{end}"),
        _ => None,
    });
    assert!(again);
    until(&mut alice, |event| match event {
        Event::Accepted { message_id, .. } => {
            assert_eq!(message_id, id);
            Some(())
        }
        _ => None,
    });
}

#[test]
fn who_is_replaced_does_not_come_back() {
    let (place, home) = (Place::new(&["Alice"]), Home::new());
    let profile = profile(&place, &home, "Alice");
    let mut first = Client::start(&profile, Purpose::Receive).unwrap();
    first.connected(PATIENCE).unwrap();
    let mut second = Client::start(&profile, Purpose::Receive).unwrap();
    second.connected(PATIENCE).unwrap();
    let end = until(&mut first, |event| match event {
        Event::Ended(end) => Some(end),
        _ => None,
    });
    assert!(matches!(end, End::Goodbye { code, .. } if code == "replaced"));
    assert!(first.next_event(Duration::from_millis(1)).is_none());
}

/// Without looking again and again whether there is something.
#[test]
fn who_waits_for_a_client_and_a_file_is_woken_by_either() {
    let (place, home) = (Place::new(&["Alice", "Bob"]), Home::new());
    let mut alice = Client::start(&profile(&place, &home, "Alice"), Purpose::Receive).unwrap();
    let mut bob = Client::start(&profile(&place, &home, "Bob"), Purpose::Receive).unwrap();
    let (file, mut keyboard) = UnixStream::pair().unwrap();
    let wait = |client: &mut Client, patience: Duration| {
        let start = Instant::now();
        client.wait(file.as_fd(), patience).unwrap();
        start.elapsed()
    };
    let until_woken = |client: &mut Client, wanted: fn(&Event) -> bool| {
        loop {
            match client.next_event(Duration::ZERO) {
                Some(event) if wanted(&event) => break,
                Some(_) => {}
                None => assert!(wait(client, PATIENCE) < PATIENCE),
            }
        }
    };
    until_woken(&mut alice, |event| matches!(event, Event::Connected(_)));

    let start = Instant::now();
    let mut woken = 0;
    while start.elapsed() < Duration::from_millis(500) {
        while alice.next_event(Duration::ZERO).is_some() {}
        wait(&mut alice, Duration::from_millis(100));
        woken += 1;
    }
    assert!(woken < 20, "{woken} times for nothing");

    bob.send("Alice", "hello").unwrap();
    until(&mut bob, |event| {
        matches!(event, Event::Accepted { .. }).then_some(())
    });
    until_woken(&mut alice, |event| matches!(event, Event::Message(_)));

    while alice.next_event(Duration::ZERO).is_some() {}
    keyboard.write_all(b"x").unwrap();
    assert!(wait(&mut alice, PATIENCE) < PATIENCE);
    // Over: nothing more of the client, and of the connection that it left.
    alice.session().leave();
    until(&mut alice, |event| {
        matches!(event, Event::Ended(_)).then_some(())
    });
    let mut byte = [0];
    (&file).read_exact(&mut byte).unwrap();
    assert!(wait(&mut alice, Duration::from_millis(100)) >= Duration::from_millis(90));
}
