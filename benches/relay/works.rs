//! How the works are done: what each sends, and what is counted meanwhile.

use std::time::{Duration, Instant};

use crate::dialect::{Dialect, Role, floor, handshake, irc, mqtt, nats, redis, socketio};
use crate::figures::Figures;
use crate::load::{Load, Outcome};
use crate::machine::{self, Instructions};
use crate::rows::{PER_CPU, Task, Work};
use crate::server::{Kind, Places, Server};
use crate::traffic::Shape;

/// Starts the server, puts the load on it, ends it.
pub fn measure(kind: Kind, work: &Work, time: Duration, context: &Context) -> Outcome<Figures> {
    let server = Server::start(kind, &context.places, work.task.in_flight())?;
    let bench = Bench {
        server,
        task: work.task,
        time,
        counts_instructions: context.counts_instructions,
    };
    match kind {
        _ if matches!(work.task, Task::Handshake) => bench.run(&handshake::Handshake),
        Kind::Privmsgd | Kind::PrivmsgdTls => bench.run(&work.style()),
        Kind::Floor => bench.run(&floor::Floor),
        Kind::Nats => bench.run(&nats::Nats),
        Kind::Redis => bench.run(&redis::Redis),
        Kind::Mosquitto => bench.run(&mqtt::Mqtt),
        Kind::Ngircd => bench.run(&irc::Irc),
        Kind::SocketIo => bench.run(&socketio::SocketIo),
        Kind::OpenSsl => Err("it relays nothing".into()),
    }
}

pub struct Context {
    pub places: Places,
    pub counts_instructions: bool,
}

struct Bench {
    server: Server,
    task: Task,
    time: Duration,
    counts_instructions: bool,
}

const PAYLOAD: usize = 100;
/// What the flooder has on its way: less than a recipient's bound.
const FLOOD_WINDOW: u32 = 1_024;

impl Bench {
    fn run<D: Dialect>(&self, dialect: &D) -> Outcome<Figures> {
        match self.task {
            Task::Pairs {
                pairs,
                window,
                payload,
                ..
            } => {
                let streams = (0..pairs).map(|pair| (2 * pair, 2 * pair + 1)).collect();
                self.relay(dialect, streams, window, payload)
            }
            Task::Gather { senders } => {
                let streams = (1..=senders).map(|sender| (sender, 0)).collect();
                self.relay(dialect, streams, 1, PAYLOAD)
            }
            Task::Scatter { receivers } => {
                let streams = (1..=receivers).map(|receiver| (0, receiver)).collect();
                self.relay(dialect, streams, 1, PAYLOAD)
            }
            Task::Ping => self.ping(dialect),
            Task::Idle { connections } => self.idle(dialect, connections),
            Task::Enter => self.enter(dialect, 8),
            // One after the other: that is how openssl's server takes them.
            Task::Handshake => self.enter(dialect, 1),
            Task::Flood => self.flood(dialect),
        }
    }

    fn load<'a, D: Dialect>(&self, dialect: &'a D, shape: &Shape) -> Outcome<Load<'a, D>> {
        let mut users: Vec<(u32, Role)> = Vec::new();
        for &(from, to) in &shape.streams {
            users.push((from, Role::Sender));
            users.push((to, Role::Receiver));
        }
        users.sort_by_key(|(user, _)| *user);
        users.dedup();
        let mut load = Load::new(dialect, &self.server, shape)?;
        load.enter(&users)?;
        Ok(load)
    }

    fn relay<D: Dialect>(
        &self,
        dialect: &D,
        streams: Vec<(u32, u32)>,
        window: u32,
        payload: usize,
    ) -> Outcome<Figures> {
        let count = streams.len();
        let mut load = self.load(
            dialect,
            &Shape {
                streams,
                window,
                payload,
            },
        )?;
        load.begin(0..count, window)?;
        load.run(self.time / 4)?;
        let figures = self.window(&mut load)?;
        load.finish()?;
        Ok(figures)
    }

    fn ping<D: Dialect>(&self, dialect: &D) -> Outcome<Figures> {
        let mut load = self.load(dialect, &one_pair())?;
        load.timed = Some(0);
        load.begin(0..1, 1)?;
        load.run(self.time / 4)?;
        load.latencies_ns.clear();
        let mut figures = self.window(&mut load)?;
        load.finish()?;
        let latencies = &mut load.latencies_ns;
        figures.push(("p50_ns", percentile(latencies, 0.5)));
        figures.push(("p99_ns", percentile(latencies, 0.99)));
        figures.push(("p999_ns", percentile(latencies, 0.999)));
        Ok(figures)
    }

    /// What is counted while the load goes on.
    fn window<D: Dialect>(&self, load: &mut Load<'_, D>) -> Outcome<Figures> {
        let instructions = self
            .counts_instructions
            .then(|| Instructions::start(self.server.pid()))
            .flatten();
        let before = self.readings(load);
        load.run(self.time)?;
        let after = self.readings(load);
        let instructions = instructions.and_then(Instructions::stop);
        let of = |index: usize| (after[index] - before[index]) as f64;
        let [wall, server, own, messages, sent, received] = std::array::from_fn(of);
        if messages < 1.0 {
            return Err("nothing arrived".into());
        }
        let mut figures = vec![
            (PER_CPU, messages / server * 1e9),
            ("messages_per_second", messages / wall * 1e9),
            ("server_share_of_its_core", server / wall),
            ("load_share_of_its_core", own / wall),
            ("bytes_to_server_per_message", sent / messages),
            ("bytes_from_server_per_message", received / messages),
        ];
        if let Some(count) = instructions {
            figures.push(("instructions_per_message", count as f64 / messages));
        }
        Ok(figures)
    }

    fn readings<D: Dialect>(&self, load: &Load<'_, D>) -> [u64; 6] {
        [
            now_ns(),
            machine::cpu_ns(self.server.pid()),
            machine::cpu_ns(std::process::id()),
            load.traffic.received,
            load.counts.bytes_sent,
            load.counts.bytes_received,
        ]
    }

    /// Each sends to the next once, a few at a time, and then nothing.
    fn idle<D: Dialect>(&self, dialect: &D, connections: u32) -> Outcome<Figures> {
        const TOGETHER: usize = 50;
        let streams: Vec<_> = (0..connections)
            .map(|user| (user, (user + 1) % connections))
            .collect();
        let users: Vec<_> = (0..connections).map(|user| (user, Role::Both)).collect();
        let shape = Shape {
            streams,
            window: 1,
            payload: PAYLOAD,
        };
        let mut load = Load::new(dialect, &self.server, &shape)?;
        load.traffic.stopped = true;
        let before = machine::memory_bytes(self.server.pid());
        load.enter(&users)?;
        for first in (0..connections as usize).step_by(TOGETHER) {
            let end = (first + TOGETHER).min(connections as usize);
            load.begin(first..end, 1)?;
            load.finish()?;
        }
        load.run(Duration::from_millis(500))?;
        let memory = machine::memory_bytes(self.server.pid()).saturating_sub(before);
        let (start, cpu) = (Instant::now(), machine::cpu_ns(self.server.pid()));
        load.run(self.time)?;
        let cpu = machine::cpu_ns(self.server.pid()) - cpu;
        Ok(vec![
            (
                "memory_bytes_per_connection",
                memory as f64 / f64::from(connections),
            ),
            (
                "cpu_ns_per_second",
                cpu as f64 / start.elapsed().as_secs_f64(),
            ),
        ])
    }

    /// `together`: connections at once.
    fn enter<D: Dialect>(&self, dialect: &D, together: u32) -> Outcome<Figures> {
        let mut load = Load::new(dialect, &self.server, &one_pair())?;
        let (mut first, mut done) = (0, 0u32);
        let mut round = |load: &mut Load<'_, D>| -> Outcome<u32> {
            let users: Vec<_> = (first..first + together)
                .map(|user| (user % 900_000, Role::Receiver))
                .collect();
            first += together;
            let streams = load.admit(&users)?;
            load.leave(streams);
            Ok(together)
        };
        round(&mut load)?;
        let (start, cpu) = (Instant::now(), machine::cpu_ns(self.server.pid()));
        while start.elapsed() < self.time {
            done += round(&mut load)?;
        }
        let cpu = machine::cpu_ns(self.server.pid()) - cpu;
        Ok(vec![
            ("server_cpu_ns_per_connection", cpu as f64 / f64::from(done)),
            (
                "connections_per_server_cpu_second",
                f64::from(done) / cpu as f64 * 1e9,
            ),
            (
                "connections_per_second",
                f64::from(done) / start.elapsed().as_secs_f64(),
            ),
        ])
    }

    fn flood<D: Dialect>(&self, dialect: &D) -> Outcome<Figures> {
        let shape = Shape {
            streams: vec![(0, 1), (2, 3)],
            window: FLOOD_WINDOW,
            payload: PAYLOAD,
        };
        let mut load = self.load(dialect, &shape)?;
        load.timed = Some(0);
        load.begin(0..1, 1)?;
        load.run(self.time / 4)?;
        load.latencies_ns.clear();
        load.run(self.time)?;
        let alone = percentile(&mut load.latencies_ns, 0.99);
        load.small_reads();
        load.begin(1..2, FLOOD_WINDOW)?;
        load.run(self.time / 4)?;
        load.latencies_ns.clear();
        let mut figures = self.window(&mut load)?;
        load.finish()?;
        let beside = percentile(&mut load.latencies_ns, 0.99);
        figures.push(("p99_alone_ns", alone));
        figures.push(("p99_beside_ns", beside));
        figures.push(("p99_ratio", beside / alone));
        Ok(figures)
    }
}

fn one_pair() -> Shape {
    Shape {
        streams: vec![(0, 1)],
        window: 1,
        payload: PAYLOAD,
    }
}

fn percentile(values: &mut [u32], part: f64) -> f64 {
    values.sort_unstable();
    let at = (values.len() as f64 * part) as usize;
    values
        .get(at.min(values.len().saturating_sub(1)))
        .map_or(f64::NAN, |value| f64::from(*value))
}

fn now_ns() -> u64 {
    use std::sync::OnceLock;
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    ORIGIN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}
