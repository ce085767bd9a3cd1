//! What the pictures cost in bytes, and that nobody's words become anything but text on their way to the terminal.

use core::time::Duration;

use proto::Safe;
use proto::client::{Event, Matter};
use proto::id::{MsgId, Ssrc};
use proto::media::{HalfState, Levels, SoundEvent, Statistics};
use proto::wire::record::Why;

use super::super::window_title;
use super::{Painter, pages};
use crate::app::story::{START, Story, UNICODE, name};
use crate::keys::{Code, Key};

/// A terminal that reads what the painter writes.
pub(super) struct Tty {
    painter: Painter,
    pub(super) vt: vt100::Parser,
}

impl Tty {
    pub(super) fn new() -> Self {
        let side = |cells| core::num::NonZero::new(cells).unwrap();
        Self { painter: Painter::new(), vt: vt100::Parser::new(side(24), side(80), 0) }
    }

    pub(super) fn show(&mut self, story: &Story) -> Vec<u8> {
        let (buffer, cursor) = story.buffer(80, 24);
        let mut out = Vec::new();
        self.painter.paint(&buffer, cursor, &mut out);
        self.vt.process(&out);
        out
    }
}

#[test]
fn idle_is_no_bytes_and_the_clock_is_a_few() {
    let (mut tty, mut story) = (Tty::new(), Story::morning(UNICODE));
    assert!(tty.show(&story).len() < 3300, "the first paint");
    story.wait(Duration::from_secs(1));
    assert_eq!(tty.show(&story), b"");
    story.wait(Duration::from_secs(60));
    let bytes = tty.show(&story).len();
    assert!((1..=20).contains(&bytes), "{bytes} bytes for another minute");
}

#[test]
fn a_typed_key_is_at_most_twenty_bytes() {
    let (mut tty, mut story) = (Tty::new(), Story::morning(UNICODE));
    story.keys("Tab");
    tty.show(&story);
    for c in "on my way, 日本".chars() {
        story.key(Key::char(c));
        let bytes = tty.show(&story);
        assert!(bytes.len() <= 20, "{c}: {:?}", String::from_utf8_lossy(&bytes));
    }
    for _ in 0..5 {
        story.key(Key::press(Code::Backspace));
        assert!(tty.show(&story).len() <= 20);
    }
    assert!(tty.vt.screen().contents().contains("> on my w"));
}

/// Four times a second the meters, once the figures and the time: 500 bytes a second is what a phone's line bears.
#[test]
fn a_call_over_a_network_is_at_most_500_bytes_a_second() {
    let (mut tty, mut story) = (Tty::new(), Story::in_call(UNICODE));
    tty.show(&story);
    let mut bytes = 0;
    for tick in 0..40u16 {
        let loud = |n: u16| -6.0 - f32::from((tick * n) % 40);
        let levels = Levels { microphone: loud(7), speakers: vec![(Ssrc(7), loud(11))] };
        story.wait(Duration::from_millis(250));
        story.hear(SoundEvent::Levels(levels));
        if tick % 4 == 0 {
            let trip = Some(Duration::from_millis(40 + u64::from(tick)));
            let figures =
                Statistics { round_trip: trip, loss_in: f32::from(tick) / 1000.0, ..Statistics::default() };
            story.hear(SoundEvent::Statistics(Box::new(figures)));
        }
        bytes += tty.show(&story).len();
    }
    assert!(bytes / 10 <= 500, "{} bytes a second", bytes / 10);
}

/// Words that would like to be more: colours, titles, clipboard, other places on the screen, other directions.
const HOSTILE: [&str; 8] = [
    "\u{1b}[31mred\u{1b}[0m",
    "\u{1b}]0;owned\u{7}",
    "\u{1b}]52;c;b3duZWQ=\u{1b}\\",
    "\u{9b}2J\u{9d}0;owned\u{9c}",
    "\u{202e}evil\u{202c}",
    "a\u{8}\u{8}\u{8}b\rc\u{b}d\u{7f}",
    "z\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}",
    "\u{0}\u{e0041}\u{200d}\u{feff}",
];

#[test]
fn no_word_of_a_stranger_reaches_the_terminal_as_anything_but_text() {
    for words in HOSTILE {
        let safe = Safe::text(words, 3000);
        let mut stories = pages(UNICODE);
        for (_, story) in &mut stories {
            story.model.settings.server = Safe::line(words);
            let text = safe.clone();
            story.tell(Event::Said { from: name("bob"), id: MsgId([2; 16]), sent: START, text });
            story.hear(SoundEvent::Microphone(HalfState::Failed { why: safe.clone() }));
            story.hear(SoundEvent::Speaker(HalfState::Open {
                name: safe.clone(),
                opened_in: Duration::ZERO,
                wanted: Some(safe.clone()),
            }));
            story.tell(Event::Refused { of: Matter::Call, why: Why::Other, text: safe.clone() });
            story.paste(words);
        }
        for (page, story) in stories {
            let mut tty = Tty::new();
            let out = tty.show(&story);
            assert_only_our_controls(&out, page, words);
            assert!(!window_title(&story.model).chars().any(char::is_control), "{page}");
        }
    }
}

/// The painter's own sequences are cursor moves, attributes, modes and erasing: `CSI` with digits and one letter.
fn assert_only_our_controls(out: &[u8], page: &str, words: &str) {
    let text = core::str::from_utf8(out).expect("what is painted is UTF-8");
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            assert_eq!(rest.next(), Some('['), "{page}: {words:?}");
            let last = rest.by_ref().find(|c| c.is_ascii_alphabetic());
            assert!(last.is_some_and(|c| "mHCJhl".contains(c)), "{page}: {words:?} {last:?}");
            continue;
        }
        let moves = matches!(c, '\r' | '\n' | '\u{8}');
        assert!(moves || !c.is_control(), "{page}: {words:?} {c:?}");
        assert!(!('\u{202a}'..='\u{202e}').contains(&c), "{page}: {words:?}");
    }
}
