//! The terminal: made ready, drawn on, and given back as it was, whatever ends the process. Knows what is drawn only as a model.

use std::io::{self, IsTerminal, Stdout, Write};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange, Event,
    poll, read,
};
use ratatui::crossterm::execute;
use ratatui::crossterm::style::Colored;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode, size,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll as poll_fds};
use rustix::process::{Signal, getpid, kill_process};
use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::draw::draw;
use super::failed;
use super::keys::key;
use super::model::{Input, Model};
use crate::client::error::{Error, Kind};

/// Both ends are a person's.
pub fn check() -> Result<(), Error> {
    match io::stdin().is_terminal() && io::stdout().is_terminal() {
        true => Ok(()),
        false => Err(Error::new(
            Kind::Usage,
            "without a command, privmsg needs a terminal",
            "in a script: privmsg send, listen, history, who; privmsg --help has them",
        )),
    }
}

pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    told_to_end: Arc<AtomicBool>,
    signals: Vec<SigId>,
}

impl Screen {
    pub fn enter() -> Result<Screen, Error> {
        let told_to_end = Arc::new(AtomicBool::new(false));
        let register = |signal| signal_hook::flag::register(signal, told_to_end.clone());
        // Not SIGHUP: the terminal is gone then, and the reader of keys would read its end for ever.
        let signals = [SIGTERM, SIGINT].into_iter().map(register);
        let signals = signals
            .collect::<io::Result<Vec<SigId>>>()
            .map_err(failed)?;
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout())).map_err(failed)?;
        give_back_after_panic();
        take().map_err(failed)?;
        Ok(Screen {
            terminal,
            told_to_end,
            signals,
        })
    }

    pub fn size(&self) -> Result<(u16, u16), Error> {
        size().map_err(failed)
    }

    /// The next thing that somebody did. What means nothing here is [`Input::Tick`].
    /// A terminal that is gone, where SIGHUP is ignored, is an error.
    pub fn input(&self) -> Result<Option<Input>, Error> {
        if is_gone() {
            return Err(failed(io::ErrorKind::UnexpectedEof.into()));
        }
        if !poll(AT_ONCE).map_err(failed)? {
            return Ok(None);
        }
        Ok(Some(match read().map_err(failed)? {
            Event::Key(event) => key(event).map_or(Input::Tick, Input::Key),
            // A terminal sends line ends as its Enter key does.
            Event::Paste(text) => Input::Paste(text.replace("\r\n", "\n").replace('\r', "\n")),
            Event::Resize(columns, rows) => Input::Resize(columns, rows),
            Event::FocusGained => Input::Focus(true),
            Event::FocusLost => Input::Focus(false),
            Event::Mouse(_) => Input::Tick,
        }))
    }

    pub fn draw(&mut self, model: &Model) -> Result<(), Error> {
        // No code for a colour is sent then, not even one that takes it back.
        Colored::set_ansi_color_disabled(!model.colors);
        self.terminal
            .draw(|frame| draw(model, frame))
            .map_err(failed)?;
        Ok(())
    }

    /// What is on the screen is not known any more.
    pub fn forget(&mut self) {
        // Not with `Terminal::clear`: that asks the terminal where its cursor is, and without an answer does nothing.
        let _ = execute!(io::stdout(), Clear(ClearType::All));
        self.terminal.swap_buffers();
    }

    pub fn ring(&mut self) {
        let mut stdout = io::stdout();
        let _ = stdout.write_all(b"\x07").and_then(|()| stdout.flush());
    }

    /// Stops the process until the shell lets it go on.
    pub fn suspend(&mut self) {
        give_back();
        let _ = kill_process(getpid(), Signal::TSTP);
        let _ = take();
        self.forget();
    }

    /// By a signal.
    pub fn is_told_to_end(&self) -> bool {
        self.told_to_end.load(Ordering::Relaxed)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
        for signal in self.signals.drain(..) {
            signal_hook::low_level::unregister(signal);
        }
    }
}

/// The least that makes the reader look at all.
const AT_ONCE: Duration = Duration::from_millis(1);

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(
        io::stdout(),
        EnterAlternateScreen,
        // Where there is no other screen, what the shell wrote is still there.
        Clear(ClearType::All),
        EnableBracketedPaste,
        EnableFocusChange
    )
}

fn is_gone() -> bool {
    let stdin = io::stdin();
    let mut polled = [PollFd::new(&stdin, PollFlags::IN)];
    let at_once = Timespec::default();
    poll_fds(&mut polled, Some(&at_once)).is_ok() && polled[0].revents().contains(PollFlags::HUP)
}

/// Twice is as good as once.
fn give_back() {
    use ratatui::crossterm::cursor::Show;
    let mut stdout = io::stdout();
    let _ = execute!(
        stdout,
        DisableFocusChange,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Show
    );
    let _ = disable_raw_mode();
}

/// So that what the panic says can be read.
fn give_back_after_panic() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        give_back();
        before(panicked);
    }));
}
