//! The few calls that no crate wraps safely, and the only `unsafe`. Knows nothing of who calls.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::ioctl::{Getter, Opcode, ioctl};

/// Takes over a descriptor that another process left open for this one.
///
/// The caller must be the only one in this process who takes `raw`: the number came from a service
/// manager and was not given out here.
pub fn own(raw: RawFd) -> io::Result<OwnedFd> {
    if raw < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the borrow ends with this statement, and fcntl(2) of a closed number is an error, not
    // undefined behaviour.
    rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(raw) })?;
    // SAFETY: it is open, as just seen, and by the caller's word nobody else here owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// SIOCOUTQ of tcp(7) and unix(7), which is TIOCOUTQ.
const OUTQ: Opcode = 0x5411;

/// What was written to a socket and has not arrived: over TCP the bytes, an end among them, that the peer's system has
/// not acknowledged; over a UNIX socket the memory that holds what was not read.
pub fn unacknowledged(socket: impl AsFd) -> io::Result<u64> {
    // SAFETY: the kernel writes one int for this request, whatever the descriptor is, or fails.
    let count = unsafe { ioctl(socket, Getter::<OUTQ, i32>::new()) }?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Whether something keeps the system's clock right, as far as the kernel knows.
pub fn is_clock_kept() -> bool {
    unsafe extern "C" {
        fn adjtimex(state: *mut [u64; 64]) -> i32;
    }
    const TIME_ERROR: i32 = 5;
    // All zero it changes nothing. 512 bytes: twice what the kernel writes there, which nobody reads.
    let mut state = [0; 64];
    // SAFETY: adjtimex(2) writes a `struct timex` of at most 208 bytes, aligned as a u64, and keeps no pointer.
    let clock = unsafe { adjtimex(&raw mut state) };
    (0..TIME_ERROR).contains(&clock)
}

/// Gives freed memory back to the system where the allocator would keep it. Takes about a millisecond for each
/// 10 MiB that are given back.
pub fn trim_heap() {
    #[cfg(target_env = "gnu")]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> i32;
        }
        // SAFETY: malloc_trim(3) takes no pointer and may be called at any time from any thread.
        unsafe { malloc_trim(0) };
    }
}
