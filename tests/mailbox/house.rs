//! A server in this process with accounts in memory, and the hand that holds its answers back.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use privmsgd::accounts::{Desk, Done, Job, Nonce};
use privmsgd::config::{Config, Limits, Listen};
use privmsgd::net::inquiries::Wake;
use privmsgd::net::server::Server;
use privmsgd::wire::name::Name;
use serde_json::Value;

use crate::common::{Address, Chunking, Client, PASSWORD};
use crate::desk::{Book, Cursor};

pub struct House {
    address: SocketAddr,
    chunking: Chunking,
    hand: Hand,
}

/// Shared with the desk, which lives on the server's thread.
#[derive(Clone, Default)]
struct Hand(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    book: Book,
    answers: VecDeque<Done>,
    /// Answers are kept here instead, while it is there.
    held: Option<Vec<Done>>,
    is_full: bool,
    wake: Option<Wake>,
}

struct InMemory(Hand);

impl Desk for InMemory {
    fn submit(&mut self, job: Job) -> Result<(), Job> {
        let mut state = self.0.0.lock().expect("the hand");
        if state.is_full {
            return Err(job);
        }
        let done = state.book.answer(&job);
        match &mut state.held {
            Some(held) => held.push(done),
            None => state.give(done),
        }
        Ok(())
    }

    fn done(&mut self) -> Option<Done> {
        self.0.0.lock().expect("the hand").answers.pop_front()
    }
}

impl State {
    fn give(&mut self, done: Done) {
        self.answers.push_back(done);
        if let Some(wake) = &self.wake {
            wake();
        }
    }
}

/// All have the password `pw`; the examples of protocol.md know another one.
pub const PEOPLE: [&str; 3] = ["Alice", "Bob", "Carol"];

/// Plays `script` under every chunking, each time with a server of its own.
pub fn transcript(script: impl Fn(&House)) {
    transcript_with(&Config::default(), script);
}

pub fn transcript_with(config: &Config, script: impl Fn(&House)) {
    for chunking in Chunking::ALL {
        eprintln!("--- chunking: {chunking:?}");
        script(&House::open(config.clone(), chunking));
    }
}

pub fn limits(change: impl Fn(&mut Limits)) -> Config {
    let mut config = Config::default();
    change(&mut config.limits);
    config
}

impl House {
    pub fn open(mut config: Config, chunking: Chunking) -> House {
        config.listen = vec![Listen::Tcp(([127, 0, 0, 1], 0).into())];
        config.listen_is_default = false;
        // The desk keeps everything in memory; the admin socket alone needs the place.
        static OPENED: AtomicUsize = AtomicUsize::new(0);
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        let name = format!("privmsgd-house.{}.{number}", std::process::id());
        let data = std::env::temp_dir().join(name);
        std::fs::create_dir(&data).expect("a directory");
        config.data = Some(data.clone());
        let hand = Hand::default();
        hand.0.lock().expect("the hand").book = Book::with(&PEOPLE, &["pw", PASSWORD]);
        let (sender, receiver) = mpsc::channel();
        let desk = hand.clone();
        thread::spawn(move || {
            let open = |wake: Wake| -> Result<Box<dyn Desk>, _> {
                desk.0.lock().expect("the hand").wake = Some(wake);
                Ok(Box::new(InMemory(desk.clone())))
            };
            let server = Server::bind(&config, Vec::new(), None, None, Some(Box::new(open)));
            let mut server = server.unwrap_or_else(|error| panic!("{error}"));
            let _ = std::fs::remove_dir_all(data);
            let address: SocketAddr = server.addresses()[0].parse().expect("an address");
            sender.send(address).expect("the test awaits it");
            let ended = server.run();
            // A signal meant for this process: the server has taken it.
            eprintln!("{ended:?}");
            std::process::exit(1);
        });
        House {
            address: receiver.recv().expect("a server"),
            chunking,
            hand,
        }
    }

    /// A connection of which nothing was read.
    pub fn dial(&self, who: &str) -> Client {
        Client::dial(Address::Tcp(self.address), who, self.chunking)
    }

    /// A connection that has read `hello`, and its nonce.
    pub fn connect_for_nonce(&self, who: &str) -> (Client, Nonce) {
        let mut client = self.dial(who);
        let hello: Value = serde_json::from_str(&client.line()).expect("hello");
        assert_eq!(hello["type"], "hello");
        let text = hello["nonce"].as_str().expect("a nonce");
        let nonce: Nonce = privmsgd::wire::base64url::decode(text).expect("16 bytes");
        (client, nonce)
    }

    pub fn connect(&self, who: &str) -> Client {
        self.connect_for_nonce(who).0
    }

    /// A session of `name` by the device of that name, for which nothing waits.
    pub fn register(&self, name: &str, device: &str) -> Client {
        let mut client = self.register_with(name, device, "");
        client.expect(r#"{"type":"synced","pos":…}"#);
        client
    }

    /// A session with more in its `register`, of which `registered` was read.
    pub fn register_with(&self, name: &str, device: &str, more: &str) -> Client {
        let mut client = self.connect(&format!("{name}/{device}"));
        client.send(&format!(
            r#"{{"type":"register","username":"{name}","password":"pw","device":"{device}"{more}}}"#
        ));
        client.expect(&format!(
            r#"{{"type":"registered","username":"{name}","resumeToken":"…","device":"{device}","epoch":1,"pos":…,"ackedPos":…,…}}"#
        ));
        client
    }

    /// A session that only sends.
    pub fn send_only(&self, name: &str) -> Client {
        let mut client = self.connect(name);
        client.send(&format!(
            r#"{{"type":"register","username":"{name}","password":"pw","deliver":"none"}}"#
        ));
        client.expect(&format!(r#"{{"type":"registered","username":"{name}"}}"#));
        client
    }

    /// Looks into what is kept, or changes it.
    pub fn book<R>(&self, look: impl FnOnce(&mut Book) -> R) -> R {
        look(&mut self.hand.0.lock().expect("the hand").book)
    }

    /// The cursor of a device.
    pub fn cursor(&self, name: &str, device: &str) -> Cursor {
        self.book(|book| {
            let id = book
                .post
                .find(&Name::parse(name).expect("a name"))
                .expect("an account");
            book.post.boxes[&id].devices[device]
        })
    }

    /// Waits until the cursor of a device is where it should be.
    pub fn await_cursor(&self, name: &str, device: &str, acked: u64) -> Cursor {
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            let cursor = self.cursor(name, device);
            if cursor.acked == acked {
                return cursor;
            }
            assert!(Instant::now() < deadline, "{cursor:?}, and not {acked}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// From here on answers are kept back.
    pub fn hold(&self) {
        self.hand.0.lock().expect("the hand").held = Some(Vec::new());
    }

    /// Waits until `count` answers are kept back.
    pub fn await_held(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            let state = self.hand.0.lock().expect("the hand");
            let held = state.held.as_ref().map_or(0, Vec::len);
            if held == count {
                return;
            }
            drop(state);
            assert!(Instant::now() < deadline, "{held} answers and not {count}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Hands on what is kept back, in the order of `order`, once so many answers are there.
    pub fn release(&self, order: &[usize]) {
        self.await_held(order.len());
        let mut state = self.hand.0.lock().expect("the hand");
        let held = state.held.take().unwrap_or_default();
        order.iter().for_each(|at| state.give(held[*at].clone()));
    }

    /// An answer that nobody here asked for.
    pub fn give(&self, done: Done) {
        self.hand.0.lock().expect("the hand").give(done);
    }

    pub fn set_full(&self, is_full: bool) {
        self.hand.0.lock().expect("the hand").is_full = is_full;
    }
}

pub fn base64url(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    privmsgd::wire::base64url::encode(&mut out, bytes);
    String::from_utf8(out).expect("ASCII")
}
