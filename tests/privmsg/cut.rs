//! A way to the server that is cut again and again, at any byte: nothing is lost, and nothing comes twice.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::bench::place::Place;
use crate::bench::{secs, wait_until};
use crate::common::Program;
use crate::home::{Home, written};
use crate::proxy::{Fault, Random, connect};

/// Cuts each connection after at most [`MOST`] bytes.
struct Cutter {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

/// Enough to register, most times, and for a few messages.
const MOST: usize = 4_000;

impl Cutter {
    fn new(server: SocketAddr, seed: u64) -> Cutter {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        thread::spawn(move || {
            let mut random = Random(seed);
            for near in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::Relaxed);
                let cut = Fault::Cut(random.below(MOST) as i64);
                // A server that is gone ends it for good.
                if connect(near, server, cut, random.next()).is_err() {
                    return;
                }
            }
        });
        Cutter {
            address,
            connections,
        }
    }

    fn count(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

const COUNT: usize = 400;

#[test]
fn nothing_is_lost_and_nothing_comes_twice_over_links_that_are_cut_at_any_byte() {
    let (place, home) = (Place::new(&["Alice", "Bob"]), Home::new());
    let (server, password) = (written(&place.address()), home.password());
    let seed = u64::from(std::process::id());
    eprintln!("seed {seed}");
    let to_send = Cutter::new(place.daemon().tcp(), seed);
    let to_listen = Cutter::new(place.daemon().tcp(), !seed);
    let who = |server: &str, name: &str, args: &[&str]| -> Program {
        let who = ["-s", server, "-u", name, "--password-file", &password];
        home.start(&[&who[..], args].concat())
    };
    let (far, near) = (to_listen.address.to_string(), to_send.address.to_string());
    let mut sender = who(&near, "Alice", &["send", "--lines", "-t", "60", "Bob", "-"]);
    for number in 0..COUNT {
        sender.send(&format!("message {number}"));
    }
    sender.end_input();
    // Each listener ends after some messages, and the next goes on.
    let mut printed = 0;
    while printed < COUNT {
        let some = COUNT.min(printed + 57) - printed;
        let listener = who(&far, "Bob", &["listen", "-n", &some.to_string()]);
        for number in printed..printed + some {
            assert_eq!(listener.line(), format!("Alice: message {number}"));
        }
        printed += some;
        listener.ends();
    }
    sender.ends();
    let straight = ["-s", &server, "-u", "Bob", "--password-file", &password];
    let run = |args: &[&str]| home.ok(&[&straight[..], args].concat());
    let history = run(&["history", "Alice", "-n", "0"]);
    assert_eq!(history.lines().count(), COUNT, "each message is there once");
    let (sending, listening) = (to_send.count(), to_listen.count());
    eprintln!("{sending} connections to send, {listening} to listen");
    assert!(
        sending > COUNT / 20 && listening > COUNT / 20,
        "{sending} {listening}"
    );
    // Whatever state it had, the server has sent it all: nothing comes that was printed.
    assert_eq!(run(&["listen", "-t", "0.5"]), "");
}

/// The program is killed, not asked to end: what it has printed does not come again.
#[test]
fn a_listener_that_is_killed_goes_on_where_it_was() {
    let (place, home) = (Place::new(&["Alice", "Bob"]), Home::new());
    let (server, password) = (written(&place.address()), home.password());
    let who = |name| ["-s", &server, "-u", name, "--password-file", &password];
    let state = home
        .path(".local/state/privmsg")
        .join(server.replace(':', "%3A"));
    let kept = || -> u64 {
        let text = fs::read_to_string(state.join("Bob/privmsg.json")).unwrap_or_default();
        let (_, rest) = text.split_once("\"pos\":").unwrap_or_default();
        let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next();
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    };
    for round in 0..5 {
        let (text, before) = (format!("round {round}"), kept());
        assert_eq!(
            home.ok(&[&who("Alice")[..], &["send", "Bob", &text]].concat()),
            ""
        );
        let listener = home.start(&[&who("Bob")[..], &["listen"]].concat());
        assert_eq!(listener.line(), format!("Alice: {text}"));
        // The moment between printing and remembering is all that can double a line.
        wait_until("it is remembered", secs(10), || kept() > before);
        drop(listener);
    }
}
