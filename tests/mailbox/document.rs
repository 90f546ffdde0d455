//! The examples of mailbox mode in protocol.md, played against accounts in memory.

use std::fs;

use privmsgd::config::Config;

use crate::common::{Chunking, blocks, play_with};
use crate::house::House;

#[test]
fn every_example_of_mailbox_mode_is_played() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/protocol.md");
    let text = fs::read_to_string(path).expect("protocol.md");
    let blocks = blocks("protocol.md", &text);
    let blocks: Vec<_> = blocks.iter().filter(|block| block.mailbox).collect();
    assert!(blocks.len() >= 4, "only {} of them", blocks.len());
    for block in blocks {
        let mut config = Config::default();
        for (path, value) in &block.keys {
            assert_eq!((path.as_str(), value.as_str()), ("accounts.signup", "open"));
            config.accounts.signup_open = true;
        }
        for chunking in Chunking::ALL {
            let house = House::open(config.clone(), chunking);
            play_with(block, chunking, &|who| house.dial(who));
        }
    }
}
