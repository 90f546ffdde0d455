//! What has become of a message, and from whom it is hidden, as numbers of its row.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    There,
    /// For both.
    Deleted,
    Expired,
    Trimmed,
    Damaged,
    Lost,
}

/// From whom a message is hidden that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    pub from_low: bool,
    pub from_high: bool,
    /// From whom it was sent to.
    pub blocked: bool,
}

impl MessageState {
    const ALL: [MessageState; 6] = [
        MessageState::There,
        MessageState::Deleted,
        MessageState::Expired,
        MessageState::Trimmed,
        MessageState::Damaged,
        MessageState::Lost,
    ];

    pub(super) fn number(self) -> i64 {
        self as i64
    }

    pub(super) fn of(number: i64) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|state| state.number() == number)
    }
}

impl Hidden {
    pub(super) fn bits(self) -> i64 {
        i64::from(self.from_low) | i64::from(self.from_high) << 1 | i64::from(self.blocked) << 2
    }

    pub(super) fn of(bits: i64) -> Self {
        Hidden {
            from_low: bits & 1 != 0,
            from_high: bits & 2 != 0,
            blocked: bits & 4 != 0,
        }
    }
}
