//! The store side without its threads, over a real database that a test can copy, lose and open again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use privmsgd::accounts::{
    Answer, Bench, Done, Job, NewCredential, Offline, Operator, Secret, Settings,
};
use privmsgd::config::Config;
use privmsgd::store::{DATABASE, Store};
use privmsgd::time::Now;
use privmsgd::wire::name::Name;

use crate::world::{NAMES, PASSWORD};

pub struct Shop {
    bench: Bench,
    dir: Dir,
    /// What the disk holds, if commits were not written to it.
    durable: Option<Dir>,
}

/// A directory with a database, gone with this.
struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Dir {
    fn new() -> Dir {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let shm = Path::new("/dev/shm");
        let top = match shm.is_dir() {
            true => shm.to_owned(),
            false => std::env::temp_dir(),
        };
        Dir(top.join(format!("privmsgd-sim.{}.{number}", std::process::id())))
    }

    /// As it is now, whatever a process is doing with it.
    fn copy(from: &Path) -> Dir {
        let dir = Dir::new();
        fs::create_dir(&dir.0).expect("a directory");
        for entry in fs::read_dir(from).expect("a directory") {
            let path = entry.expect("a file").path();
            let name = path.file_name().expect("a name");
            // What processes share in memory does not outlive them.
            if !name.to_string_lossy().ends_with("-shm") {
                fs::copy(&path, dir.0.join(name)).expect("a copy");
            }
        }
        dir
    }
}

/// A database with all the accounts in it, made once.
fn prepared(config: &Config) -> &'static [u8] {
    static PREPARED: OnceLock<Vec<u8>> = OnceLock::new();
    PREPARED.get_or_init(|| {
        let dir = Dir::new();
        let mut offline = Offline::open(&dir.0, config, true).expect("a store");
        for name in NAMES {
            let added = offline.ask(Operator::Add {
                username: Name::parse(name).expect("a name").into_owned(),
                credential: Some(NewCredential::Password(Secret::new(PASSWORD.as_bytes()))),
            });
            assert_eq!(added, Answer::Ok);
        }
        drop(offline);
        // What was given by lot, the same each time.
        let db = rusqlite::Connection::open(dir.0.join(DATABASE)).expect("a database");
        let epoch = "UPDATE meta SET epoch = 5000000000000001";
        db.execute(epoch, ()).expect("an epoch");
        db.close().expect("closed");
        fs::read(dir.0.join(DATABASE)).expect("a database")
    })
}

impl Shop {
    pub fn open(config: &Config) -> Shop {
        let dir = Dir::new();
        fs::create_dir(&dir.0).expect("a directory");
        fs::write(dir.0.join(DATABASE), prepared(config)).expect("a database");
        Shop::over(dir, config)
    }

    fn over(dir: Dir, config: &Config) -> Shop {
        let store = Store::open(&dir.0).unwrap_or_else(|error| panic!("{error}"));
        let settings = Settings::load(config).expect("settings");
        Shop {
            bench: Bench::new(store, Arc::new(settings)),
            dir,
            durable: None,
        }
    }

    /// One commit, and another one for passwords, whose answers come last.
    pub fn work(&mut self, jobs: Vec<Job>, now: u64, unix_ms: u64) -> Vec<Done> {
        let dones = self.bench.ask(jobs, &Now::new(now, unix_ms));
        assert_eq!(self.bench.failed(), None, "the store is good");
        dones
    }

    /// What time takes away, a slice at a time.
    pub fn sweep(&mut self, is_idle: bool, now: u64, unix_ms: u64) -> Option<Done> {
        self.bench.sweep(is_idle, &Now::new(now, unix_ms))
    }

    /// From here to the next [`Shop::sync`] nothing reaches the disk.
    pub fn remember(&mut self) {
        if self.durable.is_none() {
            self.durable = Some(Dir::copy(&self.dir.0));
        }
    }

    pub fn sync(&mut self) {
        self.durable = None;
    }

    /// The process ends without a word; the next one finds what is on the disk.
    pub fn crash(mut self, config: &Config) -> Shop {
        let image = self
            .durable
            .take()
            .unwrap_or_else(|| Dir::copy(&self.dir.0));
        drop(self);
        Shop::over(image, config)
    }

    /// The process ends in order.
    pub fn close(self, config: &Config) -> Shop {
        let Shop { bench, dir, .. } = self;
        drop(bench);
        Shop::over(dir, config)
    }
}
