//! Programs of the system that rows need. A missing one is a failure that names its Debian package.

use std::path::PathBuf;
use std::process::Command;

const DIRS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Where `name` is.
pub fn tool(name: &str, package: &str) -> PathBuf {
    let found = DIRS
        .iter()
        .map(|dir| PathBuf::from(dir).join(name))
        .find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is missing: apt-get install {package}"))
}

/// What the program prints. It must succeed.
pub fn output(name: &str, package: &str, args: &[&str]) -> String {
    let output = Command::new(tool(name, package))
        .args(args)
        .output()
        .expect("the program starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {args:?}: {told}");
    String::from_utf8(output.stdout).expect("text")
}

/// Namespaces, control groups and other processes' limits are root's.
pub fn need_root() {
    let user = rustix::process::geteuid();
    assert!(user.is_root(), "this test needs root: it runs as {user:?}");
}
