//! Colours and glyphs, in one table each. Rules: only the sixteen colours of the palette, always on the default
//! background; dim is the attribute, never bright black, which is invisible in some palettes; nothing is said by
//! colour alone, so that `NO_COLOR` loses nothing.

use ratatui::style::{Color, Modifier, Style};

use crate::app::model::{Glyphs, Look};

/// What a call is that others can hear: said wherever the call is shown, from its first moment on.
pub(super) const NOT_ENCRYPTED: &str = " NOT ENCRYPTED ";

/// How things look on this terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    colour: bool,
    pub(super) glyphs: &'static Symbols,
}

/// What things are drawn with.
#[derive(Debug)]
pub(super) struct Symbols {
    pub(super) chosen: &'static str,
    pub(super) marked: &'static str,
    /// Somebody who comes first in the list.
    pub(super) favourite: &'static str,
    pub(super) online: &'static str,
    pub(super) in_call: &'static str,
    pub(super) offline: &'static str,
    pub(super) asked: &'static str,
    pub(super) vertical: &'static str,
    pub(super) horizontal: &'static str,
    /// Top left, top right, bottom left, bottom right.
    pub(super) corners: [&'static str; 4],
    pub(super) waiting: &'static str,
    pub(super) delivered: &'static str,
    pub(super) failed: &'static str,
    pub(super) newline: &'static str,
    pub(super) more: &'static str,
    pub(super) sound: &'static str,
    /// A key that is known, in its column.
    pub(super) key_known: &'static str,
    /// A meter's cell, from empty to full in equal steps.
    pub(super) blocks: &'static [&'static str],
}

const UNICODE: Symbols = Symbols {
    chosen: "▌",
    marked: "+",
    favourite: "★",
    online: "●",
    in_call: "◐",
    offline: "○",
    asked: "◌",
    vertical: "│",
    horizontal: "─",
    corners: ["╭", "╮", "╰", "╯"],
    waiting: "·",
    delivered: "✓",
    failed: "✗",
    newline: "↵",
    more: "…",
    sound: "»",
    key_known: "  ✓",
    blocks: &[" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
};

const ASCII: Symbols = Symbols {
    chosen: ">",
    marked: "+",
    favourite: "^",
    online: "*",
    in_call: "@",
    offline: "-",
    asked: "~",
    vertical: "|",
    horizontal: "-",
    corners: ["+", "+", "+", "+"],
    waiting: ".",
    delivered: "+",
    failed: "x",
    newline: "\\",
    more: "~",
    sound: ">",
    key_known: "  +",
    blocks: &[" ", "#"],
};

impl Theme {
    pub(super) fn new(look: Look) -> Self {
        let glyphs = match look.glyphs {
            Glyphs::Unicode => &UNICODE,
            Glyphs::Ascii => &ASCII,
        };
        Self { colour: look.colour, glyphs }
    }

    pub(super) fn plain(self) -> Style {
        Style::new()
    }

    pub(super) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What matters less: times, rules, hints.
    pub(super) fn dim(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// The row that keys act on.
    pub(super) fn cursor(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(super) fn good(self) -> Style {
        self.coloured(Color::Green, Modifier::empty())
    }

    pub(super) fn warn(self) -> Style {
        self.coloured(Color::Yellow, Modifier::empty())
    }

    pub(super) fn bad(self) -> Style {
        self.coloured(Color::Red, Modifier::BOLD)
    }

    /// What must not be overlooked.
    pub(super) fn alarm(self) -> Style {
        self.coloured(Color::Red, Modifier::BOLD | Modifier::REVERSED)
    }

    /// Names and keys to press.
    pub(super) fn accent(self) -> Style {
        self.coloured(Color::Cyan, Modifier::empty())
    }

    fn coloured(self, colour: Color, modifier: Modifier) -> Style {
        let style = Style::new().add_modifier(modifier);
        if self.colour { style.fg(colour) } else { style }
    }
}
