//! What clients do, by lot.

use privmsgd::wire::code::Deliver;

use crate::ledger::Letter;
use crate::link::Asked;
use crate::world::{NAMES, PASSWORD, World};

pub const DEVICES: [&str; 3] = ["default", "phone", "laptop"];
const MAX_LINKS: usize = 9;

impl World {
    /// One client does one thing.
    pub fn act(&mut self) {
        let able = self.links.iter().filter(|(_, link)| link.can_write());
        let able: Vec<u64> = able.map(|(number, _)| *number).collect();
        if able.is_empty() || (self.links.len() < MAX_LINKS && self.choice.once_in(7)) {
            return self.arrive();
        }
        let number = self.choice.of(&able);
        match self.choice.below(40) {
            0..=11 => self.send(number),
            12..=13 => self.repeat(number),
            14..=20 => self.ack(number),
            21..=22 => self.mark_read(number),
            23..=24 => self.history(number),
            25..=26 => self.edit(number),
            27 => self.delete(number),
            28..=29 => self.relate(number),
            30 => self.settings(number),
            31 => self.small(number),
            32 => self.end(number),
            33 => self.cut(number),
            34..=35 => self.toggle(number, true),
            36..=37 => self.toggle(number, false),
            _ => self.send_many(number),
        }
    }

    /// Slots are given away as soon as they are free.
    pub fn come_and_go(&mut self) {
        let numbers: Vec<u64> = self.links.keys().copied().collect();
        if !numbers.is_empty() && self.choice.once_in(2) {
            let number = self.choice.of(&numbers);
            self.cut(number);
            self.turn();
        }
        self.sweep();
        if self.links.len() < MAX_LINKS {
            self.arrive();
        }
    }

    pub fn arrive(&mut self) {
        let person = self.choice.below(self.ledger.people.len());
        let device = self.choice.below(1 + person % DEVICES.len());
        let deliver = match self.choice.below(10) {
            0..=5 => Deliver::Ack,
            6..=8 => Deliver::Auto,
            _ => Deliver::None,
        };
        if let Some(number) = self.connect(person, DEVICES[device], deliver) {
            self.register(number, false);
        }
    }

    /// `plainly`: with the password, all of the window, from the cursor.
    pub fn register(&mut self, number: u64, plainly: bool) {
        let link = &self.links[&number];
        let (person, device, deliver) = (link.person, link.device.clone(), link.deliver);
        let memo = self
            .memos
            .entry((person, device.clone()))
            .or_default()
            .clone();
        let mut line = format!("\"username\":\"{}\"", NAMES[person]);
        match memo.resume_token {
            Some(token) if !plainly && !self.choice.once_in(4) => {
                line += &format!(",\"resumeToken\":\"{token}\"");
            }
            _ => line += &format!(",\"password\":\"{PASSWORD}\""),
        }
        if device != "default" {
            line += &format!(",\"device\":\"{device}\"");
        }
        if deliver != Deliver::Auto || self.choice.once_in(2) {
            line += &format!(",\"deliver\":\"{}\"", deliver.as_str());
        }
        let mut window = 1_024;
        if !plainly {
            window = [1, 2, 3, 5, 256][self.choice.below(5)];
            line += &format!(",\"window\":{window}");
        }
        let mut after = None;
        if let Some(epoch) = memo.epoch
            && deliver != Deliver::None
            && !plainly
            && self.choice.once_in(3)
        {
            let pos = if self.choice.once_in(4) {
                0
            } else {
                memo.last_read
            };
            line += &format!(",\"after\":{pos},\"epoch\":{epoch}");
            after = Some(pos);
            let known = self.ledger.device(person, &device);
            known.ack_sent = known.ack_sent.max(pos);
        }
        let link = self.links.get_mut(&number).expect("a link");
        (link.window, link.after) = (window, after);
        self.write(number, "register", &line, Some(Asked::Register));
    }

    /// Writes a command. With `asked` it has an `id`.
    pub fn write(&mut self, number: u64, verb: &'static str, fields: &str, asked: Option<Asked>) {
        let link = self.links.get_mut(&number).expect("a link");
        let mut line = format!("{{\"type\":\"{verb}\"");
        if !fields.is_empty() {
            line += &format!(",{fields}");
        }
        if let Some(asked) = asked {
            line += &format!(",\"id\":{}", link.next_id);
            link.asked.insert(link.next_id, asked);
            link.next_id += 1;
        }
        line += "}";
        link.write(&line);
        self.say(format_args!("#{number} > {line}"));
    }

    fn other(&mut self, person: usize) -> usize {
        let people = self.ledger.people.len();
        (person + 1 + self.choice.below(people - 1)) % people
    }

    fn send(&mut self, number: u64) {
        let from = self.links[&number].person;
        let to = self.other(from);
        let index = self.ledger.letters.len();
        let padding = match self.choice.below(12) {
            0 => ":".to_owned() + &"x".repeat(self.choice.below(1_500)),
            _ => String::new(),
        };
        let ephemeral = self.choice.once_in(8);
        let has_id = ephemeral || !self.choice.once_in(4);
        let expires = !ephemeral && self.choice.once_in(20);
        let letter = Letter {
            from,
            to,
            message_id: has_id.then(|| format!("k{index}")),
            ephemeral,
            bodies: vec![format!("\"m{index}.0{padding}\"")],
            expires_in_s: expires.then(|| 1 + self.choice.below(40)),
            forbidden: ephemeral && self.ledger.people[to].told_blocked.contains(&from),
            ..Letter::default()
        };
        self.ledger.letters.push(letter);
        self.post(number, index);
    }

    fn send_many(&mut self, number: u64) {
        for _ in 0..self.choice.below(6) {
            self.send(number);
        }
    }

    fn post(&mut self, number: u64, index: usize) {
        let letter = &self.ledger.letters[index];
        let (to, body) = (NAMES[letter.to], &letter.bodies[0]);
        let mut line = format!("\"toUsername\":\"{to}\",\"message\":{body}");
        if let Some(message_id) = &letter.message_id {
            line += &format!(",\"messageId\":\"{message_id}\"");
        }
        if letter.ephemeral {
            line += ",\"ephemeral\":true";
        }
        if let Some(s) = letter.expires_in_s {
            line += &format!(",\"expiresIn\":{s}");
        }
        let (ephemeral, has_message_id) = (letter.ephemeral, letter.message_id.is_some());
        let asked = match (ephemeral, self.choice.once_in(4)) {
            (_, true) => None,
            (true, false) => Some(Asked::Ephemeral(index)),
            (false, false) => Some(Asked::Send(index)),
        };
        if !ephemeral && (asked.is_some() || has_message_id) {
            let link = self.links.get_mut(&number).expect("a link");
            link.sends
                .push_back((index, asked.is_some().then_some(link.next_id)));
        }
        self.write(number, "privateMessage", &line, asked);
    }

    /// Something that nobody was told the outcome of is sent again.
    fn repeat(&mut self, number: u64) {
        let from = self.links[&number].person;
        let open = self
            .ledger
            .letters
            .iter()
            .enumerate()
            .filter(|(_, letter)| {
                letter.from == from && !letter.ephemeral && letter.message_id.is_some()
            });
        let untold: Vec<usize> = open
            .clone()
            .filter(|(_, letter)| !letter.told)
            .map(|(index, _)| index)
            .collect();
        let all: Vec<usize> = open.map(|(index, _)| index).collect();
        let from = if self.choice.once_in(4) { all } else { untold };
        if !from.is_empty() {
            let index = self.choice.of(&from);
            self.post(number, index);
        }
    }

    pub fn ack(&mut self, number: u64) {
        let link = self.links.get_mut(&number).expect("a link");
        if !link.is_registered || (link.deliver == Deliver::Auto && !self.choice.once_in(6)) {
            return;
        }
        let link = self.links.get_mut(&number).expect("a link");
        let most = link.unacked.len();
        if most == 0 {
            return;
        }
        let count = if self.choice.once_in(2) {
            most
        } else {
            1 + self.choice.below(most)
        };
        let link = self.links.get_mut(&number).expect("a link");
        let pos = link.unacked[count - 1];
        link.unacked.drain(..count);
        link.ack_sent = link.ack_sent.max(pos);
        let (person, device) = (link.person, link.device.clone());
        let known = self.ledger.device(person, &device);
        known.ack_sent = known.ack_sent.max(pos);
        let asked = self.choice.once_in(4).then_some(Asked::Other("ack"));
        self.write(number, "ack", &format!("\"pos\":{pos}"), asked);
    }

    fn mark_read(&mut self, number: u64) {
        let me = self.links[&number].person;
        let with = self.other(me);
        let last = self.ledger.talk(me, with).len();
        let seq = 1 + self.choice.below(last + 1) as u64;
        let private = self.choice.once_in(4);
        if !private {
            let read = self.ledger.people[me].read_sent.entry(with).or_default();
            *read = (*read).max(seq);
        }
        let mut line = format!("\"withUsername\":\"{}\",\"seq\":{seq}", NAMES[with]);
        if private {
            line += ",\"private\":true";
        }
        let asked = self.choice.once_in(2).then_some(Asked::Other("markRead"));
        self.write(number, "markRead", &line, asked);
    }

    fn history(&mut self, number: u64) {
        let me = self.links[&number].person;
        let with = self.other(me);
        let last = self.ledger.talk(me, with).len();
        let mut line = format!("\"withUsername\":\"{}\"", NAMES[with]);
        match self.choice.below(3) {
            0 => line += &format!(",\"before\":{}", 1 + self.choice.below(last + 2)),
            1 => line += &format!(",\"after\":{}", self.choice.below(last + 2)),
            _ => {}
        }
        line += &format!(",\"limit\":{}", 1 + self.choice.below(6));
        let rows = Vec::new();
        self.write(
            number,
            "history",
            &line,
            Some(Asked::History { with, rows }),
        );
    }

    /// Somebody's message, as its conversation numbers it.
    fn some_letter(&mut self, me: usize, own: bool) -> Option<usize> {
        let with = self.other(me);
        let talk: Vec<usize> = self.ledger.talk(me, with).to_vec();
        let mine = |index: &usize| !own || self.ledger.letters[*index].from == me;
        let able: Vec<usize> = talk.into_iter().filter(mine).collect();
        (!able.is_empty()).then(|| self.choice.of(&able))
    }

    fn edit(&mut self, number: u64) {
        let me = self.links[&number].person;
        let Some(index) = self.some_letter(me, true) else {
            return;
        };
        let letter = &mut self.ledger.letters[index];
        let body = format!("\"m{index}.{}\"", letter.bodies.len());
        letter.bodies.push(body.clone());
        let (with, seq) = (NAMES[letter.to], letter.seq.unwrap_or_default());
        let line = format!("\"withUsername\":\"{with}\",\"seq\":{seq},\"message\":{body}");
        self.write(number, "editMessage", &line, Some(Asked::Edit(index)));
    }

    fn delete(&mut self, number: u64) {
        let me = self.links[&number].person;
        let Some(index) = self.some_letter(me, false) else {
            return;
        };
        let letter = &self.ledger.letters[index];
        let with = if letter.from == me {
            letter.to
        } else {
            letter.from
        };
        let seq = letter.seq.unwrap_or_default();
        let mut line = format!("\"withUsername\":\"{}\",\"seq\":{seq}", NAMES[with]);
        if self.choice.once_in(2) {
            line += ",\"forBoth\":true";
        }
        self.write(number, "deleteMessage", &line, Some(Asked::Delete(index)));
    }

    fn relate(&mut self, number: u64) {
        let me = self.links[&number].person;
        let whom = self.other(me);
        let verb =
            ["block", "unblock", "allow", "allow", "disallow", "unblock"][self.choice.below(6)];
        if verb == "unblock" {
            self.ledger.people[me].told_blocked.remove(&whom);
        }
        let asked = match verb {
            "block" => Asked::Block(whom),
            _ => Asked::Other("relate"),
        };
        self.write(
            number,
            verb,
            &format!("\"username\":\"{}\"", NAMES[whom]),
            Some(asked),
        );
    }

    fn settings(&mut self, number: u64) {
        let line = match self.choice.below(6) {
            0 => "\"acceptFrom\":\"known\"",
            1 => "\"acceptFrom\":\"anyone\"",
            2 => "\"acceptFrom\":\"allowed\"",
            3 => "\"deliveryReceipts\":false",
            4 => "\"deliveryReceipts\":true,\"acceptFrom\":\"anyone\"",
            _ => "\"readReceipts\":true",
        };
        self.write(number, "settings", line, Some(Asked::Other("settings")));
    }

    fn small(&mut self, number: u64) {
        let me = self.links[&number].person;
        let whom = NAMES[self.other(me)];
        match self.choice.below(5) {
            0 => self.write(number, "ping", "", Some(Asked::Other("ping"))),
            1 => {
                let line = format!("\"toUsername\":\"{whom}\"");
                self.write(number, "typing", &line, Some(Asked::Other("typing")));
            }
            2 => {
                let line = "\"limit\":2";
                self.write(
                    number,
                    "conversations",
                    line,
                    Some(Asked::Other("conversations")),
                );
            }
            3 => {
                let line = format!("\"usernames\":[\"{whom}\"]");
                self.write(number, "watch", &line, Some(Asked::Other("watch")));
            }
            _ => {
                let status = ["online", "away", "invisible"][self.choice.below(3)];
                let line = format!("\"status\":\"{status}\"");
                self.write(number, "setStatus", &line, Some(Asked::Other("setStatus")));
            }
        }
    }

    /// The last line: `bye`, or the end of input.
    pub fn end(&mut self, number: u64) {
        let bye = self.choice.once_in(2);
        if bye {
            self.write(number, "bye", "", Some(Asked::Other("bye")));
        }
        let now = self.now;
        let link = self.links.get_mut(&number).expect("a link");
        link.ended_ms.get_or_insert(now);
        link.said_bye |= bye;
        link.fin |= !bye;
        if !bye {
            self.say(format_args!("#{number} ends its input"));
        }
    }

    pub fn cut(&mut self, number: u64) {
        let now = self.now;
        self.links.get_mut(&number).expect("a link").cut(now);
        self.say(format_args!("#{number} is cut"));
    }

    /// A reader stops and goes on, a wire is dead for a while.
    fn toggle(&mut self, number: u64, stall: bool) {
        let link = self.links.get_mut(&number).expect("a link");
        link.was_slow = true;
        let what = match stall {
            true => {
                link.is_stalled ^= true;
                format!("stalled {}", link.is_stalled)
            }
            false => {
                link.is_partitioned ^= true;
                format!("partitioned {}", link.is_partitioned)
            }
        };
        self.say(format_args!("#{number} {what}"));
    }
}
