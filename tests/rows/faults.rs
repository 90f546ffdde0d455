//! B2, B3, B4, B7 (over real sockets).

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crate::bench::pair::Pair;
use crate::bench::process::anon_kib;
use crate::bench::socket::{Via, connected, greeted, message, named, relayed, sized};
use crate::bench::{alone, millis, record, secs, wait_until};
use crate::common::Setup;

/// So many lines stay below the bound from which senders are told `recipientBusy`.
const AHEAD: u32 = 1_200;

fn b2_text(number: u32) -> String {
    format!("{number} {}", "x".repeat((number % 97) as usize))
}

/// A reader with a receive buffer of 1 KiB that reads slowly: every line arrives whole and in order.
pub fn b2_a_tiny_receive_window(via: Via, lines: u32) {
    let _alone = alone();
    let (daemon, address) = via.start(Setup::new());
    let mut slow = greeted(sized(&address, Some(1_024)), "Slow");
    slow.register("Slow");
    let mut sender = named(&address, "Sender");
    let read = AtomicU32::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..lines {
                let room = || number - read.load(Ordering::Relaxed) <= AHEAD;
                wait_until("the reader reads on", secs(20), room);
                sender.send(&message("Slow", &b2_text(number)));
            }
            sender.expect_nothing();
        });
        for number in 0..lines {
            slow.expect(&relayed("Sender", &b2_text(number)));
            read.store(number + 1, Ordering::Relaxed);
            if number % 512 == 0 {
                thread::sleep(millis(2));
            }
        }
    });
    slow.expect_nothing();
    drop(daemon);
    record("B2", format_args!("{via:?}: {lines} lines intact"));
}

/// Each reset comes within a line of a registered client; the next client takes the name at once.
pub fn b3_resets_within_a_line(via: Via, resets: u32) {
    let _alone = alone();
    let (daemon, address) = via.start(Setup::new());
    let reset = || {
        let mut victim = named(&address, "Victim");
        victim.send_bytes(br#"{"type":"privateMessage","toUsername":"Vic"#);
        victim.reset();
    };
    let pair = Pair::start(&address);
    let files = daemon.open_files();
    let gone = || {
        wait_until("no descriptor is left open", secs(5), || {
            daemon.open_files() == files
        })
    };
    // What the allocator keeps for next time is there after a few hundred.
    (0..500.min(resets / 2)).for_each(|_| reset());
    gone();
    let memory = anon_kib(daemon.pid());
    (0..resets).for_each(|_| reset());
    gone();
    let drift = anon_kib(daemon.pid()).saturating_sub(memory);
    pair.finish("B3");
    record(
        "B3",
        format_args!("{via:?}: {resets} resets, {files} descriptors before and after, {drift} KiB"),
    );
    assert!(drift <= 256, "memory grew by {drift} KiB");
}

/// Everything before the half-close is answered, then `drained`, then the end.
pub fn b4_half_close(via: Via, times: u32) {
    let _alone = alone();
    let (_daemon, address) = via.start(Setup::new());
    for n in 0..times {
        let mut client = connected(&address, "Script");
        client.send_bytes(
            format!(
                "{}\n{}\n{}\n{}",
                r#"{"type":"register","username":"Script","id":1}"#,
                message("Script", &format!("to myself {n}")),
                message("Absent", "to nobody"),
                r#"{"type":"ping","id":"last"}"#
            )
            .as_bytes(),
        );
        client.half_close();
        client.expect(r#"{"type":"registered","id":1,"username":"Script","resumeToken":"…"}"#);
        client.expect(&relayed("Script", &format!("to myself {n}")));
        client.expect_error("unknownUser");
        client.expect(r#"{"type":"pong","id":"last","time":"…"}"#);
        client.expect_goodbye("drained");
    }
    record("B4", format_args!("{via:?}: {times}/{times} complete"));
}

/// With the token the name changes hands in one round trip; without it the holder keeps it.
pub fn b7_takeover(via: Via, times: u32) {
    let _alone = alone();
    let (_daemon, address) = via.start(Setup::new());
    let mut holder = connected(&address, "holder");
    let mut token = holder.register("Alice");
    for n in 0..times {
        let mut next = connected(&address, "next");
        next.send(r#"{"type":"register","username":"Alice"}"#);
        let refusal = next.expect_error("nameTaken");
        assert!(refusal.contains(r#""hint":"#), "{refusal}");
        if n == 0 {
            holder.expect(r#"{"type":"sessionNotice","kind":"claimRefused","count":1,"time":"…"}"#);
        }
        next.send(&format!(
            r#"{{"type":"register","username":"alice","resumeToken":"{token}"}}"#
        ));
        let line = next.expect(r#"{"type":"registered","username":"alice","resumeToken":"…"}"#);
        token = crate::common::text_of(&line, "resumeToken");
        next.send(&message("Alice", "who am I?"));
        next.expect(&relayed("alice", "who am I?"));
        let lines = holder.lines();
        let last = lines.last().expect("a goodbye");
        assert!(last.contains(r#""code":"replaced""#), "{lines:?}");
        holder = next;
    }
    record("B7", format_args!("{via:?}: {times} takeovers"));
}
