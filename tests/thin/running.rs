//! A client that runs: what it prints, what it says besides, and how it ends.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::PASSWORD;
use crate::languages::Language;

/// How long a line or the end may take to come. An interpreter may have to start first, on a machine that does other things.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Running {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: PathBuf,
}

impl Running {
    /// `files`: a directory that goes away with the test.
    pub fn start(language: Language, at: SocketAddr, name: &str, files: &Path) -> Running {
        Running::with(language, at, name, files, &[], Some(PASSWORD))
    }

    pub fn with(
        language: Language,
        at: SocketAddr,
        name: &str,
        files: &Path,
        more: &[&str],
        password: Option<&str>,
    ) -> Running {
        let mut command = language.command();
        command
            .arg(at.ip().to_string())
            .arg(at.port().to_string())
            .arg(name)
            .args(more)
            .env_remove("PRIVMSG_TOKEN")
            .env_remove("PRIVMSG_PASSWORD")
            .envs(password.map(|password| ("PRIVMSG_PASSWORD", password)));
        let errors = files.join(format!("{name}-{}.err", at.port()));
        Running::of(command, errors)
    }

    /// `errors`: the file to which its standard error goes.
    pub fn of(mut command: Command, errors: PathBuf) -> Running {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&errors).expect("a file"))
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Running {
            input: child.stdin.take(),
            child,
            lines,
            errors,
        }
    }

    /// Types a line.
    pub fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("the input was not ended");
        let said = input.write_all(format!("{line}\n").as_bytes());
        said.unwrap_or_else(|error| panic!("{error}: {}", self.errors()));
    }

    pub fn end_input(&mut self) {
        self.input = None;
    }

    #[track_caller]
    pub fn expect(&self, wanted: &str) {
        assert_eq!(self.line(), wanted, "{}", self.errors());
    }

    #[track_caller]
    pub fn line(&self) -> String {
        let line = self.lines.recv_timeout(PATIENCE);
        line.unwrap_or_else(|end| panic!("{end}: {}", self.errors()))
    }

    /// Waits until standard error holds `text`.
    #[track_caller]
    pub fn await_error(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.errors().contains(text) {
            let errors = self.errors();
            assert!(Instant::now() < deadline, "no {text:?}: {errors}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Everything that it prints up to its end.
    #[track_caller]
    pub fn rest(&self) -> Vec<String> {
        let mut rest = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => rest.push(line),
                Err(RecvTimeoutError::Disconnected) => return rest,
                Err(RecvTimeoutError::Timeout) => panic!("no end: {}", self.errors()),
            }
        }
    }

    /// What it wrote to standard error so far.
    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.errors).unwrap_or_default()).into_owned()
    }

    /// What Ctrl-C does.
    pub fn interrupt(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    }

    /// Waits for it to end with `code`, having written one line to standard error. Returns that.
    #[track_caller]
    pub fn complains(&mut self, code: i32) -> String {
        let status = self.wait();
        let errors = self.errors();
        assert_eq!(status.code(), Some(code), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert_eq!(self.rest(), [""; 0]);
        errors
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Waits for it to end by itself.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                return status;
            }
            assert!(Instant::now() < deadline, "no end: {}", self.errors());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
