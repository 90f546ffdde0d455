//! Where the admin socket is: for the daemon that makes it, and for the subcommands that look for it. Knows no sockets.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::config::Config;

/// Where a daemon makes it. `runtime`: `$RUNTIME_DIRECTORY`, which may be several, with colons between. `None`:
/// nowhere.
pub fn made(config: &Config, runtime: Option<OsString>) -> Option<PathBuf> {
    let in_data = || config.data.as_deref().map(|data| data.join(FILE));
    let configured = config.admin_socket.clone();
    configured.or_else(|| in_runtime(runtime)).or_else(in_data)
}

/// Where it may be, the likeliest first.
pub fn candidates(config: &Config, runtime: Option<OsString>) -> Vec<PathBuf> {
    if let Some(path) = &config.admin_socket {
        return vec![path.clone()];
    }
    let mut places: Vec<PathBuf> = in_runtime(runtime).into_iter().collect();
    places.extend(config.data.as_deref().map(|data| data.join(FILE)));
    let service = Path::new(SERVICE_DIR).join(FILE);
    if !places.contains(&service) {
        places.push(service);
    }
    places
}

fn in_runtime(runtime: Option<OsString>) -> Option<PathBuf> {
    let runtime = runtime?.into_string().ok()?;
    let first = runtime.split(':').next()?;
    first.starts_with('/').then(|| Path::new(first).join(FILE))
}

const FILE: &str = "admin.sock";

/// `RuntimeDirectory=` of the service's unit.
const SERVICE_DIR: &str = "/run/privmsgd";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configured_place_wins_over_the_runtime_directory_over_the_data_directory() {
        let runtime = || Some(OsString::from("/run/x:/run/y"));
        let mut config = Config::default();
        assert_eq!(made(&config, None), None);
        assert_eq!(made(&config, Some("".into())), None);
        assert_eq!(
            candidates(&config, None),
            [Path::new("/run/privmsgd/admin.sock")]
        );
        config.data = Some("/d".into());
        assert_eq!(made(&config, None), Some("/d/admin.sock".into()));
        assert_eq!(made(&config, runtime()), Some("/run/x/admin.sock".into()));
        let wanted = [
            "/run/x/admin.sock",
            "/d/admin.sock",
            "/run/privmsgd/admin.sock",
        ];
        assert_eq!(candidates(&config, runtime()), wanted.map(PathBuf::from));
        config.admin_socket = Some("/s".into());
        assert_eq!(made(&config, runtime()), Some("/s".into()));
        assert_eq!(candidates(&config, runtime()), [Path::new("/s")]);
    }
}
