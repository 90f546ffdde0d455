//! Colours and marks, and what stands for them where there are no colours.

use ratatui::style::{Color, Modifier, Style};

use super::conversation::Mark;

#[derive(Clone, Copy, Debug)]
pub struct Theme {
    pub colors: bool,
}

impl Theme {
    /// `NO_COLOR`: no code for a colour is ever sent. Bold, dim and reversed are none.
    fn color(self, color: Color) -> Style {
        match self.colors {
            true => Style::new().fg(color),
            false => Style::new(),
        }
    }

    pub fn mine(self) -> Style {
        self.color(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub fn theirs(self) -> Style {
        self.color(Color::Green).add_modifier(Modifier::BOLD)
    }

    pub fn dim(self) -> Style {
        match self.colors {
            true => Style::new().fg(Color::DarkGray),
            false => Style::new().add_modifier(Modifier::DIM),
        }
    }

    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub fn online(self) -> Style {
        self.color(Color::Green)
    }

    pub fn away(self) -> Style {
        self.color(Color::Yellow)
    }

    pub fn fresh(self) -> Style {
        self.color(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    pub fn bad(self) -> Style {
        self.color(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub fn mark(self, mark: Mark) -> (&'static str, Style) {
        match mark {
            Mark::None => ("", Style::new()),
            Mark::Waiting => ("…", self.dim()),
            Mark::Accepted => ("✓", self.dim()),
            Mark::Delivered => ("✓✓", self.dim()),
            Mark::Read if self.colors => ("✓✓", self.color(Color::LightBlue)),
            Mark::Read => ("read", Style::new()),
            Mark::Failed => ("✗", self.bad()),
        }
    }
}
