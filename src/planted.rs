//! Faults planted on purpose, to see whether the tests find them: `cargo test --features planted-faults --test planted`,
//! `--test conformance` and `--test sim`. Without that feature there are none and asking costs nothing. Knows nothing.

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
    /// Whatever was sent under a messageId, it counts as sent.
    AnyRepeat,
    /// A repeat is not told from the first time.
    RepeatUnmarked,
    /// Who is blocked is told so.
    BlockTold,
    /// Who is blocked gets through.
    BlockIgnored,
    /// A lower `ack` moves the cursor back.
    CursorBack,
    /// Strangers get receipts.
    ReceiptsForAll,
    /// Who is invisible gives receipts.
    InvisibleTold,
    /// What comes again does not say so.
    RedeliveredUnmarked,
    /// Anybody changes anybody's messages.
    EditsForAll,
    /// A new device begins with everything there is.
    NewDeviceFromStart,
    /// The window has no end.
    WindowIgnored,
    /// Every page of a history is the last.
    PageComplete,
    /// A message that is sent again is another one.
    MessageIdForgotten,
    /// What was written counts as arrived.
    WrittenIsArrived,
    /// An answer goes to whoever has the slot by now.
    AnswerBySlot,
    /// Who has asked for more has everything.
    SyncedEarly,
}

impl Fault {
    pub const ALL: [Fault; 20] = [
        Fault::StaleHangup,
        Fault::AnyToken,
        Fault::NeverBusy,
        Fault::AlwaysBusy,
        Fault::SlotIsIdentity,
        Fault::LastLineLost,
        Fault::PresenceLost,
        Fault::WatcherKept,
        Fault::AnyRepeat,
        Fault::RepeatUnmarked,
        Fault::BlockTold,
        Fault::BlockIgnored,
        Fault::CursorBack,
        Fault::ReceiptsForAll,
        Fault::InvisibleTold,
        Fault::RedeliveredUnmarked,
        Fault::EditsForAll,
        Fault::NewDeviceFromStart,
        Fault::WindowIgnored,
        Fault::PageComplete,
    ];
    /// So many of them are in what has no mailbox.
    pub const IN_OPEN_MODE: usize = 8;

    /// Of mailboxes: tests/sim finds them.
    pub const OF_MAILBOXES: [Fault; 7] = [
        Fault::MessageIdForgotten,
        Fault::WrittenIsArrived,
        Fault::WindowIgnored,
        Fault::RedeliveredUnmarked,
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

/// The name of the fault that all threads of this process have.
#[cfg(feature = "planted-faults")]
pub const VARIABLE: &str = "PRIVMSGD_PLANTED";

#[cfg(feature = "planted-faults")]
pub(crate) fn is(fault: Fault) -> bool {
    static NAMED: std::sync::OnceLock<Option<Fault>> = std::sync::OnceLock::new();
    let named = NAMED.get_or_init(|| {
        let name = std::env::var(VARIABLE).ok()?;
        Fault::ALL
            .into_iter()
            .find(|fault| format!("{fault:?}") == name)
    });
    PLANTED.get() == Some(fault) || *named == Some(fault)
}

#[cfg(not(feature = "planted-faults"))]
#[inline(always)]
pub(crate) const fn is(_: Fault) -> bool {
    false
}
