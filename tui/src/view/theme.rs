//! Colours and glyphs, in one table each. Rules: only the sixteen colours of the palette, always on the default
//! background; dim is the attribute, never bright black, which is invisible in some palettes; nothing is said by
//! colour alone, so that `NO_COLOR` loses nothing.

use ratatui::style::{Color, Modifier, Style};

use crate::app::model::{Glyphs, Look, Theme as Name};

/// What a call is that others can hear: said wherever the call is shown, from its first moment on.
pub(super) const NOT_ENCRYPTED: &str = " NOT ENCRYPTED ";

/// How things look on this terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    colour: bool,
    pub(super) glyphs: &'static Symbols,
    paints: &'static Paints,
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
    /// Somebody whose key was compared.
    pub(super) verified: &'static str,
    /// A key that was compared, in its column.
    pub(super) key_verified: &'static str,
    /// A meter's cell, from empty to full in equal steps.
    pub(super) blocks: &'static [&'static str],
    /// Where a meter is not.
    pub(super) track: &'static str,
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
    verified: "✓",
    key_verified: "  ✓",
    blocks: &[" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
    track: "·",
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
    verified: "ok",
    key_verified: "  ok",
    blocks: &[" ", "#"],
    track: ".",
};

/// A colour of the palette, if any, and what the letters are besides.
type Paint = (Option<Color>, Modifier);

/// A theme: how each thing is told from the others.
#[derive(Debug)]
struct Paints {
    strong: Paint,
    /// What matters less: times, rules, hints.
    dim: Paint,
    /// The row that keys act on.
    cursor: Paint,
    good: Paint,
    warn: Paint,
    bad: Paint,
    /// What must not be overlooked.
    alarm: Paint,
    /// Names and keys to press.
    accent: Paint,
}

const BOLD: Modifier = Modifier::BOLD;
const NONE: Modifier = Modifier::empty();
const REVERSED_BOLD: Modifier = Modifier::BOLD.union(Modifier::REVERSED);
const UNDERLINED_BOLD: Modifier = Modifier::BOLD.union(Modifier::UNDERLINED);

const DEFAULT: Paints = Paints {
    strong: (None, BOLD),
    dim: (None, Modifier::DIM),
    cursor: (None, Modifier::REVERSED),
    good: (Some(Color::Green), NONE),
    warn: (Some(Color::Yellow), NONE),
    bad: (Some(Color::Red), BOLD),
    alarm: (Some(Color::Red), REVERSED_BOLD),
    accent: (Some(Color::Cyan), NONE),
};

/// Yellow and cyan are pale on white: here they are none of the things that must be read.
const CONTRAST: Paints = Paints {
    strong: (None, BOLD),
    dim: (None, NONE),
    cursor: (None, REVERSED_BOLD),
    good: (None, BOLD),
    warn: (None, UNDERLINED_BOLD),
    bad: (Some(Color::Red), UNDERLINED_BOLD),
    alarm: (Some(Color::Red), REVERSED_BOLD),
    accent: (None, BOLD),
};

const MONO: Paints = Paints {
    strong: (None, BOLD),
    dim: (None, Modifier::DIM),
    cursor: (None, Modifier::REVERSED),
    good: (None, NONE),
    warn: (None, Modifier::UNDERLINED),
    bad: (None, BOLD),
    alarm: (None, REVERSED_BOLD),
    accent: (None, BOLD),
};

impl Theme {
    pub(super) fn new(look: Look) -> Self {
        let glyphs = match look.glyphs {
            Glyphs::Unicode => &UNICODE,
            Glyphs::Ascii => &ASCII,
        };
        let paints = match look.theme {
            Name::Default => &DEFAULT,
            Name::Contrast => &CONTRAST,
            Name::Mono => &MONO,
        };
        Self { colour: look.colour, glyphs, paints }
    }

    /// Whether there are colours.
    pub(super) fn colour(self) -> bool {
        self.colour && !core::ptr::eq(self.paints, &MONO)
    }

    /// Whether there are glyphs of half a cell.
    pub(super) fn half_blocks(self) -> bool {
        self.glyphs.blocks.len() > 2
    }

    pub(super) fn plain(self) -> Style {
        Style::new()
    }

    pub(super) fn strong(self) -> Style {
        self.style(self.paints.strong)
    }

    pub(super) fn dim(self) -> Style {
        self.style(self.paints.dim)
    }

    pub(super) fn cursor(self) -> Style {
        self.style(self.paints.cursor)
    }

    /// Letters that were looked for.
    pub(super) fn found(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
    }

    pub(super) fn good(self) -> Style {
        self.style(self.paints.good)
    }

    pub(super) fn warn(self) -> Style {
        self.style(self.paints.warn)
    }

    pub(super) fn bad(self) -> Style {
        self.style(self.paints.bad)
    }

    pub(super) fn alarm(self) -> Style {
        self.style(self.paints.alarm)
    }

    pub(super) fn accent(self) -> Style {
        self.style(self.paints.accent)
    }

    fn style(self, (colour, modifier): Paint) -> Style {
        let style = Style::new().add_modifier(modifier);
        match colour.filter(|_| self.colour) {
            Some(colour) => style.fg(colour),
            None => style,
        }
    }
}
