//! Where on the screen a link stands, for terminals that let one open it (OSC 8). A link is a link only whole: all of
//! its address is on the screen, in one piece a row, and a terminal is told so only of cells that still show it.

use core::ops::Range;

use ratatui::layout::Position;

/// A link on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it leads: printable ASCII, and the same as is seen.
    pub target: String,
    /// Its pieces, one a row: where each begins, and what of the target stands there.
    pub pieces: Vec<(Position, Range<usize>)>,
}

/// A link while its rows are being laid out, by row and column.
#[derive(Debug)]
pub(super) struct Laid {
    target: String,
    pieces: Vec<(usize, u16, Range<usize>)>,
}

/// Finds the links of a text in the rows that were made of it. Rows hold every letter of the text in its order, and
/// only blanks are lost between them.
pub(super) fn lay(text: &str, ranges: &[Range<usize>], rows: &[String]) -> Vec<Laid> {
    let mut laid: Vec<Laid> = ranges
        .iter()
        .map(|range| Laid { target: text[range.clone()].to_owned(), pieces: Vec::new() })
        .collect();
    let mut at = 0;
    for (y, row) in rows.iter().enumerate() {
        for (column, c) in row.char_indices() {
            let Some(gap) = text[at..].find(c) else { return Vec::new() };
            at += gap;
            if let Some(which) = ranges.iter().position(|range| range.contains(&at)) {
                let within = at - ranges[which].start;
                let x = super::text::columns(&row[..column]);
                match laid[which].pieces.last_mut() {
                    Some((row, _, piece)) if *row == y => piece.end = within + 1,
                    Some(_) | None => laid[which].pieces.push((y, x, within..within + 1)),
                }
            }
            at += c.len_utf8();
        }
    }
    laid
}

impl Laid {
    /// The link with its first row at `row` of the screen and its column `x`; none where a row of it is not in `seen`.
    pub(super) fn place(self, x: u16, row: impl Fn(usize) -> Option<u16>) -> Option<Link> {
        let piece = |(y, column, range)| Some((Position { x: x + column, y: row(y)? }, range));
        let pieces: Option<Vec<(Position, Range<usize>)>> = self.pieces.into_iter().map(piece).collect();
        pieces.filter(|pieces| !pieces.is_empty()).map(|pieces| Link { target: self.target, pieces })
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::wrap;
    use super::*;
    use crate::app::links::find;
    use proptest::prelude::*;

    fn laid(text: &str, room: u16) -> Vec<Laid> {
        lay(text, &find(text), &wrap(text, room))
    }

    #[test]
    fn a_link_that_is_wrapped_has_a_piece_in_each_row() {
        let text = "日本 http://a.example/0123456789 ok\nhttps://b.example";
        let rows = wrap(text, 12);
        let laid = laid(text, 12);
        let seen = |link: &Laid| {
            let piece = |(y, x, range): &(usize, u16, Range<usize>)| {
                // Columns before it are those of the letters before it.
                let shown = rows[*y].find(&link.target[range.clone()]).unwrap();
                assert_eq!(*x, super::super::text::columns(&rows[*y][..shown]), "{link:?}");
                link.target[range.clone()].to_owned()
            };
            link.pieces.iter().map(piece).collect::<String>()
        };
        assert_eq!(
            laid.iter().map(seen).collect::<Vec<_>>(),
            ["http://a.example/0123456789", "https://b.example"]
        );
        assert!(laid[0].pieces.len() > 1);
    }

    #[test]
    fn a_link_of_which_a_row_is_not_seen_is_none() {
        let mut laid = laid("http://a.example/0123456789", 10);
        let link = laid.pop().unwrap();
        assert!(
            Laid { target: link.target.clone(), pieces: link.pieces.clone() }
                .place(3, |y| y.checked_sub(1).map(|_| 5))
                .is_none()
        );
        let link = link.place(3, |y| u16::try_from(y).ok()).unwrap();
        assert_eq!(link.pieces[0].0, Position { x: 3, y: 0 });
    }

    proptest! {
        #[test]
        fn pieces_are_the_whole_target_in_order(before in "[a-z 李é\n]{0,20}", room in 4u16..40, after in "( [a-z 李]{0,20})?") {
            let text = format!("{before} https://a.example/x?y=1#z{after}");
            for link in laid(&text, room) {
                let whole: String = link.pieces.iter().map(|(_, _, range)| &link.target[range.clone()]).collect();
                prop_assert_eq!(whole, link.target);
            }
        }
    }
}
