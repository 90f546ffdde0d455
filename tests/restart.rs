//! F9: a daemon that is killed again and again leaves nothing behind that keeps the next one from serving.

mod common;

use common::{Chunking, Client, Daemon, Setup};
use rustix::process::Signal;

const HELLO: &str = r#"{"type":"hello",…}"#;

#[test]
fn f9_a_crash_leaves_no_socket_in_the_way() {
    let folder = tempfile();
    let socket = format!("unix:{folder}/socket");
    for round in 0..20 {
        let mut daemon = Daemon::start(&Setup::new().arg("--listen").arg(&socket));
        let mut clients: Vec<Client> = daemon
            .addresses()
            .iter()
            .map(|address| {
                Client::dial(
                    address.clone(),
                    &format!("in round {round}"),
                    Chunking::Whole,
                )
            })
            .collect();
        for client in &mut clients {
            client.expect(HELLO);
        }
        daemon.signal(Signal::KILL);
        daemon.wait();
    }
    std::fs::remove_dir_all(folder).expect("remove the folder");
}

fn tempfile() -> String {
    let folder = std::env::temp_dir().join(format!("privmsgd-restart-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder.to_str().expect("UTF-8").to_owned()
}
