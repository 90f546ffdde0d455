//! A way to the server that is cut again and again: each connection after a number of bytes that chance decides, in one
//! direction or counted in both, and only when it has been cut often enough a connection lives.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::proxy::{Fault, Random, connect};

pub struct Cutter {
    pub address: SocketAddr,
    links: Links,
}

/// Of each connection, how many bytes still pass.
#[derive(Clone, Default)]
struct Links(Arc<Mutex<Vec<Arc<AtomicI64>>>>);

impl Cutter {
    /// Cuts the first `wanted` connections, each after at most `most` bytes. The same `seed`, the same places.
    pub fn open(server: SocketAddr, wanted: usize, most: usize, seed: u64) -> Cutter {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let links = Links::default();
        let made = links.clone();
        thread::spawn(move || {
            let mut random = Random(seed);
            for near in listener.incoming().map_while(Result::ok) {
                let (bytes, direction) = (random.below(most), random.below(3));
                let left = match made.cut() < wanted {
                    true => bytes as i64,
                    false => i64::MAX,
                };
                let ways = [Fault::CutToServer, Fault::CutFromServer, Fault::Cut];
                let fault = ways[direction](left);
                match connect(near, server, fault, 0) {
                    Ok(left) => made.0.lock().expect("whole").push(left),
                    Err(_) => return,
                }
            }
        });
        Cutter { address, links }
    }

    pub fn cuts(&self) -> usize {
        self.links.cut()
    }
}

impl Links {
    fn cut(&self) -> usize {
        let links = self.0.lock().expect("whole");
        let is_cut = |left: &&Arc<AtomicI64>| left.load(Ordering::Relaxed) < 0;
        links.iter().filter(is_cut).count()
    }
}
