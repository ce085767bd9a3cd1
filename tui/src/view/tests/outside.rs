//! What comes from the world outside the screen, and goes there: push-to-talk.

use super::*;
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
