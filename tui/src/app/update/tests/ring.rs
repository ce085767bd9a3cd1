//! What rings on the speaker: from the first ring to whatever ends it, and for nobody who does not want it.

use proto::media::processing::Wish;

use super::*;
use crate::app::preferences::Ears;
use crate::app::ring::Ring;

impl Story {
    /// Friends, beside the speaker.
    fn beside_the_speaker() -> Self {
        let mut story = Self::friends();
        story.model.settings.notify.ring = Wish::Auto;
        story
    }

    fn somebody_calls(&mut self) {
        let (others, guests, plain) = (Vec::new(), Vec::new(), false);
        self.tell(Event::Incoming { from: name("bob"), others, guests, plain });
    }

    /// What was said to ring, or to be silent, since the last look.
    fn rung(&mut self) -> Vec<Option<Ring>> {
        let effects = core::mem::take(&mut self.effects).into_iter();
        let ring = |effect| if let Effect::Ring(wanted) = effect { Some(wanted) } else { None };
        effects.filter_map(ring).map(|wanted| wanted.map(|(ring, _)| ring)).collect()
    }
}

const RINGS: [Option<Ring>; 1] = [Some(Ring::Incoming)];

#[test]
fn a_call_rings_until_whatever_ends_it() {
    let ended = |reason| Event::Ended { with: vec![name("bob")], reason };
    type End = fn(&mut Story);
    let ends: [(&str, End); 5] = [
        ("answered", |story| story.keys("y")),
        ("declined, once the machine says so", |story| {
            story.keys("n");
            story.tell(Event::Ended { with: vec![name("bob")], reason: EndReason::HungUp });
        }),
        ("silenced", |story| story.keys("i")),
        ("not disturbed", |story| story.event(Msg::Act(crate::app::keymap::Act::DoNotDisturb))),
        ("answered elsewhere, by another program", |story| {
            story.effects = story.wants(crate::control::Request::Answer).1;
        }),
    ];
    for (how, end) in ends {
        let mut story = Story::beside_the_speaker();
        story.somebody_calls();
        assert_eq!(story.rung(), RINGS, "{how}");
        story.wait(Duration::from_secs(4));
        assert_eq!(story.rung(), [], "told once");
        end(&mut story);
        assert_eq!(story.rung(), [None], "{how}");
    }
    for reason in [EndReason::Missed, EndReason::TheyHungUp] {
        let mut story = Story::beside_the_speaker();
        story.somebody_calls();
        story.rung();
        story.tell(ended(reason));
        assert_eq!(story.rung(), [None], "{reason:?}");
    }
}

#[test]
fn nobody_is_rung_who_does_not_want_it_or_is_not_there() {
    let mut story = Story::beside_the_speaker();
    story.model.dnd = true;
    story.somebody_calls();
    assert_eq!(story.rung(), []);
    story.model.settings.notify.calls_in_dnd = true;
    story.wait(Duration::from_millis(1));
    assert_eq!(story.rung(), RINGS);
    for (wish, remote, rings) in
        [(Wish::Auto, true, false), (Wish::On, true, true), (Wish::Off, false, false)]
    {
        let mut story = Story::beside_the_speaker();
        story.model.settings.notify.ring = wish;
        story.model.settings.remote = remote;
        story.somebody_calls();
        assert_eq!(!story.rung().is_empty(), rings, "{wish:?}, remote {remote}");
    }
}

#[test]
fn whoever_calls_hears_that_it_rings_until_somebody_is_there() {
    let mut story = Story::beside_the_speaker();
    // Who does not want to be disturbed calls all the same.
    story.model.dnd = true;
    story.keys("c");
    story.tell(Event::Calling { to: vec![name("bob")], plain: false });
    assert_eq!(story.rung(), [], "nothing rings yet");
    story.model.settings.preferences.ears.speaker = Some("Headset".to_owned());
    story.tell(Event::Ringing(name("bob")));
    let ears = Ears { speaker: Some("Headset".to_owned()), ..Ears::default() };
    assert!(story.effects.contains(&Effect::Ring(Some((Ring::Ringback, ears)))));
    story.rung();
    story.live();
    assert_eq!(story.rung(), [None]);
}

/// Whoever is called may have taken the headset off; whoever calls has it on, which the ringer knows.
#[test]
fn a_call_that_comes_in_rings_on_the_device_that_was_chosen_and_says_when_it_is_not_there() {
    let mut story = Story::beside_the_speaker();
    story.model.settings.preferences.ears.ring = Some("Loud".to_owned());
    story.somebody_calls();
    let ears = Ears { ring: Some("Loud".to_owned()), ..Ears::default() };
    assert!(story.effects.contains(&Effect::Ring(Some((Ring::Incoming, ears)))));
    let wanted = Safe::line("Loud");
    story.event(Msg::RingsElsewhere { wanted: wanted.clone(), instead: Some(Safe::line("Headset")) });
    assert_eq!(story.notice(), "The ring device Loud is not there: it rings on Headset.");
    story.event(Msg::RingsElsewhere { wanted, instead: None });
    assert_eq!(story.notice(), "The ring device Loud is not there: no sound rings.");
}
