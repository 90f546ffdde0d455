//! A12 and B16 with mailboxes: links that are cut at any byte, peers that stand still, packets that are lost, late or out
//! of order. Nobody is told that something was delivered which did not arrive.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::Socket;

use crate::bench::namespace::Namespace;
use crate::bench::place::{PATIENT, Place, password, register};
use crate::bench::socket::{greeted, sized};
use crate::bench::tools::output;
use crate::bench::tun::{Bridge, Weather};
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

/// Who is at the far end of the cable, over whatever it speaks.
pub trait Recipient {
    fn say(&mut self, line: &str);
    /// The next line, if one comes in time and before the end.
    fn hear(&mut self, patience: Duration) -> Option<String>;
    /// Says that no more is to come.
    fn end(&mut self);
}

impl Recipient for Client {
    fn say(&mut self, line: &str) {
        self.send(line);
    }

    fn hear(&mut self, patience: Duration) -> Option<String> {
        self.patience = patience;
        self.try_line().ok()
    }

    fn end(&mut self) {
        self.half_close();
    }
}

/// How recipients come to the daemon.
pub struct Way<'a> {
    /// Before the address.
    pub listen: &'static str,
    /// Keys of the daemon's environment.
    pub keys: Vec<(&'static str, String)>,
    pub connect: &'a dyn Fn(Socket, &str) -> Box<dyn Recipient>,
}

impl Way<'_> {
    pub fn plain() -> Way<'static> {
        Way {
            listen: "",
            keys: Vec::new(),
            connect: &|socket, who| Box::new(greeted(socket, who)),
        }
    }
}

/// For what must come.
const PATIENCE: Duration = secs(15);

struct Bench<'a> {
    way: Way<'a>,
    place: Place,
    far: Namespace,
    near: Address,
    distant: Address,
    // Last: it goes when nobody is in it any more.
    here: Namespace,
}

impl Bench<'_> {
    fn new(way: Way<'_>) -> Bench<'_> {
        Bench::over(way, Namespace::cable())
    }

    /// At the ends of what is between these two.
    fn over(way: Way<'_>, (here, far): (Namespace, Namespace)) -> Bench<'_> {
        let under = here.under();
        let words: Vec<&str> = under.iter().map(String::as_str).collect();
        let listen = format!("{}10.7.0.1:0", way.listen);
        let setup = Setup::new().under(&words).arg("--listen").arg(&listen);
        let setup = way
            .keys
            .iter()
            .fold(setup, |setup, (key, value)| setup.env(key, value));
        let config = format!(
            "{PATIENT}plaintext_credentials = true\n[mailbox]\nmax_waiting = 100000\n[limits]\nlimit_local_peers = false\nmax_connections_per_address = 1000\nnew_connections_per_address = 100000\ncommands_per_second = 100000\ncommand_burst = 100000\n"
        );
        let names: Vec<String> = (0..RECIPIENTS).map(name).chain(["Sender".into()]).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let place = Place::set_up(setup, &config, &names);
        let addresses = place.daemon().addresses();
        Bench {
            way,
            near: addresses[0].clone(),
            distant: addresses[1].clone(),
            place,
            here,
            far,
        }
    }

    /// A session of a recipient, behind the cable.
    fn recipient(&self, number: usize, deliver: &str) -> Box<dyn Recipient> {
        let distant = &self.distant;
        let socket = self.far.inside(|| sized(distant, Some(4_096)));
        let mut client = (self.way.connect)(socket, &name(number));
        let more = format!(r#"{},"deliver":"{deliver}""#, password(PASSWORD));
        client.say(&register(&name(number), &more));
        let line = client.hear(PATIENCE).unwrap_or_default();
        assert!(line.contains(r#""type":"registered""#), "{line}");
        client
    }

    fn sender(&self) -> Client {
        let near = &self.near;
        let socket = self.here.inside(|| sized(near, None));
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
pub fn a12_cut_links(way: Way<'_>, rounds: usize, seed: u64) {
    let _alone = alone();
    let bench = Bench::new(way);
    let mut mail: Vec<Mail> = (0..RECIPIENTS).map(|_| Mail::default()).collect();
    let mut told = Told::default();
    let mut sender = bench.sender();
    for number in 0..RECIPIENTS {
        let mut client = bench.recipient(number, "auto");
        client.say(r#"{"type":"allow","username":"Sender","id":1}"#);
        while !client
            .hear(PATIENCE)
            .expect("ok")
            .contains(r#""type":"ok""#)
        {}
        client.end();
        while client.hear(PATIENCE).is_some() {}
    }
    let mut random = seed;
    for round in 0..rounds {
        one_cut(
            &bench,
            &mut sender,
            &mut mail,
            &mut told,
            (round, &mut random),
        );
    }
    let sent = BURST * rounds as u64;
    for (number, mail) in mail.iter_mut().enumerate() {
        let mut client = bench.recipient(number, "auto");
        client.end();
        while let Some(line) = client.hear(PATIENCE) {
            mail.take(&line);
        }
        let who = name(number);
        assert_eq!(mail.whole(), sent, "{who}");
        assert_eq!(mail.unmarked, 0, "{who} got repeats that did not say so");
    }
    told.read(&mut sender, HELD);
    check(&told, &mail, rounds);
    let counts = told.delivered.values();
    let all = counts.filter(|&&up_to| up_to == sent).count();
    assert_eq!(all, RECIPIENTS, "told in the end: {:?}", told.delivered);
    let received = mail.iter().flat_map(|mail| mail.received.values());
    let again: u32 = received.map(|times| times - 1).sum();
    record(
        "A12",
        format_args!(
            "{}{} cut links, {} messages: 0 lost, 0 false delivered, {again} came again and said so",
            bench.way.listen,
            rounds * RECIPIENTS,
            sent * RECIPIENTS as u64
        ),
    );
    drop(bench.place);
}

fn one_cut(
    bench: &Bench<'_>,
    sender: &mut Client,
    mail: &mut [Mail],
    told: &mut Told,
    (round, random): (usize, &mut u64),
) {
    let recipient = |number| bench.recipient(number, "auto");
    let mut clients: Vec<_> = (0..RECIPIENTS).map(recipient).collect();
    for (client, mail) in clients.iter_mut().zip(mail.iter_mut()) {
        while {
            let line = client.hear(PATIENCE).expect("synced");
            mail.take(&line);
            !line.contains(r#""type":"synced""#)
        } {}
    }
    burst(sender, round);
    for (client, mail) in clients.iter_mut().zip(mail.iter_mut()) {
        *random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        // Some read to the end, some stand still somewhere.
        for _ in 0..(*random >> 33) % (BURST + 10) {
            match client.hear(millis(1)) {
                Some(line) => mail.take(&line),
                None => break,
            }
        }
    }
    bench.far.ip("link set cable down");
    told.read(sender, HELD);
    for (client, mail) in clients.iter_mut().zip(mail.iter_mut()) {
        while let Some(line) = client.hear(millis(1)) {
            mail.take(&line);
        }
    }
    check(told, mail, round);
    drop(clients);
    bench.far.ip("link set cable up");
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
    let bench = Bench::new(Way::plain());
    for end in [&bench.here, &bench.far] {
        let rules = format!(
            "add table ip lossy; add chain ip lossy in {{ type filter hook input priority 0; }}; add rule ip lossy in iifname cable numgen random mod 100 < {percent} drop"
        );
        end.inside(|| output("nft", "nftables", &[&rules]));
    }
    b16(
        &bench,
        count,
        &format!("{percent} % of packets lost each way"),
    );
}

/// Packets come late, each by its own time, so that they overtake each other, and some never.
pub fn b16_late_packets(weather: Weather, count: u64) {
    let _alone = alone();
    let (here, far) = (Namespace::new(), Namespace::new());
    let _bridge = Bridge::between(&here, &far, weather);
    let bench = Bench::over(Way::plain(), (here, far));
    b16(&bench, count, &format!("{weather:?}"));
}

fn b16(bench: &Bench<'_>, count: u64, what: &str) {
    let mut client = bench.recipient(0, "ack");
    let line = client.hear(PATIENCE).expect("synced");
    assert_eq!(line, r#"{"type":"synced","pos":0}"#);
    let mut sender = bench.sender();
    let began = Instant::now();
    let delays = in_order(&mut sender, client.as_mut(), count);
    let at = |percent: usize| delays[(delays.len() - 1) * percent / 100];
    let (took, half, p99) = (began.elapsed(), at(50), at(99));
    record(
        "B16",
        format_args!(
            "{what}: {count} messages, 0 lost, in order, {took:.1?}; p50 {half:.0?}, p99 {p99:.0?}"
        ),
    );
    assert!(took < secs(120) + millis(50) * count as u32);
}

/// Messages that may be without their `privateMessage` at once.
const UNDER_WAY: u64 = 200;

/// `count` messages arrive once, in order. Returns how long each took, ascending.
fn in_order(sender: &mut Client, client: &mut dyn Recipient, count: u64) -> Vec<Duration> {
    let (mut sent, mut received) = (Vec::new(), 0);
    let mut delays = Vec::new();
    while received < count {
        while (sent.len() as u64) < count.min(received + UNDER_WAY) {
            sent.push(Instant::now());
            let number = sent.len();
            sender.send(&format!(
                r#"{{"type":"privateMessage","toUsername":"r0","message":"{number}"}}"#
            ));
        }
        let line = client.hear(PATIENCE).expect("what was accepted");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        delays.push(sent[received as usize].elapsed());
        received += 1;
        assert_eq!(line["seq"].as_u64(), Some(received), "{line}");
        assert_eq!(line["message"], received.to_string(), "{line}");
        let pos = line["pos"].as_u64().expect("a pos");
        client.say(&format!(r#"{{"type":"ack","pos":{pos}}}"#));
    }
    assert_eq!(client.hear(millis(500)), None);
    delays.sort_unstable();
    delays
}
