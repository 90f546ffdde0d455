//! From `hello` to `registered`.

use std::time::Duration;

use super::{Next, Purpose, Session, Stage};
use crate::client::command::{Command, Register, Status, line};
use crate::client::credential::Credential;
use crate::client::event::{Connected, End, Event};
use crate::client::frame::{Frame, Goodbye, Hello, Refusal, Registered};

impl Session {
    /// `hello` has come.
    pub fn is_greeted(&self) -> bool {
        !matches!(self.stage, Stage::Offline | Stage::Greeting)
    }

    /// After [`Event::Ended`]: from the beginning, with the messages that have no answer yet.
    pub fn start_again(&mut self) {
        if self.is_over() {
            self.stage = Stage::Offline;
            self.outbox.disconnected();
        }
    }

    pub(super) fn greeted(&mut self, frame: Frame) -> Next {
        match frame {
            Frame::Hello(hello) if hello.protocol != PROTOCOL => {
                self.end(End::WrongServer(format!(
                    "the server speaks version {} of the protocol, this client {PROTOCOL}",
                    hello.protocol
                )))
            }
            Frame::Hello(hello) => self.register(hello),
            Frame::Goodbye(goodbye) => self.goodbye(goodbye),
            _ => self.end(End::WrongServer("what answers there is no privmsgd".into())),
        }
    }

    fn register(&mut self, hello: Hello) -> Next {
        self.hello = hello;
        let has_token = self.resume_token.is_some();
        let prefers_key = matches!(self.who.credential, Credential::Key(_));
        // A key proves as much and keeps no state.
        let resuming = has_token && !(prefers_key && self.hello.is_mailbox());
        self.prove(resuming)
    }

    /// Sends `register`, with the resume token or with the credential.
    fn prove(&mut self, resuming: bool) -> Next {
        if !resuming
            && self.hello.is_mailbox()
            && let Some(refusal) = self.unsayable()
        {
            return self.end(End::Register(refusal));
        }
        let token = match !resuming && self.hello.is_mailbox() {
            true => self.who.credential.token(),
            false => Ok(None),
        };
        let token = match token {
            Ok(token) => token,
            Err(what) => return self.end(End::Register(local("authRequired", &what, ""))),
        };
        let line = line(&self.registration(resuming, token.as_deref()));
        self.out.extend_from_slice(line.as_bytes());
        self.stage = Stage::Registering { resuming };
        Next::Go
    }

    fn registration<'a>(&'a self, resuming: bool, token: Option<&'a str>) -> Register<'a> {
        let mut register = Register {
            kind: "register",
            username: &self.who.name,
            deliver: "none",
            protocol: PROTOCOL,
            token,
            ..Register::default()
        };
        if self.who.purpose != Purpose::Send {
            register.deliver = "ack";
            register.device = Some(&self.who.device);
        }
        if self.who.purpose == Purpose::Change {
            register.window = Some(1);
        }
        if self.who.purpose == Purpose::Receive {
            register.heartbeat_ms = Some(HEARTBEAT_MS);
            register.status = (self.status != Status::Online).then_some(self.status);
            let after = self.positions.after().filter(|_| self.hello.is_mailbox());
            register.after = after.map(|after| after.pos);
            register.epoch = after.map(|after| after.epoch);
        }
        if resuming {
            register.resume_token = self.resume_token.as_deref();
        } else if self.hello.is_mailbox() {
            self.proof(&mut register);
        }
        register
    }

    fn proof<'a>(&'a self, register: &mut Register<'a>) {
        match &self.who.credential {
            Credential::None | Credential::TokenFile(_) => {}
            Credential::Password(password) => {
                register.password = std::str::from_utf8(password.expose()).ok();
            }
            Credential::Key(key) => {
                let nonce = self.hello.nonce.as_deref().unwrap_or_default();
                register.public_key = Some(key.public());
                let signature = key.sign(nonce, &self.who.server_name, &self.who.name);
                register.signature = Some(signature);
            }
        }
    }

    /// Why the credential must not, or cannot, be sent here.
    fn unsayable(&self) -> Option<Refusal> {
        let credential = &self.who.credential;
        let Some(word) = credential.word() else {
            return Some(local(
                "authRequired",
                "names are accounts on this server, and must be proved",
                "privmsg login makes a profile; or give --password-file or --key",
            ));
        };
        if credential.is_bearer() && !self.who.confidential {
            return Some(local(
                "notAllowed",
                "others could read the password or token on this connection: it was not sent",
                "connect to tls:HOST:PORT, or use a key",
            ));
        }
        let takes = self.hello.auth.iter().any(|offered| offered == word);
        (!takes).then(|| {
            let what = format!("this server does not take a {word} on this connection");
            let hint = format!("it takes: {}", self.hello.auth.join(", "));
            local("notAllowed", &what, &hint)
        })
    }

    pub(super) fn registered(&mut self, registered: Registered) -> Next {
        let restored = self.positions.registered(&registered);
        self.name = registered.username;
        self.resume_token = registered.resume_token;
        self.stage = Stage::Registered;
        let again = std::mem::replace(&mut self.been_here, true);
        self.tell(Event::Connected(Connected {
            name: self.name.clone(),
            hello: self.hello.clone(),
            restored,
            again,
        }));
        if !self.watched.is_empty() {
            let usernames = self.watched.iter().cloned().collect();
            let id = self.take_id();
            let line = Command::Watch { usernames }.line(id);
            self.out.extend_from_slice(line.as_bytes());
        }
        Next::Go
    }

    /// `register` was refused.
    pub(super) fn not_registered(&mut self, refusal: Refusal) -> Next {
        if matches!(self.stage, Stage::Registering { resuming: true })
            && refusal.code == "authFailed"
        {
            self.resume_token = None;
            return self.prove(false);
        }
        let passing = ["rateLimited", "overloaded", "storageFull", "storageFailed"];
        if passing.contains(&refusal.code.as_str()) {
            return Next::Again {
                why: refusal.to_string(),
                after: Duration::from_millis(refusal.retry_after_ms.unwrap_or(1_000)),
            };
        }
        self.end(End::Register(self.explained(refusal)))
    }

    /// With a hint, where this side knows more than the server.
    fn explained(&self, mut refusal: Refusal) -> Refusal {
        let says = &self.hello.server_name;
        let meant = &self.who.server_name;
        let signed = matches!(self.who.credential, Credential::Key(_));
        if refusal.code == "authFailed" && signed && says != meant {
            let hint = format!(
                "the server calls itself {says:?}, and {meant:?} was meant: if it is the right one, say --server-name {says}"
            );
            refusal.hint = Some(hint);
        }
        if refusal.code == "nameTaken" {
            refusal.hint = Some(
                "another connection has the name: end that one, or take another --name".into(),
            );
        }
        refusal
    }

    pub(super) fn goodbye(&mut self, goodbye: Goodbye) -> Next {
        let code = crate::escape::plain(&goodbye.code, 64);
        let message = crate::escape::plain(&goodbye.message, 500);
        match (self.stage, goodbye.reconnect) {
            (Stage::Leaving, _) => self.end(End::Closed),
            (_, true) => Next::Again {
                why: format!("the server ended it: {message} ({code})"),
                after: Duration::from_millis(goodbye.after_ms.unwrap_or(0)),
            },
            (_, false) => self.end(End::Goodbye { code, message }),
        }
    }
}

/// A refusal of this side's.
fn local(code: &str, message: &str, hint: &str) -> Refusal {
    Refusal {
        command: Some("register".into()),
        code: code.into(),
        message: message.into(),
        field: None,
        hint: (!hint.is_empty()).then(|| hint.into()),
        retryable: false,
        retry_after_ms: None,
    }
}

const PROTOCOL: u32 = 1;
/// Asked for by sessions that receive: a dead connection is noticed within two of them.
pub const HEARTBEAT_MS: u32 = 30_000;
