//! What a line does that was typed: a message is sent, a command is carried out.

use serde_json::Value;

use super::super::command::{Line, Verb, on_or_off, read, word};
use super::super::conversation::{Body, State};
use super::super::text::harmless;
use super::*;
use crate::client::Status;
use crate::client::profile::checked_name;

impl Model {
    pub(super) fn enter(&mut self) {
        let line = self.editor.take();
        if let Some(serial) = self.editing.take() {
            return self.change(serial, line.trim_end());
        }
        match read(&line) {
            Line::Nothing if matches!(self.link, Link::Ended(_)) => self.connect(),
            Line::Nothing => {}
            Line::Text(text) => match self.current {
                Some(key) => self.send(key, text.trim_end()),
                None => {
                    self.say("to whom? /msg NAME opens a conversation");
                    self.editor.set(line);
                }
            },
            Line::Command(verb, words) => self.command(verb, words),
            Line::Unknown(word) => self.say(&format!("{word} is no command; /help has them")),
        }
    }

    fn command(&mut self, verb: Verb, words: &str) {
        let known = super::super::command::COMMANDS.iter();
        let is = |command: &&super::super::command::Described| command.verb == verb;
        if !self.is_mailbox()
            && known
                .clone()
                .find(is)
                .is_some_and(|command| command.mailbox)
        {
            return match self.mailbox {
                Some(_) => self.say("this server stores nothing: it has no such command"),
                None => self.say("not connected yet"),
            };
        }
        match verb {
            Verb::Close => self.close(),
            Verb::Connect => self.connect(),
            Verb::Help => self.show(Page::Help),
            Verb::Quit => self.quit(),
            Verb::List => self.toggle_list(),
            Verb::Msg => self.msg(words),
            Verb::Search => self.search_for(words),
            Verb::Bell => self.set_bell(words),
            Verb::Retry => self.retry(),
            Verb::Receipts => self.set_receipts(words),
            Verb::Status => self.set_status(words),
            Verb::Edit => self.begin_edit(words),
            Verb::Delete => self.delete(words),
            Verb::Allow | Verb::Disallow | Verb::Block | Verb::Unblock => self.relate(verb, words),
        }
    }

    fn msg(&mut self, words: &str) {
        let (name, text) = word(words);
        if name.is_empty() {
            return self.say("/msg NAME [TEXT]");
        }
        if let Err(error) = checked_name(name) {
            return self.say(&error.to_string());
        }
        let unix = self.now.unix;
        let talk = self.book.with(name, self.current);
        talk.activity = talk.activity.max(unix);
        let key = talk.key;
        self.open(key);
        if !text.is_empty() {
            self.send(key, text);
        }
    }

    /// Not what is still to be sent: nobody would see what becomes of it.
    fn close(&mut self) {
        let Some(talk) = self.talk() else {
            return self.say("no conversation is open");
        };
        if talk.waiting() > 0 {
            return self.say("not yet: something here is not sent");
        }
        let (key, name) = (talk.key, talk.name.clone());
        self.leave();
        self.current = None;
        self.book.close(key);
        self.say(&format!("closed; /msg {name} opens it again"));
    }

    fn retry(&mut self) {
        let refused = |message: &Message| matches!(message.state, State::Failed(_));
        let Some((serial, text)) = self.own_message(refused) else {
            return self.say("nothing of yours was refused here");
        };
        if let Some(talk) = self.talk_mut() {
            let key = talk.key;
            talk.take(serial);
            self.marked = None;
            self.send(key, &text);
        }
    }

    fn set_bell(&mut self, words: &str) {
        match on_or_off(words) {
            Some(on) => {
                self.bell = on;
                self.say(match on {
                    true => "the bell rings when a message comes",
                    false => "the bell is silent",
                });
            }
            None => self.say("/bell on|off"),
        }
    }

    fn set_receipts(&mut self, words: &str) {
        let Some(on) = on_or_off(words) else {
            return self.say("/receipts on|off");
        };
        let settings = Command::Settings {
            accept_from: None,
            delivery_receipts: None,
            read_receipts: Some(on),
        };
        let told = match on {
            true => "others are told what you have read",
            false => "nobody is told what you have read",
        };
        self.ask_or_say(Ask::Told(told.into()), settings);
    }

    fn set_status(&mut self, words: &str) {
        let status = match words {
            "online" => Status::Online,
            "away" => Status::Away,
            "invisible" => Status::Invisible,
            _ => return self.say("/status online|away|invisible"),
        };
        let told = format!("you are {words} now");
        self.ask_or_say(Ask::Told(told), Command::SetStatus { status });
    }

    fn relate(&mut self, verb: Verb, words: &str) {
        let (name, _) = word(words);
        let current = self.talk().map(|talk| talk.name.clone());
        let named = Some(name.to_string()).filter(|name| !name.is_empty());
        let Some(username) = named.or(current) else {
            return self.say("whom? no conversation is open");
        };
        let who = username.clone();
        let (told, command) = match verb {
            Verb::Allow => (
                format!("{who} may write to you"),
                Command::Allow { username },
            ),
            Verb::Disallow => (
                format!("{who} is allowed no more"),
                Command::Disallow { username },
            ),
            Verb::Block => (format!("{who} is blocked"), Command::Block { username }),
            _ => (
                format!("{who} is blocked no more"),
                Command::Unblock { username },
            ),
        };
        self.ask_or_say(Ask::Told(told), command);
    }

    fn begin_edit(&mut self, words: &str) {
        let Some((serial, text)) = self.own_message(is_accepted) else {
            return self.say("there is no message of yours to change");
        };
        match words.is_empty() {
            true => {
                self.editor.set(text);
                self.editing = Some(serial);
            }
            false => self.change(serial, words),
        }
    }

    fn change(&mut self, serial: u64, text: &str) {
        let Some(talk) = self.talk() else { return };
        let seq = talk.get(serial).and_then(|message| message.seq);
        let Some(seq) = seq.filter(|_| !text.is_empty()) else {
            return self.say("nothing was changed; /delete takes a message away");
        };
        let (key, with_username) = (talk.key, talk.name.clone());
        let message = Value::from(text);
        let edit = Command::EditMessage {
            with_username,
            seq,
            message,
        };
        let text = text.to_string();
        self.ask_or_say(Ask::Edit { key, serial, text }, edit);
    }

    fn delete(&mut self, words: &str) {
        let for_both = words != "me";
        if !matches!(words, "" | "me") {
            return self.say("/delete or /delete me");
        }
        let own = self.own_message(is_accepted).map(|(serial, _)| serial);
        let Some(serial) = self.marked.filter(|_| !for_both).or(own) else {
            return self.say("there is no message of yours to delete");
        };
        let Some(talk) = self.talk() else { return };
        let Some(seq) = talk.get(serial).and_then(|message| message.seq) else {
            return self.say("it has not been accepted yet");
        };
        let (key, with_username) = (talk.key, talk.name.clone());
        let delete = Command::DeleteMessage {
            with_username,
            seq,
            for_both,
        };
        self.ask_or_say(Ask::Delete { key, serial }, delete);
    }

    /// The marked message if it is one's own, else the last of one's own; it is there, and `is_wanted`.
    fn own_message(&self, is_wanted: impl Fn(&Message) -> bool) -> Option<(u64, String)> {
        let talk = self.talk()?;
        let text = |message: &Message| match &message.body {
            Body::Text(text) if message.mine && is_wanted(message) => {
                Some((message.serial, harmless(text)))
            }
            _ => None,
        };
        match self.marked {
            Some(serial) => talk.get(serial).and_then(text),
            None => talk.log().iter().rev().find_map(text),
        }
    }

    fn ask_or_say(&mut self, ask: Ask, command: Command) {
        if !self.ask(ask, command) {
            self.say("not connected: try again later");
        }
    }
}

/// It can be named to the server.
fn is_accepted(message: &Message) -> bool {
    message.state == State::Accepted && message.seq.is_some()
}

#[cfg(test)]
mod tests {
    use super::super::super::conversation::Mark;
    use super::super::desk::Desk;
    use super::*;

    fn refuse(desk: &mut Desk) -> u64 {
        let serial = desk.sends()[0].0;
        let why = "too long".into();
        desk.input(Input::NotSent { serial, why });
        serial
    }

    #[test]
    fn what_was_refused_is_sent_once_more() {
        let mut desk = Desk::mailbox();
        desk.line("/retry");
        assert!(desk.sends().is_empty(), "nobody to send to");
        desk.line("/msg Bob one");
        let first = refuse(&mut desk);
        desk.line("two");
        refuse(&mut desk);
        assert_eq!(desk.marks(), [Mark::Failed, Mark::Failed]);
        desk.model.marked = Some(first);
        desk.line("/retry");
        assert_eq!(desk.sends()[0].1, "one");
        assert_eq!(desk.marks(), [Mark::Failed, Mark::Waiting]);
        desk.line("/retry");
        assert_eq!(desk.sends()[0].1, "two");
        assert_eq!(desk.marks(), [Mark::Waiting, Mark::Waiting]);
        desk.line("/retry");
        assert!(desk.sends().is_empty());
        let told = desk.model.notice().unwrap();
        assert!(told.contains("nothing of yours was refused"), "{told}");
    }

    #[test]
    fn a_closed_conversation_comes_back_with_what_is_new() {
        let mut desk = Desk::mailbox();
        desk.line("/close");
        assert!(desk.model.notice().unwrap().contains("no conversation"));
        desk.line("/msg Bob hi");
        let serial = desk.sends()[0].0;
        desk.line("/close");
        assert!(desk.model.notice().unwrap().contains("not sent"));
        let message_id = "m1".to_string();
        desk.input(Input::Sent { serial, message_id });
        desk.accept("m1", 1);
        desk.line("/close");
        assert_eq!(desk.model.current, None);
        assert!(desk.model.book.list().is_empty());
        // Nothing has been said since: the server's list does not bring it back.
        let listed = |last_time: &str, unread| {
            let list = vec![crate::client::Conversation {
                with_username: "bob".into(),
                last_seq: 1,
                last_time: last_time.into(),
                read_seq: 1,
                their_delivered_seq: 0,
                their_read_seq: 0,
                unread,
            }];
            Input::Answer(
                Ask::Conversations,
                Ok(Answer::Conversations {
                    list,
                    complete: true,
                }),
            )
        };
        desk.input(listed("2026-11-22T10:41:00.000Z", 0));
        assert!(desk.model.book.list().is_empty());
        desk.input(listed("2026-11-22T10:41:00.000Z", 1));
        assert_eq!(desk.model.book.list().len(), 1);
        desk.press(Key::Next);
        desk.line("/close");
        desk.from_bob(2, "still there?");
        assert_eq!(desk.model.book.unread(), 1);
    }
}
