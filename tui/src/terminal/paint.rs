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
    /// other half, so everything up to its old end is written again (`stale`).
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
            let same = x == old_end && x >= stale && alike;
            while old_end < ends {
                old_end += columns(&self.shown[(old_end, y)], width - old_end);
            }
            if !same {
                stale = old_end;
                self.go(at);
                self.links.open(next.index_of(x, y), &mut self.frame);
                self.cell(at, new, width);
            }
            x = ends;
        }
    }

    fn cell(&mut self, at: Position, cell: &Cell, width: u16) {
        self.dip(Ink { fg: cell.fg, bg: cell.bg, modifier: cell.modifier });
        let symbol = match printable(cell) {
            symbol if columns(cell, width) <= width - at.x => symbol,
            _ => " ",
        };
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
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    const AREA: Rect = Rect { x: 0, y: 0, width: 20, height: 5 };

    struct Screen {
        painter: Painter,
        vt: vt100::Parser,
        next: Buffer,
    }

    impl Screen {
        fn new() -> Self {
            let side = |cells| core::num::NonZero::new(cells).unwrap();
            let vt = vt100::Parser::new(side(AREA.height), side(AREA.width), 0);
            Self { painter: Painter::new(), vt, next: Buffer::empty(AREA) }
        }

        fn paint(&mut self, cursor: Option<(u16, u16)>) -> Vec<u8> {
            let mut out = Vec::new();
            self.painter.paint(&self.next, cursor.map(Position::from), &mut out);
            self.vt.process(&out);
            out
        }
    }

    #[test]
    fn an_unchanged_frame_is_no_bytes() {
        let mut screen = Screen::new();
        screen.next.set_string(1, 1, "hello", Style::new().fg(Color::Green));
        assert!(!screen.paint(Some((3, 3))).is_empty());
        assert_eq!(screen.paint(Some((3, 3))), b"");
    }

    #[test]
    fn a_typed_letter_is_that_letter() {
        let mut screen = Screen::new();
        screen.paint(Some((3, 4)));
        screen.next.set_string(3, 4, "a", Style::new());
        assert_eq!(screen.paint(Some((4, 4))), b"a");
        screen.next.set_string(3, 4, " ", Style::new());
        assert!(screen.paint(Some((3, 4))).len() <= 4);
    }

    #[test]
    fn a_control_in_a_cell_stays_there() {
        let mut screen = Screen::new();
        screen.paint(None);
        screen.next[(2, 2)].set_symbol("\x1b[31m");
        screen.next[(4, 2)].set_symbol("\u{9b}31m");
        let out = String::from_utf8(screen.paint(None)).unwrap();
        assert_eq!(out.matches('\u{fffd}').count(), 2);
        assert!(!out.contains("[31m") && !out.contains('\u{9b}'));
    }

    #[test]
    fn half_a_wide_character_leaves_nothing() {
        let mut screen = Screen::new();
        screen.next.set_string(9, 4, "李", Style::new());
        screen.paint(None);
        screen.next.set_string(8, 4, "李", Style::new().reversed());
        screen.paint(None);
        assert_shown(&screen, None);
    }

    fn symbol() -> impl Strategy<Value = &'static str> {
        prop_oneof![Just("a"), Just(" "), Just("é"), Just("李"), Just("█"), Just("Z")]
    }

    fn style() -> impl Strategy<Value = Style> {
        let colours = [Color::Reset, Color::Red, Color::LightCyan, Color::Black, Color::Indexed(99)];
        let modifiers = [Modifier::empty(), Modifier::BOLD, Modifier::REVERSED, Modifier::UNDERLINED];
        (0..5usize, 0..5usize, 0..4usize).prop_map(move |(fg, bg, modifier)| {
            Style::new().fg(colours[fg]).bg(colours[bg]).add_modifier(modifiers[modifier])
        })
    }

    fn same_colour(ours: Color, theirs: vt100::Color) -> bool {
        match theirs {
            vt100::Color::Default => ours == Color::Reset,
            vt100::Color::Idx(1) => ours == Color::Red,
            vt100::Color::Idx(14) => ours == Color::LightCyan,
            vt100::Color::Idx(0) => ours == Color::Black,
            vt100::Color::Idx(99) => ours == Color::Indexed(99),
            vt100::Color::Idx(_) | vt100::Color::Rgb(..) => false,
        }
    }

    fn assert_shown(screen: &Screen, cursor: Option<(u16, u16)>) {
        let vt = screen.vt.screen();
        assert_eq!(vt.hide_cursor(), cursor.is_none());
        if let Some((x, y)) = cursor {
            assert_eq!(vt.cursor_position(), (y, x));
        }
        let mut covered = false;
        for (at, ours) in screen.next.content().iter().enumerate() {
            if core::mem::take(&mut covered) {
                continue;
            }
            let (x, y) = screen.next.pos_of(at);
            covered = ours.symbol().width() == 2;
            let theirs = vt.cell(y, x).unwrap();
            let symbol = if theirs.contents().is_empty() { " " } else { theirs.contents() };
            assert_eq!(symbol, ours.symbol(), "at {x},{y}");
            assert!(same_colour(ours.fg, theirs.fgcolor()), "fg at {x},{y}");
            assert!(same_colour(ours.bg, theirs.bgcolor()), "bg at {x},{y}");
            assert_eq!(theirs.bold(), ours.modifier.contains(Modifier::BOLD));
            assert_eq!(theirs.inverse(), ours.modifier.contains(Modifier::REVERSED));
            assert_eq!(theirs.underline(), ours.modifier.contains(Modifier::UNDERLINED));
        }
    }

    proptest! {
        #[test]
        fn the_terminal_shows_the_picture(frames in proptest::collection::vec((
            proptest::collection::vec((0u16..20, 0u16..5, symbol(), style()), 0..12),
            proptest::option::of((0u16..20, 0u16..5)), any::<bool>()), 1..8)) {
            let mut screen = Screen::new();
            for (cells, cursor, forget) in frames {
                for (x, y, symbol, style) in cells {
                    screen.next.set_string(x, y, symbol, style);
                }
                if forget {
                    screen.painter.forget();
                }
                screen.paint(cursor);
                assert_shown(&screen, cursor);
            }
        }
    }
}
