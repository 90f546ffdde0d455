//! Faults planted on purpose, to see whether the tests find them: `cargo test --features planted-faults --test planted`.
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
