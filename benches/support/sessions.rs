//! Sessions in an engine without sockets: a million of them need no descriptor.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use privmsgd::accounts::{AccountId, Answer, Ask, Done, Registered};
use privmsgd::config::Config;
use privmsgd::engine::Engine;
use privmsgd::id::ConnId;
use privmsgd::mailbox::{self, Opening, Reach};
use privmsgd::net::admit::Peer;
use privmsgd::net::memory::Sink;
use privmsgd::wire::name::Name;

pub struct Sessions<'a> {
    pub engine: Engine<Sink<'a>>,
    pub ids: Vec<ConnId>,
}

impl<'a> Sessions<'a> {
    pub fn new(capacity: usize) -> Self {
        Sessions::with(&Config::default(), capacity)
    }

    /// In mailbox mode: whoever asks is somebody, and everybody may be reached.
    #[allow(dead_code, reason = "not every benchmark has accounts")]
    pub fn of_accounts(capacity: usize) -> Self {
        let config = Config {
            data: Some("in memory".into()),
            ..Config::default()
        };
        Sessions::with(&config, capacity)
    }

    /// Answers what was asked.
    #[allow(dead_code, reason = "not every benchmark has accounts")]
    pub fn answer(&mut self) {
        for job in self.engine.take_jobs() {
            let answer = match job.ask {
                Ask::Register { username, .. } => Answer::Registered(registered(username)),
                Ask::Mail(mail) => Answer::Mail {
                    reply: mail.reply,
                    verb: mail.verb,
                    answer: Box::new(match mail.ask {
                        mailbox::Ask::Reach { to } => {
                            mailbox::Answer::Reach(Reach::Open(Arc::new(to)))
                        }
                        _ => mailbox::Answer::Ok,
                    }),
                },
                _ => Answer::Ok,
            };
            self.engine.done(&Done {
                asker: job.asker,
                answer,
                ends: None,
                notice: None,
                entries: Vec::new(),
                regards: Vec::new(),
            });
        }
    }

    fn with(config: &Config, capacity: usize) -> Self {
        let mut token = 0u128;
        let tokens = Box::new(move || {
            token += 0x9e37_79b9_7f4a_7c15;
            Some(token)
        });
        let mut engine = Engine::new(config, capacity, tokens);
        engine.advance(1, 1_800_000_000_000);
        Sessions {
            engine,
            ids: Vec::with_capacity(capacity),
        }
    }

    /// A new connection that registers with `line`.
    pub fn register(&mut self, line: &'a [u8]) -> ConnId {
        let peer = Peer::tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000)));
        assert!(self.engine.judge(&peer).is_ok(), "there is no room");
        let id = self.engine.connect(Sink::default(), peer);
        self.ids.push(id);
        self.send(id, line);
        id
    }

    /// The engine reads `lines` of a connection.
    pub fn send(&mut self, id: ConnId, lines: &'a [u8]) {
        if let Some(sink) = self.engine.conns.stream_mut(id) {
            sink.give(lines);
        }
        self.engine.readable(id.key, false);
    }

    /// The rest of a turn. Returns when the next is due.
    pub fn end_turn(&mut self) -> u64 {
        self.engine.flush();
        self.engine.reap();
        let due = self.engine.tick();
        self.engine.resume();
        due
    }

    /// Bytes that the engine wrote to a connection so far.
    pub fn written(&mut self, id: ConnId) -> u64 {
        self.engine
            .conns
            .stream_mut(id)
            .map_or(0, |sink| sink.written)
    }
}

fn registered(username: Name<'static>) -> Registered {
    Registered {
        account: AccountId(username.as_bytes().len() as i64),
        username,
        device: "default".into(),
        resume_token: 1,
        new_device: false,
        failures: 0,
        mail: Some(Opening {
            epoch: 1,
            head: 0,
            acked: 0,
            from: 0,
            resumed: None,
        }),
    }
}
