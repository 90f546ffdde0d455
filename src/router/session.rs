//! What is known of each connection: nothing but tries before it registers, a session after.
//! Knows no other session.

use std::cell::Cell;

use crate::accounts::AccountId;
use crate::id::ConnId;
use crate::mailbox::DeviceName;
use crate::planted;
use crate::router::mail::{Delivery, Ending, Way};
use crate::router::presence::WatchList;
use crate::time::Now;
use crate::wire::code::Status;
use crate::wire::name::{Kept, Key, Name};

/// A connection that has registered. What few sessions need is in `rare`. What a message needs comes first.
#[repr(C)]
pub struct Session {
    /// Whom it wrote to last; serial 0 is nobody.
    last_recipient: Cell<ConnId>,
    /// As others see it: offline if it is invisible.
    status: Status,
    name: Kept,
    /// Since when, in milliseconds since 1970.
    since_unix_ms: u64,
    /// The resume token given to this session, in halves: a `u128` would align the whole table to 16 bytes.
    token: [u64; 2],
    rare: Option<Box<Rare>>,
}

#[derive(Default)]
struct Rare {
    /// The token that this session took its name over with: good until the new one is used. 0: none.
    previous_token: [u64; 2],
    /// Empty until it watches somebody.
    watching: WatchList,
    /// Refused claims on its name, or failed tries to prove it.
    claims: Option<ClaimCount>,
    /// In mailbox mode.
    member: Option<Box<Member>>,
}

/// One of the sessions of an account.
#[derive(Debug)]
pub struct Member {
    pub account: AccountId,
    /// As it stands between its quotes. No other session of the account has the same. `None`: it only sends.
    pub device: Option<DeviceName>,
    /// The next session of the same account, in a ring; itself if there is no other.
    pub next: ConnId,
    /// It chose to be seen by nobody.
    pub invisible: bool,
    /// Whom it may reach with what is not stored.
    pub way: Way,
    /// `None`: it gets nothing of its mailbox.
    pub delivery: Option<Box<Delivery>>,
    /// It has sent its last line.
    pub ending: Option<Box<Ending>>,
}

/// Claims on a name that were refused, since its holder was last told.
#[derive(Clone, Copy, Debug)]
pub struct ClaimCount {
    pub count: u32,
    /// When the holder may be told again, in monotonic ms.
    pub tell_at_ms: u64,
}

/// No connection: serials begin at 1.
pub const NOBODY: ConnId = ConnId {
    key: u32::MAX,
    serial: 0,
};

fn halves(token: u128) -> [u64; 2] {
    [(token >> 64) as u64, token as u64]
}

/// In the same time wherever they differ.
fn same(a: [u64; 2], b: [u64; 2]) -> bool {
    ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0
}

impl Session {
    pub fn new(name: &Name<'_>, status: Status, token: u128, now: &Now) -> Self {
        Session {
            last_recipient: Cell::new(NOBODY),
            status,
            name: Kept::from(name),
            since_unix_ms: now.unix_ms,
            token: halves(token),
            rare: None,
        }
    }

    /// Continues `older`, whose holder proved it with `used`: that token stays good until the new one is used.
    pub fn succeed(&mut self, older: &Session, used: u128) {
        self.rare().previous_token = halves(used);
        if self.status == older.status {
            self.since_unix_ms = older.since_unix_ms;
        }
    }

    pub fn accepts(&self, token: u128) -> bool {
        if planted::is(planted::Fault::AnyToken) {
            return true;
        }
        let token = halves(token);
        let previous = self
            .rare
            .as_ref()
            .map_or([0; 2], |rare| rare.previous_token);
        token != [0; 2] && (same(token, self.token) | same(token, previous))
    }

    /// Whether that changed anything.
    pub fn set_status(&mut self, status: Status, now: &Now) -> bool {
        let changed = self.status != status;
        if changed {
            self.status = status;
            self.since_unix_ms = now.unix_ms;
        }
        changed
    }

    /// Since when the name looks as it does: with several sessions not only this one's affair.
    pub fn set_since(&mut self, unix_ms: u64) {
        self.since_unix_ms = unix_ms;
    }

    pub fn member_mut(&mut self) -> Option<&mut Member> {
        self.rare.as_mut()?.member.as_deref_mut()
    }

    pub fn set_member(&mut self, member: Member) {
        self.rare().member = Some(Box::new(member));
    }

    /// Puts `next` after this session of an account; what was there.
    pub fn relink(&mut self, next: ConnId) -> Option<ConnId> {
        let member = self.rare.as_mut()?.member.as_mut()?;
        Some(std::mem::replace(&mut member.next, next))
    }

    pub fn member(&self) -> Option<&Member> {
        self.rare.as_ref()?.member.as_deref()
    }

    /// As it is shown to people.
    #[inline]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    pub fn owned_name(&self) -> Name<'static> {
        self.name.to_name()
    }

    #[inline]
    pub fn name_bytes(&self) -> &[u8] {
        self.name.as_bytes()
    }

    /// As it is compared.
    pub fn key(&self) -> Key {
        self.name.key()
    }

    pub fn status(&self) -> Status {
        self.status
    }

    pub fn since_unix_ms(&self) -> u64 {
        self.since_unix_ms
    }

    /// The names it watches.
    pub fn watching(&self) -> Option<&WatchList> {
        self.rare.as_ref().map(|rare| &rare.watching)
    }

    pub fn watching_mut(&mut self) -> &mut WatchList {
        &mut self.rare().watching
    }

    pub fn claims(&self) -> Option<ClaimCount> {
        self.rare.as_ref().and_then(|rare| rare.claims)
    }

    pub fn claims_mut(&mut self) -> &mut Option<ClaimCount> {
        &mut self.rare().claims
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    #[inline]
    pub fn last_recipient(&self) -> ConnId {
        self.last_recipient.get()
    }

    pub fn remember_recipient(&self, to: ConnId) {
        self.last_recipient.set(to);
    }
}

/// Begins with a cache line, in which is all that a message needs of its recipient if the name is in ASCII.
#[repr(C, align(64))]
struct Slot {
    /// Whose it is; 0: nobody's.
    serial: u64,
    holder: Holder,
}

// What a `u64` field more would cost: a line.
const _: () = assert!(size_of::<Slot>() == 128 || size_of::<usize>() != 8);

enum Holder {
    Stranger { failed_tries: u32 },
    Session(Session),
}

impl Holder {
    #[inline]
    fn session(&self) -> Option<&Session> {
        match self {
            Holder::Session(session) => Some(session),
            Holder::Stranger { .. } => None,
        }
    }

    /// Leaves a stranger behind.
    fn take(&mut self) -> Option<Session> {
        match std::mem::replace(self, Holder::NEW) {
            Holder::Session(session) => Some(session),
            Holder::Stranger { .. } => None,
        }
    }

    const NEW: Holder = Holder::Stranger { failed_tries: 0 };
}

/// By the slot of the connection table.
pub struct Sessions {
    slots: Vec<Slot>,
}

impl Sessions {
    /// With room for `capacity` connections; what is not used of it takes no memory.
    pub fn with_capacity(capacity: usize) -> Self {
        Sessions {
            slots: Vec::with_capacity(capacity),
        }
    }

    pub fn connected(&mut self, id: ConnId) {
        let index = id.key as usize;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || Slot {
                serial: 0,
                holder: Holder::NEW,
            });
        }
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = Slot {
                serial: id.serial,
                holder: Holder::NEW,
            };
        }
    }

    /// One more failed try to register; how many that makes.
    pub fn count_try(&mut self, id: ConnId) -> u32 {
        match self.slot_mut(id).map(|slot| &mut slot.holder) {
            Some(Holder::Stranger { failed_tries }) => {
                *failed_tries = failed_tries.saturating_add(1);
                *failed_tries
            }
            _ => 0,
        }
    }

    pub fn insert(&mut self, id: ConnId, session: Session) {
        if let Some(slot) = self.slot_mut(id) {
            slot.holder = Holder::Session(session);
        }
    }

    /// The session is over; the connection may not be.
    pub fn end(&mut self, id: ConnId) -> Option<Session> {
        self.slot_mut(id)?.holder.take()
    }

    /// The connection is over.
    pub fn remove(&mut self, id: ConnId) -> Option<Session> {
        let slot = self.slot_mut(id)?;
        slot.serial = 0;
        slot.holder.take()
    }

    #[inline]
    pub fn get(&self, id: ConnId) -> Option<&Session> {
        self.slots
            .get(id.key as usize)
            .filter(|slot| slot.serial == id.serial)?
            .holder
            .session()
    }

    pub fn get_mut(&mut self, id: ConnId) -> Option<&mut Session> {
        match &mut self.slot_mut(id)?.holder {
            Holder::Session(session) => Some(session),
            Holder::Stranger { .. } => None,
        }
    }

    /// The session in a slot, and whose it is.
    pub fn at(&self, key: u32) -> Option<(ConnId, &Session)> {
        let slot = self.slots.get(key as usize)?;
        Some((
            ConnId {
                key,
                serial: slot.serial,
            },
            slot.holder.session()?,
        ))
    }

    fn slot_mut(&mut self, id: ConnId) -> Option<&mut Slot> {
        self.slots
            .get_mut(id.key as usize)
            .filter(|slot| slot.serial == id.serial)
    }
}
