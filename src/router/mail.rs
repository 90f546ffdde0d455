//! Mailbox mode: what sessions do with their mailboxes, and what these do with them. Knows neither where messages are
//! kept nor who may write to whom.
//!
//! Whatever is durable is another's work: it is put as a question, in the order in which the commands came, and what
//! follows is told when the answer comes, in that order. What an answer adds to mailboxes is sent at once to sessions that
//! have everything before it; the others ask for what they lack when they have room. Nothing is kept here for a reader.

mod answer;
mod deliver;
mod delivery;
mod drain;
mod echo;
mod evidence;
mod lists;
mod passing;
mod proof;
mod stored;

use std::collections::{BTreeSet, HashMap, VecDeque};

pub use delivery::Delivery;
pub use drain::Ending;
pub(in crate::router) use evidence::tell_left;
pub use passing::Way;

use crate::id::ConnId;
use crate::mailbox::Sender;

/// What all sessions have in common of their mailboxes.
#[derive(Default)]
pub(super) struct Post {
    /// Sessions that are being read more of their mailboxes, and those that wait for that.
    fetching: usize,
    queue: VecDeque<ConnId>,
    /// Who has something to do when, in monotonic ms: one entry a session.
    due: BTreeSet<(u64, ConnId)>,
    /// Sessions that acknowledged something in this turn.
    acks: Vec<ConnId>,
    /// Sessions that are over, of whose last frames it is not known yet whether they arrived.
    leaving: HashMap<ConnId, Leaving>,
    /// Counts changes of who may reach whom.
    generation: u64,
}

struct Leaving {
    from: Sender,
    delivery: Box<Delivery>,
}
