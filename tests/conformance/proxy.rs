//! A way to the server that is worse than the network: bytes one by one, late, or cut off.

#[path = "../common/random.rs"]
mod random;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

pub use random::Random;

/// What it does to both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Every byte is a write of its own.
    Bytes,
    /// Pieces of random length, each some milliseconds late.
    Delays,
    /// After so many bytes, of both directions together, nothing more passes and both ends are reset.
    Cut(i64),
    /// The same, but only one direction's bytes are counted: for those who test clients.
    #[allow(dead_code)]
    CutToServer(i64),
    #[allow(dead_code)]
    CutFromServer(i64),
}

impl Fault {
    pub fn parse(word: &str) -> Option<Fault> {
        match word {
            "bytes" => Some(Fault::Bytes),
            "delays" => Some(Fault::Delays),
            _ => None,
        }
    }
}

/// Where one connection can be made that goes through it.
pub fn open(server: SocketAddr, fault: Fault, seed: u64) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        let (near, _) = listener.accept()?;
        connect(near, server, fault, seed)
    });
    Ok(address)
}

/// Connects to the server for a connection that has been made; returns at once. What is returned holds how many bytes
/// still pass: less than none once the connection is cut.
pub fn connect(
    near: TcpStream,
    server: SocketAddr,
    fault: Fault,
    seed: u64,
) -> io::Result<Arc<AtomicI64>> {
    let far = TcpStream::connect(server)?;
    let left = match fault {
        Fault::Cut(bytes) | Fault::CutToServer(bytes) | Fault::CutFromServer(bytes) => bytes,
        _ => i64::MAX,
    };
    let left = Arc::new(AtomicI64::new(left));
    let to_server = (&near, &far, seed, !matches!(fault, Fault::CutFromServer(_)));
    let from_server = (&far, &near, !seed, !matches!(fault, Fault::CutToServer(_)));
    for (from, to, seed, counts) in [to_server, from_server] {
        from.set_nodelay(true)?;
        let pipe = Pipe {
            from: from.try_clone()?,
            to: to.try_clone()?,
            fault,
            left: counts.then(|| left.clone()),
            random: Random(seed),
        };
        thread::spawn(move || pipe.run());
    }
    Ok(left)
}

struct Pipe {
    from: TcpStream,
    to: TcpStream,
    fault: Fault,
    /// `None`: what passes here is not counted.
    left: Option<Arc<AtomicI64>>,
    random: Random,
}

impl Pipe {
    fn run(mut self) {
        let mut room = [0; 4096];
        loop {
            let count = match self.from.read(&mut room) {
                Ok(0) => {
                    let _ = self.to.shutdown(Shutdown::Write);
                    return;
                }
                Ok(count) => count,
                Err(_) => return self.cut(),
            };
            if self.pass(&room[..count]).is_err() {
                return self.cut();
            }
        }
    }

    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.fault {
            Fault::Bytes => bytes.chunks(1).try_for_each(|byte| self.to.write_all(byte)),
            Fault::Delays => {
                let mut rest = bytes;
                while !rest.is_empty() {
                    let (piece, after) = rest.split_at(self.random.below(rest.len()) + 1);
                    thread::sleep(Duration::from_millis(self.random.below(8) as u64));
                    self.to.write_all(piece)?;
                    rest = after;
                }
                Ok(())
            }
            Fault::Cut(_) | Fault::CutToServer(_) | Fault::CutFromServer(_) => {
                let Some(left) = &self.left else {
                    return self.to.write_all(bytes);
                };
                let count = bytes.len() as i64;
                let left = left.fetch_sub(count, Ordering::Relaxed);
                let passing = left.clamp(0, count) as usize;
                self.to.write_all(&bytes[..passing])?;
                match left < count {
                    true => Err(io::ErrorKind::ConnectionReset.into()),
                    false => Ok(()),
                }
            }
        }
    }

    fn cut(self) {
        for end in [&self.from, &self.to] {
            let _ = SockRef::from(end).set_linger(Some(Duration::ZERO));
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}
