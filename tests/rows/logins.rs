//! E10: how long a refused login takes says nothing of the name or the password.

use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use privmsgd::accounts::token::TokenKeys;
use privmsgd::accounts::{
    Answer, Ask, Asker, Credential, Desk, Job, NewCredential, Operator, Origin, Secret, Settings,
    Worker,
};
use privmsgd::config::AccountsConfig;
use privmsgd::mailbox::Wanted;
use privmsgd::store::Store;
use privmsgd::wire::code::Code;
use privmsgd::wire::name::Name;

use crate::bench::{alone, record};

/// Beyond this the two are told apart.
const MAX_T: f64 = 4.5;

struct Office {
    worker: Worker,
    woken: Receiver<()>,
}

impl Office {
    fn ask(&mut self, ask: Ask) -> Answer {
        let asker = Asker::Admin(1);
        assert!(self.worker.submit(Job { asker, ask }).is_ok());
        loop {
            self.woken.recv().expect("the worker");
            if let Some(done) = self.worker.done() {
                return done.answer;
            }
        }
    }

    /// In microseconds.
    fn refused(&mut self, user: &str, password: &str) -> f64 {
        let ask = Ask::Register {
            username: name(user),
            credential: Credential::Password(Secret::new(password.as_bytes())),
            device: "d".into(),
            nonce: [0; 16],
            origin: Origin::Local,
            mail: Wanted::default(),
        };
        let began = Instant::now();
        let answer = self.ask(ask);
        let took = began.elapsed().as_secs_f64() * 1e6;
        assert!(matches!(answer, Answer::Refused(refused) if refused.code == Code::AuthFailed));
        took
    }
}

fn name(text: &str) -> Name<'static> {
    Name::parse(text).expect("a name").into_owned()
}

/// Known and unknown names, wrong passwords with a right and a wrong beginning: `samples` of each, by turns. The hash is
/// a cheap one, beside which a difference would show more.
pub fn e10_login_times(samples: usize) {
    let _alone = alone();
    let dir = std::env::temp_dir().join(format!("privmsgd-logins-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let config = AccountsConfig {
        tries_per_minute: 60_000,
        password_memory_kib: 1_024,
        password_passes: 1,
        ..AccountsConfig::default()
    };
    let settings = Settings::new(config, "localhost".into(), TokenKeys::default());
    let (wake, woken) = channel();
    let store = Store::open(&dir).expect("a store");
    let worker = Worker::start(store, settings, move || {
        // Nobody waits any more.
        let _ = wake.send(());
    });
    let worker = worker.expect("a worker");
    let mut office = Office { worker, woken };
    for user in ["alice", "carol"] {
        let credential = Secret::new(b"correct horse battery staple");
        let added = office.ask(Ask::Operator(Operator::Add {
            username: name(user),
            credential: Some(NewCredential::Password(credential)),
        }));
        assert_eq!(added, Answer::Ok);
    }
    let kinds = [
        ("alice", "wrong horse battery staple"),
        ("nobdy", "wrong horse battery staple"),
        ("alice", "correct horse battery stapl."),
    ];
    for (user, password) in kinds.iter().cycle().take(300) {
        office.refused(user, password);
    }
    let mut times = [const { Vec::new() }; 3];
    for round in 0..samples {
        for turn in 0..3 {
            let kind = (round + turn) % 3;
            let (user, password) = kinds[kind];
            times[kind].push(office.refused(user, password));
        }
    }
    let [known, unknown, prefix] = times.map(typical);
    let (by_name, by_prefix) = (welch(&known, &unknown), welch(&known, &prefix));
    let figure = format!("{samples} each, t by name {by_name:.2}, by beginning {by_prefix:.2}");
    record("e10", format_args!("{figure}"));
    drop(office);
    std::fs::remove_dir_all(dir).expect("removed");
    assert!(by_name.abs() < MAX_T && by_prefix.abs() < MAX_T, "{figure}");
}

/// Without the slowest tenth: what else the machine did.
fn typical(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_by(f64::total_cmp);
    times.truncate(times.len() * 9 / 10);
    times
}

fn welch(a: &[f64], b: &[f64]) -> f64 {
    let moments = |x: &[f64]| {
        let count = x.len() as f64;
        let mean = x.iter().sum::<f64>() / count;
        let spread = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, spread / count)
    };
    let ((mean_a, error_a), (mean_b, error_b)) = (moments(a), moments(b));
    (mean_a - mean_b) / (error_a + error_b).sqrt()
}
