//! Two who want one name, slots that get a new owner, and handlers that panic.

use privmsgd::config::Config;

use crate::model::actions::continue_schedule;
use crate::model::choice::{Choice, first_seed, number};
use crate::model::driver::Driver;
use crate::model::stage::{Client, Stage};

#[test]
fn e1_of_two_registers_in_one_turn_one_gets_the_name() {
    let mut stage = Stage::new(&Config::default());
    let mut choice = Choice::Seed(first_seed());
    for race in 0..1_000 {
        // Every other time the name has a holder who leaves in the same turn.
        let holder = choice.once_in(2).then(|| stage.register("Alice"));
        let mut racers = [stage.connect(), stage.connect()];
        racers.iter().for_each(|racer| {
            racer
                .far
                .send(b"{\"type\":\"register\",\"username\":\"alice\"}\n")
        });
        if choice.once_in(2) {
            racers.reverse();
        }
        if let Some(holder) = &holder {
            holder.far.reset();
            stage.engine.readable(holder.id.key, true);
        }
        racers
            .iter()
            .for_each(|racer| stage.engine.readable(racer.id.key, false));
        assert_eq!(stage.engine.population().1, 1, "race {race}");
        stage.turn();
        let heard = [racers[0].heard(), racers[1].heard()];
        assert!(
            heard[0].contains("\"registered\"") && heard[1].contains("nameTaken"),
            "{heard:?}"
        );
        racers.iter().for_each(|racer| stage.end(racer));
        assert_eq!(stage.engine.population(), (0, 0), "race {race}");
    }
}

/// Somebody with a name, and what is known of it from outside.
struct Guest {
    client: Client,
    name: usize,
    /// Messages sent to anybody before it came.
    came: u64,
}

/// Guests come and go, in one turn and out of step; a sender writes to all names all the time, and to whom it wrote
/// before. No guest may hear what was meant for another name, or for its predecessor.
struct Storm<'a> {
    stage: Stage,
    choice: Choice<'a>,
    sender: Client,
    guests: Vec<Guest>,
    sent: u64,
    heard: u64,
}

impl Storm<'_> {
    /// One leaves, in one of the ways there are, and another takes the slot.
    fn replace(&mut self, at: usize) {
        let key = self.guests[at].client.id.key;
        let quick = self.choice.below(3);
        match quick {
            0 => self.guests[at].client.far.reset(),
            1 => self.guests[at].client.far.send(b"{\"type\":\"bye\"}\n"),
            _ => {}
        }
        self.guests[at].client.far.end();
        self.stage.engine.readable(key, true);
        self.send(self.choice_of_name());
        self.stage.engine.flush();
        self.listen(at);
        self.stage.engine.readable(key, true);
        self.stage.turn();
        self.listen(at);
        let taken: Vec<usize> = self.guests.iter().map(|guest| guest.name).collect();
        let name = (0..NAMES).find(|name| !taken.contains(name)).unwrap_or(0);
        let client = self.stage.connect();
        assert_eq!(client.id.key, key, "the slot is used again");
        // Events that were meant for the one before.
        self.stage.engine.writable(key);
        self.stage.engine.readable(key, true);
        self.send(self.guests[at].name);
        let line = format!("{{\"type\":\"register\",\"username\":\"n{name}\"}}\n");
        self.stage.give(&client, line.as_bytes());
        self.guests[at] = Guest {
            client,
            name,
            came: self.sent,
        };
    }

    fn choice_of_name(&self) -> usize {
        (self.sent % NAMES as u64) as usize
    }

    fn send(&mut self, name: usize) {
        let line = format!(
            "{{\"type\":\"privateMessage\",\"toUsername\":\"n{name}\",\"message\":\"n{name}:{}:\"}}\n",
            self.sent
        );
        self.sent += 1;
        self.stage.give(&self.sender, line.as_bytes());
    }

    fn listen(&mut self, at: usize) {
        let guest = &self.guests[at];
        for line in guest
            .client
            .heard()
            .lines()
            .filter(|line| line.contains("privateMessage"))
        {
            let mut words = line
                .split("\"message\":\"n")
                .nth(1)
                .expect("a message")
                .split(':');
            let mut number = || {
                words
                    .next()
                    .and_then(|word| word.parse::<u64>().ok())
                    .expect("a number")
            };
            assert_eq!(number(), guest.name as u64, "for another: {line}");
            assert!(number() >= guest.came, "for the one before: {line}");
            self.heard += 1;
        }
    }
}

const NAMES: usize = 7;

/// B13. TEST_REUSES for the long run: 10,000,000.
#[test]
fn b13_a_slot_that_is_used_again_hears_nothing_of_before() {
    let mut stage = Stage::new(&Config::default());
    let sender = stage.register("Sender");
    let guests = (0..4)
        .map(|name| Guest {
            client: stage.register(&format!("n{name}")),
            name,
            came: 0,
        })
        .collect();
    let choice = Choice::Seed(first_seed());
    let mut storm = Storm {
        stage,
        choice,
        sender,
        guests,
        sent: 0,
        heard: 0,
    };
    let reuses = number("TEST_REUSES").unwrap_or(100_000);
    for _ in 0..reuses {
        let at = storm.choice.below(storm.guests.len());
        storm.replace(at);
        let other = storm.choice.below(NAMES);
        storm.send(other);
        storm.sender.heard();
    }
    storm.stage.turn();
    (0..4).for_each(|at| storm.listen(at));
    assert!(storm.heard > reuses / 4, "the test hears too little");
    assert_eq!(storm.stage.engine.population(), (5, 5));
    println!(
        "{reuses} slots reused, {} messages, {} in the right hands",
        storm.sent, storm.heard
    );
}

/// F10. Among seven clients that go on as ever, a thousand handlers panic.
#[cfg(debug_assertions)]
#[test]
fn f10_a_panic_ends_one_connection() {
    const PANICS: u32 = 1_000;
    silence_asked_panics();
    let config = Config {
        debug_hooks: true,
        ..crate::model::actions::config()
    };
    let mut driver = Driver::new(&config, 9);
    let mut choice = Choice::Seed(first_seed());
    for _ in 0..PANICS {
        continue_schedule(&mut driver, &mut choice, 5);
        let victim = newcomer(&mut driver);
        driver.send(victim, b"{\"type\":\"register\",\"username\":\"Bob\"}\n");
        driver.send(victim, b"{\"type\":\"debugPanic\"}\n{\"type\":\"ping\"}\n");
        driver.readable(victim, false);
        assert!(!driver.model.clients[&victim].is_open());
    }
    assert!(!driver.engine.is_broken());
    driver.leave();
    println!("{PANICS} panics, {} frames as expected", driver.frames);
}

/// A new connection; whoever has been there longest makes room for it.
#[cfg(debug_assertions)]
fn newcomer(driver: &mut Driver) -> u64 {
    for _ in 0..100 {
        if let Some(id) = driver.connect(usize::MAX) {
            return id;
        }
        let oldest = *driver.ends.keys().next().expect("somebody");
        driver.reset(oldest);
        driver.events();
        driver.end_turn();
    }
    panic!("nobody makes room");
}

/// Panics that were asked for need no report.
#[cfg(debug_assertions)]
fn silence_asked_panics() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some("asked to") {
            hook(info);
        }
    }));
}
