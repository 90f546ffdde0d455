//! A program of others that talks to the daemon: what goes in, and what comes out line by line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::pattern::{Bindings, check};

/// How long one line may take to come: some times as long as a client waits at most before it connects again.
const PATIENCE: Duration = Duration::from_secs(60);

/// It ends with the test.
pub struct Program {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Program {
    pub fn start(command: &mut Command) -> Program {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
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
        Program {
            input: child.stdin.take(),
            child,
            lines,
        }
    }

    pub fn send(&mut self, line: &str) {
        let input = self.input.as_mut().expect("open");
        input
            .write_all(format!("{line}\n").as_bytes())
            .expect("it reads");
    }

    pub fn end_input(&mut self) {
        self.input = None;
    }

    /// Waits for its end, which is a good one.
    #[track_caller]
    pub fn ends(mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                assert!(status.success(), "{status}");
                return;
            }
            assert!(Instant::now() < deadline, "it does not end");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[track_caller]
    pub fn line(&self) -> String {
        let line = self.lines.recv_timeout(PATIENCE);
        line.unwrap_or_else(|end| panic!("{end}, expected a line"))
    }

    #[track_caller]
    pub fn expect(&self, pattern: &str) -> String {
        let line = self.line();
        let matched = check(pattern, &line, &mut Bindings::new());
        assert!(matched.is_ok(), "expected {pattern}\ngot      {line}");
        line
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
