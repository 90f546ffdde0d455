//! A way to the server that is cut again and again: each connection after a number of bytes that chance decides, in one
//! direction or counted in both, and only when it has been cut often enough a connection lives.

#[path = "../common/random.rs"]
mod random;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use random::Random;

pub struct Cutter {
    pub address: SocketAddr,
    cuts: Arc<AtomicUsize>,
}

impl Cutter {
    /// Cuts the first `wanted` connections, each after at most `most` bytes. The same `seed`, the same places.
    pub fn open(server: SocketAddr, wanted: usize, most: usize, seed: u64) -> Cutter {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let cuts = Arc::new(AtomicUsize::new(0));
        let counted = cuts.clone();
        thread::spawn(move || {
            let mut random = Random(seed);
            for near in listener.incoming() {
                let (Ok(near), Ok(far)) = (near, TcpStream::connect(server)) else {
                    return;
                };
                let (bytes, direction) = (random.below(most), random.below(3));
                let left = match counted.load(Ordering::Relaxed) < wanted {
                    true => bytes as i64,
                    false => i64::MAX,
                };
                link(near, far, left, direction, &counted);
            }
        });
        Cutter { address, cuts }
    }

    pub fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Relaxed)
    }
}

/// `direction`: 0 counts what goes to the server, 1 what comes from it, 2 both.
fn link(near: TcpStream, far: TcpStream, left: i64, direction: usize, cuts: &Arc<AtomicUsize>) {
    let left = Arc::new(AtomicI64::new(left));
    let copy = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
    for (from, to, counts) in [
        (copy(&near), copy(&far), direction != 1),
        (far, near, direction != 0),
    ] {
        let pipe = Pipe {
            from,
            to,
            left: counts.then(|| left.clone()),
            cuts: cuts.clone(),
        };
        thread::spawn(move || pipe.run());
    }
}

struct Pipe {
    from: TcpStream,
    to: TcpStream,
    /// Bytes that still pass, of both directions if both count.
    left: Option<Arc<AtomicI64>>,
    cuts: Arc<AtomicUsize>,
}

impl Pipe {
    fn run(mut self) {
        let mut room = [0; 4096];
        loop {
            let passed = match self.from.read(&mut room) {
                Ok(0) => {
                    let _ = self.to.shutdown(Shutdown::Write);
                    return;
                }
                Ok(count) => self.pass(&room[..count]),
                Err(error) => Err(error),
            };
            if passed.is_err() {
                return self.cut();
            }
        }
    }

    fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(left) = &self.left else {
            return self.to.write_all(bytes);
        };
        let count = bytes.len() as i64;
        let left = left.fetch_sub(count, Ordering::Relaxed);
        self.to.write_all(&bytes[..left.clamp(0, count) as usize])?;
        // Of two directions one is the first.
        if (0..=count).contains(&left) {
            self.cuts.fetch_add(1, Ordering::Relaxed);
        }
        match left <= count {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => Ok(()),
        }
    }

    /// Both ends are reset.
    fn cut(self) {
        for end in [&self.from, &self.to] {
            let _ = SockRef::from(end).set_linger(Some(Duration::ZERO));
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}
