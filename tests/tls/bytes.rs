//! Bytes as what a TLS client sends, in chunks that they choose. Called by the fuzz target, by the replay of its corpus
//! and by a test with random ones.

use std::cell::RefCell;

use privmsgd::config::{Config, SelfSigned, TlsConfig};
use privmsgd::engine::Engine;
use privmsgd::net::admit::Peer;
use privmsgd::net::memory::{Memory, pair};
use privmsgd::net::tls::{Layer, Tls, load, self_signed};

thread_local! {
    static LAYER: RefCell<Option<Layer>> = const { RefCell::new(None) };
}

/// One certificate for all inputs.
fn layer() -> Layer {
    LAYER.with_borrow_mut(|made| made.get_or_insert_with(make).clone())
}

fn make() -> Layer {
    let thread = format!("{:?}", std::thread::current().id());
    let name = format!("privmsgd-bytes-{}-{}", std::process::id(), thread.len());
    let dir = std::env::temp_dir().join(name + &thread.replace(['(', ')'], "-"));
    std::fs::create_dir_all(&dir).expect("a directory");
    let asked = SelfSigned {
        names: vec!["localhost".into()],
        out: dir.clone(),
        days: 1,
    };
    self_signed(&asked, 1_800_000_000_000).expect("a pair");
    let config = TlsConfig {
        certificate: Some(dir.join("tls.crt")),
        key: Some(dir.join("tls.key")),
        allow_1_2: true,
        ..TlsConfig::default()
    };
    let identity = load(&config);
    std::fs::remove_dir_all(dir).expect("the directory");
    Layer::new(identity.unwrap_or_else(|error| panic!("{error}")))
}

/// The first byte says how long chunks are; the rest is what the client sends before it ends its side.
pub fn check(input: &[u8]) {
    let Some((&step, bytes)) = input.split_first() else {
        return;
    };
    let layer = layer();
    let mut engine: Engine<Tls<Memory>> = Engine::new(&Config::default(), 4, Box::new(|| Some(1)));
    let (near, far) = pair(usize::from(step) * 64);
    let id = engine.connect(
        layer.wrap(near).expect("a connection"),
        Peer::unix().over_tls(),
    );
    for chunk in bytes.chunks(usize::from(step).max(1)) {
        far.send(chunk);
        turns(&mut engine, &layer, id.key, &far);
        far.take(usize::MAX);
    }
    far.end();
    turns(&mut engine, &layer, id.key, &far);
    engine.advance(60_000, 60_000);
    turns(&mut engine, &layer, id.key, &far);
    assert!(!engine.is_broken());
    assert_eq!(engine.population(), (0, 0), "it does not end");
}

fn turns(
    engine: &mut Engine<Tls<Memory>>,
    layer: &Layer,
    key: u32,
    far: &privmsgd::net::memory::Far,
) {
    for turn in 0.. {
        assert!(turn < 10_000, "the engine never rests");
        layer.begin_turn(8);
        let mut quiet = engine.tick() != 0;
        engine.resume();
        if far.take_writable() {
            engine.writable(key);
            quiet = false;
        }
        if far.take_readable() {
            engine.readable(key, far.has_ended());
            quiet = false;
        }
        engine.flush();
        engine.reap();
        if quiet {
            return;
        }
    }
}
