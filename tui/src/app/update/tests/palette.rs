//! The palette and the help: found by letters, done by Enter.

use super::*;
use crate::app::help::Line;
use crate::app::palette;

impl Story {
    /// The rows of the palette: words, and the key.
    fn offered(&self) -> Vec<(String, String)> {
        let Some(Popup::Palette(open)) = self.model.popups.last() else { return Vec::new() };
        let entries = palette::entries(&self.model, open.line.text());
        entries.into_iter().map(|entry| (entry.words, entry.key.unwrap_or_default())).collect()
    }

    fn offers(&self, words: &str) -> bool {
        self.offered().iter().any(|(offered, _)| offered == words)
    }

    fn helped(&self) -> Vec<String> {
        let Some(Popup::Help(help)) = self.model.popups.last() else { return Vec::new() };
        let line = |line| match line {
            Line::Heading(words) => words.to_owned(),
            Line::Key { keys, words } => format!("{keys}: {words}"),
            Line::Blank => String::new(),
        };
        help.lines(&self.model.settings.keys).into_iter().map(line).collect()
    }
}

#[test]
fn anybody_is_called_with_a_few_letters_from_wherever_one_is() {
    let mut story = Story::friends();
    story.keys("Tab");
    story.type_in("half a sente");
    story.keys("^p cac Enter");
    assert_eq!(story.asked(), [Effect::Send(Command::Call(vec![name("carol")]))]);
    assert!(story.model.popups.is_empty());
    assert_eq!(story.model.chats[&name("bob")].draft.text(), "half a sente", "what was begun stays");
}

#[test]
fn the_palette_offers_what_makes_sense_with_its_key() {
    let mut story = Story::friends();
    story.keys(":");
    let offered = story.offered();
    assert!(offered.contains(&("call bob".into(), "c".into())), "{offered:?}");
    assert!(offered.contains(&("mute, unmute".into(), "^T".into())), "{offered:?}");
    assert!(!story.offers("hang up, or decline") && !story.offers("record, stop recording"), "{offered:?}");
    story.keys("Esc");
    story.live();
    story.keys("^p");
    assert!(
        story.offers("hang up, or decline")
            && story.offers("record, stop recording")
            && !story.offers("call bob")
    );
    story.type_in("hang");
    assert_eq!(story.offered()[0].0, "hang up, or decline");
    story.effects.clear();
    story.keys("Enter");
    assert_eq!(story.asked(), [Effect::Send(Command::HangUp)]);
}

/// Whatever has a key and can be done now is offered: one row of the table, one row of the palette.
#[test]
fn everything_with_words_can_be_reached() {
    use crate::app::keymap::{Act, TABLE};
    let mut story = Story::friends();
    story.live();
    story.keys("^p");
    let Some(Popup::Palette(_)) = story.model.popups.last() else { panic!("it is open") };
    let all: Vec<Act> = palette::entries(&story.model, "").into_iter().map(|entry| entry.act).collect();
    for act in
        [Act::Mute, Act::HangUp, Act::Record, Act::Louder, Act::Quieter, Act::Help, Act::Quit, Act::Add]
    {
        assert!(all.contains(&act), "{act:?} in {all:?}");
        assert!(TABLE.iter().any(|row| row.act == act));
    }
}

#[test]
fn the_choice_moves_and_typing_takes_it_to_the_top() {
    let mut story = Story::friends();
    story.keys("^p Down Down Up");
    let chosen = |story: &Story| {
        let Some(Popup::Palette(palette)) = story.model.popups.last() else { return usize::MAX };
        palette.chosen
    };
    assert_eq!(chosen(&story), 1);
    story.keys("Up Up");
    assert_eq!(chosen(&story), story.offered().len() - 1, "round and round");
    story.type_in("x");
    assert_eq!(chosen(&story), 0);
    story.type_in("qqq");
    story.effects.clear();
    story.keys("Enter");
    assert!(story.effects.is_empty() && story.offered().is_empty(), "nothing fits, nothing is done");
    story.keys("^p");
    assert!(story.model.popups.is_empty());
}

#[test]
fn a_call_that_rings_waits_behind_the_palette_and_is_in_it() {
    let mut story = Story::friends();
    story.tell(Event::Incoming { from: name("carol"), others: vec![], guests: vec![], plain: false });
    story.wait(Duration::from_secs(1));
    story.keys("^p answ");
    assert_eq!(story.offered()[0], ("answer".into(), "y".into()));
    story.keys("Esc");
    assert!(story.model.incoming().is_some_and(|(_, incoming)| incoming.window.is_some()), "it comes back");
    story.wait(Duration::from_secs(1));
    story.keys("^p answ Enter");
    assert!(story.asked().contains(&Effect::Send(Command::Answer)));
}

#[test]
fn the_help_begins_where_one_is_and_filters() {
    let mut story = Story::friends();
    story.keys("?");
    assert_eq!(story.helped()[0], "In the list");
    story.keys("F1 Tab F1");
    assert_eq!(story.helped()[0], "In the message line");
    story.type_in("call view");
    let found = story.helped();
    assert!(found.contains(&"^G or F3: call view, incoming call".to_owned()), "{found:?}");
    assert!(found.iter().all(|line| !line.contains("quit")), "{found:?}");
    story.keys("Esc");
    assert!(story.model.popups.is_empty());
    assert_eq!(story.model.focus, Focus::Message, "Esc closed the help alone");
}

#[test]
fn rebound_keys_are_in_help_and_palette() {
    use crate::app::keymap::{Binding, Keymap};
    let mut story = Story::friends();
    let keys = vec!["ctrl-n".to_owned()];
    let mute = Binding { place: String::new(), act: "mute".into(), keys, line: 1 };
    story.model.settings.keys = Keymap::new(&[mute]).unwrap();
    story.keys("? mute");
    assert!(story.helped().contains(&"^N: mute, unmute".to_owned()), "{:?}", story.helped());
    story.keys("Esc ^p mute");
    assert_eq!(story.offered()[0], ("mute, unmute".into(), "^N".into()));
    story.keys("Esc ^n");
    assert!(story.model.sound.muted);
    story.keys("^t");
    assert!(story.model.sound.muted, "the old key does nothing");
}
