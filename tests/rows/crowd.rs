//! B8, B9, B10, B11: more clients than there should be; D9 in each.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use socket2::Socket;

use crate::bench::pair::Pair;
use crate::bench::process::{LogMeter, cpu_ms, limit_descriptors};
use crate::bench::socket::{Via, connected, crowd, read_to_end, reset, socket};
use crate::bench::{alone, millis, record, secs, wait_until};
use crate::common::{Address, Client, Daemon, Setup};

/// B8: `clients` that are silent and as many that send a byte every fifteenth of `timeout`.
pub fn b8_slowloris(via: Via, clients: usize, timeout: Duration) {
    let _alone = alone();
    let ms = timeout.as_millis();
    let setup = Setup::new().limit("register_timeout_ms", ms);
    let (daemon, address) = via.start(setup.limit("line_timeout_ms", 2 * ms));
    let pair = Pair::start(&address);
    let start = Instant::now();
    let sockets: Vec<Socket> = (0..2 * clients).map(|_| socket(&address)).collect();
    let connected = start.elapsed();
    drip(&sockets[clients..], start, timeout);
    assert_all_cut(sockets, "registrationTimeout", start, timeout, connected);
    pair.finish("B8");
    drop(daemon);
}

/// B8: the same within the first line after `register`.
pub fn b8_slowloris_registered(via: Via, clients: usize, timeout: Duration) {
    let _alone = alone();
    let (_daemon, address) = via.start(Setup::new().limit("line_timeout_ms", timeout.as_millis()));
    let pair = Pair::start(&address);
    let mut crowd = crowd(&address, "Drip", clients);
    let start = Instant::now();
    for client in &mut crowd {
        client.send_bytes(b"{");
    }
    let sockets: Vec<Socket> = crowd
        .iter()
        .map(|client| client.socket().try_clone().expect("a socket"))
        .collect();
    let begun = start.elapsed();
    drip(&sockets, start, timeout);
    assert_all_cut(sockets, "lineTimeout", start, timeout, begun);
    pair.finish("B8");
}

/// B8: more than half of the places are unregistered: they have less time, and make room.
pub fn b8_a_crowd_has_less_time(via: Via, places: usize, timeout: Duration) {
    let _alone = alone();
    let setup = Setup::new()
        .limit("max_connections", places)
        .limit("crowded_register_timeout_ms", timeout.as_millis());
    let (_daemon, address) = via.start(setup);
    let pair = Pair::start(&address);
    let start = Instant::now();
    let mut crowd: Vec<Client> = (2..places)
        .map(|n| connected(&address, &format!("{n}")))
        .collect();
    // One more than fits: the oldest makes room.
    crowd.push(connected(&address, "one more"));
    crowd.remove(0).expect_goodbye("registrationTimeout");
    assert!(start.elapsed() < timeout, "eviction does not wait");
    crowd[0].expect_goodbye("registrationTimeout");
    let after = start.elapsed();
    record(
        "B8",
        format_args!("{via:?}: crowded: cut after {after:.2?} of {timeout:?}"),
    );
    assert!(after >= timeout * 95 / 100 && after < timeout * 3 / 2);
    pair.finish("B8");
}

fn drip(sockets: &[Socket], start: Instant, timeout: Duration) {
    for byte in br#"{"type":"regi"# {
        thread::sleep(timeout / 15);
        for mut socket in sockets {
            socket.write_all(&[*byte]).expect("still open");
        }
    }
    let last = timeout * 9 / 10;
    thread::sleep(last.saturating_sub(start.elapsed()));
    for socket in sockets {
        socket.set_nonblocking(true).expect("nonblocking");
        let read = std::io::Read::read(&mut &*socket, &mut [0; 4_096]);
        assert!(!matches!(read, Ok(0)), "cut before its time");
        socket.set_nonblocking(false).expect("blocking");
    }
}

/// At `timeout` ± 5 %, three times that for a shared machine, and the time it took to make them all.
fn assert_all_cut(
    sockets: Vec<Socket>,
    code: &str,
    start: Instant,
    timeout: Duration,
    made: Duration,
) {
    let mut first = None;
    for (n, socket) in sockets.iter().enumerate() {
        socket
            .set_read_timeout(Some(timeout))
            .expect("a read limit");
        let (text, end) = read_to_end(socket);
        first.get_or_insert_with(|| start.elapsed());
        assert!(end.is_ok(), "client {n}: {end:?} after {text}");
        assert!(
            text.contains(&format!(r#""code":"{code}""#)),
            "client {n}: {text}"
        );
    }
    let (first, last) = (first.unwrap_or_default(), start.elapsed());
    let count = sockets.len();
    record(
        "B8",
        format_args!("{count} × {code}: {first:.2?} to {last:.2?} of {timeout:?}"),
    );
    assert!(
        first >= timeout * 95 / 100,
        "the first was cut at {first:?}"
    );
    assert!(
        last <= timeout * 115 / 100 + made,
        "the last was cut at {last:?}"
    );
}

/// B9: `held` registered clients fill the daemon; `connects` come and go.
pub fn b9_connect_flood(via: Via, connects: usize, held: usize) {
    let _alone = alone();
    let (daemon, address) = via.start(Setup::new().limit("max_connections", held + 2));
    let pair = Pair::start(&address);
    let log = LogMeter::start(&daemon);
    let mut crowd = crowd(&address, "Held", held);
    for n in 0..100 {
        let mut refused = Client::over(socket(&address), "refused", crate::common::Chunking::Whole);
        let line = refused.expect_goodbye("serverFull");
        assert!(line.contains(r#""reconnect":true"#), "{n}: {line}");
    }
    crowd.truncate(held / 2);
    // The daemon's own descriptors are fewer than 20.
    let files = crowd.len() + 2 + 20;
    wait_until("places are free", secs(10), || daemon.open_files() <= files);
    let start = Instant::now();
    (0..connects).for_each(|_| drop(socket(&address)));
    let elapsed = start.elapsed();
    wait_until("there are places", secs(10), || {
        first_line(&socket(&address)).contains("hello")
    });
    wait_until("the flood is gone", secs(10), || {
        daemon.open_files() <= files
    });
    crowd.iter_mut().for_each(Client::expect_nothing);
    pair.finish("B9");
    log.finish("B9", &daemon);
    let rate = connects as f64 / elapsed.as_secs_f64();
    record(
        "B9",
        format_args!("{via:?}: {connects} connects at {rate:.0}/s, {held} held"),
    );
}

/// B10: garbage at full speed from `clients` at once, again and again until `span` is over.
pub fn b10_garbage(via: Via, clients: usize, span: Duration) {
    let _alone = alone();
    let (daemon, address) = via.start(Setup::new());
    let pair = Pair::start(&address);
    let log = LogMeter::start(&daemon);
    let end = Instant::now() + span;
    let threads: Vec<_> = (0..4)
        .map(|seed| {
            let address = address.clone();
            thread::spawn(move || garbage(&address, clients / 4, seed, end))
        })
        .collect();
    let rounds: usize = threads
        .into_iter()
        .map(|thread| thread.join().expect("no panic"))
        .sum();
    pair.finish("B10");
    log.finish("B10", &daemon);
    record(
        "B10",
        format_args!("{via:?}: {rounds} connections of garbage in {span:?}"),
    );
}

/// Returns how many connections were ended. Each is told at least one error and why it ends.
fn garbage(address: &Address, clients: usize, seed: u64, end: Instant) -> usize {
    let mut random = seed * 2 + 1;
    let mut ended = 0;
    while Instant::now() < end {
        let sockets: Vec<Socket> = (0..clients).map(|_| socket(address)).collect();
        for mut socket in &sockets {
            // Less than the daemon reads away after a goodbye, so that no reset destroys it.
            let _ = socket.write_all(&garbage_lines(&mut random));
        }
        for socket in &sockets {
            let (text, end) = read_to_end(socket);
            assert!(end.is_ok(), "{end:?} after {text}");
            let errors = text.matches(r#""type":"errorMessage""#).count();
            assert_eq!(errors, 10, "{text}");
            assert!(text.contains(r#""code":"tooManyErrors""#), "{text}");
            ended += 1;
        }
        // And as much as goes, without reading any of it.
        let mut socket = socket(address);
        while socket.write_all(&garbage_lines(&mut random)).is_ok() {}
    }
    ended
}

/// 16 KiB in lines of up to 63 bytes. Not telnet's bytes, not those of TLS, nothing blank.
fn garbage_lines(random: &mut u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16 * 1024);
    while bytes.len() < 16 * 1024 {
        bytes.push(b'!');
        for _ in 0..next(random) % 62 {
            bytes.push(match (next(random) >> 8) as u8 {
                0xff | b'\n' | b'\r' => b'?',
                byte => byte,
            });
        }
        bytes.push(b'\n');
    }
    bytes
}

fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}

/// B11: no descriptor for most of `connects`: each is told `serverFull`, or served; none waits.
pub fn b11_few_descriptors(via: Via, connects: usize) {
    let _alone = alone();
    let setup = Setup::new().under(&["/bin/sh", "-c", "ulimit -n 128; exec \"$0\" \"$@\""]);
    let (daemon, address) = via.start(setup);
    let log = LogMeter::start(&daemon);
    let pair = Pair::start(&address);
    let mut sockets: Vec<Socket> = (0..connects).map(|_| socket(&address)).collect();
    let told = sockets.iter().map(first_line).collect::<Vec<_>>();
    let served = told.iter().filter(|line| line.contains("hello")).count();
    let refused = told
        .iter()
        .filter(|line| line.contains("serverFull"))
        .count();
    assert_eq!(served + refused, connects, "{told:?}");
    let idle = cpu_over(&daemon, secs(1));
    sockets.drain(..connects * 3 / 4).for_each(reset);
    drop(sockets);
    wait_until("places are free", secs(5), || {
        first_line(&socket(&address)).contains("hello")
    });
    pair.finish("B11");
    log.finish("B11", &daemon);
    record(
        "B11",
        format_args!("{via:?}: {served} served, {refused} refused, then {idle} ms CPU in 1 s"),
    );
    assert!(idle <= 30, "{idle} ms in one second with nothing to do");
}

/// B11: not even a descriptor for refusing. What waits is served as soon as there are some, without a new connect.
pub fn b11_no_descriptor_at_all(via: Via, connects: usize) {
    let _alone = alone();
    let (daemon, address) = via.start(Setup::new());
    let mut held = connected(&address, "held");
    let before = limit_descriptors(&daemon, 3);
    let log_before = daemon.log().lines().count();
    let sockets: Vec<Socket> = (0..connects).map(|_| socket(&address)).collect();
    let used = cpu_over(&daemon, secs(2));
    held.expect_nothing();
    let lines = daemon.log().lines().count() - log_before;
    limit_descriptors(&daemon, before);
    let start = Instant::now();
    let told = sockets.iter().map(first_line).collect::<Vec<_>>();
    let after = start.elapsed();
    assert!(told.iter().all(|line| line.contains("hello")), "{told:?}");
    record(
        "B11",
        format_args!(
            "{via:?}: {connects} waited 2 s ({used} ms CPU, {lines} log lines), served within {after:.1?}"
        ),
    );
    assert!(
        used <= 60 && lines <= 2 + 1,
        "{used} ms, {lines} lines\n{}",
        daemon.log()
    );
    assert!(after < millis(100) * 3);
}

/// B11: descriptors for some: the others are refused with the one held in reserve, which is still there afterwards.
pub fn b11_the_reserve(via: Via, connects: usize) {
    let _alone = alone();
    let (daemon, address) = via.start(Setup::new());
    let log = LogMeter::start(&daemon);
    let files = daemon.open_files();
    let before = limit_descriptors(&daemon, files as u64 + 20);
    // The limit is on the number of a descriptor: gaps among the lower ones are places too.
    let mut places = 0;
    for round in 0..3 {
        let sockets: Vec<Socket> = (0..connects).map(|_| socket(&address)).collect();
        let told = sockets.iter().map(first_line).collect::<Vec<_>>();
        let count = |word: &str| told.iter().filter(|line| line.contains(word)).count();
        let (served, refused) = (count(r#""hello""#), count(r#""serverFull""#));
        assert_eq!(served + refused, connects, "round {round}: {told:?}");
        places = if round == 0 { served } else { places };
        assert!(
            (20..25).contains(&served) && served == places,
            "{served}, {places}"
        );
        sockets.into_iter().for_each(reset);
        wait_until("they are gone", secs(5), || daemon.open_files() == files);
    }
    limit_descriptors(&daemon, before);
    log.finish("B11", &daemon);
    record(
        "B11",
        format_args!("{via:?}: {places} of {connects} served, the others refused, three times"),
    );
}

fn first_line(mut socket: &Socket) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\n") && matches!(std::io::Read::read(&mut socket, &mut byte), Ok(1)) {
        line.push(byte[0]);
    }
    assert!(line.ends_with(b"\n"), "nothing came: it is stuck");
    String::from_utf8_lossy(&line).into_owned()
}

fn cpu_over(daemon: &Daemon, span: Duration) -> u64 {
    let before = cpu_ms(daemon.pid());
    thread::sleep(span);
    cpu_ms(daemon.pid()) - before
}
