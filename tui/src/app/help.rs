//! The help: the keys that count where it was opened, then all others; only those that fit what was typed.

use super::input::Editor;
use super::keymap::{Keymap, Place};
use crate::limits::FILTER_BYTES_MAX;

/// The window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Help {
    /// What was typed.
    pub filter: Editor,
    /// Rows scrolled down.
    pub scroll: usize,
    /// Where it was opened, the most particular place first.
    pub from: &'static [Place],
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Where the keys below count.
    Heading(&'static str),
    /// Keys, and what they do.
    Key {
        /// The keys as people read them.
        keys: String,
        /// What they do.
        words: &'static str,
    },
    /// Nothing, between two places.
    Blank,
}

impl Help {
    /// Opened where these keys count.
    pub fn new(from: &'static [Place]) -> Self {
        Self { filter: Editor::new(FILTER_BYTES_MAX), scroll: 0, from }
    }

    /// The rows, from the top.
    pub fn lines(&self, keymap: &Keymap) -> Vec<Line> {
        let listed = Place::LISTED.iter().map(|(place, _)| *place);
        // What counts anywhere comes after the place itself, and before the places where one is not.
        let mut places: Vec<Place> = self.from.to_vec();
        for place in listed {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        let typed = self.filter.text().to_lowercase();
        let wanted: Vec<&str> = typed.split_whitespace().collect();
        let mut lines = Vec::new();
        for place in places {
            let heading = place.heading();
            let here = self.from.contains(&place);
            let rows = keymap.helped(place, here).filter(|(keys, words, name)| {
                let text = format!("{heading} {keys} {words} {name}").to_lowercase();
                wanted.iter().all(|word| text.contains(word))
            });
            let mut rows =
                rows.map(|(keys, words, _)| Line::Key { keys: keys.into_owned(), words }).peekable();
            if rows.peek().is_some() {
                if !lines.is_empty() {
                    lines.push(Line::Blank);
                }
                lines.push(Line::Heading(heading));
                lines.extend(rows);
            }
        }
        lines
    }
}
