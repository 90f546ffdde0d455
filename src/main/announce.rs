//! What the daemon says when it listens: where, who can reach and read that, and how to try it. Knows no protocol.

use log::{info, warn};

use privmsgd::config::Config;
use privmsgd::net::server::Server;

pub fn announce(server: &Server, config: &Config) {
    for address in server.addresses() {
        info!("listening on {address}");
    }
    if server.is_local() {
        info!("local only: other machines cannot connect; --listen ADDRESS:PORT opens it to them");
    }
    for address in server.metrics_addresses() {
        match address.strip_prefix("unix:") {
            Some(path) => info!("metrics: curl --unix-socket {path} http://localhost/metrics"),
            None => info!("metrics: http://{address}/metrics"),
        }
    }
    if server.shows_metrics_to_others() {
        warn!("other machines can read the metrics: they name nobody, and nothing protects them");
    }
    let exposed = server.exposed().join(" ");
    if !exposed.is_empty() {
        let secrets = match config.data.is_some() && !config.accounts.plaintext_credentials {
            true => "; passwords and tokens are refused there",
            false => "",
        };
        warn!(
            "other machines can read and change every line on {exposed}: it is not encrypted{secrets}; close it with \
             --listen 127.0.0.1:7748, or encrypt it with --listen tls:ADDRESS:PORT"
        );
    }
    if !server.is_local() && config.data.is_none() {
        warn!(
            "open mode beyond this machine: whoever connects takes any free name, unproved; \
             --data DIR makes names accounts"
        );
    }
    if let Some(dir) = &config.data {
        info!(
            "accounts in {}: privmsgd account add NAME makes one",
            dir.display()
        );
    }
    if let Some(command) = server
        .addresses()
        .first()
        .and_then(|address| command(address))
    {
        let proof = match config.data {
            Some(_) => r#","password":"…""#,
            None => "",
        };
        info!(
            "try it in two terminals: {command}   then type {{\"type\":\"register\",\"username\":\"Alice\"{proof}}}"
        );
    }
}

/// What to type to connect to `address`.
fn command(address: &str) -> Option<String> {
    if let Some(address) = address.strip_prefix("tls:") {
        let address = address
            .replace("0.0.0.0", "127.0.0.1")
            .replace("[::]", "[::1]");
        return Some(format!("openssl s_client -quiet -connect {address}"));
    }
    if let Some(path) = address.strip_prefix("unix:") {
        return Some(format!("nc -U {path}"));
    }
    let (host, port) = address.rsplit_once(':')?;
    let host = host.trim_matches(['[', ']']);
    let reachable = match host {
        "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        other => other,
    };
    Some(format!("nc {reachable} {port}"))
}
