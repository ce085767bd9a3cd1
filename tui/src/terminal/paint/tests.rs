//! What is painted is what a terminal shows, in few bytes, also in terminals that measure text otherwise.

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

/// What terminals that know less do with it: each character by itself, what has no column with the one before.
struct Simple {
    cells: Vec<String>,
    x: usize,
}

impl Simple {
    /// The row of one line that is written; only what the painter writes in one row is understood.
    fn process(&mut self, bytes: &[u8]) {
        let mut rest = core::str::from_utf8(bytes).unwrap();
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '\u{1b}' => {
                    let end = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                    let (number, last) = (rest[1..end].to_owned(), &rest[end..=end]);
                    rest = &rest[end + 1..];
                    match last {
                        "H" => {
                            let column = number.split_once(';').map_or("1", |(_, column)| column);
                            self.x = column.parse::<usize>().unwrap() - 1;
                        }
                        "C" => self.x += number.parse::<usize>().unwrap_or(1),
                        "J" => self.cells.iter_mut().for_each(|cell| " ".clone_into(cell)),
                        _ => {}
                    }
                }
                '\r' => self.x = 0,
                '\u{8}' => self.x -= 1,
                c if symbol_width(&c.to_string()) == 0 => self.cells[self.x - 1].push(c),
                c => {
                    self.cells[self.x] = c.to_string();
                    if symbol_width(&c.to_string()) == 2 {
                        self.cells[self.x + 1] = String::new();
                    }
                    self.x += usize::from(symbol_width(&c.to_string()));
                }
            }
        }
    }

    fn row(&self) -> String {
        self.cells.concat().trim_end().to_owned()
    }
}

/// A heart that is narrow where its second character counts for nothing, a family that is as wide as its people, and
/// the isolate around what runs from right to left: seen in tmux 3.3, xterm 379 and kitty 0.26.
#[test]
fn what_terminals_measure_otherwise_leaves_nothing_behind() {
    let heart = "<\u{2764}\u{fe0f}> 2";
    let family = "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467} abcdef";
    let isolate = |buffer: &mut Buffer| {
        buffer.set_string(0, 0, " x", Style::new());
        buffer[(1, 0)].set_symbol("\u{2068}x\u{2069}");
    };
    let rows: [(&str, &str); 4] =
        [("heard 2", heart), (heart, "> x"), (family, "   abcdef"), ("-- abcdef", family)];
    for (before, after) in rows {
        let (mut terminal, mut fresh) = (simple(), simple());
        let area = Rect { height: 1, ..AREA };
        let mut painter = Painter::new();
        let show = |painter: &mut Painter, terminal: &mut Simple, words: &str| {
            let mut buffer = Buffer::empty(area);
            buffer.set_string(0, 0, words, Style::new());
            let mut out = Vec::new();
            painter.paint(&buffer, None, &mut out);
            terminal.process(&out);
        };
        show(&mut painter, &mut terminal, before);
        show(&mut painter, &mut terminal, after);
        show(&mut Painter::new(), &mut fresh, after);
        assert_eq!(terminal.row(), fresh.row(), "{before:?} and then {after:?}");
    }
    let mut terminal = simple();
    let (mut painter, mut buffer) = (Painter::new(), Buffer::empty(Rect { height: 1, ..AREA }));
    for with in [false, true, false] {
        buffer.reset();
        if with {
            isolate(&mut buffer)
        } else {
            buffer.set_string(0, 0, " y", Style::new());
        };
        let mut out = Vec::new();
        painter.paint(&buffer, None, &mut out);
        terminal.process(&out);
        assert_eq!(terminal.row(), if with { " \u{2068}x\u{2069}" } else { " y" });
    }
}

fn simple() -> Simple {
    Simple { cells: vec![" ".to_owned(); usize::from(AREA.width)], x: 0 }
}

fn symbol() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a"), Just(" "), Just("é"), Just("李"), Just("█"), Just("Z"), Just("e\u{301}")]
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
