//! Every page as text at four sizes and in both glyph sets, and the rules of the theme.

use core::time::Duration;

use proto::client::{EndReason, Event, LinkState, MessageState};
use proto::id::{Fingerprint, MsgId, Ssrc};
use proto::media::processing::{self, PartState, Processing};
use proto::media::{DeviceList, HalfState, Levels, SoundEvent, Statistics};
use proto::wire::record::{Presence, Standing, Why};
use proto::{Safe, Wall};
use ratatui::style::{Color, Modifier};

use super::*;
use crate::app::Msg;
use crate::app::look::Theme as LookTheme;
use crate::app::model::Look;
use crate::app::settings::{Heard, Outcome};
use crate::app::story::{ASCII, START, Story, UNICODE, contact, name, open};
use crate::terminal::Painter;

mod bytes;
mod calls;
mod finding;
mod first;
mod outside;
mod people;
mod scripts;
mod told;

use bytes::Tty;
use told::figures;

impl Story {
    /// Alice, logged in, with five friends, a request, and a morning of chat with bob.
    fn morning(look: Look) -> Self {
        let mut story = Self::with(
            look,
            vec![
                contact("bob", Standing::Mutual, Presence::Online),
                contact("carol", Standing::Mutual, Presence::Online),
                contact("dave", Standing::Mutual, Presence::InCall),
                contact("erin", Standing::Mutual, Presence::Offline),
                contact("frank", Standing::Asked, Presence::Offline),
                contact("grace", Standing::Asking, Presence::Online),
            ],
        );
        story.say("bob", "bob", 30, "morning! did the relay survive the night?");
        story.say("bob", "me", 29, "yes, 0 restarts. 41 MB resident with 2000 clients");
        story.say("bob", "bob", 28, "nice. can we talk through the group call loss at 14:30?");
        story.say("bob", "bob", 27, "日本語も大丈夫? (wide characters line up)");
        story.say("bob", "me", 26, "wide is fine, and café with a combining accent too: cafe\u{301}");
        story.say("bob", "bob", 2, "https://example.org/notes/jitter-buffer");
        story.say("carol", "carol", 1, "lunch?");
        story.say("carol", "carol", 1, "or later");
        story.model.notice = None;
        story
    }

    fn in_call(look: Look) -> Self {
        let mut story = Self::morning(look);
        story.keys("c");
        story.tell(Event::Calling { to: vec![name("bob")], plain: false });
        story.tell(Event::Ringing(name("bob")));
        story.tell(Event::Joined { who: name("bob"), ssrc: Ssrc(7), plain: false });
        story.tell(Event::Heard(name("bob")));
        story.hear(SoundEvent::Microphone(open("USB Headset")));
        story.hear(SoundEvent::Speaker(open("USB Headset")));
        story.wait(Duration::from_secs(192));
        story.hear(SoundEvent::Levels(Levels { microphone: -9.0, speakers: vec![(Ssrc(7), -21.0)] }));
        story.hear(SoundEvent::Statistics(Box::new(figures(&[42]))));
        story
    }

    fn say(&mut self, chat: &str, from: &str, minutes_ago: u64, text: &str) {
        let sent = Wall(self.now.wall.0 - minutes_ago * 60_000);
        if from == "me" {
            let now = self.now;
            self.now.wall = sent;
            self.keys("Tab");
            self.paste(text);
            self.keys("Enter Tab");
            self.now = now;
            let (echo, id) = (self.model.echo - 1, MsgId([100 + self.next_id().0[0]; 16]));
            self.tell(Event::Waiting { to: name(chat), echo, id });
            self.tell(Event::MessageState { to: name(chat), id, state: MessageState::Delivered });
        } else {
            let (from, text, id) = (name(from), Safe::text(text, 4000), self.next_id());
            self.tell(Event::Said { from, id, sent, text });
        }
    }

    /// As many as there are lines.
    fn next_id(&self) -> MsgId {
        let lines: usize = self.model.chats.iter().map(|(_, chat)| chat.lines().count()).sum();
        MsgId([u8::try_from(lines).unwrap(); 16])
    }

    fn buffer(&self, width: u16, height: u16) -> (Buffer, Option<Position>) {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        let cursor = view(&self.model, &mut buffer);
        (buffer, cursor)
    }
}

/// The picture as text; a wide character takes the place of two.
fn picture(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut x = 0;
        let mut row = String::new();
        while x < buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            row.push_str(symbol);
            x += text::columns(symbol).max(1);
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

/// Every page, made anew for a look.
fn pages(look: Look) -> Vec<(&'static str, Story)> {
    let mut list = Vec::new();
    let mut page = |name, story: Story| list.push((name, story));

    let mut story = Story::new(None, look);
    story.tell(Event::Link(LinkState::Online));
    story.tell(Event::ServerKeyUnknown(Fingerprint([0x33; 32])));
    page("first_run", story);

    let mut story = Story::new(None, look);
    story.model.settings.expected = Some(Fingerprint([0x33; 32]));
    story.tell(Event::Link(LinkState::Online));
    story.tell(Event::NameWanted);
    page("first_run_invited", story);

    let mut story = Story::new(None, look);
    story.tell(Event::Link(LinkState::Online));
    story.tell(Event::NameWanted);
    story.keys("Enter");
    let text = Safe::line("The name alice belongs to somebody else here. Choose another one.");
    story.tell(Event::LoginRefused { why: Why::NameTaken, text });
    page("name_taken", story);

    list.extend(first::pages(look));
    let mut page = |name, story: Story| list.push((name, story));

    let mut story = Story::new(None, look);
    story.tell(Event::LoggedIn(name("alice")));
    story.keys("Enter");
    page("nobody_yet", story);

    page("main", Story::morning(look));

    let mut story = Story::morning(look);
    story.keys("Tab");
    story.type_in("see you in five minutes");
    page("writing", story);

    let mut story = Story::morning(look);
    story.keys("G");
    page("request", story);

    let mut story = Story::morning(look);
    story.keys("a");
    story.type_in("gra ce");
    story.keys("Enter");
    page("add", story);

    let mut story = Story::morning(look);
    story.keys("a");
    story.keys("^o");
    let link = format!("tincan://home.example:8462/{}/alice#SHA256:{}", "0f".repeat(16), "A".repeat(43));
    story.tell(Event::Invite(link));
    page("own_link", story);

    let mut story = Story::morning(look);
    story.keys("?");
    page("help", story);

    let mut story = Story::in_call(look);
    story.keys("^g ? mute");
    page("help_filtered", story);

    let mut story = Story::morning(look);
    story.keys(":");
    page("palette", story);

    let mut story = Story::morning(look);
    story.keys(",");
    story.event(Msg::Heard(Heard::Level(-18.0)));
    page("settings", story);

    let mut story = Story::morning(look);
    story.keys("d Enter");
    let names = |names: &[&str]| names.iter().map(|name| Safe::line(name)).collect();
    let (microphones, speakers) = (names(&["USB Headset", "Webcam C920"]), names(&["USB Headset"]));
    story.hear(SoundEvent::Devices(DeviceList { microphones, speakers }));
    story.keys("j");
    page("settings_picker", story);

    let mut story = Story::morning(look);
    story.keys(", j e");
    story.event(Msg::Heard(Heard::Level(-18.0)));
    let outcome = Outcome {
        peak_db: -12.0,
        capture: Some(Duration::from_millis(11)),
        playback: Some(Duration::from_millis(21)),
        lost: 0,
        echo: Some((Duration::from_millis(48), -46.0)),
        problem: None,
    };
    story.event(Msg::Heard(Heard::Tested(outcome)));
    page("settings_tested", story);

    let mut story = Story::in_call(look);
    story.keys("^g d");
    page("settings_in_call", story);

    for (times, name) in [
        (1, "settings_calls"),
        (2, "settings_notify"),
        (3, "settings_look"),
        (4, "settings_keys"),
        (5, "settings_privacy"),
        (6, "settings_account"),
    ] {
        let mut story = Story::morning(look);
        story.model.settings.preferences.file = "~/.config/tincan/config.toml".to_owned();
        story.keys(",");
        (0..times).for_each(|_| story.keys("Tab"));
        page(name, story);
    }

    let mut story = Story::morning(look);
    story.keys("^p ca");
    page("palette_typed", story);

    let mut story = Story::morning(look);
    story.tell(Event::Incoming { from: name("carol"), others: Vec::new(), guests: Vec::new(), plain: false });
    story.wait(Duration::from_secs(7));
    page("incoming", story);

    let mut story = Story::morning(look);
    story.keys("Tab");
    story.type_in("on my w");
    story.tell(Event::Incoming { from: name("carol"), others: Vec::new(), guests: Vec::new(), plain: false });
    story.wait(Duration::from_secs(7));
    page("incoming_while_writing", story);

    let mut story = Story::morning(look);
    story.keys("c");
    story.tell(Event::Calling { to: vec![name("bob")], plain: false });
    story.tell(Event::Ringing(name("bob")));
    story.wait(Duration::from_secs(4));
    page("ringing", story);

    page("call_bar", Story::in_call(look));

    let mut story = Story::in_call(look);
    story.keys("^g");
    page("call_view", story);

    let mut story = Story::in_call(look);
    let is = |on, why| PartState { on, why };
    story.hear(SoundEvent::Processing(Processing {
        echo: is(true, processing::Why::EchoHeard),
        noise: is(true, processing::Why::Noisy),
        gain: is(false, processing::Why::VoiceFine),
    }));
    story.keys("^g");
    page("call_processed", story);

    let mut story = Story::in_call(look);
    story.hear(SoundEvent::Microphone(HalfState::Failed {
        why: Safe::line("the device USB Headset is gone; plug it in again or choose another"),
    }));
    story.keys("^g");
    page("no_microphone", story);

    // The sound server ended: what its library said of it is long.
    let mut story = Story::in_call(look);
    for half in ["microphone", "speaker"] {
        let why = Safe::line(&format!(
            "the {half} does not work (ALSA function 'snd_pcm_open' failed with error 'Connection refused (111)'); \
             choose another device"
        ));
        let failed = HalfState::Failed { why };
        let event =
            if half == "speaker" { SoundEvent::Speaker(failed) } else { SoundEvent::Microphone(failed) };
        story.hear(event);
    }
    story.keys("^g");
    story.wait(Duration::from_secs(20));
    page("no_sound", story);

    let mut story = Story::in_call(look);
    story.tell(Event::Ended { with: vec![name("bob")], reason: EndReason::TheyHungUp });
    page("hung_up", story);

    let mut story = Story::morning(look);
    story.tell(Event::Link(LinkState::Away { retry_in: Duration::from_millis(3500) }));
    page("offline", story);

    let mut story = Story::morning(look);
    story.tell(Event::ServerKeyChanged { pinned: Fingerprint([1; 32]), shown: Fingerprint([2; 32]) });
    page("key_changed", story);
    list.extend(calls::pages(look));
    list.extend(told::pages(look));
    list.extend(scripts::pages(look));
    list.extend(people::pages(look));
    list.extend(outside::pages(look));
    list
}

#[test]
fn every_page_at_every_size() {
    for (look, set) in [(UNICODE, "unicode"), (ASCII, "ascii")] {
        for (width, height) in [(80, 24), (120, 40), (50, 12)] {
            for (page, story) in pages(look) {
                let (buffer, _) = story.buffer(width, height);
                insta::assert_snapshot!(format!("{page}-{width}x{height}-{set}"), picture(&buffer));
            }
        }
    }
}

/// The smallest screen there is, every page below the other in one picture.
#[test]
fn every_page_on_the_smallest_screen() {
    for (look, set) in [(UNICODE, "unicode"), (ASCII, "ascii")] {
        let mut all = String::new();
        for (page, story) in pages(look) {
            all += &format!("{:=^40}\n{}", format!(" {page} "), picture(&story.buffer(40, 10).0));
        }
        insta::assert_snapshot!(format!("every_page-40x10-{set}"), all);
    }
}

#[test]
fn no_size_is_too_small_to_draw() {
    for (_, story) in pages(UNICODE) {
        for width in [1, 2, 10, 39, 40, 41, 59, 60, 109, 110, 200] {
            for height in [1, 2, 3, 9, 10, 11, 24, 60] {
                let (_, cursor) = story.buffer(width, height);
                assert!(
                    cursor.is_none_or(|at| at.x < width && at.y < height),
                    "{width}x{height}: {cursor:?}"
                );
            }
        }
    }
}

/// Every style that is used anywhere.
fn styles(look: Look) -> Vec<(&'static str, Color, Color, Modifier)> {
    let mut found = Vec::new();
    for (page, story) in pages(look) {
        let (buffer, _) = story.buffer(120, 40);
        found.extend(buffer.content().iter().map(|cell| (page, cell.fg, cell.bg, cell.modifier)));
    }
    found
}

#[test]
fn colours_are_of_the_palette_on_the_default_background() {
    // Bright black is the background of some palettes, and an own background fits either dark or light: neither is used.
    let palette = [Color::Reset, Color::Red, Color::Green, Color::Yellow, Color::Cyan];
    for theme in LookTheme::ALL {
        for (page, fg, bg, modifier) in styles(Look { theme, ..UNICODE }) {
            // A code for cameras is dark on light whatever the terminal's own colours are.
            if page.starts_with("qr_") && theme != LookTheme::Mono {
                continue;
            }
            assert!(palette.contains(&fg), "{page}, {theme:?}: {fg:?} may be invisible somewhere");
            assert_eq!(bg, Color::Reset, "{page}, {theme:?}");
            assert!(theme != LookTheme::Mono || fg == Color::Reset, "{page}: {fg:?} without colours");
            let dim = theme == LookTheme::Contrast && modifier.contains(Modifier::DIM);
            assert!(!dim, "{page}: dim where contrast is wanted");
        }
    }
}

#[test]
fn without_colour_nothing_is_coloured_and_nothing_is_lost() {
    for (page, fg, bg, _) in styles(Look { colour: false, ..UNICODE }) {
        assert_eq!((fg, bg), (Color::Reset, Color::Reset), "{page}");
    }
    // Whatever the theme: the words and signs are the same.
    for theme in LookTheme::ALL {
        let plain = pages(Look { colour: false, theme, ..UNICODE });
        for ((page, with), (_, without)) in pages(UNICODE).into_iter().zip(plain) {
            // This one names the theme and says whether there are colours.
            if page == "settings_look" || page.starts_with("qr_") {
                continue;
            }
            let (with, without) = (with.buffer(80, 24).0, without.buffer(80, 24).0);
            assert_eq!(picture(&with), picture(&without), "{page}, {theme:?}");
        }
    }
}

#[test]
fn the_ascii_set_draws_with_letters_only() {
    for (page, story) in pages(ASCII) {
        let (buffer, _) = story.buffer(80, 24);
        let drawn = picture(&buffer);
        let chrome = ['│', '─', '╭', '●', '◐', '○', '◌', '▌', '█', '✓', '✗', '»', '…', '↵', '·'];
        assert!(!drawn.contains(chrome), "{page}:\n{drawn}");
    }
}
