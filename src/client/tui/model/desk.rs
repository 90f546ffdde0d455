//! A model to talk to, for tests.

use super::super::conversation::Mark;
use super::*;
use crate::client::Connected;
use crate::client::frame::Frame;

/// A model, its clock, and what it wanted done.
pub struct Desk {
    pub model: Model,
    pub now: Now,
    pub effects: Vec<Effect>,
}

impl Desk {
    pub fn new(columns: u16, rows: u16) -> Self {
        let model = Model::new(
            "Alice",
            "localhost:7748",
            TimeZone::UTC,
            true,
            (columns, rows),
        );
        // 2026-11-22T12:00:00Z
        let now = Now {
            mono: 1_000,
            unix: 1_795_348_800_000,
        };
        Desk {
            model,
            now,
            effects: Vec::new(),
        }
    }

    /// Connected, with everything that waited.
    pub fn mailbox() -> Self {
        let mut desk = Desk::new(80, 24);
        desk.connect("mailbox");
        desk.input(Input::Client(Event::Synced));
        desk.effects.clear();
        desk
    }

    pub fn connect(&mut self, mode: &str) {
        let hello = format!(
            r#"{{"type":"hello","server":"privmsgd","version":"0.1.0","protocol":1,"mode":"{mode}","serverName":"x","auth":[],"tls":false,"durability":"fsync","limits":{{"maxLineBytes":65536,"maxFrameBytes":66560,"maxNameBytes":64,"maxWindow":1024}}}}"#
        );
        let Some(Frame::Hello(hello)) = Frame::parse(&hello) else {
            panic!("no hello");
        };
        let connected = Connected {
            name: "Alice".into(),
            hello,
            restored: false,
            again: false,
        };
        self.input(Input::Client(Event::Connected(connected)));
    }

    pub fn input(&mut self, input: Input) {
        let effects = self.model.update(self.now, input);
        self.effects.extend(effects);
    }

    pub fn press(&mut self, key: Key) {
        self.input(Input::Key(key));
    }

    /// Types a line and sends it.
    pub fn line(&mut self, text: &str) {
        text.chars().for_each(|c| self.press(Key::Char(c)));
        self.press(Key::Enter);
    }

    pub fn wait(&mut self, ms: u64) {
        self.now.mono += ms;
        self.now.unix += ms as i64;
        self.input(Input::Tick);
    }

    /// A line of the server's, as the library passes it on.
    pub fn server(&mut self, line: &str) {
        let event = match Frame::parse(line).expect("a frame") {
            Frame::Message(message) => Event::Message(message),
            Frame::Receipt(receipt) => Event::Receipt(receipt),
            Frame::Changed(changed) => Event::Changed(changed),
            Frame::ReadElsewhere(read) => Event::ReadElsewhere(read),
            Frame::Presence(presence) => Event::Presence(presence),
            Frame::Typing(typing) => Event::Typing { from: typing.from },
            Frame::Notice(notice) => Event::Notice(notice),
            other => panic!("{other:?}"),
        };
        self.input(Input::Client(event));
    }

    pub fn from_bob(&mut self, seq: u64, text: &str) {
        self.server(&format!(
            r#"{{"type":"privateMessage","from":"Bob","message":"{text}","time":"2026-11-22T10:40:07.412Z","seq":{seq},"pos":{seq}}}"#
        ));
    }

    /// The answer to the last question about history: messages of Bob's with these numbers.
    pub fn history(&mut self, seqs: std::ops::RangeInclusive<u64>, complete: bool) {
        let message = |seq| {
            let line = format!(
                r#"{{"type":"privateMessage","from":"Bob","to":"Alice","message":"number {seq}","time":"2026-11-22T10:00:00.000Z","seq":{seq},"replay":true}}"#
            );
            match Frame::parse(&line) {
                Some(Frame::Message(message)) => message,
                other => panic!("{other:?}"),
            }
        };
        let messages = seqs.map(message).collect();
        let asked = self.effects.iter().rev();
        let ask = asked.filter_map(|effect| match effect {
            Effect::Ask(Ask::History(key), _) => Some(Ask::History(*key)),
            _ => None,
        });
        let ask = ask.take(1).next().expect("it was asked for");
        let answer = Answer::History { messages, complete };
        self.input(Input::Answer(ask, Ok(answer)));
    }

    pub fn accept(&mut self, id: &str, seq: u64) {
        self.input(Input::Client(Event::Accepted {
            message_id: id.into(),
            to: "Bob".into(),
            seq: Some(seq),
            time: "2026-11-22T10:41:00.000Z".into(),
            duplicate: false,
        }));
    }

    pub fn asked(&mut self) -> Vec<Command> {
        let effects = self.effects.drain(..);
        let command = |effect| match effect {
            Effect::Ask(_, command) => Some(command),
            _ => None,
        };
        effects.filter_map(command).collect()
    }

    pub fn sends(&mut self) -> Vec<(u64, String)> {
        let effects = self.effects.drain(..);
        let sent = |effect| match effect {
            Effect::Send { serial, text, .. } => Some((serial, text)),
            _ => None,
        };
        effects.filter_map(sent).collect()
    }

    pub fn marks(&self) -> Vec<Mark> {
        let talk = self.model.talk().expect("open");
        talk.log()
            .iter()
            .map(|message| talk.mark(message))
            .collect()
    }

    pub fn rings(&mut self) -> bool {
        self.effects.drain(..).any(|effect| effect == Effect::Bell)
    }
}
