//! Faults planted on purpose, to see whether the tests find them: `cargo test --features planted-faults --test planted --test sim`.
//! Without that feature there are none and asking costs nothing. Knows nothing.

/// What other servers got wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A hang-up unmaps the name whoever has it by now.
    StaleHangup,
    /// Any resume token takes a name over.
    AnyToken,
    /// No recipient is ever busy.
    NeverBusy,
    /// Who was busy once stays so.
    AlwaysBusy,
    /// Whom one wrote to last is remembered by slot.
    SlotIsIdentity,
    /// The last line before the end of input needs its line end.
    LastLineLost,
    /// What changes within the interval is never told.
    PresenceLost,
    /// Who is gone still counts as a watcher.
    WatcherKept,
    /// A message that is sent again is another one.
    MessageIdForgotten,
    /// What was written counts as arrived.
    WrittenIsArrived,
    /// A window has no end.
    WindowIgnored,
    /// What may have come before is not marked.
    RepeatUnmarked,
    /// An answer goes to whoever has the slot by now.
    AnswerBySlot,
    /// Who has asked for more has everything.
    SyncedEarly,
    /// Who is blocked reaches all the same.
    BlockIgnored,
}

impl Fault {
    pub const ALL: [Fault; 8] = [
        Fault::StaleHangup,
        Fault::AnyToken,
        Fault::NeverBusy,
        Fault::AlwaysBusy,
        Fault::SlotIsIdentity,
        Fault::LastLineLost,
        Fault::PresenceLost,
        Fault::WatcherKept,
    ];

    /// Of mailboxes: tests/sim finds them.
    pub const OF_MAILBOXES: [Fault; 7] = [
        Fault::MessageIdForgotten,
        Fault::WrittenIsArrived,
        Fault::WindowIgnored,
        Fault::RepeatUnmarked,
        Fault::AnswerBySlot,
        Fault::SyncedEarly,
        Fault::BlockIgnored,
    ];
}

#[cfg(feature = "planted-faults")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Fault>> = const { std::cell::Cell::new(None) };
}

/// From here on this thread has that fault, and no other.
#[cfg(feature = "planted-faults")]
pub fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

#[cfg(feature = "planted-faults")]
pub(crate) fn is(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}

#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
pub(crate) const fn is(_: Fault) -> bool {
    false
}
