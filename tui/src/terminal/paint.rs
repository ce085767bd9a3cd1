//! From two pictures of the screen to the fewest bytes between them.
//!
//! Ours instead of ratatui's `Terminal` and its crossterm backend, because those write 33 bytes for a frame in
//! which nothing changed and about 70 for a typed letter; over a phone's SSH that is what makes a screen slow.
//! This one knows where the terminal's cursor stands and which attributes are set, and writes only differences:
//! nothing for an unchanged frame, the letter alone for a typed letter. Pure: cells in, bytes out.
//!
//! It is also the last door: a cell that holds a control character is written as U+FFFD, whatever room let it in.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Position;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr as _;

use crate::view::Link;

mod links;

use links::Links;

/// Begin and end of a synchronized update (DEC private mode 2026): the terminal shows the frame at once.
const SYNC_BEGIN: &[u8] = b"\x1b[?2026h";
const SYNC_END: &[u8] = b"\x1b[?2026l";

/// Frames up to this many bytes go without a synchronized update: they arrive in one piece anyway, and the sixteen
/// bytes around them would be most of the cost of a typed letter.
const SYNC_ABOVE_BYTES: usize = 32;

/// Remembers what the terminal shows.
#[derive(Debug, Default)]
pub struct Painter {
    shown: Buffer,
    /// False when nothing is known: after start, resume, resize and redraw.
    known: bool,
    /// Where the terminal's cursor stands, when that is certain.
    pen: Option<Position>,
    /// The attributes that are set, when that is certain.
    ink: Option<Ink>,
    visible: bool,
    /// The links that are shown, and those of the next picture.
    links: Links,
    frame: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ink {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

const PLAIN: Ink = Ink { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() };

impl Painter {
    /// Knows nothing yet: the first frame clears and paints everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// The terminal may show anything: the next frame clears and paints everything.
    pub fn forget(&mut self) {
        self.known = false;
    }

    /// The terminal's cursor may stand anywhere: the next move is an absolute one.
    pub fn lose_cursor(&mut self) {
        self.pen = None;
    }

    /// Appends to `out` what makes the terminal show `next`, with its cursor at `cursor` or hidden.
    pub fn paint(&mut self, next: &Buffer, cursor: Option<Position>, out: &mut Vec<u8>) {
        self.paint_linked(next, &[], cursor, out);
    }

    /// The same with links, of which those count that are there to be read in `next`.
    pub fn paint_linked(
        &mut self,
        next: &Buffer,
        links: &[Link],
        cursor: Option<Position>,
        out: &mut Vec<u8>,
    ) {
        self.frame.clear();
        if !self.known || self.shown.area != next.area {
            self.clear(next);
        }
        self.links.next(next, links);
        for y in 0..next.area.height {
            self.row(next, y);
        }
        self.links.close(&mut self.frame);
        self.shown.clone_from(next);
        self.place(cursor);
        let sync = self.frame.len() > SYNC_ABOVE_BYTES;
        if sync {
            out.extend_from_slice(SYNC_BEGIN);
        }
        out.append(&mut self.frame);
        if sync {
            out.extend_from_slice(SYNC_END);
        }
    }

    fn clear(&mut self, next: &Buffer) {
        self.shown = Buffer::empty(next.area);
        self.links.forget();
        self.known = true;
        // The order matters: some terminals clear with the current background.
        self.frame.extend_from_slice(b"\x1b[?25l\x1b[m\x1b[H\x1b[2J");
        self.visible = false;
        self.ink = Some(PLAIN);
        self.pen = Some(Position::ORIGIN);
    }

    /// Writes what changed in one row, from left to right. A wide character that is written over in part loses its
    /// other half, so everything up to its old end is written again (`stale`), and what a terminal that takes it for
    /// wider covered with it.
    fn row(&mut self, next: &Buffer, y: u16) {
        let width = next.area.width;
        // Where the next new character begins, up to where the old picture is damaged, and where the last old
        // character that was looked at ends: never left of `x`.
        let (mut x, mut stale, mut old_end) = (0, 0, 0);
        while x < width {
            let at = Position { x, y };
            let new = &next[at];
            let ends = x + columns(new, width - x);
            let alike = look(&self.shown[at]) == look(new) && self.links.same(next.index_of(x, y));
            let same = x == old_end && x >= stale && alike && !self.is_ridden(next, Position { x: ends, y });
            let mut covered = ends.max(x + widest(new));
            while old_end < ends {
                covered = covered.max(old_end + widest(&self.shown[(old_end, y)]));
                old_end += columns(&self.shown[(old_end, y)], width - old_end);
            }
            if !same {
                stale = stale.max(old_end).max(covered);
                self.go(at);
                self.links.open(next.index_of(x, y), &mut self.frame);
                self.cell(at, new, width);
            }
            x = ends;
        }
    }

    /// Whether what stands at `at` changes, and begins, before or after, with a mark that has no column: terminals keep
    /// that with the character before, which is written again for it.
    fn is_ridden(&self, next: &Buffer, at: Position) -> bool {
        if at.x >= next.area.width {
            return false;
        }
        let (old, new) = (&self.shown[at], &next[at]);
        printable(old) != printable(new) && (begins_bare(old) || begins_bare(new))
    }

    fn cell(&mut self, at: Position, cell: &Cell, width: u16) {
        self.dip(Ink { fg: cell.fg, bg: cell.bg, modifier: cell.modifier });
        let symbol = match printable(cell) {
            symbol if columns(cell, width) <= width - at.x => symbol,
            _ => " ",
        };
        if widest(cell) > 1 && symbol.chars().nth(1).is_some() {
            // A terminal that takes it for narrower would leave what was there in its last column.
            self.frame.extend_from_slice(b"  \x08\x08");
        }
        self.frame.extend_from_slice(symbol.as_bytes());
        let after = at.x + columns(cell, width - at.x);
        // Terminals disagree on the width of joined and modified characters, and on where the cursor is once the
        // last column is written: there the next cell gets an absolute move, so that damage stays in one place.
        let certain = symbol.chars().nth(1).is_none() && after < width;
        self.pen = certain.then_some(Position { x: after, y: at.y });
    }

    fn go(&mut self, to: Position) {
        let Some(from) = self.pen.replace(to) else { return self.jump(to) };
        if from == to {
            return;
        }
        if from.y == to.y && to.x > from.x {
            return self.csi(to.x - from.x, b'C');
        }
        if from.y == to.y && from.x - to.x <= 3 {
            return self.frame.extend((to.x..from.x).map(|_| 0x08));
        }
        if to.x == 0 && from.y == to.y {
            return self.frame.push(b'\r');
        }
        if to.x == 0 && from.y + 1 == to.y {
            return self.frame.extend_from_slice(b"\r\n");
        }
        self.jump(to);
    }

    fn jump(&mut self, to: Position) {
        let move_to = match (to.x, to.y) {
            (0, 0) => "\x1b[H".to_owned(),
            (0, y) => format!("\x1b[{}H", y + 1),
            (x, y) => format!("\x1b[{};{}H", y + 1, x + 1),
        };
        self.frame.extend_from_slice(move_to.as_bytes());
    }

    fn csi(&mut self, count: u16, last: u8) {
        self.frame.extend_from_slice(b"\x1b[");
        if count != 1 {
            self.frame.extend_from_slice(count.to_string().as_bytes());
        }
        self.frame.push(last);
    }

    /// Sets the attributes of what is written next (SGR, ECMA-48 section 8.3.117).
    fn dip(&mut self, want: Ink) {
        let have = self.ink.replace(want);
        if have == Some(want) {
            return;
        }
        if want == PLAIN {
            return self.frame.extend_from_slice(b"\x1b[m");
        }
        let mut codes = Vec::new();
        let have = match have {
            Some(have) if want.modifier.contains(have.modifier) => have,
            Some(_) | None => {
                codes.push("0".to_owned());
                PLAIN
            }
        };
        for (bit, code) in MODIFIERS {
            if want.modifier.contains(*bit) && !have.modifier.contains(*bit) {
                codes.push((*code).to_owned());
            }
        }
        if want.fg != have.fg {
            codes.push(colour(want.fg, 30));
        }
        if want.bg != have.bg {
            codes.push(colour(want.bg, 40));
        }
        self.frame.extend_from_slice(format!("\x1b[{}m", codes.join(";")).as_bytes());
    }

    fn place(&mut self, cursor: Option<Position>) {
        match cursor {
            Some(at) => {
                self.go(at);
                if !self.visible {
                    self.frame.extend_from_slice(b"\x1b[?25h");
                }
            }
            None if self.visible => self.frame.extend_from_slice(b"\x1b[?25l"),
            None => {}
        }
        self.visible = cursor.is_some();
    }
}

const MODIFIERS: &[(Modifier, &str)] = &[
    (Modifier::BOLD, "1"),
    (Modifier::DIM, "2"),
    (Modifier::ITALIC, "3"),
    (Modifier::UNDERLINED, "4"),
    (Modifier::REVERSED, "7"),
    (Modifier::HIDDEN, "8"),
    (Modifier::CROSSED_OUT, "9"),
];

/// What a cell puts on the screen.
fn printable(cell: &Cell) -> &str {
    match cell.symbol() {
        "" => " ",
        symbol if symbol.chars().any(char::is_control) => "\u{fffd}",
        symbol => symbol,
    }
}

/// How many columns a cell's symbol covers, of the `room` there is.
fn columns(cell: &Cell, room: u16) -> u16 {
    let symbol = printable(cell);
    let width = if symbol.len() == 1 { 1 } else { symbol.width().max(1) };
    u16::try_from(width).unwrap_or(room).min(room)
}

/// How many columns it covers in a terminal that joins nothing.
fn widest(cell: &Cell) -> u16 {
    let symbol = printable(cell);
    if symbol.len() == 1 {
        return 1;
    }
    let alone = |c: char| symbol_width(c.encode_utf8(&mut [0; 4]));
    symbol.chars().map(alone).sum::<u16>().max(symbol_width(symbol))
}

fn symbol_width(symbol: &str) -> u16 {
    u16::try_from(symbol.width()).unwrap_or(u16::MAX)
}

/// Whether its first character has no column of its own.
fn begins_bare(cell: &Cell) -> bool {
    let first = printable(cell).chars().next();
    first.is_some_and(|c| symbol_width(c.encode_utf8(&mut [0; 4])) == 0)
}

fn look(cell: &Cell) -> (&str, Ink) {
    (printable(cell), Ink { fg: cell.fg, bg: cell.bg, modifier: cell.modifier })
}

/// The SGR parameter of a colour; `base` is 30 for the foreground and 40 for the background.
fn colour(colour: Color, base: u8) -> String {
    let plain = |n: u8| (base + n).to_string();
    let bright = |n: u8| (base + 60 + n).to_string();
    match colour {
        Color::Reset => plain(9),
        Color::Black => plain(0),
        Color::Red => plain(1),
        Color::Green => plain(2),
        Color::Yellow => plain(3),
        Color::Blue => plain(4),
        Color::Magenta => plain(5),
        Color::Cyan => plain(6),
        Color::Gray => plain(7),
        Color::DarkGray => bright(0),
        Color::LightRed => bright(1),
        Color::LightGreen => bright(2),
        Color::LightYellow => bright(3),
        Color::LightBlue => bright(4),
        Color::LightMagenta => bright(5),
        Color::LightCyan => bright(6),
        Color::White => bright(7),
        Color::Indexed(n) => format!("{};5;{n}", base + 8),
        Color::Rgb(r, g, b) => format!("{};2;{r};{g};{b}", base + 8),
    }
}

#[cfg(test)]
mod tests;
