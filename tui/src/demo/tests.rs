//! The demonstration as a story: the real model, the real keys, simulated time.

use std::time::Duration;

use jiff::tz::TimeZone;
use proto::wire::record::Standing;
use proto::{Now, Time, Wall};

use super::{World, ms, settings};
use crate::app::call::Phase;
use crate::app::emulator::Emulator;
use crate::app::story::UNICODE;
use crate::app::{self, Effect, Model, Msg};
use crate::keys::{Code, Input, Key};

struct Show {
    model: Model,
    world: World,
    now: Now,
    bells: usize,
}

impl Show {
    fn new() -> Self {
        let look = UNICODE;
        let now = Now { mono: Time::ZERO, wall: Wall(1_793_716_320_000) };
        let model = Model::new(settings(look, TimeZone::UTC, false, Emulator::default()), true, now);
        let mut show = Self { model, world: World::new(None, now), now, bells: 0 };
        let start = app::start(&show.model);
        show.obey(start);
        show.listen();
        show
    }

    fn obey(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.bells += usize::from(effect == Effect::Bell);
            self.world.handle(effect, self.now);
        }
    }

    fn tell(&mut self, msg: Msg) {
        let effects = app::update(&mut self.model, msg, self.now);
        self.obey(effects);
    }

    fn listen(&mut self) {
        while let Some(msg) = self.world.poll(self.now) {
            self.tell(msg);
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now.mono + time;
        while let Some(due) = self.world.deadline().filter(|due| *due <= end) {
            self.now.mono = due.max(self.now.mono);
            self.listen();
        }
        self.now.mono = end;
        self.tell(Msg::Tick);
    }

    fn key(&mut self, key: Key) {
        self.tell(Msg::Input(Input::Key(key)));
        self.listen();
    }

    fn type_in(&mut self, text: &str) {
        text.chars().for_each(|c| self.key(Key::char(c)));
    }

    fn lines(&self, who: &str) -> Vec<String> {
        let chat = &self.model.chats[&super::cast::name(who)];
        chat.lines().map(|line| line.text.to_string()).collect()
    }
}

#[test]
fn one_is_logged_in_among_people() {
    let show = Show::new();
    assert_eq!(show.model.name.as_ref().unwrap().as_str(), "alice");
    assert!(show.model.contacts.online() >= 4);
    assert!(show.lines("bob")[0].contains("did the relay survive"));
}

#[test]
fn a_text_is_delivered_and_answered() {
    let mut show = Show::new();
    show.key(Key::press(Code::Enter));
    show.type_in("hello");
    show.key(Key::press(Code::Enter));
    show.wait(ms(3_000));
    let chat = &show.model.chats[&super::cast::name("bob")];
    let (answer, said) = (chat.lines().next_back().unwrap(), chat.lines().rev().nth(1).unwrap());
    assert_eq!(said.text.as_str(), "hello");
    let delivered = |from: &app::chat::From| matches!(from, app::chat::From::Me(sent) if sent.state == proto::client::MessageState::Delivered);
    assert!(delivered(&said.from), "{said:?}");
    assert_eq!(answer.from, app::chat::From::Them);
}

#[test]
fn a_call_is_answered_measured_and_ended() {
    let mut show = Show::new();
    show.key(Key::char('c'));
    assert!(matches!(show.model.call.as_ref().unwrap().phase, Phase::Placing { .. }));
    show.wait(ms(6_000));
    let call = show.model.call.as_ref().unwrap();
    assert!(matches!(call.phase, Phase::Live { .. }) && call.heard());
    assert!(call.figures.rating.is_some() && call.figures.round_trip.shown().is_some());
    show.key(Key::ctrl('x'));
    assert!(show.model.call.is_none());
    let planned = show.world.deadline();
    assert!(planned.is_none_or(|due| due > show.now.mono), "meters go on after the call");
}

#[test]
fn carol_calls_and_can_be_answered_or_missed() {
    let mut show = Show::new();
    show.wait(ms(16_000));
    assert!(show.model.incoming().is_some() && show.bells > 0);
    show.key(Key::char('y'));
    show.wait(ms(2_000));
    assert!(matches!(show.model.call.as_ref().unwrap().phase, Phase::Live { .. }));

    let mut show = Show::new();
    show.wait(ms(60_000));
    assert!(show.model.call.is_none());
    assert!(show.lines("carol").last().unwrap().contains("missed"), "{:?}", show.lines("carol"));
    assert_eq!(show.world.deadline(), None, "nothing more happens by itself");
}

/// The bad link of the group is named, and it is dave's.
#[test]
fn a_group_has_a_bad_link_and_the_screen_says_whose() {
    let mut show = Show::new();
    for name in ["bob", "carol", "dave", "erin"] {
        show.model.contacts.select(&super::cast::name(name));
        show.key(Key::char(' '));
    }
    show.key(Key::char('c'));
    show.wait(ms(14_000));
    let call = show.model.call.as_ref().unwrap();
    assert_eq!(call.count(), (5, 5));
    let hop = call.figures.hop;
    let blamed = hop.member().and_then(|ssrc| call.speaker(ssrc)).map(|party| party.name.as_str());
    assert_eq!(blamed, Some("dave"), "{hop:?}");
}

#[test]
fn whoever_is_asked_accepts_and_whoever_asks_can_be_accepted() {
    let mut show = Show::new();
    show.key(Key::char('a'));
    show.type_in("heidi");
    show.key(Key::press(Code::Enter));
    show.wait(ms(8_000));
    let standing =
        |show: &Show, who: &str| show.model.contacts.get(&super::cast::name(who)).map(|c| c.standing);
    assert_eq!(standing(&show, "heidi"), Some(Standing::Mutual));
    assert_eq!(standing(&show, "grace"), Some(Standing::Asking));
    show.key(Key::char('A'));
    assert_eq!(standing(&show, "grace"), Some(Standing::Mutual));
}

#[test]
fn the_same_show_twice_is_the_same() {
    let played = || {
        let mut show = Show::new();
        show.key(Key::char('c'));
        show.wait(ms(9_500));
        (format!("{:?}", show.model.call), show.lines("carol"))
    };
    assert_eq!(played(), played());
}

#[test]
fn the_settings_show_a_level_as_long_as_one_looks() {
    let mut show = Show::new();
    show.wait(ms(3_000));
    show.type_in(",");
    show.wait(ms(400));
    let open = |show: &Show| show.model.hears_itself();
    assert!(open(&show), "the simulated microphone is open");
    let busy = |show: &Show| show.world.deadline().is_some_and(|due| due < show.now.mono + ms(500));
    assert!(busy(&show), "it moves");
    show.type_in("q");
    show.wait(ms(400));
    assert!(!open(&show) && !busy(&show));
}

#[test]
fn whoever_is_blocked_is_in_the_list_of_them_and_heard_no_more() {
    let mut show = Show::new();
    show.wait(ms(400));
    while show.model.contacts.selected().is_some_and(|contact| contact.name.as_str() != "carol") {
        show.type_in("j");
    }
    show.type_in("bb");
    show.wait(ms(20_000));
    assert!(show.model.call.is_none(), "carol would have called");
    let cake = show.lines("carol").iter().any(|line| line == "we have cake");
    assert!(!cake, "{:?}", show.lines("carol"));
    show.type_in("B");
    let banned = |show: &Show| show.model.banned.iter().map(|one| one.name.to_string()).collect::<Vec<_>>();
    assert_eq!(banned(&show), ["carol"]);
    show.type_in("u");
    assert!(banned(&show).is_empty());
}
