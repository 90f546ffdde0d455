//! Empty buffers, kept for whoever needs one next, so that idle connections own none and busy ones allocate none.
//! Knows no connection.

/// What a new buffer holds at first.
pub const SMALL_BYTES: usize = 4 * 1024;
/// A larger buffer is given back to the allocator.
const LARGE_BYTES: usize = 128 * 1024;
/// What the idle buffers hold together at most: the pool is a cache, not a leak.
const POOL_BYTES: usize = 512 * 1024;

#[derive(Debug, Default)]
pub struct Pool {
    /// Each of [`SMALL_BYTES`].
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
    bytes: usize,
}

impl Pool {
    /// An empty buffer that will be written to: the largest there is.
    #[inline]
    pub fn take(&mut self) -> Vec<u8> {
        match self.large.pop() {
            Some(buffer) => self.taken(buffer),
            None => self.take_small(),
        }
    }

    /// An empty buffer with room for `bytes` and little more, to keep something for a while.
    pub fn take_for(&mut self, bytes: usize) -> Vec<u8> {
        if bytes <= SMALL_BYTES {
            self.take_small()
        } else {
            Vec::with_capacity(bytes)
        }
    }

    /// Takes back what [`Pool::take_for`] gave. What was made to measure fits nobody else.
    #[inline]
    pub fn give_kept(&mut self, buffer: Vec<u8>) {
        if buffer.capacity() == SMALL_BYTES {
            self.give(buffer);
        }
    }

    /// Takes a buffer back. What is in it is forgotten.
    #[inline]
    pub fn give(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if !(SMALL_BYTES..=LARGE_BYTES).contains(&capacity) || self.bytes + capacity > POOL_BYTES {
            return;
        }
        buffer.clear();
        self.bytes += capacity;
        if capacity == SMALL_BYTES {
            self.small.push(buffer)
        } else {
            self.large.push(buffer)
        }
    }

    fn take_small(&mut self) -> Vec<u8> {
        match self.small.pop() {
            Some(buffer) => self.taken(buffer),
            None => Vec::with_capacity(SMALL_BYTES),
        }
    }

    fn taken(&mut self, buffer: Vec<u8>) -> Vec<u8> {
        self.bytes -= buffer.capacity();
        buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_empty_and_fit_their_purpose() {
        let mut pool = Pool::default();
        let mut grown = pool.take();
        grown.extend_from_slice(&[7; 20_000]);
        let capacity = grown.capacity();
        pool.give(grown);
        assert_eq!(pool.take_for(100).capacity(), SMALL_BYTES);
        let again = pool.take();
        assert_eq!((again.len(), again.capacity()), (0, capacity));
        assert_eq!(pool.take_for(5_000).capacity(), 5_000);
    }

    #[test]
    fn the_pool_is_bounded_and_keeps_no_giants() {
        let mut pool = Pool::default();
        for _ in 0..5_000 {
            pool.give(Vec::with_capacity(SMALL_BYTES));
            pool.give(Vec::with_capacity(LARGE_BYTES + 1));
            pool.give(Vec::new());
        }
        assert_eq!(
            (pool.small.len(), pool.large.len()),
            (POOL_BYTES / SMALL_BYTES, 0)
        );
    }
}
