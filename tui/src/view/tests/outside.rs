//! What comes from the world outside the screen, and goes there: push-to-talk, links.

use super::*;
use crate::app::chat::{From, Line};
use crate::app::talk::Tier;
use crate::app::transmit::Transmit;

/// Every page, made anew for a look.
pub(super) fn pages(look: Look) -> Vec<(&'static str, Story)> {
    let ptt = |view: &str, keys: &str| {
        let mut story = Story::in_call(look);
        story.model.sound.talk.transmit = Transmit::Ptt;
        story.keys(view);
        story.keys(keys);
        story.wait(core::time::Duration::from_millis(1));
        story
    };
    let mut held = ptt("^g", "");
    held.model.sound.talk.learn(Tier::Release);
    let mut pages = vec![("ptt_silent", ptt("^g", "")), ("ptt_bar", ptt("Esc", "")), ("ptt_held", held)];
    let mut undisturbed = Story::morning(look);
    undisturbed.keys("Z");
    undisturbed.wait(core::time::Duration::from_secs(9));
    pages.push(("undisturbed", undisturbed));
    pages.push(("ptt_live", ptt("^g", "Space")));
    let mut walkie = ptt("^g", ", Tab");
    walkie.model.sound.talk.learn(Tier::Release);
    pages.push(("settings_ptt", walkie));
    pages
}

/// In words, wherever the keys are, and without colour.
#[test]
fn what_must_not_be_forgotten_is_said() {
    for (page, words) in [
        ("ptt_silent", ["mic: silent", "silent: Space opens and shuts", "Space: talk"]),
        ("ptt_held", ["mic: silent", "silent: hold Space to talk", "hold Space"]),
        ("ptt_bar", ["mic: silent", "F5: talk", "bob 03:12 silent"]),
        ("undisturbed", ["do not disturb", "2 unread", "14:32"]),
        ("settings_ptt", ["push to talk", "press Space to be heard", "held until it comes up"]),
        ("ptt_live", ["mic: LIVE", "LIVE: Space shuts", "Space talk"]),
    ] {
        let (_, story) = pages(ASCII).into_iter().find(|(name, _)| *name == page).unwrap();
        let picture = picture(&story.buffer(80, 24).0);
        for words in words {
            assert!(picture.contains(words), "{page}: {words:?} in\n{picture}");
        }
    }
}

/// The morning, in which bob has sent this.
fn sent(words: &str) -> Story {
    let mut story = Story::morning(UNICODE);
    let line =
        Line { id: None, when: crate::app::story::START, from: From::Them, text: Safe::text(words, 4096) };
    story.model.chats.of(&name("bob"), &story.model.contacts).push(line);
    story.wait(core::time::Duration::from_millis(1));
    story
}

/// The links of a picture: what each shows, row by row, and where it leads.
fn linked(story: &Story, width: u16, height: u16) -> Vec<(Vec<String>, String)> {
    let (mut buffer, mut links) = (Buffer::empty(Rect::new(0, 0, width, height)), Vec::new());
    view_linked(&story.model, &mut buffer, &mut links);
    let shown = |link: &Link| {
        let piece = |(at, range): &(Position, core::ops::Range<usize>)| {
            let cells = (at.x..).take(range.len()).map(|x| buffer[(x, at.y)].symbol());
            cells.collect::<String>()
        };
        link.pieces.iter().map(piece).collect()
    };
    links.iter().map(|link| (shown(link), link.target.clone())).collect()
}

#[test]
fn an_address_in_a_text_is_a_link_where_it_stands_and_says_where_it_leads() {
    let target = "https://example.org/notes/on-the-long-road-to-the-harbour/and/back?in=winter#ice";
    for (width, height) in [(80, 24), (120, 40), (50, 12)] {
        let mut story = sent(&format!("日本: see {target}, it is good"));
        // The narrow screen shows one pane.
        story.keys("Enter");
        let found = linked(&story, width, height);
        let (shown, _) = found.iter().find(|(_, to)| to == target).unwrap();
        assert!(shown.len() > 1 && shown.concat() == target, "{width}: {found:?}");
    }
}

/// Not of others' making, not to be seen whole, or not what it seems.
#[test]
fn what_is_not_whole_or_not_theirs_is_no_link() {
    for words in ["https://bank.example@evil.example/", "javascript:x", "مرحبا https://a.example/"] {
        assert_eq!(
            linked(&sent(words), 80, 24)
                .iter()
                .filter(|(_, to)| to.contains("a.example") || to.contains("evil"))
                .count(),
            0
        );
    }
    let mut story = sent("x");
    let line = Line {
        id: None,
        when: crate::app::story::START,
        from: From::Note,
        text: Safe::line("https://note.example/"),
    };
    story.model.chats.of(&name("bob"), &story.model.contacts).push(line);
    story.wait(core::time::Duration::from_millis(1));
    assert!(linked(&story, 80, 24).iter().all(|(_, to)| !to.contains("note.example")));
    // The first row of it is above the chat.
    let long = format!("https://a.example/{}", "0123456789".repeat(60));
    let mut story = sent(&long);
    story.keys("Enter");
    assert_eq!(linked(&story, 50, 12), []);
    assert!(picture(&story.buffer(50, 12).0).contains("0123456789"));
}
