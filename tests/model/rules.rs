//! Commands in the reference: who gets which frame. Knows no transport.
//!
//! That a line is refused, and with which words, is the decoder's to say, which has tests of its own; what an
//! accepted line means is read here with serde_json.

use super::conn::{Piece, Session};
use super::fields::{Fields, number_of, raw, text, word, words};
use super::frames::{Fault, Value, frame, help};
use super::presence::{Load, name_of};
use super::relay::{Relay, token};
use privmsgd::wire::command::{Refusal, decode};

const ANYBODY: [&str; 5] = ["register", "ping", "pong", "help", "bye"];
/// Refusals that count towards `tooManyErrors`: marked * in §8.
const BAD_LINES: [&str; 9] = [
    "invalidJson",
    "invalidUtf8",
    "lineTooLong",
    "tooDeep",
    "duplicateKey",
    "missingField",
    "badType",
    "badValue",
    "unknownType",
];
const HTTP: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI",
];

impl Relay {
    pub(super) fn piece(&mut self, id: u64, piece: Piece) {
        match piece {
            Piece::Line(line) => self.line(id, &line),
            Piece::FarTooLong => self.close(id, "lineTooLong", None),
            Piece::TooLong => {
                let limits = &self.config.limits;
                let limit = self
                    .clients
                    .get(&id)
                    .map_or(0, |client| client.max_line(limits));
                self.refused(id, &Refusal::line_too_long(limit));
            }
        }
    }

    pub fn session(&self, id: u64) -> Option<&Session> {
        self.clients.get(&id)?.session.as_ref()
    }

    pub(super) fn session_mut(&mut self, id: u64) -> Option<&mut Session> {
        self.clients.get_mut(&id)?.session.as_mut()
    }

    pub(super) fn gone(&mut self, id: u64) {
        let Some(session) = self.end_session(id) else {
            return;
        };
        if self.names.get(&session.key) == Some(&id) {
            self.names.remove(&session.key);
            self.changed(&session.key, &session.shown, "offline");
        }
    }

    fn line(&mut self, id: u64, line: &[u8]) {
        if line.iter().all(|byte| matches!(byte, b' ' | b'\t')) {
            return;
        }
        let word = String::from_utf8_lossy(line);
        let is_http = HTTP
            .iter()
            .any(|verb| word.starts_with(&format!("{verb} ")))
            || word
                .get(..5)
                .is_some_and(|start| start.eq_ignore_ascii_case("host:"));
        if is_http && self.session(id).is_none() {
            return self.close(id, "notHttp", None);
        }
        #[cfg(debug_assertions)]
        if self.config.debug_hooks && line == br#"{"type":"debugPanic"}"# {
            return self.close(id, "internalError", None);
        }
        match decode(line) {
            Err(refusal) => self.refused(id, &refusal),
            Ok(_) => {
                let fields: Fields<'_> = serde_json::from_slice(line).expect("an object");
                self.command(id, &fields);
            }
        }
    }

    fn refused(&mut self, id: u64, refusal: &Refusal<'_>) {
        let verb = refusal.verb.map(|verb| verb.as_str());
        let reply = refusal.id.map(|id| text(id.0));
        let known = verb.is_none_or(|verb| ANYBODY.contains(&verb));
        let fault = match known || self.session(id).is_some() {
            false => not_registered(),
            true => Fault {
                code: refusal.code.as_str(),
                message: refusal.message.to_string(),
                field: refusal.field,
                to: refusal.to_raw.map(|raw| text(raw.0)),
                hint: refusal.hint,
            },
        };
        self.refuse(id, reply, verb, &fault);
        let (limits, now) = (self.config.limits.clone(), self.now);
        if BAD_LINES.contains(&refusal.code.as_str())
            && let Some(client) = self.clients.get_mut(&id)
            && client.count_error(&limits, now)
        {
            self.close(id, "tooManyErrors", None);
        }
    }

    fn refuse(&mut self, id: u64, reply: Option<&str>, verb: Option<&str>, fault: &Fault<'_>) {
        self.send(id, fault.frame(reply, verb));
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if verb == Some("register") {
            client.tries += 1;
            if client.tries >= self.config.limits.register_tries && client.session.is_none() {
                self.close(id, "tooManyErrors", None);
            }
        }
    }

    fn command(&mut self, from: u64, fields: &Fields<'_>) {
        let verb = word(fields, "type").expect("a type");
        let id = raw(fields, "id");
        if let Err(fault) = self.carry_out(from, id, &verb, fields) {
            self.refuse(from, id, Some(&verb), &fault);
        }
    }

    fn carry_out<'a>(
        &mut self,
        from: u64,
        id: Option<&'a str>,
        verb: &str,
        fields: &Fields<'a>,
    ) -> Result<(), Fault<'a>> {
        if !ANYBODY.contains(&verb) && self.session(from).is_none() {
            return Err(not_registered());
        }
        match verb {
            "register" => return self.register(from, id, fields),
            "privateMessage" => return self.private_message(from, id, fields),
            "watch" => return self.watch(from, id, &words(fields, "usernames")),
            "pong" => return Ok(()),
            "bye" => self.close(from, "bye", id),
            "help" => self.send(from, help(id, word(fields, "command").as_deref())),
            "ping" => {
                let time = self.stamp();
                let data = Value::json(raw(fields, "data"));
                self.send(
                    from,
                    frame("pong", id, &[("data", data), ("time", Value::Text(&time))]),
                );
            }
            "typing" => {
                let (to, sender) = self.recipient(from, fields)?;
                self.send(to, frame("typing", None, &[("from", Value::Text(&sender))]));
            }
            "unwatch" => self.unwatch(from, &words(fields, "usernames")),
            "setStatus" => self.set_status(from, &word(fields, "status").expect("a status")),
            _ => {
                return Err(not_available(
                    "this server runs in open mode: it stores nothing",
                    None,
                ));
            }
        }
        if id.is_some() && ["typing", "unwatch", "setStatus"].contains(&verb) {
            self.send(from, frame("ok", id, &[("command", Value::Text(verb))]));
        }
        Ok(())
    }

    fn register<'a>(
        &mut self,
        from: u64,
        id: Option<&str>,
        fields: &Fields<'a>,
    ) -> Result<(), Fault<'a>> {
        if self.session(from).is_some() {
            let message = "this connection has a name; connect again for another".into();
            return Err(Fault {
                code: "alreadyRegistered",
                message,
                ..Fault::default()
            });
        }
        if word(fields, "status").as_deref() == Some("invisible") {
            let message = "this server runs in open mode: names are not proved";
            return Err(not_available(message, Some("status")));
        }
        let (shown, key) = name_of(&word(fields, "username").expect("a username"));
        let used = word(fields, "resumeToken").map(|text| number_of(&text));
        let holder = self.names.get(&key).copied();
        if let Some(holder) = holder {
            self.check_claim(holder, &shown, used)?;
        }
        self.tokens += 1;
        let Some(token) = token(self.tokens - 1) else {
            let message = "no randomness for a token now; try again".into();
            return Err(Fault {
                code: "overloaded",
                message,
                ..Fault::default()
            });
        };
        let status = match word(fields, "status").as_deref() {
            Some("away") => "away",
            _ => "online",
        };
        let mut since = self.unix;
        let older = holder.and_then(|holder| self.replace(holder));
        if let Some(older) = older.as_ref().filter(|older| older.status == status) {
            since = older.since;
        }
        let previous = older.and(used);
        let heartbeat = raw(fields, "heartbeatMs").map(|text| text.parse().expect("a number"));
        self.registered(from, heartbeat);
        let given = format!("{token:032x}");
        let reply = [
            ("username", Value::Text(&shown)),
            ("resumeToken", Value::Text(&given)),
            (
                "heartbeatMs",
                heartbeat.map_or(Value::Missing, Value::Number),
            ),
        ];
        self.send(from, frame("registered", id, &reply));
        assert_eq!(
            self.names.insert(key.clone(), from),
            None,
            "two owners of {key}"
        );
        self.changed(&key, &shown, status);
        if let Some(client) = self.clients.get_mut(&from) {
            client.session = Some(Session {
                shown,
                key,
                status,
                since,
                token,
                previous,
                watching: Default::default(),
                claims: None,
            });
        }
        Ok(())
    }

    fn check_claim(
        &mut self,
        holder: u64,
        shown: &str,
        used: Option<u128>,
    ) -> Result<(), Fault<'static>> {
        let Some(session) = self.session(holder) else {
            return Ok(());
        };
        if used.is_some_and(|used| used == session.token || Some(used) == session.previous) {
            return Ok(());
        }
        self.claimed(holder);
        let (code, message, field) = match used {
            Some(_) => (
                "authFailed",
                "this resumeToken is not, or no longer, good for this name".to_owned(),
                "resumeToken",
            ),
            None => (
                "nameTaken",
                format!("the name \"{shown}\" is taken"),
                "username",
            ),
        };
        let hint = "choose another name, or send the resumeToken that this name was last given";
        Err(Fault {
            code,
            message,
            field: Some(field),
            hint: Some(hint),
            ..Fault::default()
        })
    }

    fn replace(&mut self, holder: u64) -> Option<Session> {
        let older = self.end_session(holder)?;
        self.names.remove(&older.key);
        self.close(holder, "replaced", None);
        Some(older)
    }

    /// The connection has no name, no watches and no notices any more.
    fn end_session(&mut self, id: u64) -> Option<Session> {
        let session = self.clients.get_mut(&id)?.session.take()?;
        for key in &session.watching {
            self.forget_watch(id, key);
        }
        self.claims_due.retain(|(_, holder)| *holder != id);
        Some(session)
    }

    fn private_message<'a>(
        &mut self,
        from: u64,
        id: Option<&str>,
        fields: &Fields<'a>,
    ) -> Result<(), Fault<'a>> {
        if fields.contains_key("expiresIn") {
            let message = "messages do not expire in open mode";
            return Err(not_available(message, Some("expiresIn")));
        }
        let (to, sender) = self.recipient(from, fields)?;
        let recipient = self.session(to).expect("a recipient").shown.clone();
        let time = self.stamp();
        let message_id = || Value::json(raw(fields, "messageId"));
        let message = [
            ("from", Value::Text(&sender)),
            ("message", Value::json(raw(fields, "message"))),
            ("time", Value::Text(&time)),
            ("messageId", message_id()),
            ("kind", Value::json(raw(fields, "kind"))),
            ("replyTo", Value::json(raw(fields, "replyTo"))),
        ];
        self.send(to, frame("privateMessage", None, &message));
        if id.is_some() || fields.contains_key("messageId") {
            let accepted = [
                ("messageId", message_id()),
                ("toUsername", Value::Text(&recipient)),
                ("time", Value::Text(&time)),
            ];
            self.send(from, frame("accepted", id, &accepted));
        }
        Ok(())
    }

    /// Who is meant, and what the sender is called.
    fn recipient<'a>(
        &mut self,
        from: u64,
        fields: &Fields<'a>,
    ) -> Result<(u64, String), Fault<'a>> {
        let sender = self.session(from).expect("a session").shown.clone();
        let (shown, key) = name_of(&word(fields, "toUsername").expect("a recipient"));
        let to = self.names.get(&key).copied();
        let fault = |code, message| Fault {
            code,
            message,
            to: raw(fields, "toUsername"),
            ..Fault::default()
        };
        let unknown = || fault("unknownUser", format!("User \"{shown}\" not found"));
        let to = to.ok_or_else(unknown)?;
        match self.load(to) {
            Load::Fits => Ok((to, sender)),
            Load::Gone => Err(unknown()),
            Load::Busy => Err(fault(
                "recipientBusy",
                format!("User \"{shown}\" reads slower than it is written to; not delivered"),
            )),
        }
    }

    fn set_status(&mut self, id: u64, status: &str) {
        let status = if status == "away" { "away" } else { "online" };
        let unix = self.unix;
        let Some(session) = self.session_mut(id) else {
            return;
        };
        if session.status != status {
            (session.status, session.since) = (status, unix);
            let (key, shown) = (session.key.clone(), session.shown.clone());
            self.changed(&key, &shown, status);
        }
    }
}

fn not_registered() -> Fault<'static> {
    Fault {
        code: "notRegistered",
        message: "register a name first".into(),
        hint: Some("send {\"type\":\"register\",\"username\":\"Alice\"} first"),
        ..Fault::default()
    }
}

fn not_available(message: &str, field: Option<&'static str>) -> Fault<'static> {
    Fault {
        code: "notAvailable",
        message: message.into(),
        field,
        ..Fault::default()
    }
}
