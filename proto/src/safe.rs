//! Text from others, made harmless once, where it enters (security.md section 6). Titles, notifications, logs,
//! command output and every widget take [`Safe`] only.

use core::fmt;

use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::id::Name;
use crate::limits::{CELL_BYTES_MAX, MARKS_PER_GRAPHEME_MAX, PHRASE_BYTES_MAX};

/// Text that can be written to a terminal: NFC, no control, format, bidi or tag characters, no piles of marks.
/// Line feeds survive in [`Safe::text`] only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Safe(Box<str>);

impl Safe {
    /// One line of at most [`PHRASE_BYTES_MAX`] bytes: names of devices and software, reasons.
    pub fn line(text: &str) -> Self {
        Self(clean(text, PHRASE_BYTES_MAX, false).into())
    }

    /// One line of at most `bytes_max` bytes: what somebody says of themselves with a contact request.
    pub fn words(text: &str, bytes_max: usize) -> Self {
        Self(clean(text, bytes_max, false).into())
    }

    /// Text of at most `bytes_max` bytes whose line feeds are kept: messages.
    pub fn text(text: &str, bytes_max: usize) -> Self {
        Self(clean(text, bytes_max, true).into())
    }

    /// The harmless text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&Name> for Safe {
    /// A name is made of letters, digits, `_` and `-` only.
    fn from(name: &Name) -> Self {
        Self(name.as_str().into())
    }
}

impl fmt::Display for Safe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Safe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl AsRef<str> for Safe {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

fn clean(text: &str, bytes_max: usize, lines: bool) -> String {
    // The cap comes before the work, so that a flood of marks costs what a flood of letters does.
    let mut out = String::with_capacity(text.len().min(bytes_max));
    let normal: String = text.chars().take(bytes_max).map(flatten).nfc().collect();
    for grapheme in normal.graphemes(true) {
        let kept = tame(grapheme, lines);
        if out.len() + kept.len() > bytes_max {
            break;
        }
        out.push_str(&kept);
    }
    out
}

/// Tabs and the other line ends become plain ones before anything counts them.
fn flatten(c: char) -> char {
    match c {
        '\t' => ' ',
        '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        other => other,
    }
}

fn tame(grapheme: &str, lines: bool) -> String {
    if grapheme == "\n" || grapheme == "\r\n" {
        return if lines { "\n".into() } else { " ".into() };
    }
    let emoji = grapheme.chars().any(pictograph);
    let mut marks = 0;
    let mut out = String::new();
    for c in grapheme.chars().filter(|&c| printable(c) || (emoji && matches!(c, '\u{200d}' | '\u{fe0f}'))) {
        if !emoji && unicode_width::UnicodeWidthChar::width(c) == Some(0) {
            marks += 1;
            if marks > MARKS_PER_GRAPHEME_MAX {
                continue;
            }
        }
        if out.len() + c.len_utf8() > CELL_BYTES_MAX {
            break;
        }
        out.push(c);
    }
    // A mark or joiner whose base was dropped would land on the neighbour's cell.
    if out.chars().all(|c| unicode_width::UnicodeWidthChar::width(c) == Some(0)) {
        String::new()
    } else {
        out
    }
}

fn pictograph(c: char) -> bool {
    matches!(u32::from(c), 0x1f000..=0x1faff | 0x2600..=0x27bf | 0x2b00..=0x2bff | 0x2190..=0x21ff)
}

/// Neither a control (Cc), nor invisible formatting (Cf: joiners, bidi, tags, fillers), nor a private or
/// unassigned plane, nor a variation selector.
fn printable(c: char) -> bool {
    !c.is_control()
        && !matches!(u32::from(c),
            0xad | 0x34f | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2
            | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x2028..=0x202e
            | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0xfffe..=0xffff
            | 0xe000..=0xf8ff | 0x110bd | 0x110cd | 0x13430..=0x1345f | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a
            | 0xe0000..=0x10ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_lose_their_teeth() {
        assert_eq!(Safe::line("a\u{1b}[31mb\u{9b}0m\u{7}\0").as_str(), "a[31mb0m");
        assert_eq!(Safe::line("one\ntwo\tthree").as_str(), "one two three");
        assert_eq!(Safe::text("one\r\ntwo", 99).as_str(), "one\ntwo");
    }

    #[test]
    fn nothing_reorders_or_hides() {
        assert_eq!(Safe::line("a\u{202e}b\u{2066}c\u{e0041}d\u{200b}e").as_str(), "abcde");
    }

    /// Fillers have a width and show nothing; what is for private use has as many looks as there are fonts.
    #[test]
    fn what_shows_nothing_or_anything_is_left_out() {
        for c in ['\u{115f}', '\u{3164}', '\u{ffa0}', '\u{e000}', '\u{f8ff}', '\u{fff9}', '\u{100000}'] {
            assert_eq!(Safe::line(&format!("a{c}b")).as_str(), "ab", "{c:?}");
        }
    }

    #[test]
    fn words_of_all_scripts_stay() {
        for text in ["café", "日本語も大丈夫?", "مريم", "Ünïcödé", "🙂", "👨‍👩‍👧"]
        {
            assert_eq!(Safe::line(text).as_str(), text.nfc().collect::<String>());
        }
    }

    #[test]
    fn marks_do_not_pile_up() {
        let zalgo = format!("e{}x", "\u{301}\u{302}".repeat(5000));
        assert!(Safe::line(&zalgo).as_str().len() <= 2 + 2 * MARKS_PER_GRAPHEME_MAX + 1);
        assert_eq!(Safe::line("\u{301}").as_str(), "");
    }

    proptest! {
        #[test]
        fn no_control_byte_ever(text in any::<String>()) {
            let safe = Safe::text(&text, 200);
            prop_assert!(safe.as_str().chars().all(|c| c == '\n' || !c.is_control()));
            let again = Safe::text(safe.as_str(), 200);
            prop_assert_eq!(again.as_str(), safe.as_str());
        }

        #[test]
        fn the_cap_is_of_bytes_and_cuts_between_characters(
            text in "[a-zé日🙂]{0,40}",
            bytes_max in 0..80_usize,
        ) {
            let safe = Safe::text(&text, bytes_max);
            prop_assert!(safe.as_str().len() <= bytes_max && text.starts_with(safe.as_str()));
            let room = bytes_max - safe.as_str().len();
            let next = text[safe.as_str().len()..].chars().next();
            prop_assert!(next.is_none_or(|next| next.len_utf8() > room), "{:?} of {:?}", safe, text);
        }
    }
}
