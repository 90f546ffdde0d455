//! Log records → standard error: one event is one line and one write, and a reader that does not keep up
//! loses lines instead of stopping the loop. Knows nothing of what is logged; message text never is.

use std::io::{self, Write};
use std::panic::{self, PanicHookInfo};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use log::{Level, LevelFilter, Log, Metadata, Record};
use rustix::event::{PollFd, PollFlags, Timespec};
use simplelog::{ConfigBuilder, SharedLogger, WriteLogger};

use crate::config::{LogConfig, LogFormat};
use crate::escape;
use crate::time::Stamp;

/// Makes this the logger of the process and catches panics; call it once, then [`reconfigure`].
pub fn init(config: &LogConfig) {
    let logger = LOGGER.get_or_init(Logger::new);
    reconfigure(config);
    if log::set_logger(logger).is_ok() {
        panic::set_hook(Box::new(log_panic));
    }
}

/// Level and format from now on.
pub fn reconfigure(config: &LogConfig) {
    log::set_max_level(config.level);
    if let Some(logger) = LOGGER.get() {
        let shape = match config.format {
            LogFormat::Json => Shape::Json,
            LogFormat::Text if stderr_is_journal() => Shape::Journal,
            LogFormat::Text => Shape::Text,
        };
        logger.shape.store(shape as u8, Relaxed);
    }
}

/// Lines that standard error did not take, so far.
pub fn lost() -> u64 {
    LOGGER
        .get()
        .map_or(0, |logger| logger.lost_ever.load(Relaxed))
}

/// Milliseconds since 1970, for stamps only.
fn stamp() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Stamp::new(since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)))
}

/// A formatted panic message may quote what a peer sent, a literal one cannot: only that is logged.
fn log_panic(panic: &PanicHookInfo) {
    let what = panic.payload().downcast_ref::<&'static str>();
    let what = what.unwrap_or(&"(its message may quote a peer)");
    match panic.location() {
        Some(at) => log::error!("panic at {}:{}: {what}", at.file(), at.line()),
        None => log::error!("panic: {what}"),
    }
}

/// Picks the form of a line and counts what standard error could not take.
struct Logger {
    shape: AtomicU8,
    lost: AtomicU64,
    lost_ever: AtomicU64,
    /// One for each [`Shape`], in its order.
    forms: [Box<dyn SharedLogger>; 3],
}

impl Logger {
    fn new() -> Self {
        let config = ConfigBuilder::new()
            .set_time_level(LevelFilter::Off)
            .set_thread_level(LevelFilter::Off)
            .set_location_level(LevelFilter::Off)
            .set_target_level(LevelFilter::Debug)
            .build();
        Logger {
            shape: AtomicU8::new(Shape::Text as u8),
            lost: AtomicU64::new(0),
            lost_ever: AtomicU64::new(0),
            forms: [
                WriteLogger::new(LevelFilter::Trace, config, TextLines::default()),
                Box::new(OwnLines { json: false }),
                Box::new(OwnLines { json: true }),
            ],
        }
    }

    fn emit(&self, level: Level, target: &str, message: &str) {
        let shape = self.shape.load(Relaxed);
        let message = match shape == Shape::Json as u8 {
            true => escape::json(message, MAX_MESSAGE_BYTES),
            false => escape::plain(message, MAX_MESSAGE_BYTES),
        };
        self.forms[usize::from(shape)].log(
            &Record::builder()
                .level(level)
                .target(target)
                .args(format_args!("{message}"))
                .build(),
        );
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        // Before any lock is taken: formatting runs code of others, which may panic or log.
        let message = record.args().to_string();
        if stderr_takes_a_line() {
            let lost = self.lost.swap(0, Relaxed);
            if lost > 0 {
                let notice = format!("{lost} log lines lost: standard error was not read");
                self.emit(Level::Warn, module_path!(), &notice);
            }
            if lost == 0 || stderr_takes_a_line() {
                return self.emit(record.level(), record.target(), &message);
            }
        }
        self.lost.fetch_add(1, Relaxed);
        self.lost_ever.fetch_add(1, Relaxed);
    }

    fn flush(&self) {}
}

#[derive(Clone, Copy)]
#[repr(u8)]
enum Shape {
    /// `2026-11-22T10:40:07.412Z [INFO] message`, by simplelog.
    Text,
    /// `<6>message`: the journal reads the priority and knows the time.
    Journal,
    /// `{"time":…,"level":"info","target":…,"message":…}`
    Json,
}

/// The forms that simplelog does not have. Takes records whose message is escaped.
struct OwnLines {
    json: bool,
}

impl OwnLines {
    fn line(&self, record: &Record) -> String {
        if !self.json {
            return format!("<{}>{}\n", priority(record.level()), record.args());
        }
        format!(
            "{{\"time\":\"{}\",\"level\":\"{}\",\"target\":\"{}\",\"message\":\"{}\"}}\n",
            stamp().as_str(),
            record.level().as_str().to_ascii_lowercase(),
            escape::json(record.target(), MAX_TARGET_BYTES),
            record.args(),
        )
    }
}

impl Log for OwnLines {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        write_stderr(self.line(record).as_bytes());
    }

    fn flush(&self) {}
}

impl SharedLogger for OwnLines {
    fn level(&self) -> LevelFilter {
        LevelFilter::Trace
    }

    fn config(&self) -> Option<&simplelog::Config> {
        None
    }

    fn as_log(self: Box<Self>) -> Box<dyn Log> {
        self
    }
}

/// syslog(3)'s numbers.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// simplelog writes a record in many pieces; they leave together at its line end, behind the time.
#[derive(Default)]
struct TextLines(Vec<u8>);

impl Write for TextLines {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            self.0.extend_from_slice(stamp().as_bytes());
            self.0.push(b' ');
        }
        self.0.extend_from_slice(piece);
        if piece.ends_with(b"\n") {
            write_stderr(&self.0);
            self.0.clear();
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One write; what does not fit and every error is given up, since there is nobody left to tell.
fn write_stderr(line: &[u8]) {
    let _ = rustix::io::write(rustix::stdio::stderr(), line);
}

/// A pipe that is ready takes 4,096 bytes (PIPE_BUF) without blocking: more than any line has.
fn stderr_takes_a_line() -> bool {
    let stderr = rustix::stdio::stderr();
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    matches!(rustix::event::poll(&mut fds, Some(&at_once)), Ok(1..))
}

/// `$JOURNAL_STREAM` is `device:inode` of the stream that the service manager connected.
fn stderr_is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    rustix::fs::fstat(rustix::stdio::stderr())
        .is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

const MAX_MESSAGE_BYTES: usize = 3_500;
const MAX_TARGET_BYTES: usize = 200;

static LOGGER: OnceLock<Logger> = OnceLock::new();
