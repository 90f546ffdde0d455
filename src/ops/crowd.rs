//! When a crowd has left and its memory should go back to the system. Knows no connection and no clock.

/// Fewer connections than these leave nothing worth the call.
const CROWD: usize = 256;
/// At least this long between two times, in milliseconds.
const INTERVAL_MS: u64 = 1_000;

/// Watches the number of connections.
#[derive(Debug, Default)]
pub struct Crowd {
    /// The most there were since memory was last given back.
    most: usize,
    /// Not before this, in monotonic ms.
    next_ms: u64,
}

impl Crowd {
    /// Takes the number of connections. Returns when memory is to be given back, in monotonic ms; `u64::MAX`: no
    /// crowd has left.
    pub fn count(&mut self, connections: usize) -> u64 {
        self.most = self.most.max(connections);
        if self.most >= CROWD && connections <= self.most / 2 {
            self.next_ms
        } else {
            u64::MAX
        }
    }

    /// Memory was given back while there were so many connections.
    pub fn given_back(&mut self, connections: usize, now_ms: u64) {
        self.most = connections;
        self.next_ms = now_ms + INTERVAL_MS;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_crowd_must_have_left_and_not_just_now() {
        let mut crowd = Crowd::default();
        assert_eq!(crowd.count(255), u64::MAX);
        assert_eq!(crowd.count(0), u64::MAX);
        assert_eq!(crowd.count(1_000), u64::MAX);
        assert_eq!(crowd.count(501), u64::MAX);
        assert_eq!(crowd.count(500), 0);
        crowd.given_back(500, 70);
        assert_eq!(crowd.count(500), u64::MAX);
        assert_eq!(crowd.count(250), 1_070);
    }
}
