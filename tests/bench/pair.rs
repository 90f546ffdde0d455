//! The probe pair: two registered clients that exchange 200 messages a second while something else happens.
//! Of those, none may be lost, doubled or out of order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::record;
use super::socket::named;
use crate::common::{Address, Client, text_of};

pub struct Pair {
    over: Arc<AtomicBool>,
    writer: JoinHandle<u64>,
    reader: JoinHandle<Vec<u64>>,
}

const INTERVAL: Duration = Duration::from_millis(5);
/// The bar is 5 ms; a shared machine stops a process for longer than that. This still finds a loop that hangs.
const P99_US: u64 = 100_000;

impl Pair {
    pub fn start(address: &Address) -> Pair {
        Pair::between(named(address, "ProbeA"), named(address, "ProbeB"))
    }

    /// The same where names are proved; `receiver` is ProbeB.
    pub fn between(sender: Client, receiver: Client) -> Pair {
        let over = Arc::new(AtomicBool::new(false));
        let (ends, origin) = (over.clone(), Instant::now());
        Pair {
            over,
            writer: thread::spawn(move || write(sender, &ends, origin)),
            reader: thread::spawn(move || read(receiver, origin)),
        }
    }

    /// Gates on what was lost, and on a delay that no scheduler explains.
    #[track_caller]
    pub fn finish(self, row: &str) {
        self.over.store(true, Ordering::Relaxed);
        let sent = self.writer.join().expect("the pair's writer");
        let mut delays = self.reader.join().expect("the pair's reader");
        assert_eq!(delays.len() as u64, sent, "{row}: the pair lost messages");
        delays.sort_unstable();
        let at = |percent: usize| delays[(delays.len() - 1) * percent / 100];
        let (half, p99, worst) = (at(50), at(99), at(100));
        record(
            row,
            format_args!(
                "pair: {sent} messages, 0 lost; p50 {half} µs, p99 {p99} µs, worst {worst} µs"
            ),
        );
        assert!(p99 <= P99_US, "{row}: the pair's p99 is {p99} µs");
    }
}

fn write(mut sender: Client, over: &AtomicBool, origin: Instant) -> u64 {
    let mut next = Instant::now();
    let mut count = 0;
    while !over.load(Ordering::Relaxed) {
        let text = format!("{count} {}", origin.elapsed().as_micros());
        sender.send(&passing(&text));
        count += 1;
        next += INTERVAL;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    sender.send(&passing("end"));
    // Whatever was refused would have been told.
    sender.expect_nothing();
    count
}

/// Stored nowhere: what one pair leaves behind is nothing to the next.
fn passing(text: &str) -> String {
    format!(
        r#"{{"type":"privateMessage","toUsername":"ProbeB","message":"{text}","ephemeral":true}}"#
    )
}

fn read(mut receiver: Client, origin: Instant) -> Vec<u64> {
    let mut delays = Vec::new();
    loop {
        let text = text_of(&receiver.line(), "message");
        let now = origin.elapsed().as_micros() as u64;
        let Some((number, sent)) = text.split_once(' ') else {
            return delays;
        };
        let number: usize = number.parse().expect("a number");
        assert_eq!(number, delays.len(), "lost, doubled or out of order");
        delays.push(now.saturating_sub(sent.parse().expect("a time")));
    }
}
