//! The configuration read again: everything that goes by it, at one stroke. Knows no keys.

use log::{info, warn};

use crate::net::reload::{Fresh, Reloader};
use crate::net::server::Server;
use crate::ops::exit::reason;
use crate::ops::log as logs;

/// The key that says where it is; told when what is there is another one.
const CERTIFICATE: &str = "tls.certificate";

impl Server {
    /// Fails with the reason, which is logged.
    pub(super) fn reload(&mut self) -> Result<(), String> {
        let Some(reloader) = &mut self.reloader else {
            return Err("this daemon was started without a way to reload".into());
        };
        self.notifier.reloading();
        reloader.start().map_err(|error| {
            let why = reason(&error);
            self.watch.reload_failed();
            warn!("reload failed, everything stays as it is: {why}");
            self.notifier.reloaded("reload failed");
            why
        })
    }

    /// The configuration was read: all of it holds from now on, or nothing has changed.
    pub(super) fn reloaded(&mut self) {
        match self.reloader.as_mut().and_then(Reloader::finish) {
            None => return,
            Some(Err(messages)) => {
                for message in &messages {
                    warn!("reload failed, everything stays as it is: {message}");
                }
                self.watch.reload_failed();
                self.admin_reloaded(Err(&messages));
            }
            Some(Ok(Fresh {
                config: new,
                identity,
                apply,
            })) => {
                apply();
                let mut changes = self.config.changes(&new);
                if let (Some(tls), Some(identity)) = (self.acceptor.tls(), identity)
                    && tls.replace(identity)
                    && !changes.reloadable.contains(&CERTIFICATE)
                {
                    changes.reloadable.push(CERTIFICATE);
                }
                self.config = self.config.reloaded(&new);
                logs::reconfigure(&self.config.log);
                self.engine.reload(&self.config);
                self.watch.reloaded(&changes.needs_restart, self.unix_ms);
                info!("reloaded; changed: {}", list(&changes.reloadable));
                if !changes.needs_restart.is_empty() {
                    warn!(
                        "changed but not taken over before a restart: {}",
                        list(&changes.needs_restart)
                    );
                }
                self.admin_reloaded(Ok(&changes));
            }
        }
        self.notifier.reloaded("reloaded");
    }
}

fn list(keys: &[&str]) -> String {
    if keys.is_empty() {
        "nothing".into()
    } else {
        keys.join(", ")
    }
}
