//! A12, B6 and B16 with mailboxes: links that are cut at any byte, peers that stand still, packets that are lost. Nobody is
//! told that something was delivered which did not arrive.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::bench::namespace::Namespace;
use crate::bench::place::{PATIENT, Place, password, register};
use crate::bench::socket::{greeted, sized};
use crate::bench::tools::output;
use crate::bench::{alone, millis, record, secs};
use crate::common::{Address, Client, PASSWORD, Setup};

/// Recipients on one cable: one cut is one for each.
const RECIPIENTS: usize = 20;
/// Messages of one round to each; more than a receive buffer takes from who does not read.
const BURST: u64 = 40;
/// How long bytes must have been acknowledged before they count, and some more.
const HELD: Duration = millis(1_600);

/// What one recipient has, whatever the daemon thinks of it.
#[derive(Default)]
struct Mail {
    /// By `seq`: how often it came.
    received: BTreeMap<u64, u32>,
    /// Messages that came again without saying so.
    unmarked: usize,
}

impl Mail {
    fn take(&mut self, line: &str) {
        let line: Value = serde_json::from_str(line).expect("JSON");
        if line["type"] != "privateMessage" {
            return;
        }
        let seq = line["seq"].as_u64().expect("a seq");
        let times = self.received.entry(seq).or_default();
        *times += 1;
        if *times > 1 && line["redelivered"] != true {
            self.unmarked += 1;
        }
    }

    /// Up to where nothing is missing.
    fn whole(&self) -> u64 {
        let mut whole = 0;
        for &seq in self.received.keys() {
            if seq != whole + 1 {
                break;
            }
            whole = seq;
        }
        whole
    }
}

struct Bench {
    place: Place,
    far: Namespace,
    near: Address,
    distant: Address,
    // Last: it goes when nobody is in it any more.
    here: Namespace,
}

impl Bench {
    fn new() -> Bench {
        let (here, far) = Namespace::cable();
        let under = here.under();
        let words: Vec<&str> = under.iter().map(String::as_str).collect();
        let setup = Setup::new().under(&words).arg("--listen").arg("10.7.0.1:0");
        let config = format!(
            "{PATIENT}plaintext_credentials = true\n[mailbox]\nmax_waiting = 100000\n[limits]\nlimit_local_peers = false\nmax_connections_per_address = 1000\nnew_connections_per_address = 100000\ncommands_per_second = 100000\ncommand_burst = 100000\n"
        );
        let names: Vec<String> = (0..RECIPIENTS).map(name).chain(["Sender".into()]).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let place = Place::set_up(setup, &config, &names);
        let addresses = place.daemon().addresses();
        Bench {
            near: addresses[0].clone(),
            distant: addresses[1].clone(),
            place,
            here,
            far,
        }
    }

    /// A session of a recipient, behind the cable.
    fn recipient(&self, number: usize, deliver: &str) -> Client {
        let socket = self.far.inside(|| sized(&self.distant, Some(4_096)));
        let mut client = greeted(socket, &name(number));
        let more = format!(r#"{},"deliver":"{deliver}""#, password(PASSWORD));
        client.send(&register(&name(number), &more));
        client.expect(r#"{"type":"registered",…}"#);
        client
    }

    fn sender(&self) -> Client {
        let socket = self.here.inside(|| sized(&self.near, None));
        let mut client = greeted(socket, "Sender");
        let more = format!(r#"{},"deliver":"ack""#, password(PASSWORD));
        client.send(&register("Sender", &more));
        client.expect(r#"{"type":"registered",…}"#);
        client
    }
}

fn name(number: usize) -> String {
    format!("r{number}")
}

/// What the sender was told, by recipient.
#[derive(Default)]
struct Told {
    delivered: BTreeMap<String, u64>,
}

impl Told {
    fn read(&mut self, sender: &mut Client, patience: Duration) {
        sender.patience = patience;
        while let Ok(line) = sender.try_line() {
            let line: Value = serde_json::from_str(&line).expect("JSON");
            if line["type"] == "receipt" && line["stage"] == "delivered" {
                let with = line["withUsername"].as_str().expect("a name").to_owned();
                let up_to = line["upToSeq"].as_u64().expect("a seq");
                let before = self.delivered.insert(with, up_to);
                assert!(
                    before.is_none_or(|before| before < up_to),
                    "told twice: {line}"
                );
            }
            if let Some(pos) = line["pos"].as_u64() {
                sender.send(&format!(r#"{{"type":"ack","pos":{pos}}}"#));
            }
        }
    }
}

/// `rounds` cuts of a cable with [`RECIPIENTS`] on it, at any byte: 0 false `delivered`, nothing lost, everything that came
/// again marked.
pub fn a12_cut_links(rounds: usize, seed: u64) {
    let _alone = alone();
    let bench = Bench::new();
    let mut mail: Vec<Mail> = (0..RECIPIENTS).map(|_| Mail::default()).collect();
    let mut told = Told::default();
    let mut sender = bench.sender();
    for number in 0..RECIPIENTS {
        let mut client = bench.recipient(number, "auto");
        client.send(r#"{"type":"allow","username":"Sender","id":1}"#);
        while !client.line().contains(r#""type":"ok""#) {}
        client.half_close();
        client.lines();
    }
    let mut random = seed;
    for round in 0..rounds {
        let mut clients: Vec<Client> = (0..RECIPIENTS)
            .map(|number| bench.recipient(number, "auto"))
            .collect();
        for (client, mail) in clients.iter_mut().zip(&mut mail) {
            while {
                let line = client.line();
                mail.take(&line);
                !line.contains(r#""type":"synced""#)
            } {}
        }
        burst(&mut sender, round);
        for (client, mail) in clients.iter_mut().zip(&mut mail) {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            // Some read to the end, some stand still somewhere.
            for _ in 0..(random >> 33) % (BURST + 10) {
                client.patience = millis(1);
                match client.try_line() {
                    Ok(line) => mail.take(&line),
                    Err(_) => break,
                }
            }
        }
        bench.far.ip("link set cable down");
        told.read(&mut sender, HELD);
        for (client, mail) in clients.iter_mut().zip(&mut mail) {
            client.patience = millis(1);
            while let Ok(line) = client.try_line() {
                mail.take(&line);
            }
        }
        check(&told, &mail, round);
        drop(clients);
        bench.far.ip("link set cable up");
    }
    let sent = BURST * rounds as u64;
    for (number, mail) in mail.iter_mut().enumerate() {
        let mut client = bench.recipient(number, "auto");
        client.half_close();
        client.lines().iter().for_each(|line| mail.take(line));
        assert_eq!(mail.whole(), sent, "{}", name(number));
        assert_eq!(
            mail.unmarked,
            0,
            "{} got repeats that did not say so",
            name(number)
        );
    }
    told.read(&mut sender, HELD);
    check(&told, &mail, rounds);
    let all = told
        .delivered
        .values()
        .filter(|&&up_to| up_to == sent)
        .count();
    assert_eq!(all, RECIPIENTS, "told in the end: {:?}", told.delivered);
    let again: u32 = mail
        .iter()
        .flat_map(|mail| mail.received.values())
        .map(|times| times - 1)
        .sum();
    record(
        "A12",
        format_args!(
            "{} cut links, {} messages: 0 lost, 0 false delivered, {again} came again and said so",
            rounds * RECIPIENTS,
            sent * RECIPIENTS as u64
        ),
    );
    drop(bench.place);
}

fn burst(sender: &mut Client, round: usize) {
    let filling = "x".repeat(400);
    for message in 0..BURST {
        let lines: Vec<String> = (0..RECIPIENTS)
            .map(|number| {
                format!(
                    r#"{{"type":"privateMessage","toUsername":"{}","message":"{round}.{message} {filling}"}}"#,
                    name(number)
                )
            })
            .collect();
        sender.send(&lines.join("\n"));
    }
}

#[track_caller]
fn check(told: &Told, mail: &[Mail], round: usize) {
    for (number, mail) in mail.iter().enumerate() {
        let up_to = told.delivered.get(&name(number)).copied().unwrap_or(0);
        let arrived = mail.whole();
        assert!(
            up_to <= arrived,
            "round {round}: {} has {arrived} messages, the sender was told {up_to}",
            name(number)
        );
    }
}

/// Packets are dropped both ways: everything arrives, once, in order.
pub fn b16_lost_packets(percent: u32, count: u64) {
    let _alone = alone();
    let bench = Bench::new();
    for end in [&bench.here, &bench.far] {
        let rules = format!(
            "add table ip lossy; add chain ip lossy in {{ type filter hook input priority 0; }}; add rule ip lossy in iifname cable numgen random mod 100 < {percent} drop"
        );
        end.inside(|| output("nft", "nftables", &[&rules]));
    }
    let mut client = bench.recipient(0, "ack");
    client.expect(r#"{"type":"synced","pos":0}"#);
    let mut sender = bench.sender();
    let began = std::time::Instant::now();
    let (mut sent, mut received) = (0, 0);
    while received < count {
        while sent < count && sent < received + 200 {
            sent += 1;
            sender.send(&format!(
                r#"{{"type":"privateMessage","toUsername":"r0","message":"{sent}"}}"#
            ));
        }
        let line: Value = serde_json::from_str(&client.line()).expect("JSON");
        received += 1;
        assert_eq!(line["seq"].as_u64(), Some(received), "{line}");
        assert_eq!(line["message"], received.to_string(), "{line}");
        let pos = line["pos"].as_u64().expect("a pos");
        client.send(&format!(r#"{{"type":"ack","pos":{pos}}}"#));
    }
    client.expect_nothing();
    record(
        "B16",
        format_args!(
            "{percent} % of packets lost each way: {count} messages, 0 lost, in order, {:.1?}",
            began.elapsed()
        ),
    );
    assert!(began.elapsed() < secs(120));
}
