//! How the process ends before or after its work: the code for scripts, and what, where and the fix for
//! people. Knows nothing of what failed beyond the system's error.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

/// The numbers of BSD's sysexits.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Ok = 0,
    /// The daemon, or the accounts, said no: not of sysexits.h, where nothing means that. Of `check` and `doctor`: a
    /// warning.
    Refused = 1,
    /// Of `check` and `doctor`, as monitoring plugins say it: something has failed, or nothing can be known.
    Critical = 2,
    Unknown = 3,
    /// The command line is wrong.
    Usage = 64,
    /// Stored data is damaged.
    Data = 65,
    /// A file that was named cannot be read.
    NoInput = 66,
    /// An address is taken or does not exist.
    Unavailable = 69,
    /// A mistake of this program.
    Internal = 70,
    /// The system refused something it usually grants.
    Os = 71,
    CannotCreate = 73,
    Io = 74,
    Permission = 77,
    /// The configuration is wrong.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why the daemon does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError {
    /// `cannot listen: address in use`
    pub what: String,
    /// The address or file.
    pub where_: String,
    /// What the reader may do now; empty if nothing is known to help.
    pub fix: String,
    pub code: Exit,
}

impl StartError {
    pub fn new(code: Exit, what: &str, where_: impl fmt::Display, fix: impl Into<String>) -> Self {
        StartError {
            what: what.into(),
            where_: where_.to_string(),
            fix: fix.into(),
            code,
        }
    }

    /// `error` came from making a listening TCP socket.
    pub fn listen_tcp(address: SocketAddr, error: &io::Error) -> Self {
        let any = SocketAddr::new(address.ip(), 0);
        let (code, fix) = match error.kind() {
            ErrorKind::AddrInUse => (
                Exit::Unavailable,
                format!(
                    "stop what has the port (`ss -ltnp` names it), or take a free one: --listen {any}"
                ),
            ),
            ErrorKind::PermissionDenied => (
                Exit::Permission,
                "take a port from 1024 up, or let systemd open this one (privmsgd.socket)".into(),
            ),
            ErrorKind::AddrNotAvailable => (
                Exit::Unavailable,
                "this machine has no such address (`ip address` lists those it has)".into(),
            ),
            _ => (Exit::Os, String::new()),
        };
        StartError::system("cannot listen", address, error, code, fix)
    }

    /// `error` came from making a listening UNIX socket.
    pub fn listen_unix(path: &Path, error: &io::Error) -> Self {
        let dir = path.parent().unwrap_or(Path::new("/")).display();
        let (code, fix) = match error.kind() {
            ErrorKind::AddrInUse => (
                Exit::Unavailable,
                "another process answers there: stop it, or choose another path".into(),
            ),
            ErrorKind::NotFound => (
                Exit::CannotCreate,
                format!("make its directory: mkdir -p {dir}"),
            ),
            ErrorKind::PermissionDenied => (
                Exit::Permission,
                format!("let this user write to {dir}, or choose another path"),
            ),
            ErrorKind::AlreadyExists => (
                Exit::CannotCreate,
                "what is there is no socket: move it away, or choose another path".into(),
            ),
            _ => (Exit::CannotCreate, String::new()),
        };
        let where_ = format!("unix:{}", path.display());
        StartError::system("cannot listen", where_, error, code, fix)
    }

    /// `error` came from writing the file that `--port-file` names.
    pub fn port_file(path: &Path, error: &io::Error) -> Self {
        let (code, fix) = match error.kind() {
            ErrorKind::PermissionDenied => (
                Exit::Permission,
                "let this user write there, or choose another --port-file".into(),
            ),
            ErrorKind::StorageFull => (Exit::Io, "make room on that disk".into()),
            _ => (
                Exit::CannotCreate,
                "name a file in a directory that exists: --port-file FILE".into(),
            ),
        };
        StartError::system(
            "cannot write the port file",
            path.display(),
            error,
            code,
            fix,
        )
    }

    fn system(
        what: &str,
        where_: impl fmt::Display,
        error: &io::Error,
        code: Exit,
        fix: String,
    ) -> Self {
        StartError::new(code, &format!("{what}: {}", reason(error)), where_, fix)
    }
}

/// At most two lines.
impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "privmsgd: {}: {}", self.where_, self.what)?;
        match self.fix.as_str() {
            "" => Ok(()),
            fix => write!(f, "\n  {fix}"),
        }
    }
}

/// The system's words without their number: `Address already in use`.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F8.
    #[test]
    fn each_failure_to_listen_has_its_code_and_at_most_two_lines() {
        let tcp = "127.0.0.1:80".parse().unwrap();
        for (error, code) in [
            (ErrorKind::AddrInUse, Exit::Unavailable),
            (ErrorKind::AddrNotAvailable, Exit::Unavailable),
            (ErrorKind::PermissionDenied, Exit::Permission),
            (ErrorKind::Other, Exit::Os),
        ] {
            let start = StartError::listen_tcp(tcp, &error.into());
            assert_eq!(start.code, code);
            assert!(start.to_string().lines().count() <= 2, "{start}");
        }
        let taken = StartError::listen_tcp(tcp, &ErrorKind::AddrInUse.into());
        assert!(taken.fix.contains("--listen 127.0.0.1:0"), "{taken}");
        let missing = StartError::listen_unix(Path::new("/no/dir/s"), &ErrorKind::NotFound.into());
        assert_eq!(missing.code, Exit::CannotCreate);
        assert!(missing.fix.contains("mkdir -p /no/dir"), "{missing}");
    }
}
