//! One terminal: what is typed into it, and what it shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::house::{Tmux, soon};

pub struct Pane {
    tmux: Tmux,
    name: String,
    /// Every byte that was written to the terminal.
    raw: PathBuf,
}

impl Pane {
    pub fn new(tmux: Tmux, name: &str, raw: PathBuf) -> Pane {
        Pane {
            tmux,
            name: name.into(),
            raw,
        }
    }

    pub fn start(&self) {
        self.types("privmsg");
    }

    pub fn types(&self, text: &str) {
        self.tmux.run(&["send-keys", "-t", &self.name, "-l", text]);
        self.keys(&["Enter"]);
    }

    /// As tmux names them.
    pub fn keys(&self, keys: &[&str]) {
        self.tmux
            .run(&[&["send-keys", "-t", &self.name], keys].concat());
    }

    /// `bracketed`: the terminal says that it is pasted. Line ends are sent as Enter is.
    pub fn pastes(&self, text: &str, bracketed: bool) {
        self.tmux.run(&["set-buffer", text]);
        let paste = ["paste-buffer", "-d", "-t", &self.name];
        match bracketed {
            true => self.tmux.run(&[&paste[..], &["-p"]].concat()),
            false => self.tmux.run(&paste),
        };
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        self.tmux.run(&[
            "resize-window",
            "-t",
            &self.name,
            "-x",
            &columns,
            "-y",
            &rows,
        ]);
    }

    /// Waits for the screen of that name.
    pub fn shows(&self, name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terminal/screens");
        let path = path.join(format!("{name}.txt"));
        if std::env::var_os("PRIVMSG_WRITE_SCREENS").is_some() {
            fs::write(&path, self.when_still()).expect("write the screen");
        }
        let expected = fs::read_to_string(&path).expect("the screen");
        let same = soon(|| self.screen() == expected);
        assert!(
            same,
            "{name}: expected\n{expected}\nbut {} sees\n{}",
            self.name,
            self.screen()
        );
    }

    pub fn shows_text(&self, text: &str) {
        let there = soon(|| self.screen().contains(text));
        assert!(
            there,
            "{text:?} is not what {} sees\n{}",
            self.name,
            self.screen()
        );
    }

    pub fn shows_no_more(&self, text: &str) {
        let gone = soon(|| !self.screen().contains(text));
        assert!(
            gone,
            "{text:?} is still what {} sees\n{}",
            self.name,
            self.screen()
        );
    }

    /// That many messages of `name` are new, the list says.
    pub fn shows_unread(&self, name: &str, count: usize) {
        let says = |line: &str| {
            let words: Vec<&str> = line.split('│').next().unwrap_or("").split(' ').collect();
            words.contains(&name) && words.last() == Some(&count.to_string().as_str())
        };
        let there = soon(|| self.screen().lines().any(says));
        assert!(
            there,
            "{count} of {name} are not what {} sees\n{}",
            self.name,
            self.screen()
        );
    }

    /// The text with its codes for colours and the like.
    pub fn shows_colored(&self, text: &str) {
        let screen = || {
            self.tmux
                .run(&["capture-pane", "-e", "-p", "-t", &self.name])
        };
        assert!(
            soon(|| screen().contains(text)),
            "{text:?} is not in\n{}",
            screen().escape_debug()
        );
    }

    pub fn raw(&self) -> String {
        let bytes = fs::read(&self.raw).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The codes for colours among all that was written.
    pub fn color_codes(&self) -> Vec<String> {
        let raw = self.raw();
        let codes = raw.split("\u{1b}[").skip(1);
        let codes = codes.filter_map(|rest| rest.split_once('m').map(|(code, _)| code));
        let is_code = |code: &&str| {
            code.bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b';')
        };
        let is_color = |code: &&str| {
            let numbers = code
                .split(';')
                .filter_map(|number| number.parse::<u16>().ok());
            numbers
                .into_iter()
                .any(|number| matches!(number, 30..=49 | 90..=107))
        };
        codes
            .filter(is_code)
            .filter(is_color)
            .map(String::from)
            .collect()
    }

    pub fn is_full_screen(&self) -> bool {
        self.flag("alternate_on") == "1"
    }

    /// As terminals without a second one.
    pub fn has_one_screen_only(&self) {
        let option = [
            "set-option",
            "-w",
            "-t",
            &self.name,
            "alternate-screen",
            "off",
        ];
        self.tmux.run(&option);
    }

    /// By another process, at the cursor.
    pub fn is_written_on(&self, text: &str) {
        fs::write(self.flag("pane_tty"), text).expect("a terminal");
    }

    /// The shell is back, with its screen, its cursor and its modes.
    pub fn is_given_back(&self) {
        assert!(soon(|| !self.is_full_screen()), "still on the other screen");
        self.keys(&["C-u"]);
        self.types("clear; stty -a | md5sum | diff - before && echo sa''me modes");
        self.shows_text("same modes");
        assert_eq!(self.flag("cursor_flag"), "1");
        self.types("clear");
    }

    /// Sends a signal to the client in this pane.
    pub fn signal(&self, signal: &str) {
        let shell = self.flag("pane_pid");
        self.tmux
            .run(&["run-shell", &format!("pkill -{signal} -P {shell}")]);
    }

    /// The process id of the client in this pane.
    pub fn client(&self) -> String {
        let shell = self.flag("pane_pid");
        let found = Command::new("pgrep").args(["-P", &shell]).output();
        let found = found.expect("pgrep runs: install the Debian package procps");
        let found = String::from_utf8(found.stdout).expect("numbers");
        found.trim().to_string()
    }

    /// The terminal hangs up.
    pub fn close(&self) {
        self.tmux.run(&["kill-pane", "-t", &self.name]);
    }

    fn flag(&self, name: &str) -> String {
        let format = format!("#{{{name}}}");
        let flag = self
            .tmux
            .run(&["display-message", "-p", "-t", &self.name, &format]);
        flag.trim().to_string()
    }

    fn when_still(&self) -> String {
        let mut last = String::new();
        for _ in 0..60 {
            thread::sleep(Duration::from_millis(1_200));
            let now = self.screen();
            if now == last {
                break;
            }
            last = now;
        }
        last
    }

    /// What is on it, with everything that is different each time replaced.
    fn screen(&self) -> String {
        let screen = self.tmux.run(&["capture-pane", "-p", "-t", &self.name]);
        let line = |line: &str| format!("{}\n", same_each_time(line).trim_end());
        let screen: String = screen.lines().map(line).collect();
        format!("{}\n", screen.trim_end())
    }
}

/// `#` stands for a digit.
const CHANGING: [(&str, &str); 5] = [
    ("####-##-##", "YYYY-MM-DD"),
    ("127.0.0.1:#####", "127.0.0.1:PORT"),
    ("##:##", "HH:MM"),
    ("again in # s: ", "again in N s: "),
    ("again in ## s: ", "again in N s: "),
];

fn same_each_time(line: &str) -> String {
    let mut line = line.replace("trying again: ", "again in N s: ");
    for (pattern, word) in CHANGING {
        let pattern: Vec<char> = pattern.chars().collect();
        let chars: Vec<char> = line.chars().collect();
        let mut at = 0;
        line.clear();
        while at < chars.len() {
            let end = at + pattern.len();
            let here = chars.get(at..end).unwrap_or_default();
            let fits = |(c, p): (&char, &char)| c == p || (*p == '#' && c.is_ascii_digit());
            if here.len() == pattern.len() && here.iter().zip(&pattern).all(fits) {
                line.push_str(word);
                at = end;
            } else {
                line.push(chars[at]);
                at += 1;
            }
        }
    }
    line
}
