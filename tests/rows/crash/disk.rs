//! A disk whose power can be cut: an ext4 of its own in a file. Needs root.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::ioctl::{Opcode, Setter, ioctl};

/// Mounted at a place of its own; the data directory is in it.
pub struct Disk {
    image: PathBuf,
    /// Around the mount point, and shared: where others have a copy of all mounts, as daemons in network namespaces do,
    /// an end of ours is one of theirs. Else the file system would live on, and come back as it was shut down.
    around: PathBuf,
    mounted: PathBuf,
}

/// EXT4_IOC_SHUTDOWN, and its argument: what the journal still holds in memory is lost too.
const SHUTDOWN: Opcode = 0x8004_587d;
const NO_LOG_FLUSH: u32 = 2;

impl Disk {
    /// `data` must not be there; it will lead to a directory on the disk.
    pub fn make(data: &Path) -> Disk {
        let beside = |suffix: &str| data.with_extension(suffix);
        let disk = Disk {
            image: beside("img"),
            around: beside("mnt"),
            mounted: beside("mnt").join("disk"),
        };
        let file = File::create(&disk.image).expect("make the image");
        file.set_len(256 * 1024 * 1024).expect("make it long");
        run(
            "mkfs.ext4",
            &[Path::new("-q"), Path::new("-F"), &disk.image],
        );
        fs::create_dir(&disk.around).expect("make a directory");
        run("mount", &[Path::new("--bind"), &disk.around, &disk.around]);
        run("mount", &[Path::new("--make-shared"), &disk.around]);
        fs::create_dir(&disk.mounted).expect("make the mount point");
        disk.mount();
        fs::create_dir(disk.mounted.join("data")).expect("make the data directory");
        std::os::unix::fs::symlink(disk.mounted.join("data"), data).expect("link it");
        // The directory itself was there before any power cut.
        disk.settle();
        disk
    }

    /// What is there now outlives any power cut.
    pub fn settle(&self) {
        run("sync", &[Path::new("-f"), &self.mounted]);
    }

    /// From now on nothing reaches the disk, and what has not yet is lost.
    pub fn cut(&self) {
        let root = File::open(&self.mounted).expect("open the mount point");
        // SAFETY: the call reads one u32 and does nothing else to this process.
        let cut = unsafe { ioctl(&root, Setter::<SHUTDOWN, u32>::new(NO_LOG_FLUSH)) };
        cut.expect("shut the file system down (as root)");
    }

    /// After [`Disk::cut`], once nobody has files open there but a child of another test between its fork and its exec,
    /// and nobody else has a copy of all mounts: else this would be the file system that was shut down.
    pub fn mount_again(&self) {
        self.wait_until("in use", || {
            let ended = Command::new("umount").arg(&self.mounted).output();
            ended.expect("umount runs").status.success()
        });
        self.wait_until("mounted elsewhere", || {
            let used = Command::new("losetup").arg("-j").arg(&self.image).output();
            used.expect("losetup runs").stdout.is_empty()
        });
        self.mount();
    }

    fn wait_until(&self, why_not: &str, done: impl Fn() -> bool) {
        let mut tries = 0..5_000;
        while !done() {
            assert!(
                tries.next().is_some(),
                "{}: {why_not}",
                self.mounted.display()
            );
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn mount(&self) {
        let loops = Path::new("loop");
        run(
            "mount",
            &[Path::new("-o"), loops, &self.image, &self.mounted],
        );
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        for mounted in [&self.mounted, &self.around] {
            let _ = Command::new("umount").arg("-l").arg(mounted).status();
        }
    }
}

fn run(program: &str, args: &[&Path]) {
    let output = Command::new(program).args(args).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {told}");
}
