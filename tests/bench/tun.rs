//! A cable between two network namespaces on which packets are late, overtake each other and get lost.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ffi::c_char;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use rustix::ioctl::{Opcode, Setter, ioctl};
use rustix::time::Timespec;

use super::namespace::Namespace;

/// What becomes of packets, each way.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub at_least: Duration,
    /// How late those are that others overtake.
    pub at_most: Duration,
    /// Of a hundred.
    pub overtaken: u64,
    /// Of a hundred.
    pub lost: u64,
}

/// Carries packets until it is dropped.
pub struct Bridge {
    over: Arc<AtomicBool>,
    ways: Vec<JoinHandle<()>>,
}

/// More than an interface's packets.
const LONGEST: usize = 64 * 1024;
/// How long a thread sleeps at most.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// TUNSETIFF, and its argument: packets without anything before them.
const SET: Opcode = 0x4004_54ca;
const TUN: i16 = 0x0001;
const NO_INFO: i16 = 0x1000;

#[repr(C)]
struct Request {
    name: [c_char; 16],
    flags: i16,
    rest: [u8; 22],
}

impl Bridge {
    /// `10.7.0.1` and `10.7.0.2`, as with [`Namespace::cable`].
    pub fn between(here: &Namespace, far: &Namespace, weather: Weather) -> Bridge {
        let ends = [
            (here, "10.7.0.1", "10.7.0.2"),
            (far, "10.7.0.2", "10.7.0.1"),
        ];
        let files = ends.map(|(namespace, own, other)| {
            let file = namespace.inside(interface);
            namespace.ip(&format!("addr add {own} peer {other} dev cable"));
            namespace.ip("link set cable up");
            file
        });
        let over = Arc::new(AtomicBool::new(false));
        let way = |from: usize, to: usize| {
            let copy = |at: usize| files[at].try_clone().expect("a descriptor");
            let (from, to, over) = (copy(from), copy(to), over.clone());
            thread::spawn(move || carry(from, to, weather, &over))
        };
        Bridge {
            ways: vec![way(0, 1), way(1, 0)],
            over,
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for way in self.ways.drain(..) {
            let _ = way.join();
        }
    }
}

/// The interface `cable` of the namespace this thread is in, which goes with the file.
fn interface() -> File {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true);
    let options = options.custom_flags(OFlags::NONBLOCK.bits() as i32);
    let file = options.open("/dev/net/tun").expect("/dev/net/tun");
    let mut request = Request {
        name: [0; 16],
        flags: TUN | NO_INFO,
        rest: [0; 22],
    };
    for (to, from) in request.name.iter_mut().zip(b"cable") {
        *to = *from as c_char;
    }
    // SAFETY: the call reads one ifreq, which is as long as this, and keeps no pointer to it.
    let set = unsafe { ioctl(&file, Setter::<SET, Request>::new(request)) };
    set.expect("make the interface (as root)");
    file
}

fn carry(mut from: File, mut to: File, weather: Weather, over: &AtomicBool) {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut lot = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random >> 11
    };
    let mut waiting: BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>> = BinaryHeap::new();
    let mut room = vec![0; LONGEST];
    let mut number = 0_u64;
    while !over.load(Ordering::Relaxed) {
        let now = Instant::now();
        while let Some(Reverse((due, _, _))) = waiting.peek()
            && *due <= now
        {
            let Some(Reverse((_, _, packet))) = waiting.pop() else {
                break;
            };
            // What the interface has no room for is lost, as anywhere.
            let _ = to.write(&packet);
        }
        while let Ok(count) = from.read(&mut room) {
            if lot() % 100 < weather.lost {
                continue;
            }
            let spread = (weather.at_most - weather.at_least).as_micros() as u64;
            let late = match lot() % 100 < weather.overtaken {
                true => Duration::from_micros(lot() % spread.max(1)),
                false => Duration::ZERO,
            };
            number += 1;
            let due = Instant::now() + weather.at_least + late;
            waiting.push(Reverse((due, number, room[..count].to_vec())));
        }
        let until = waiting.peek().map(|Reverse((due, _, _))| *due);
        let sleep = until.map_or(LOOK_AGAIN, |due: Instant| {
            due.saturating_duration_since(now)
        });
        wait(&from, sleep.min(LOOK_AGAIN));
    }
}

fn wait(file: &File, at_most: Duration) {
    let timeout = Timespec::try_from(at_most).expect("a short time");
    let mut files = [PollFd::new(file, PollFlags::IN)];
    let _ = poll(&mut files, Some(&timeout));
}
