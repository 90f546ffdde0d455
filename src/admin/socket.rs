//! The admin socket in the event loop: who may connect, how many at once, whose turn it is. Knows no requests.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use log::info;
use mio::{Interest, Registry, Token, event::Event};

use crate::accounts::{Answer, Asker, Job, Refused};
use crate::admin::conn::{Conn, State, Turn};
use crate::admin::reply::Fault;
use crate::admin::{BUDGET, House, MAX_CONNECTIONS, place};
use crate::config::{Changes, Config};
use crate::net::conn::Transport;
use crate::net::listen::{self, Listener};
use crate::net::stream::Stream;
use crate::net::timers::NEVER;
use crate::ops::exit::{StartError, reason};
use crate::wire::code::Code;

pub struct Admin {
    listener: Listener,
    /// Whose processes may connect, besides root's.
    uid: u32,
    /// As [`Turn::data`].
    data: Option<PathBuf>,
    slots: [Option<Conn<Stream>>; MAX_CONNECTIONS],
    last_serial: u64,
    jobs: Vec<Job>,
    first_token: usize,
    /// Where new connections are registered; `None` before the loop turns.
    registry: Option<Registry>,
    /// Connections may be waiting: the listener's edge is spent.
    waiting: bool,
    /// When to accept again after that failed, in monotonic ms.
    retry_ms: u64,
    /// Something is left to do without an event.
    more: bool,
}

/// How long to leave a system alone that has no descriptor for a connection.
const RETRY_MS: u64 = 100;
/// Taken in one turn of the loop.
const ACCEPTS: usize = 16;

impl Admin {
    /// Makes the socket, if there is a place for one: for this user only from the start.
    pub fn bind(config: &Config) -> Result<Option<Self>, StartError> {
        let Some(path) = place::made(config, std::env::var_os("RUNTIME_DIRECTORY")) else {
            return Ok(None);
        };
        let listener = listen::unix(&path, MODE).map_err(|error| cannot(&path, &error))?;
        info!("admin socket: {}", path.display());
        let data = config.data.as_deref();
        Ok(Some(Admin {
            listener,
            uid: rustix::process::geteuid().as_raw(),
            data: data.map(|data| data.canonicalize().unwrap_or(data.into())),
            slots: Default::default(),
            last_serial: 0,
            jobs: Vec::new(),
            first_token: 0,
            registry: None,
            waiting: true,
            retry_ms: NEVER,
            more: true,
        }))
    }

    /// Takes the tokens from `first_token` on: one for the listener, one for each connection.
    pub fn register(&mut self, registry: &Registry, first_token: usize) -> io::Result<()> {
        self.first_token = first_token;
        self.registry = Some(registry.try_clone()?);
        self.listener.register(registry, Token(first_token))
    }

    /// An event came for one of its tokens.
    pub fn mark(&mut self, event: &Event) {
        self.more = true;
        match event.token().0.checked_sub(self.first_token + 1) {
            None => self.waiting = true,
            Some(slot) => {
                if let Some(Some(conn)) = self.slots.get_mut(slot) {
                    let over = event.is_error() || event.is_read_closed();
                    conn.may_read |= event.is_readable() || over;
                    conn.may_write |= event.is_writable() || over;
                }
            }
        }
    }

    /// Goes on with everybody, within one turn's budget.
    pub fn turn(&mut self, house: &mut dyn House, now_ms: u64) {
        if self.retry_ms <= now_ms {
            self.retry_ms = NEVER;
            self.more = true;
        }
        self.expire(now_ms);
        if !std::mem::take(&mut self.more) {
            return;
        }
        if self.waiting && self.retry_ms == NEVER {
            self.accept(house, now_ms);
        }
        let mut turn = Turn {
            house,
            data: self.data.as_deref(),
            jobs: &mut self.jobs,
            budget: BUDGET,
            now_ms,
        };
        for slot in &mut self.slots {
            let Some(conn) = slot else { continue };
            match conn.turn(&mut turn) {
                State::Waits => {}
                State::More => self.more = true,
                State::Over => {
                    bury(conn);
                    *slot = None;
                    self.more |= self.waiting;
                }
            }
        }
    }

    /// When something is due, in monotonic ms; 0: at once.
    pub fn next_deadline(&self) -> u64 {
        if self.more {
            return 0;
        }
        let deadlines = self.slots.iter().flatten().map(|conn| conn.deadline_ms);
        deadlines.fold(self.retry_ms, u64::min)
    }

    /// What is to be asked of the desk; each is answered by [`Admin::answer`] or [`Admin::turn_down`].
    pub fn take_jobs(&mut self) -> Vec<Job> {
        std::mem::take(&mut self.jobs)
    }

    /// The desk did not take it: there is no room, or no desk.
    pub fn turn_down(&mut self, job: &Job, now_ms: u64) {
        if let Asker::Admin(serial) = job.asker {
            let refused = Refused {
                code: Code::Overloaded,
                message: "too much is asked about accounts now; try again",
                field: None,
                retry_after_ms: None,
            };
            self.answer(serial, Answer::Refused(refused), now_ms);
        }
    }

    /// What the desk answers to the connection with this serial number.
    pub fn answer(&mut self, serial: u64, answer: Answer, now_ms: u64) {
        let mut conns = self.slots.iter_mut().flatten();
        if let Some(conn) = conns.find(|conn| conn.serial == serial) {
            conn.answer(answer, now_ms);
            self.more = true;
        }
    }

    /// What became of reading the configuration again, for everybody who waits for it.
    pub fn reloaded(&mut self, outcome: Result<&Changes, &[String]>, now_ms: u64) {
        for conn in self.slots.iter_mut().flatten() {
            conn.reloaded(outcome, now_ms);
        }
        self.more = true;
    }

    fn expire(&mut self, now_ms: u64) {
        for conn in self.slots.iter_mut().flatten() {
            if conn.deadline_ms <= now_ms {
                conn.expire(now_ms);
                self.more = true;
            }
        }
    }

    fn accept(&mut self, house: &mut dyn House, now_ms: u64) {
        for _ in 0..ACCEPTS {
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(stream, house, now_ms),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.waiting = false;
                    return;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    house.say(format_args!("admin: cannot accept: {}", reason(&error)));
                    self.retry_ms = now_ms.saturating_add(RETRY_MS);
                    return;
                }
            }
        }
        self.more = true;
    }

    fn admit(&mut self, stream: Stream, house: &mut dyn House, now_ms: u64) {
        self.last_serial += 1;
        let mut conn = Conn::new(stream, self.last_serial, now_ms);
        if let Err(fault) = self.judge(&conn.stream, house) {
            return turn_away(conn, &fault, now_ms);
        }
        let free = self.slots.iter().position(Option::is_none);
        let Some((slot, place)) = free.and_then(|slot| Some((slot, self.slots.get_mut(slot)?)))
        else {
            let what = "too many admin connections at once: try again";
            return turn_away(conn, &Fault::new("busy", what), now_ms);
        };
        let token = Token(self.first_token + 1 + slot);
        let both = Interest::READABLE.add(Interest::WRITABLE);
        let registry = self.registry.as_ref();
        let registered = registry.map(|to| to.register(&mut conn.stream, token, both));
        if let Some(Ok(())) = registered {
            *place = Some(conn);
            self.more = true;
        }
    }

    /// The socket's mode keeps others out already, unless somebody changed it.
    fn judge(&self, stream: &Stream, house: &mut dyn House) -> Result<(), Fault> {
        let uid = stream.peer_uid();
        match uid {
            Some(uid) if uid == 0 || uid == self.uid => Ok(()),
            _ => {
                let uid = uid.map_or("unknown".into(), |uid| uid.to_string());
                house.say(format_args!("admin: refused a process of user {uid}"));
                let what = "only root and the user of the daemon may do this";
                Err(Fault::new("notAllowed", what))
            }
        }
    }
}

/// A line fits into any socket's buffer.
fn turn_away(mut conn: Conn<Stream>, fault: &Fault, now_ms: u64) {
    conn.end_with(fault);
    conn.write(now_ms);
    bury(&mut conn);
}

/// What the peer has sent is read away, so that no reset destroys the last line.
fn bury(conn: &mut Conn<Stream>) {
    let _ = conn.stream.shutdown_write();
    let _ = io::Read::read(&mut conn.stream, &mut [0; 4_096]);
}

fn cannot(path: &Path, error: &io::Error) -> StartError {
    let error = StartError::listen_unix(path, error);
    let what = error
        .what
        .replace("cannot listen", "cannot make the admin socket");
    let fix = match error.fix.as_str() {
        "" => "choose another path: --admin-socket PATH".into(),
        fix => fix.into(),
    };
    StartError { what, fix, ..error }
}

const MODE: u32 = 0o600;
