//! Stories of calls of many, of guests, and of calls that are not encrypted.

use proto::limits::MEMBERS_MAX;
use proto::media::appraise::Appraisal;
use proto::media::blame::Hop;
use proto::media::{MemberStatistics, Statistics};

use super::*;
use crate::app::call::{Being, PARTED_SHOWN};
use crate::app::popup::CONSENT_GUARD;
use crate::app::story::guest;

impl Story {
    /// Bob, carol and dave are there, and gina and hugo on plain doors.
    fn circle() -> Self {
        let mut all: Vec<_> = ["bob", "carol", "dave"]
            .into_iter()
            .map(|who| contact(who, Standing::Mutual, Presence::Online))
            .collect();
        all.extend([guest("gina"), guest("hugo")]);
        Self::with(UNICODE, all)
    }

    /// A call with these, who are all in it under the streams 1, 2, ...
    fn talking(&mut self, who: &[&str]) {
        let to: Vec<Name> = who.iter().map(|who| name(who)).collect();
        self.tell(Event::Calling { to: to.clone(), plain: false });
        for (ssrc, who) in (1..).zip(to) {
            self.tell(Event::Joined { who: who.clone(), ssrc: Ssrc(ssrc), plain: false });
            self.tell(Event::Heard(who));
        }
        self.asked();
    }

    fn being(&self, who: &str) -> Being {
        let call = self.model.call.as_ref().expect("there is a call");
        call.parties.iter().find(|party| party.name == name(who)).expect("they are in it").being
    }

    fn steps(&self) -> Vec<u8> {
        let call = self.model.call.as_ref().expect("there is a call");
        call.parties.iter().map(|party| party.level.step()).collect()
    }

    /// The last line of the program in a chat.
    fn last_note(&self, who: &str) -> &str {
        let mut lines = self.model.chats.get(&name(who)).into_iter().flat_map(|chat| chat.lines());
        lines.rfind(|line| line.from == From::Note).map_or("", |line| line.text.as_str())
    }
}

fn names(list: &str) -> Vec<Name> {
    list.split(' ').map(name).collect()
}

fn volume(who: &str, percent: u16) -> Effect {
    Effect::Volume { who: name(who), percent }
}

#[test]
fn three_are_marked_and_called_with_one_key() {
    let mut story = Story::circle();
    story.keys("Space j Space Space Space j Space");
    assert_eq!(story.model.contacts.marked().len(), 3);
    story.keys("g c");
    assert_eq!(story.asked(), [send(Command::Call(names("bob carol dave")))]);
    assert!(story.model.contacts.marked().is_empty(), "the marks have done their work");
    story.tell(Event::Calling { to: names("bob carol dave"), plain: false });
    story.tell(Event::Ringing(name("carol")));
    assert_eq!((story.being("bob"), story.being("carol")), (Being::Called, Being::Ringing));
    story.tell(Event::Joined { who: name("carol"), ssrc: Ssrc(2), plain: false });
    let call = story.model.call.as_ref().unwrap();
    assert_eq!((call.count(), call.is_group()), ((2, 4), true));
    story.keys("c");
    assert_eq!(story.notice(), "You are in a call with bob, carol and dave: ^X hangs up.");
}

#[test]
fn marks_are_taken_back_and_nobody_is_marked_who_cannot_be_called() {
    let mut story = Story::circle();
    story.tell(Event::Contact(contact("zoe", Standing::Asked, Presence::Offline)));
    story.keys("Space Esc c");
    assert_eq!(story.asked(), [send(Command::Call(names("bob")))]);
    story.tell(Event::Ended { with: names("bob"), reason: EndReason::Busy });
    story.keys("G Space");
    assert_eq!(story.notice(), "zoe cannot be called: you are not contacts (yet).");
    story.keys("g Space");
    story.tell(Event::Gone(name("bob")));
    assert!(story.model.contacts.marked().is_empty(), "whoever is no contact any more is not called");
    assert_eq!(story.model.focus, Focus::List);
}

#[test]
fn no_more_are_marked_than_a_call_has_room_for() {
    let many = (0..MEMBERS_MAX).map(|n| contact(&format!("n{n}"), Standing::Mutual, Presence::Online));
    let mut story = Story::with(UNICODE, many.collect());
    for _ in 0..MEMBERS_MAX {
        story.keys("Space j");
    }
    assert_eq!(story.model.contacts.marked().len(), MEMBERS_MAX - 1);
    assert_eq!(story.notice(), "A call has at most 32 members, yourself included.");
}

#[test]
fn a_member_joins_late_and_another_leaves() {
    let mut story = Story::circle();
    story.keys("Space j Space j Space c");
    story.tell(Event::Calling { to: names("bob carol dave"), plain: false });
    story.tell(Event::Joined { who: name("bob"), ssrc: Ssrc(1), plain: false });
    assert_eq!(story.notice(), "", "the first makes the call, which is seen");
    story.wait(Duration::from_secs(60));
    story.tell(Event::Joined { who: name("carol"), ssrc: Ssrc(2), plain: false });
    assert_eq!(story.notice(), "carol is in the call now.");
    story.tell(Event::Parted { who: name("dave"), reason: EndReason::Declined });
    assert_eq!(story.notice(), "dave declined.");
    assert_eq!(story.last_note("dave"), "group call, declined, with bob and carol");
    story.wait(Duration::from_secs(30));
    story.tell(Event::Parted { who: name("carol"), reason: EndReason::TheyHungUp });
    assert_eq!(story.notice(), "carol left the call.");
    assert_eq!(story.last_note("carol"), "group call, 00:30, with bob and dave");
    assert_eq!(story.model.call.as_ref().unwrap().count(), (2, 2));
    let shown = |story: &Story| {
        let call = story.model.call.as_ref().unwrap();
        call.parties.iter().filter(|party| party.shown(story.now.mono)).count()
    };
    assert_eq!(shown(&story), 2, "dave declined a while ago");
    story.wait(PARTED_SHOWN);
    assert_eq!(shown(&story), 1);
    story.tell(Event::Ended { with: names("bob"), reason: EndReason::TheyHungUp });
    assert_eq!(story.notice(), "Everybody else left the call with bob, carol and dave. You talked 01:50.");
    assert_eq!(story.last_note("bob"), "group call, 01:50, with carol and dave");
    assert_eq!(story.last_note("carol"), "group call, 00:30, with bob and dave", "said once");
}

#[test]
fn each_member_has_a_meter_and_a_volume() {
    let mut story = Story::circle();
    story.talking(&["bob", "carol", "dave"]);
    let speakers = vec![(Ssrc(3), -3.0), (Ssrc(1), -30.0), (Ssrc(99), 0.0)];
    story.hear(SoundEvent::Levels(Levels { microphone: -90.0, speakers }));
    assert_eq!(story.steps(), [4, 0, 8]);
    story.keys("^g + j - - k + jjjj +");
    let asked = [
        volume("bob", 110),
        volume("carol", 90),
        volume("carol", 80),
        volume("bob", 120),
        volume("dave", 110),
    ];
    assert_eq!(story.asked(), asked);
    // Who is out has no volume; the choice stays where it was.
    story.tell(Event::Parted { who: name("dave"), reason: EndReason::Lost });
    story.keys("+");
    assert_eq!(story.asked(), []);
    story.wait(PARTED_SHOWN);
    story.keys("+");
    assert_eq!(story.asked(), [volume("carol", 90)]);
}

#[test]
fn a_remembered_volume_is_where_the_keys_go_on() {
    let mut story = Story::circle();
    story.talking(&["bob", "carol"]);
    story.event(Msg::Volume(name("carol"), 60));
    story.event(Msg::Volume(name("nobody"), 10));
    assert_eq!(story.asked(), [], "the session has told the agent already");
    story.keys("^g j + - - k =");
    let asked = [volume("carol", 70), volume("carol", 60), volume("carol", 50), volume("bob", 110)];
    assert_eq!(story.asked(), asked);
    let volumes: Vec<u16> =
        story.model.call.iter().flat_map(|call| &call.parties).map(|p| p.volume).collect();
    assert_eq!(volumes, [110, 50]);
}

#[test]
fn the_end_of_a_call_says_in_the_chat_how_it_was_and_who_was_to_blame() {
    let mut story = Story::circle();
    story.talking(&["bob"]);
    let member = MemberStatistics { loss_in: 0.05, concealed_in: 0.01, ..MemberStatistics::of(Ssrc(1)) };
    let appraisal = Appraisal { mos: Some(3.7), hop: Hop::FromThem(Ssrc(1)), ..Appraisal::default() };
    let second = Statistics { members: vec![member], appraisal, ..Statistics::default() };
    for _ in 0..723 {
        story.wait(Duration::from_secs(1));
        story.hear(SoundEvent::Statistics(Box::new(second.clone())));
    }
    // Also when they are out before it ends.
    story.tell(Event::Ended { with: names("bob"), reason: EndReason::TheyHungUp });
    let said = "call, 12:03, fair (MOS 3.7), loss 5.0 %, heard 1.0 %, mostly the way from bob";
    assert_eq!(story.last_note("bob"), said);
}

#[test]
fn a_call_of_several_is_answered() {
    let mut story = Story::circle();
    let others = names("alice carol dave");
    story.tell(Event::Incoming { from: name("bob"), others, guests: Vec::new(), plain: false });
    let (call, _) = story.model.incoming().unwrap();
    assert_eq!(call.names(), [&name("bob"), &name("carol"), &name("dave")], "oneself is no party");
    // Who goes while it rings here makes no news.
    story.tell(Event::Parted { who: name("dave"), reason: EndReason::Declined });
    assert_eq!((story.notice(), story.last_note("dave")), ("", ""));
    story.wait(INCOMING_GUARD);
    story.asked();
    story.keys("y");
    assert_eq!(story.asked(), [send(Command::Answer)]);
    story.tell(Event::Joined { who: name("bob"), ssrc: Ssrc(1), plain: false });
    story.tell(Event::Joined { who: name("carol"), ssrc: Ssrc(2), plain: false });
    assert_eq!(story.model.call.as_ref().unwrap().count(), (3, 3));
    assert_eq!(story.selected(), "bob");
}

#[test]
fn a_missed_call_of_several_names_its_caller_and_the_others() {
    let mut story = Story::circle();
    story.tell(Event::Incoming {
        from: name("dave"),
        others: names("bob carol"),
        guests: Vec::new(),
        plain: false,
    });
    story.tell(Event::Ended { with: names("dave bob carol"), reason: EndReason::Missed });
    let said = "dave, with bob and carol, called and stopped before you answered. Call back with c.";
    assert_eq!(story.notice(), said);
    assert_eq!(story.last_note("dave"), "missed group call, with bob and carol");
    assert_eq!((story.last_note("bob"), story.last_note("carol")), ("", ""), "they did not call");
    assert_eq!(story.model.unread(), 1);
}

#[test]
fn ends_of_calls_of_several_name_those_they_are_about() {
    let mut story = Story::circle();
    story.keys("Space j Space j Space c");
    story.tell(Event::Calling { to: names("bob carol dave"), plain: false });
    story.tell(Event::Parted { who: name("bob"), reason: EndReason::Declined });
    story.tell(Event::Ended { with: names("bob carol dave"), reason: EndReason::NoAnswer });
    assert!(story.notice().starts_with("carol and dave did not answer"), "{}", story.notice());
    assert_eq!(story.last_note("bob"), "group call, declined, with carol and dave");
    assert_eq!(story.last_note("carol"), "group call, no answer, with bob and dave");
    // What ends a call of which others have left is told of those who were left.
    story.talking(&["bob", "carol"]);
    story.tell(Event::Parted { who: name("bob"), reason: EndReason::TheyHungUp });
    story.tell(Event::Ended { with: names("bob carol"), reason: EndReason::Lost });
    assert!(story.notice().starts_with("Nothing was heard from carol for"), "{}", story.notice());
}

/// Gina is the fourth of the list.
fn ask_about_gina() -> Story {
    let mut story = Story::circle();
    story.keys("jjj c");
    assert_eq!(story.asked(), [send(Command::Call(names("gina")))]);
    story.tell(Event::PlainUnconfirmed(names("gina")));
    assert!(story.model.call.is_none() && story.model.consent().is_some());
    story
}

#[test]
fn a_yes_to_a_plain_call_is_told_for_each_and_the_call_repeated() {
    let mut story = ask_about_gina();
    story.wait(CONSENT_GUARD);
    story.keys("y");
    assert_eq!(story.asked(), [send(Command::AllowPlain(name("gina"))), send(Command::Call(names("gina")))]);
    assert!(story.model.popups.is_empty());
    story.tell(Event::Calling { to: names("gina"), plain: true });
    assert!(story.model.call.as_ref().unwrap().plain);
    let mut story = Story::circle();
    story.keys("Space jjj Space j Space c");
    story.asked();
    story.tell(Event::PlainUnconfirmed(names("gina hugo")));
    story.wait(CONSENT_GUARD);
    story.keys("y");
    let allow = |who| send(Command::AllowPlain(name(who)));
    assert_eq!(story.asked(), [allow("gina"), allow("hugo"), send(Command::Call(names("bob gina hugo")))]);
}

#[test]
fn a_no_to_a_plain_call_calls_nobody() {
    for no in ["n", "Esc"] {
        let mut story = ask_about_gina();
        story.wait(CONSENT_GUARD);
        story.keys(no);
        assert_eq!(story.asked(), []);
        assert!(story.model.popups.is_empty() && story.model.call.is_none());
    }
}

#[test]
fn typing_never_says_yes_to_a_plain_call() {
    let mut story = ask_about_gina();
    // As long as keys keep coming they are meant for something else.
    for _ in 0..10 {
        story.wait(CONSENT_GUARD / 2);
        story.keys("y");
    }
    assert_eq!(story.asked(), []);
    assert!(story.model.consent().is_some());
    story.wait(CONSENT_GUARD);
    story.keys("jk Enter Space");
    assert!(story.model.consent().is_some(), "only y and n answer");
    assert_eq!(story.asked(), []);
    // Whoever went on to write is told, and not asked.
    let mut story = Story::circle();
    story.keys("c Tab yes");
    story.asked();
    story.tell(Event::PlainUnconfirmed(names("bob")));
    assert!(story.model.popups.is_empty());
    assert!(story.notice().contains("bob is not encrypted"), "{}", story.notice());
}

#[test]
fn a_plain_call_is_answered_only_after_a_yes() {
    let ring = |story: &mut Story| {
        story.tell(Event::Incoming {
            from: name("gina"),
            others: names("bob"),
            guests: names("gina"),
            plain: true,
        });
        story.wait(INCOMING_GUARD);
        story.keys("m");
        story.tell(Event::PlainUnconfirmed(names("gina")));
        story.wait(CONSENT_GUARD);
        story.asked();
    };
    let mut story = Story::circle();
    ring(&mut story);
    story.keys("^g");
    assert!(story.model.consent().is_some(), "the question stays in front");
    story.keys("y");
    assert_eq!(story.asked(), [send(Command::AllowPlain(name("gina"))), send(Command::Answer)]);
    assert!(story.model.sound.muted, "answered muted is answered muted");

    let mut story = Story::circle();
    ring(&mut story);
    story.keys("n");
    assert!(story.model.incoming().is_some_and(|(call, ring)| call.plain && ring.window.is_some()));
    story.keys("n");
    assert_eq!(story.asked(), [], "the window that came back has its guard");
    story.wait(INCOMING_GUARD);
    story.keys("n");
    assert_eq!(story.asked(), [send(Command::Decline)]);

    let mut story = Story::circle();
    ring(&mut story);
    story.tell(Event::Ended { with: names("gina bob"), reason: EndReason::Missed });
    assert!(story.model.popups.is_empty(), "there is nothing left to answer");
    story.asked();
    story.keys("y");
    assert_eq!(story.asked(), []);
}

#[test]
fn somebody_elses_guest_is_marked_from_the_ring_to_the_end() {
    let with = |story: &Story| {
        let call = story.model.call.as_ref().expect("there is a call");
        story.model.with(call, 3)
    };
    let mut story = Story::circle();
    let (others, guests) = (names("ivan judy"), names("ivan judy"));
    story.tell(Event::Incoming { from: name("bob"), others, guests, plain: true });
    assert_eq!(with(&story), "bob, ~ivan and ~judy", "one sees it when one decides");
    story.wait(INCOMING_GUARD);
    story.keys("y");
    story.tell(Event::PlainUnconfirmed(names("ivan")));
    assert_eq!(with(&story), "bob, ~ivan and ~judy");
    story.wait(CONSENT_GUARD);
    story.keys("y");
    story.tell(Event::Joined { who: name("ivan"), ssrc: Ssrc(2), plain: true });
    assert_eq!(with(&story), "bob, ~ivan and ~judy");
}

#[test]
fn who_rings_while_a_plain_call_is_asked_about_is_not_called_over() {
    for (caller, shown, plain) in [("gina", "~gina", true), ("bob", "bob", false)] {
        let mut story = ask_about_gina();
        let guests = if plain { names(caller) } else { Vec::new() };
        story.tell(Event::Incoming { from: name(caller), others: vec![], guests, plain });
        story.wait(CONSENT_GUARD);
        story.asked();
        story.keys("y");
        assert_eq!(story.asked(), [send(Command::AllowPlain(name("gina")))], "no call, and no answer");
        assert_eq!(story.notice(), format!("{shown} is calling you: answer or decline that call first."));
        let text = Safe::line("of something else");
        story.tell(Event::Refused { of: Matter::Call, why: Why::InCall, text });
        let (call, ring) = story.model.incoming().expect("it rings on");
        assert!(call.plain == plain && call.is_with(&name(caller)) && ring.window.is_some());
        story.keys("y");
        assert_eq!(story.asked(), [], "the window has its guard");
        story.wait(INCOMING_GUARD);
        story.keys("y");
        assert_eq!(story.asked(), [send(Command::Answer)]);
    }
}

#[test]
fn whether_a_call_is_encrypted_says_who_joins_and_nothing_before() {
    let ring = |plain| Event::Incoming { from: name("gina"), others: vec![], guests: vec![], plain };
    for plain in [true, false] {
        let calling = Event::Calling { to: names("gina"), plain: !plain };
        for before in [None, Some(calling), Some(ring(plain)), Some(ring(!plain))] {
            let mut story = Story::circle();
            before.into_iter().for_each(|event| story.tell(event));
            story.tell(Event::Joined { who: name("gina"), ssrc: Ssrc(1), plain });
            assert_eq!(story.model.call.as_ref().map(|call| call.plain), Some(plain));
            // We are heard: what was a ring is none any more, and the keys are those of a call.
            assert!(story.model.incoming().is_none());
            story.asked();
            story.keys("^x");
            assert_eq!(story.asked(), [send(Command::HangUp)]);
        }
    }
}

#[test]
fn a_guest_is_called_and_not_written_to() {
    let mut story = Story::circle();
    story.keys("jjj Tab");
    assert_eq!(story.notice(), "The program of ~gina has no texts: c calls them.");
    story.keys("Enter");
    assert_eq!((story.model.focus, story.asked()), (Focus::List, vec![]));
    // Called while writing to somebody else, the line is theirs all of a sudden.
    story.keys("g Tab");
    story.tell(Event::Incoming { from: name("gina"), others: vec![], guests: names("gina"), plain: true });
    story.keys("^g y");
    story.asked();
    story.keys("hello Enter");
    assert_eq!(story.asked(), []);
    assert_eq!(story.notice(), "The program of ~gina has no texts: c calls them.");
}

#[test]
fn whoever_leaves_is_told_whom_and_a_declined_call_is_called_that() {
    let mut story = Story::circle();
    story.tell(Event::Calling { to: names("bob carol dave"), plain: false });
    story.tell(Event::Joined { who: name("bob"), ssrc: Ssrc(1), plain: false });
    story.tell(Event::Joined { who: name("carol"), ssrc: Ssrc(2), plain: false });
    story.wait(Duration::from_secs(60));
    story.tell(Event::Ended { with: names("bob carol dave"), reason: EndReason::HungUp });
    assert_eq!(story.notice(), "You left the call with bob and carol. You talked 01:00.");
    story.tell(Event::Incoming { from: name("dave"), others: Vec::new(), guests: Vec::new(), plain: false });
    story.tell(Event::Ended { with: names("dave"), reason: EndReason::HungUp });
    assert_eq!(story.notice(), "You declined the call of dave.");
    assert_eq!(story.last_note("dave"), "call, declined");
}

#[test]
fn nobody_is_sent_to_write_to_a_guest_who_did_not_answer() {
    let mut story = Story::circle();
    story.tell(Event::Calling { to: names("gina"), plain: true });
    story.tell(Event::Ended { with: names("gina"), reason: EndReason::Gone });
    assert_eq!(story.notice(), "~gina is not connected. Call with c once they are.");
}

#[test]
fn the_volume_of_somebody_who_is_not_in_is_said_to_be_none() {
    let mut story = Story::circle();
    story.tell(Event::Calling { to: names("bob"), plain: false });
    story.keys("^g +");
    assert_eq!(story.asked(), []);
    assert_eq!(story.notice(), "bob is not in the call: there is nothing to play.");
}

#[test]
fn an_echo_is_said_once_unless_the_page_of_the_call_shows_it() {
    let figures = |ssrc, echo_from_them, echo_from_us| {
        let member = MemberStatistics { echo_from_them, echo_from_us, ..MemberStatistics::of(Ssrc(ssrc)) };
        SoundEvent::Statistics(Box::new(Statistics { members: vec![member], ..Statistics::default() }))
    };
    let mut story = Story::circle();
    story.talking(&["bob"]);
    story.keys("^g");
    if story.model.on_call_page() {
        story.keys("^g");
    }
    story.model.notice = None;
    story.hear(figures(1, true, false));
    let said = story.model.notice.take().expect("it is said");
    assert_eq!(said.text, "Your voice comes back from bob: their speaker is heard by their microphone.");
    story.hear(figures(1, true, false));
    assert!(story.model.notice.is_none(), "once");
    story.hear(figures(1, false, true));
    let said = story.model.notice.take().expect("it is said");
    assert_eq!(said.text, "bob hears their own echo from you: use a headset or switch echo cancel on.");
    story.keys("^g");
    assert!(story.model.on_call_page());
    story.hear(figures(1, true, false));
    assert!(story.model.notice.is_none(), "the page shows it");
}
