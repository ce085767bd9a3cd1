//! Pages of calls of many, of guests, and of calls that are not encrypted; and that the last are always seen as such.

use super::told::figures;
use super::*;
use crate::app::story::guest;

impl Story {
    /// The morning, with a guest among the friends.
    fn morning_with_gina(look: Look) -> Self {
        let mut story = Self::morning(look);
        story.tell(Event::Contact(guest("gina")));
        story
    }

    fn call(&mut self, to: &str, plain: bool) {
        self.tell(Event::Calling { to: to.split(' ').map(name).collect(), plain });
    }

    fn join(&mut self, who: &str, ssrc: u32) {
        let plain = self.model.call.as_ref().is_some_and(|call| call.plain);
        self.tell(Event::Joined { who: name(who), ssrc: Ssrc(ssrc), plain });
        self.tell(Event::Heard(name(who)));
    }

    fn figures(&mut self) {
        self.hear(SoundEvent::Microphone(open("USB Headset")));
        self.hear(SoundEvent::Speaker(open("USB Headset")));
        self.hear(SoundEvent::Statistics(Box::new(figures(&[42, 61, 88, 35]))));
    }

    /// Bob talks, carol listens, dave declined, erin's device rings; the last one is in and was not heard yet: heidi,
    /// who is nobody's contact, or a guest.
    fn group(look: Look, plain: bool) -> Self {
        let mut story = Self::morning_with_gina(look);
        let last = if plain { "gina" } else { "heidi" };
        story.call(&format!("bob carol dave erin {last}"), plain);
        story.join("bob", 1);
        story.wait(Duration::from_secs(185));
        story.join("carol", 2);
        story.tell(Event::Ringing(name("erin")));
        story.tell(Event::Joined { who: name(last), ssrc: Ssrc(3), plain });
        story.tell(Event::Parted { who: name("dave"), reason: EndReason::Declined });
        story.wait(Duration::from_secs(7));
        story.figures();
        let speakers = vec![(Ssrc(1), -21.0), (Ssrc(2), -90.0)];
        story.hear(SoundEvent::Levels(Levels { microphone: -9.0, speakers }));
        story.wait(Duration::from_secs(2));
        story.model.notice = None;
        story
    }

    fn plain_pair(look: Look) -> Self {
        let mut story = Self::morning_with_gina(look);
        story.model.contacts.select(&name("gina"));
        story.call("gina", true);
        story.join("gina", 7);
        story.figures();
        story.wait(Duration::from_secs(192));
        story.hear(SoundEvent::Levels(Levels { microphone: -9.0, speakers: vec![(Ssrc(7), -21.0)] }));
        story
    }
}

/// Every page, made anew for a look.
pub(super) fn pages(look: Look) -> Vec<(&'static str, Story)> {
    let mut list = plain_pages(look);
    let mut page = |name, story: Story| list.push((name, story));

    let mut story = Story::morning(look);
    story.keys("Space j Space j Space");
    page("marked", story);

    let mut story = Story::morning_with_gina(look);
    story.model.contacts.select(&name("gina"));
    page("guest", story);

    let mut story = Story::morning(look);
    story.call("bob carol dave", false);
    story.tell(Event::Ringing(name("carol")));
    story.tell(Event::Parted { who: name("dave"), reason: EndReason::Busy });
    story.wait(Duration::from_secs(4));
    story.model.notice = None;
    page("group_ringing", story);

    page("group_bar", Story::group(look, false));

    let mut story = Story::group(look, false);
    story.keys("^g j");
    page("group_view", story);

    let mut story = Story::morning(look);
    let many: Vec<String> = (1..32).map(|n| format!("member{n}")).collect();
    story.call(&many.join(" "), false);
    (1..).zip(&many).for_each(|(ssrc, who)| story.join(who, ssrc));
    story.model.notice = None;
    story.figures();
    story.keys("^g");
    story.type_in(&"j".repeat(20));
    page("group_of_32", story);

    let mut story = Story::morning(look);
    let others = vec![name("bob"), name("dave")];
    story.tell(Event::Incoming { from: name("carol"), others, guests: Vec::new(), plain: false });
    story.wait(Duration::from_secs(7));
    page("group_incoming", story);
    list
}

/// Every page of a call that is not encrypted.
fn plain_pages(look: Look) -> Vec<(&'static str, Story)> {
    let mut list = Vec::new();
    let mut page = |name, story: Story| list.push((name, story));

    let mut story = Story::morning_with_gina(look);
    story.model.contacts.select(&name("gina"));
    story.keys("c");
    story.tell(Event::PlainUnconfirmed(vec![name("gina")]));
    page("plain_asked", story);

    let mut story = Story::morning_with_gina(look);
    story.call("gina", true);
    story.tell(Event::Ringing(name("gina")));
    page("plain_ringing", story);

    let mut story = Story::morning_with_gina(look);
    story.call("gina", true);
    story.keys("^g");
    page("plain_calling_view", story);

    page("plain_bar", Story::plain_pair(look));

    let mut story = Story::plain_pair(look);
    story.keys("^g");
    page("plain_view", story);

    let mut story = Story::morning_with_gina(look);
    story.tell(Event::Incoming {
        from: name("gina"),
        others: vec![],
        guests: vec![name("gina")],
        plain: true,
    });
    story.wait(Duration::from_secs(7));
    page("plain_incoming", story);

    let mut story = Story::morning_with_gina(look);
    let others = vec![name("bob"), name("dave"), name("ivan")];
    let guests = vec![name("gina"), name("ivan")];
    story.tell(Event::Incoming { from: name("gina"), others, guests, plain: true });
    page("plain_group_incoming", story);

    let mut story = Story::morning_with_gina(look);
    story.keys("Tab");
    story.type_in("on my w");
    story.tell(Event::Incoming {
        from: name("gina"),
        others: vec![name("dave")],
        guests: vec![name("gina")],
        plain: true,
    });
    page("plain_incoming_while_writing", story);

    let mut story = Story::morning_with_gina(look);
    story.tell(Event::Incoming {
        from: name("gina"),
        others: vec![],
        guests: vec![name("gina")],
        plain: true,
    });
    story.wait(Duration::from_secs(1));
    story.keys("y");
    page("plain_answering", story);

    page("plain_group_bar", Story::group(look, true));

    let mut story = Story::group(look, true);
    story.keys("^g");
    page("plain_group_view", story);

    let mut story = Story::morning_with_gina(look);
    story.model.settings.plain_server = Some("binary");
    page("plain_server", story);

    let mut story = Story::morning_with_gina(look);
    story.model.settings.plain_server = Some("binary");
    story.model.contacts.select(&name("gina"));
    page("plain_server_contact", story);

    let mut story = Story::morning_with_gina(look);
    story.model.settings.plain_server = Some("binary");
    story.keys("a");
    page("plain_server_add", story);
    list
}

/// Where the words stand, if they do.
fn find(buffer: &Buffer, words: &str) -> Option<(u16, u16)> {
    let room = buffer.area.width.saturating_sub(text::columns(words));
    let rows = 0..buffer.area.height;
    let places = rows.flat_map(|y| (0..=room).map(move |x| (x, y)));
    let at = |(x, y): (u16, u16)| (x..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    places.into_iter().find(|place| at(*place).starts_with(words))
}

#[test]
fn a_call_that_is_not_encrypted_says_so_at_every_stage_and_size() {
    for look in [UNICODE, ASCII] {
        for (page, story) in plain_pages(look) {
            for (width, height) in [(120, 40), (80, 24), (60, 15), (50, 12), (40, 10), (39, 10), (20, 2)] {
                if (width, height) == (39, 10) || (width, height) == (20, 2) {
                    // One row says what a call needs; a question or a mere server is not one.
                    if story.model.call.is_none() {
                        continue;
                    }
                }
                let (buffer, _) = story.buffer(width, height);
                assert!(
                    find(&buffer, "NOT ENCRYPTED").is_some(),
                    "{page} at {width}x{height}:\n{}",
                    picture(&buffer)
                );
            }
        }
    }
}

#[test]
fn the_warning_is_loud_with_colour_and_without() {
    for (look, colour) in [(UNICODE, Color::Red), (ASCII, Color::Reset)] {
        for (page, story) in plain_pages(look) {
            let (buffer, _) = story.buffer(80, 24);
            let (x, y) = find(&buffer, "NOT ENCRYPTED").expect("it is there");
            for x in x..x + 13 {
                let cell = &buffer[(x, y)];
                let loud = Modifier::BOLD | Modifier::REVERSED;
                assert_eq!((cell.fg, cell.modifier), (colour, loud), "{page}");
            }
        }
    }
}

#[test]
fn a_call_that_is_encrypted_never_warns_and_a_plain_one_never_reassures() {
    for (page, story) in super::pages(UNICODE) {
        let plain = plain_pages(UNICODE).iter().any(|(other, _)| *other == page);
        for (width, height) in [(120, 40), (80, 24), (50, 12)] {
            let (buffer, _) = story.buffer(width, height);
            let drawn = picture(&buffer);
            assert_eq!(drawn.contains("NOT ENCRYPTED"), plain, "{page}\n{drawn}");
            assert!(!plain || !(drawn.contains("E2E") || drawn.contains("end-to-end")), "{page}\n{drawn}");
        }
    }
    let window = |story: &Story| window_title(&story.model);
    assert_eq!(window(&Story::plain_pair(UNICODE)), "tincan: call with ~gina, not encrypted (2 unread)");
}

#[test]
fn everybody_in_a_full_call_can_be_seen() {
    for (width, height) in [(80, 24), (50, 12)] {
        let mut story = Story::morning(UNICODE);
        let many: Vec<String> = (1..32).map(|n| format!("member{n:02}")).collect();
        story.call(&many.join(" "), false);
        (1..).zip(&many).for_each(|(ssrc, who)| story.join(who, ssrc));
        story.keys("^g");
        for who in &many {
            let (buffer, _) = story.buffer(width, height);
            let (_, y) = find(&buffer, who).unwrap_or_else(|| panic!("{who}:\n{}", picture(&buffer)));
            assert_eq!(buffer[(0, y)].symbol(), "▌", "the chosen one is marked");
            story.keys("j");
        }
    }
}

/// Four times a second the meters of five, once the figures and the time.
#[test]
fn a_call_of_five_over_a_network_is_at_most_800_bytes_a_second() {
    let (mut tty, mut story) = (Tty::new(), Story::morning(UNICODE));
    story.call("bob carol dave erin", false);
    (1..).zip(["bob", "carol", "dave", "erin"]).for_each(|(ssrc, who)| story.join(who, ssrc));
    story.figures();
    story.keys("^g");
    tty.show(&story);
    let mut bytes = 0;
    for tick in 0..40u16 {
        let loud = |n: u16| -6.0 - f32::from((tick * n) % 40);
        let speakers = (1..5).map(|ssrc| (Ssrc(u32::from(ssrc)), loud(5 + ssrc))).collect();
        story.wait(Duration::from_millis(250));
        story.hear(SoundEvent::Levels(Levels { microphone: loud(3), speakers }));
        if tick % 4 == 0 {
            story.figures();
        }
        bytes += tty.show(&story).len();
    }
    assert!(bytes / 10 <= 800, "{} bytes a second", bytes / 10);
}

#[test]
fn figures_stand_still_whatever_they_are() {
    let places = |micros: u64| {
        let mut story = Story::group(UNICODE, false);
        story.keys("^g");
        story.hear(SoundEvent::Statistics(Box::new(Statistics {
            round_trip: Some(Duration::from_micros(micros)),
            jitter: Duration::from_micros(micros),
            ..Statistics::default()
        })));
        let (buffer, _) = story.buffer(80, 24);
        ["loss", "buffer", "up"].map(|label| find(&buffer, label))
    };
    assert!(places(900).iter().all(Option::is_some));
    assert_eq!(places(900), places(1000));
    assert_eq!(places(900), places(1_234_000));
}

/// A bar, a panel, one row, a banner over a window: what they say can be pressed is what was bound.
#[test]
fn the_keys_of_a_call_are_named_as_they_were_bound() {
    use crate::app::keymap::{Binding, Keymap};
    let bound = |act: &str, key: &str| Binding {
        place: String::new(),
        act: act.into(),
        keys: if key.is_empty() { Vec::new() } else { vec![key.to_owned()] },
        line: 1,
    };
    let keys = Keymap::new(&[bound("hang-up", "f9"), bound("call-view", "f10"), bound("mute", "")]).unwrap();
    let mut live = Story::in_call(UNICODE);
    live.model.settings.keys = keys.clone();
    let mut rings = Story::morning(UNICODE);
    rings.model.settings.keys = keys;
    rings.keys(",");
    let (from, plain) = (name("carol"), false);
    rings.tell(Event::Incoming { from, others: Vec::new(), guests: Vec::new(), plain });
    for (story, size, named) in [
        (&live, (80, 24), "F9 end"),
        (&live, (120, 40), "F9 hang up  F10 full view"),
        (&live, (39, 9), "F9 end"),
        (&rings, (80, 24), "F10 shows it  F9 declines"),
        (&rings, (40, 10), "carol is calling  F10 show  F9 decline"),
    ] {
        let picture = picture(&story.buffer(size.0, size.1).0);
        assert!(picture.contains(named) && !picture.contains("^X") && !picture.contains("^T"), "{picture}");
    }
}

/// A low screen with a window: what happened is there whole, not the end of it alone.
#[test]
fn what_happens_behind_a_window_is_told_whole_on_a_low_screen() {
    let mut story = Story::morning(UNICODE);
    story.keys("s");
    story.tell(Event::Contact(contact("heidi", Standing::Asking, Presence::Online)));
    story.tell(Event::Request(name("heidi")));
    let told = story.model.notice.as_ref().unwrap().text.clone();
    assert!(told.len() > 50, "{told}");
    let picture = picture(&story.buffer(50, 12).0);
    let rows: Vec<&str> = picture.lines().map(str::trim).collect();
    assert!(rows.join(" ").ends_with(&told), "{picture}");
}
