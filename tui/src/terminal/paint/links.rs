//! Links of the picture (OSC 8): a link is opened before its first cell that is written and closed after the last, so
//! that a picture that does not change costs nothing, and a letter typed beside a link costs that letter.
//!
//! It is the last door: a link counts only if the cells show the very address that the terminal would open, and only of
//! printable ASCII, so that no address ends its own string.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use ratatui::buffer::Buffer;
use ratatui::layout::Position;

use crate::limits::LINK_BYTES_MAX;
use crate::view::Link;

/// Which cells are links, on the terminal and in the next picture. A link is known by a number made of its address:
/// the same on every picture, and for all pieces of it.
#[derive(Debug, Default)]
pub(super) struct Links {
    shown: Vec<u64>,
    next: Vec<u64>,
    /// The addresses of the next picture.
    targets: Vec<(u64, String)>,
    /// What the terminal takes written cells for.
    open: u64,
}

/// A cell that is no link.
const NONE: u64 = 0;

impl Links {
    /// The terminal shows none.
    pub(super) fn forget(&mut self) {
        self.shown.clear();
        self.next.clear();
    }

    /// What was painted is shown, and this is painted next.
    pub(super) fn next(&mut self, picture: &Buffer, links: &[Link]) {
        core::mem::swap(&mut self.shown, &mut self.next);
        self.next.clear();
        self.targets.clear();
        for link in links.iter().filter(|link| is_readable(picture, link)) {
            self.next.resize(picture.content.len(), NONE);
            let number = number(&link.target);
            for (at, range) in &link.pieces {
                let begins = picture.index_of(at.x, at.y);
                self.next[begins..begins + range.len()].fill(number);
            }
            self.targets.push((number, link.target.clone()));
        }
    }

    /// Whether a cell is the link it was, or none as before.
    pub(super) fn same(&self, cell: usize) -> bool {
        let at = |cells: &[u64]| cells.get(cell).copied().unwrap_or(NONE);
        at(&self.shown) == at(&self.next)
    }

    /// Says before a cell is written which link it is a part of, if that is not said already.
    pub(super) fn open(&mut self, cell: usize, out: &mut Vec<u8>) {
        let want = self.next.get(cell).copied().unwrap_or(NONE);
        if want == self.open {
            return;
        }
        let target = self.targets.iter().find(|(number, _)| *number == want);
        let Some((number, target)) = target else { return self.close(out) };
        // With a name its pieces are one link to the terminal, wherever they are wrapped.
        out.extend_from_slice(format!("\x1b]8;id={:08x};{target}\x1b\\", *number as u32).as_bytes());
        self.open = want;
    }

    /// What is written after it is no link.
    pub(super) fn close(&mut self, out: &mut Vec<u8>) {
        if self.open != NONE {
            out.extend_from_slice(b"\x1b]8;;\x1b\\");
            self.open = NONE;
        }
    }
}

/// Whether the cells show all of the address, letter by letter, and it is one that cannot end its string.
fn is_readable(picture: &Buffer, link: &Link) -> bool {
    let printable = link.target.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    let mut seen = 0;
    let shown = link.pieces.iter().all(|(at, range)| {
        let follows = range.start == seen;
        seen = range.end;
        follows && link.target.get(range.clone()).is_some_and(|piece| is_shown(picture, *at, piece))
    });
    printable && shown && seen == link.target.len() && link.target.len() <= LINK_BYTES_MAX
}

fn is_shown(picture: &Buffer, at: Position, piece: &str) -> bool {
    let room = usize::from(picture.area.right().saturating_sub(at.x));
    if at.y >= picture.area.bottom() || piece.len() > room {
        return false;
    }
    let begins = picture.index_of(at.x, at.y);
    let cells = picture.content[begins..begins + piece.len()].iter();
    cells.zip(piece.chars()).all(|(cell, c)| cell.symbol().chars().eq([c]))
}

fn number(target: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    target.hash(&mut hasher);
    hasher.finish().max(1)
}

#[cfg(test)]
mod tests {
    use super::super::Painter;
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::{Color, Style};

    const TARGET: &str = "https://a.example/0123";

    /// A picture in which the address is wrapped: 18 letters in one row, four in the next.
    fn picture() -> (Buffer, Link) {
        let mut picture = Buffer::empty(Rect::new(0, 0, 20, 5));
        picture.set_string(2, 1, &TARGET[..18], Style::new());
        picture.set_string(2, 2, &TARGET[18..], Style::new());
        let pieces = vec![(Position::new(2, 1), 0..18), (Position::new(2, 2), 18..22)];
        (picture, Link { target: TARGET.to_owned(), pieces })
    }

    fn painted(painter: &mut Painter, picture: &Buffer, links: &[Link]) -> String {
        let mut out = Vec::new();
        painter.paint_linked(picture, links, None, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn opened(text: &str) -> usize {
        text.matches("\x1b]8;id=").count()
    }

    #[test]
    fn a_wrapped_link_is_opened_once_named_and_closed() {
        let (picture, link) = picture();
        let out = painted(&mut Painter::new(), &picture, &[link]);
        let (before, rest) = out.split_once("\x1b]8;id=").unwrap();
        let (id, rest) = rest.split_once(';').unwrap();
        assert!(id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        assert!(
            before.ends_with('H') && rest.starts_with(&format!("{TARGET}\x1b\\{}", &TARGET[..18])),
            "{out:?}"
        );
        assert_eq!(opened(&out), 1, "both pieces are written in one");
        assert_eq!(out.matches("\x1b]8;;\x1b\\").count(), 1);
        assert!(rest.find(&TARGET[18..]) < rest.find("\x1b]8;;"), "{out:?}");
    }

    #[test]
    fn an_unchanged_link_costs_nothing_and_neither_does_what_is_beside_it() {
        let (mut picture, link) = picture();
        let mut painter = Painter::new();
        painted(&mut painter, &picture, core::slice::from_ref(&link));
        assert_eq!(painted(&mut painter, &picture, core::slice::from_ref(&link)), "");
        picture.set_string(5, 4, "x", Style::new());
        let out = painted(&mut painter, &picture, core::slice::from_ref(&link));
        assert!(opened(&out) == 0 && out.ends_with('x') && out.len() < 10, "{out:?}");
        // One letter of it in another colour: that letter, as a part of the same link.
        picture[(2, 1)].set_fg(Color::Red);
        let out = painted(&mut painter, &picture, &[link]);
        assert!(opened(&out) == 1 && out.len() < 80, "{out:?}");
    }

    #[test]
    fn a_link_that_goes_is_written_again_without_it_and_one_that_comes_with_it() {
        let (picture, link) = picture();
        let mut painter = Painter::new();
        painted(&mut painter, &picture, core::slice::from_ref(&link));
        let gone = painted(&mut painter, &picture, &[]);
        assert!(gone.contains(&TARGET[..18]) && opened(&gone) == 0, "{gone:?}");
        assert_eq!(painted(&mut painter, &picture, &[]), "");
        assert_eq!(opened(&painted(&mut painter, &picture, core::slice::from_ref(&link))), 1);
        painter.forget();
        assert_eq!(opened(&painted(&mut painter, &picture, &[link])), 1, "on a screen that knows nothing");
    }

    /// What is seen and what is opened are the same, or there is no link.
    #[test]
    fn what_does_not_say_where_it_leads_is_no_link() {
        let (shown, link) = picture();
        let none = |picture: &Buffer, link: Link| {
            assert_eq!(
                opened(&painted(&mut Painter::new(), picture, core::slice::from_ref(&link))),
                0,
                "{link:?}"
            );
        };
        let mut covered = shown.clone();
        covered[(4, 2)].set_symbol("│");
        none(&covered, link.clone());
        none(&shown, Link { target: "https://b.example/0123".into(), ..link.clone() });
        none(&shown, Link { target: format!("{TARGET}4"), ..link.clone() });
        none(&shown, Link { pieces: link.pieces[..1].to_vec(), ..link.clone() });
        none(&shown, Link { pieces: link.pieces[1..].to_vec(), ..link.clone() });
        none(&shown, Link { pieces: vec![(Position::new(2, 1), 0..22)], ..link.clone() });
        none(&shown, Link { pieces: vec![(Position::new(2, 9), 0..22)], ..link });
        for hostile in ["a\x1b\\b", "a\x07b", "a b", "a\u{9c}b", "a\u{e9}b", "a\x7fb"] {
            let mut picture = Buffer::empty(Rect::new(0, 0, 20, 2));
            for (x, c) in (0..).zip(hostile.chars()) {
                picture[(x, 0)].set_symbol(c.encode_utf8(&mut [0; 4]));
            }
            let pieces = vec![(Position::ORIGIN, 0..hostile.len())];
            none(&picture, Link { target: hostile.to_owned(), pieces });
        }
    }
}
