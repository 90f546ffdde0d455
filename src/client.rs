//! A client of the daemon: the library under `privmsg`. Speaks protocol.md and nothing else of the daemon's; knows no
//! event loop, no rules and no store.
//!
//! [`Session`] is the protocol without a socket: lines in, [`Event`]s out, commands as lines. [`Client`] is a session with a
//! connection under it, made again whenever it is lost. What is to be done is told to it; what happens is taken from it, one
//! event at a time, by one caller. There is no thread to wait for and no callback.
//!
//! ```no_run
//! use std::time::Duration;
//! use privmsgd::client::{Client, Event, Profile, Purpose};
//!
//! let profile = Profile::new("127.0.0.1:7748".parse()?, "Alice");
//! let mut client = Client::start(&profile, Purpose::Receive)?;
//! client.send("Bob", "Salut Bob !")?;
//! loop {
//!     match client.next_event(Duration::from_secs(1)) {
//!         Some(Event::Message(message)) => println!("{}: {}", message.from, message.body.text()),
//!         Some(Event::Refused { to, error, .. }) => eprintln!("not sent to {to}: {error}"),
//!         Some(Event::Disconnected { why, .. }) => eprintln!("{why}; connecting again"),
//!         Some(Event::Ended(end)) => return Err(end.into()),
//!         _ => {}
//!     }
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An event is acknowledged to the server, and remembered as dealt with, when the next one is asked for: keep what you must
//! not lose before that.

pub mod address;
mod backoff;
pub mod cli;
pub mod command;
pub mod credential;
pub mod dialogue;
pub mod driver;
pub mod error;
pub mod event;
pub mod frame;
pub mod key;
pub mod link;
pub mod outbox;
pub mod profile;
pub mod session;
pub mod state;
pub mod tui;

pub use address::Address;
pub use command::{AccountAction, Command, Status};
pub use credential::Credential;
pub use driver::Client;
pub use error::Error;
pub use event::{Answer, Connected, End, Event, Lost};
pub use frame::{
    Body, Conversation, Device, Hello, Message, MessageChanged, Notice, Presence, ReadElsewhere,
    Receipt, Refusal, Settings,
};
pub use profile::{Profile, Trust};
pub use session::{Purpose, RequestId, Session};
