//! Sockets, bytes and time: everything between the kernel and a line. Knows no names, no JSON and no rules.

pub mod accept;
pub mod admit;
pub mod conn;
pub mod conns;
pub mod inquiries;
pub mod lines;
pub mod listen;
pub mod memory;
pub mod pace;
pub mod pool;
pub mod reload;
pub mod scrape;
pub mod server;
pub mod stream;
pub mod sys;
pub mod tally;
pub mod timers;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(not(feature = "tls"))]
#[path = "net/without_tls.rs"]
pub mod tls;
