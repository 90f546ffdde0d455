//! One client under load: sends, repeats what has no answer, receives and acknowledges. Ends with its connection.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::ledger::{Histories, Kept, Ledger, hash};
use super::{CLIENTS, Flags, name};
use crate::bench::place::Place;
use crate::common::PASSWORD;

/// Messages that may be without an answer at once.
const IN_FLIGHT: usize = 16;
/// How long a line may take to come from a daemon that lives.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Client {
    lines: BufReader<TcpStream>,
    ledger: Ledger,
    flags: Arc<Flags>,
    in_flight: usize,
    synced: bool,
    line: String,
}

impl Client {
    /// Until the connection ends; with `settle` until everything is answered and received.
    pub fn run(address: SocketAddr, ledger: Ledger, settle: bool, flags: &Arc<Flags>) -> Ledger {
        let stream = match TcpStream::connect(address) {
            Ok(stream) => stream,
            Err(error) if flags.stop.load(Ordering::Relaxed) || !settle => {
                let _ = error;
                return ledger;
            }
            Err(error) => panic!("cannot connect: {error}"),
        };
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        stream.set_nodelay(true).expect("no delay");
        let mut client = Client {
            lines: BufReader::new(stream),
            ledger,
            flags: flags.clone(),
            in_flight: 0,
            synced: false,
            line: String::new(),
        };
        match client.work(settle) {
            Ok(()) => {}
            // The daemon is dead; a daemon that lives and says nothing is a failure.
            Err(error) if !settle && error.kind() != io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("client {}: {error}", client.ledger.number),
        }
        client.ledger
    }

    fn work(&mut self, settle: bool) -> io::Result<()> {
        self.register()?;
        let again = self.ledger.unanswered();
        for index in again {
            self.send(index)?;
        }
        let until = Instant::now() + PATIENCE;
        loop {
            while !settle && self.in_flight < IN_FLIGHT {
                let index = self.ledger.compose();
                self.send(index)?;
            }
            if settle && self.in_flight == 0 && self.synced {
                return self.settle();
            }
            assert!(!settle || Instant::now() < until, "it does not settle");
            let line = self.next()?;
            self.take(&line)?;
        }
    }

    /// Others may still have sent something: what is there once all are done comes with a new connection's first part.
    fn settle(&mut self) -> io::Result<()> {
        self.say("{\"type\":\"bye\"}\n")?;
        while let Ok(line) = self.next() {
            self.take(&line)?;
        }
        Ok(())
    }

    fn register(&mut self) -> io::Result<()> {
        let number = self.ledger.number;
        self.say(&format!(
            "{{\"type\":\"register\",\"username\":\"{}\",\"password\":\"{PASSWORD}\",\"deliver\":\"ack\"}}\n",
            name(number)
        ))?;
        loop {
            let line = self.next()?;
            match line["type"].as_str() {
                Some("hello") => {}
                Some("registered") => return Ok(()),
                Some("errorMessage") if line["code"] == "storageFailed" => {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
                _ => panic!("client {number}: {line}"),
            }
        }
    }

    fn send(&mut self, index: usize) -> io::Result<()> {
        let sent = &self.ledger.sent[index];
        let line = format!(
            "{{\"type\":\"privateMessage\",\"toUsername\":\"{}\",\"message\":\"{}\",\"messageId\":\"{}\"}}\n",
            name(sent.to),
            sent.message,
            self.ledger.message_id(index)
        );
        self.in_flight += 1;
        self.say(&line)
    }

    fn take(&mut self, line: &Value) -> io::Result<()> {
        match line["type"].as_str() {
            Some("accepted") => {
                let id = line["messageId"].as_str().expect("a messageId");
                let index = index_of(id);
                let sent = &mut self.ledger.sent[index];
                let seq = line["seq"].as_u64().expect("a seq");
                assert!(sent.accepted.is_none_or(|before| before == seq), "{line}");
                sent.accepted = Some(seq);
                self.flags.answered.store(true, Ordering::Relaxed);
                self.in_flight -= 1;
            }
            Some("privateMessage") => {
                let from = number_of(&line["from"]);
                let seq = line["seq"].as_u64().expect("a seq");
                let again = line["redelivered"] == true;
                let message = line["message"].as_str().expect("a text");
                self.ledger.receive(from, seq, hash(message), again);
                self.acknowledge(line)?;
            }
            Some("receipt") => self.acknowledge(line)?,
            Some("synced") => self.synced = true,
            // The disk is gone, and the daemon is about to be: whether it was stored is unknown.
            Some("errorMessage") if line["code"] == "storageFailed" => self.in_flight -= 1,
            Some("goodbye") => {}
            other => panic!("client {}: {other:?}: {line}", self.ledger.number),
        }
        Ok(())
    }

    fn acknowledge(&mut self, line: &Value) -> io::Result<()> {
        let pos = line["pos"].as_u64().expect("a pos");
        self.ledger.last_pos = self.ledger.last_pos.max(pos);
        self.say(&format!("{{\"type\":\"ack\",\"pos\":{pos}}}\n"))
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        self.lines.get_mut().write_all(line.as_bytes())
    }

    fn next(&mut self) -> io::Result<Value> {
        self.line.clear();
        let count = self.lines.read_line(&mut self.line)?;
        if count == 0 || !self.line.ends_with('\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_str(&self.line).expect("a frame is JSON"))
    }

    /// Everything that the daemon shows client `number` of its conversations.
    pub fn histories(place: &Place, number: usize) -> Histories {
        (0..CLIENTS)
            .map(|other| match other == number {
                true => Vec::new(),
                false => history(place, number, other),
            })
            .collect()
    }
}

fn history(place: &Place, number: usize, other: usize) -> Vec<Kept> {
    let mut kept = Vec::new();
    let credential = format!("\"password\":\"{PASSWORD}\",\"deliver\":\"none\"");
    let mut client = place.connect("reader");
    client.send(&crate::bench::place::register(&name(number), &credential));
    client.expect(r#"{"type":"registered",…}"#);
    loop {
        let after = kept.last().map_or(0, |kept: &Kept| kept.seq);
        client.send(&format!(
            r#"{{"type":"history","withUsername":"{}","after":{after},"limit":500}}"#,
            name(other)
        ));
        loop {
            let line: Value = serde_json::from_str(&client.line()).expect("JSON");
            match line["type"].as_str() {
                Some("privateMessage") => kept.push(Kept {
                    from: number_of(&line["from"]),
                    seq: line["seq"].as_u64().expect("a seq"),
                    message_id: line["messageId"].as_str().expect("an id").to_owned(),
                    hash: hash(line["message"].as_str().unwrap_or("")),
                }),
                Some("done") if line["complete"] == true => return kept,
                Some("done") => break,
                other => panic!("{other:?}: {line}"),
            }
        }
    }
}

fn index_of(message_id: &str) -> usize {
    let index = message_id
        .rsplit('-')
        .next()
        .and_then(|text| text.parse().ok());
    index.expect("a messageId of ours")
}

fn number_of(name: &Value) -> usize {
    let number = name.as_str().and_then(|name| name.strip_prefix("client"));
    number.and_then(|text| text.parse().ok()).expect("a client")
}
