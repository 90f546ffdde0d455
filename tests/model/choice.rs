//! Where a schedule's choices come from: a seed, or bytes that a fuzzer made. Knows nothing of what is chosen.

pub enum Choice<'a> {
    Seed(u64),
    Bytes(&'a [u8]),
}

impl Choice<'_> {
    /// A number below `n`, which is at least 1; 0 once bytes have run out.
    pub fn below(&mut self, n: usize) -> usize {
        let word = match self {
            Choice::Seed(state) => next(state),
            Choice::Bytes(bytes) => {
                let count = bytes.len().min(if n > 256 { 2 } else { 1 });
                let (taken, rest) = bytes.split_at(count);
                *bytes = rest;
                taken
                    .iter()
                    .fold(0, |word, byte| word << 8 | u64::from(*byte))
            }
        };
        (word % n as u64) as usize
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    pub fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    pub fn is_over(&self) -> bool {
        matches!(self, Choice::Bytes([]))
    }
}

/// SplitMix64.
pub fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The first seed of a test: TEST_SEED, to repeat what failed, or always the same.
pub fn first_seed() -> u64 {
    number("TEST_SEED").unwrap_or(1)
}

/// How many rounds a test runs: `few`, or TEST_ROUNDS where the long run asks for more.
pub fn rounds(few: u64) -> u64 {
    number("TEST_ROUNDS").unwrap_or(few)
}

/// A number given from outside.
pub fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

/// Says with which seed to repeat what failed.
pub struct Repeat(pub u64);

impl Drop for Repeat {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat with TEST_SEED={} TEST_ROUNDS=1", self.0);
        }
    }
}
