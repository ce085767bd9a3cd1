//! What the world around the screen is asked for: the clipboard.

use proto::Safe;
use proto::client::Event;

use crate::app::Effect;
use crate::app::emulator::{Between, Emulator};
use crate::app::story::Story;
use crate::limits::COPY_BYTES_MAX;

/// The window to add a contact, with a link of one's own.
fn linked(link: &str) -> Story {
    let mut story = Story::friends();
    story.keys("a ^o");
    story.tell(Event::Invite(link.to_owned()));
    story.effects.clear();
    story
}

fn said(story: &Story) -> &str {
    story.model.notice.as_ref().map_or("", |notice| notice.text.as_str())
}

#[test]
fn a_link_of_ones_own_is_copied_and_nobody_claims_that_it_arrived() {
    let mut story = linked("tincan://h/x");
    story.keys("^o");
    assert_eq!(story.asked(), [Effect::Copy(Safe::line("tincan://h/x"))]);
    assert_eq!(said(&story), "Your link was sent to the terminal's clipboard.");
    story.model.settings.emulator.between = Between::Tmux;
    story.keys("^o");
    assert!(said(&story).contains("if tmux lets it pass"));
}

#[test]
fn a_terminal_without_a_clipboard_is_sent_nothing() {
    let mut story = linked("tincan://h/x");
    story.model.settings.emulator = Emulator::default();
    story.keys("^o");
    assert_eq!(story.asked(), []);
    assert!(said(&story).contains("no clipboard"));
}

#[test]
fn too_much_is_not_copied() {
    let mut story = Story::friends();
    let long = Safe::text(&"x".repeat(COPY_BYTES_MAX + 1), COPY_BYTES_MAX + 1);
    let mut effects = Vec::new();
    crate::app::update::copy(&mut story.model, "It", long, &mut effects);
    assert!(effects.is_empty() && said(&story).contains("too long"));
}
