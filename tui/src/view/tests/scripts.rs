//! Texts in all kinds of scripts: wide, combining, joined, from right to left.

use super::*;
use crate::app::chat::From;

/// A chat with one line of each kind.
pub(super) fn pages(look: Look) -> Vec<(&'static str, Story)> {
    let mut story = Story::morning(look);
    story.keys("n");
    story.say("carol", "carol", 0, "日本語も大丈夫?");
    story.say(
        "carol",
        "carol",
        8,
        "e\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307} has more marks than it may have",
    );
    story.say("carol", "carol", 0, "👩‍👩‍👧 🇫🇮 👍🏽 ❤️ joined, flag, tone, heart");
    story.say("carol", "carol", 0, "مرحبا، هل نتحدث الليلة؟");
    story.say("carol", "me", 0, "שלום, tonight at 8");
    story.say("carol", "carol", 0, "\u{202e}gnp.exe\u{202c} is not what it was");
    vec![("scripts", story)]
}

/// What runs from right to left is on rows of its own, within isolates; the time, the name and the mark are not.
#[test]
fn a_text_from_right_to_left_shares_its_row_with_nothing() {
    let (_, story) = pages(UNICODE).remove(0);
    let (buffer, _) = story.buffer(80, 24);
    let drawn = picture(&buffer);
    for text in ["مرحبا، هل نتحدث الليلة؟", "שלום, tonight at 8"] {
        let row = drawn.lines().find(|row| row.contains(text)).unwrap();
        let own = row.split_once('│').unwrap().1.trim();
        assert_eq!(own, format!("\u{2068}{text}\u{2069}"));
    }
    let (_, story) = pages(ASCII).remove(0);
    assert!(!picture(&story.buffer(80, 24).0).contains('\u{2068}'), "the Linux console would show it");
}

#[test]
fn nothing_of_a_text_reorders_or_piles_up() {
    let (_, story) = pages(UNICODE).remove(0);
    let texts: Vec<String> = story.model.chats[&name("carol")]
        .lines()
        .filter(|line| line.from == From::Them)
        .map(|line| line.text.to_string())
        .collect();
    assert!(texts.iter().all(|text| !text.contains(['\u{202e}', '\u{202c}'])), "{texts:?}");
    assert!(texts.iter().any(|text| text.starts_with("é\u{302}\u{303}\u{304}\u{305} has")), "{texts:?}");
}
