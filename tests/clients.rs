//! Real programs as clients: nc, ncat, socat, telnet and bash. One that is missing is a failure, not a reason to skip.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use common::{Address, Bindings, Chunking, Setup, Stage, check, transcript, transcript_with};

const PATIENCE: Duration = Duration::from_secs(15);

/// A running program; what it prints is read by a thread, so that nothing here waits without a bound.
struct Tool {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    chunking: Chunking,
}

impl Tool {
    /// `package`: Debian's, for whoever has to install it.
    fn start(package: &str, command: &mut Command, chunking: Chunking) -> Tool {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{name}: {error}; install the Debian package {package}")
            });
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            let lines = output.split(b'\n').map_while(Result::ok);
            for line in lines.map(|line| {
                String::from_utf8_lossy(&line)
                    .trim_end_matches('\r')
                    .to_owned()
            }) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Tool {
            input: child.stdin.take(),
            child,
            lines,
            chunking,
        }
    }

    fn send(&mut self, lines: &str) {
        let input = self.input.as_mut().expect("the input was not ended");
        for chunk in self.chunking.cut(format!("{lines}\n").as_bytes()) {
            input.write_all(chunk).expect("the program reads");
        }
    }

    fn end_input(&mut self) {
        self.input = None;
    }

    #[track_caller]
    fn expect(&mut self, pattern: &str) {
        let line = self
            .lines
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|end| panic!("{end}, expected {pattern}"));
        assert!(
            check(pattern, &line, &mut Bindings::new()).is_ok(),
            "expected {pattern}\ngot      {line}"
        );
    }

    /// The next line that matches; lines of the program's own may come before it.
    #[track_caller]
    fn await_line(&mut self, pattern: &str) {
        loop {
            let line = self
                .lines
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|end| panic!("{end}, expected {pattern}"));
            if check(pattern, &line, &mut Bindings::new()).is_ok() {
                return;
            }
        }
    }

    /// Everything up to the end of the output.
    #[track_caller]
    fn rest(&mut self) -> Vec<String> {
        let mut rest = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => rest.push(line),
                Err(RecvTimeoutError::Disconnected) => return rest,
                Err(RecvTimeoutError::Timeout) => panic!("no end after {rest:#?}"),
            }
        }
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn with_address(program: &str, args: &[&str], address: SocketAddr) -> Command {
    let mut command = Command::new(program);
    command
        .args(args)
        .arg(address.ip().to_string())
        .arg(address.port().to_string());
    command
}

fn nc(at: &Stage) -> Tool {
    Tool::start(
        "netcat-openbsd",
        &mut with_address("nc", &["-N"], at.daemon.tcp()),
        at.chunking,
    )
}

fn ncat(at: &Stage) -> Tool {
    Tool::start(
        "ncat",
        &mut with_address("ncat", &[], at.daemon.tcp()),
        at.chunking,
    )
}

fn socat(at: &Stage, address: &Address) -> Tool {
    let address = match address {
        Address::Tcp(address) | Address::Tls(address) => format!("TCP:{address}"),
        Address::Unix(path) => format!("UNIX-CONNECT:{}", path.display()),
    };
    Tool::start(
        "socat",
        Command::new("socat").args(["-t", "15", "-", &address]),
        at.chunking,
    )
}

/// Under a terminal of its own, which turns ^C into what telnet sends for it.
fn telnet(at: &Stage) -> Tool {
    let present = Command::new("telnet")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(
        present.is_ok(),
        "telnet is missing; install the Debian package telnet"
    );
    let address = at.daemon.tcp();
    let exec = format!(
        "EXEC:telnet {} {},pty,setsid,ctty,echo=0,stderr",
        address.ip(),
        address.port()
    );
    Tool::start(
        "socat",
        Command::new("socat").args(["-t", "15", "-", &exec]),
        at.chunking,
    )
}

/// > Either it sends `bye`, or it ends its input (half-close). After half-close every line that was received is handled, with the outcome of each, then comes `goodbye drained`, then the end of the
/// > stream.
fn a_piped_script_gets_everything(tool: impl Fn(&Stage) -> Tool, rounds: usize) {
    transcript(|at| {
        let mut bob = at.register("Bob");
        for _ in 0..rounds {
            let mut script = tool(at);
            script.send(concat!(
                "{\"type\":\"register\",\"username\":\"Script\"}\n",
                "{\"type\":\"privateMessage\",\"toUsername\":\"Bob\",\"message\":\"from a pipe\"}\n",
                "{\"type\":\"privateMessage\",\"toUsername\":\"Nobody1\",\"message\":\"from a pipe\",\"id\":1}",
            ));
            script.end_input();
            let lines = script.rest();
            let starts = [
                r#"{"type":"hello","server":"privmsgd","#,
                r#"{"type":"registered","username":"Script","#,
                r#"{"type":"errorMessage","id":1,"command":"privateMessage","code":"unknownUser","#,
                r#"{"type":"goodbye","code":"drained","#,
            ];
            assert_eq!(lines.len(), starts.len(), "{lines:#?}");
            let alike = lines
                .iter()
                .zip(starts)
                .all(|(line, start)| line.starts_with(start));
            assert!(alike, "{lines:#?}");
            bob.expect(
                r#"{"type":"privateMessage","from":"Script","message":"from a pipe","time":"…"}"#,
            );
        }
    });
}

#[test]
fn a_script_piped_into_nc_gets_everything() {
    a_piped_script_gets_everything(nc, 30);
}

#[test]
fn a_script_piped_into_ncat_gets_everything() {
    a_piped_script_gets_everything(ncat, 5);
}

#[test]
fn a_script_piped_into_socat_gets_everything() {
    a_piped_script_gets_everything(|at| socat(at, &at.daemon.address()), 5);
}

/// Two people at a keyboard, each with another program.
fn two_programs_talk(first: impl Fn(&Stage) -> Tool, second: impl Fn(&Stage) -> Tool) {
    transcript_with(&Setup::new().unix(), |at| {
        let (mut alice, mut bob) = (first(at), second(at));
        for (tool, name) in [(&mut alice, "Alice"), (&mut bob, "Bob")] {
            tool.await_line(r#"{"type":"hello","server":"privmsgd",…}"#);
            tool.send(&format!(r#"{{"type":"register","username":"{name}"}}"#));
            tool.await_line(r#"{"type":"registered","username":"…","resumeToken":"…"}"#);
        }
        alice.send(r#"{"type":"privateMessage","toUsername":"Bob","message":"Salut Bob !"}"#);
        bob.await_line(
            r#"{"type":"privateMessage","from":"Alice","message":"Salut Bob !","time":"…"}"#,
        );
        bob.send(r#"{"type":"privateMessage","toUsername":"Alice","message":"é😀","id":1}"#);
        bob.await_line(r#"{"type":"accepted","id":1,"toUsername":"Alice","time":"…"}"#);
        alice.await_line(r#"{"type":"privateMessage","from":"Bob","message":"é😀","time":"…"}"#);
        bob.send(r#"{"type":"bye"}"#);
        bob.await_line(r#"{"type":"goodbye","code":"bye","message":"goodbye","reconnect":false}"#);
    });
}

#[test]
fn nc_and_ncat_talk() {
    two_programs_talk(nc, ncat);
}

#[test]
fn socat_on_a_unix_socket_and_telnet_talk() {
    two_programs_talk(|at| socat(at, &at.daemon.unix()), telnet);
}

/// > the bytes of telnet's commands (they begin with the byte 255, which is in no UTF-8 text) are taken out wherever they stand.
#[test]
fn after_ctrl_c_in_telnet_the_next_line_works() {
    transcript(|at| {
        let mut alice = telnet(at);
        alice.await_line(r#"{"type":"hello",…}"#);
        for round in 0..5 {
            alice.send("\x03");
            alice.send(&format!(r#"{{"type":"ping","id":{round}}}"#));
            alice.await_line(&format!(r#"{{"type":"pong","id":{round},"time":"…"}}"#));
        }
        alice.send(r#"{"type":"bye"}"#);
        alice.await_line(r#"{"type":"goodbye","code":"bye",…}"#);
    });
}

/// > The server speaks this protocol and no other.
#[test]
fn bash_alone_is_enough() {
    let script = r#"
        set -eu
        exec 3<>"/dev/tcp/$1/$2"
        read -r hello <&3
        printf '%s\n' '{"type":"register","username":"Bash"}' >&3
        read -r registered <&3
        printf '%s\n' '{"type":"privateMessage","toUsername":"Bash","message":"note to self"}' >&3
        read -r message <&3
        printf '%s\n' "$hello" "$registered" "$message"
        printf '%s\n' '{"type":"bye"}' >&3
        cat <&3
    "#;
    transcript(|at| {
        let address = at.daemon.tcp();
        let mut command = Command::new("bash");
        command
            .args(["-c", script, "bash"])
            .arg(address.ip().to_string())
            .arg(address.port().to_string());
        let mut bash = Tool::start("bash", &mut command, at.chunking);
        bash.expect(r#"{"type":"hello",…}"#);
        bash.expect(r#"{"type":"registered","username":"Bash","resumeToken":"…"}"#);
        bash.expect(
            r#"{"type":"privateMessage","from":"Bash","message":"note to self","time":"…"}"#,
        );
        bash.expect(r#"{"type":"goodbye","code":"bye","message":"goodbye","reconnect":false}"#);
        assert!(bash.rest().is_empty());
    });
}
