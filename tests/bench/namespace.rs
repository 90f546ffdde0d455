//! Network namespaces and the cable between two, removed with their owner, after a panic too.

use std::fs::File;
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::tools::{need_root, output, tool};

pub struct Namespace {
    name: String,
}

impl Namespace {
    /// With a loopback interface that is up.
    pub fn new() -> Namespace {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        need_root();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("privmsgd-{}-{number}", std::process::id());
        ip(&["netns", "add", &name]);
        let made = Namespace { name };
        made.ip("link set lo up");
        made
    }

    /// Two of them, `10.7.0.1` and `10.7.0.2`, each on the interface `cable`.
    pub fn cable() -> (Namespace, Namespace) {
        let (a, b) = (Namespace::new(), Namespace::new());
        a.ip(&format!(
            "link add cable type veth peer name cable netns {}",
            b.name
        ));
        for (end, address) in [(&a, "10.7.0.1/24"), (&b, "10.7.0.2/24")] {
            end.ip(&format!("addr add {address} dev cable"));
            end.ip("link set cable up");
        }
        (a, b)
    }

    /// Runs `ip` on this namespace.
    pub fn ip(&self, args: &str) {
        let words: Vec<&str> = ["-n", &self.name]
            .into_iter()
            .chain(args.split(' '))
            .collect();
        ip(&words);
    }

    /// A process that starts here; see `Setup::under`.
    pub fn under(&self) -> Vec<String> {
        let ip = tool("ip", "iproute2").display().to_string();
        vec![ip, "netns".into(), "exec".into(), self.name.clone()]
    }

    /// What `make` makes in a thread of this namespace: sockets stay here wherever they are used.
    pub fn inside<T: Send>(&self, make: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let made = scope.spawn(|| {
                let link = File::open(format!("/run/netns/{}", self.name)).expect("the namespace");
                move_into_link_name_space(link.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("enter the namespace");
                make()
            });
            made.join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new(tool("ip", "iproute2"))
            .args(["netns", "del", &self.name])
            .status();
    }
}

fn ip(args: &[&str]) {
    output("ip", "iproute2", args);
}
