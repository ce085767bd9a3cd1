//! What the screen costs a line, in bytes rather than in time: the real model, views, pace and painter over simulated
//! minutes of the demonstration. The budgets are those of the design of the screen.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::time::Duration;

use jiff::tz::TimeZone;
use proto::id::Name;
use proto::{Now, Time, Wall, earliest};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tincan_tui::app::emulator::Emulator;
use tincan_tui::app::look::Theme;
use tincan_tui::app::model::{Glyphs, Look, Settings};
use tincan_tui::app::{self, Effect, Model, Msg};
use tincan_tui::demo::{self, World};
use tincan_tui::keys::{Code, Input, Key};
use tincan_tui::screen::pace::{Pace, Want};
use tincan_tui::terminal::Painter;
use tincan_tui::view;

/// A screen over a line: everything but the terminal and the clock is real.
struct Line {
    model: Model,
    world: World,
    pace: Pace,
    painter: Painter,
    canvas: Buffer,
    now: Now,
    /// Bytes so far, and frames.
    bytes: usize,
    frames: usize,
}

impl Line {
    fn new(remote: bool, columns: u16, rows: u16) -> Self {
        let look = Look { glyphs: Glyphs::Unicode, colour: true, theme: Theme::Default };
        Self::with(demo::settings(look, TimeZone::UTC, remote, Emulator::default()), columns, rows)
    }

    fn with(settings: Settings, columns: u16, rows: u16) -> Self {
        let now = Now { mono: Time::ZERO, wall: Wall(1_793_716_320_000) };
        let pace = Pace::new(settings.remote);
        let model = Model::new(settings, true, now);
        let canvas = Buffer::empty(Rect::new(0, 0, columns, rows));
        let (world, painter) = (World::new(None, now), Painter::new());
        let mut line = Self { model, world, pace, painter, canvas, now, bytes: 0, frames: 0 };
        let start = app::start(&line.model);
        line.obey(start);
        line
    }

    /// Past what happens by itself at the beginning; carol's call is declined.
    fn calm(mut self) -> Self {
        self.pass(Duration::from_secs(20));
        self.press(Key::ctrl('x'));
        self.pass(Duration::from_secs(40));
        assert!(self.model.call.is_none());
        self
    }

    fn obey(&mut self, effects: Vec<Effect>) {
        effects.into_iter().for_each(|effect| self.world.handle(effect, self.now));
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

    fn wanted(&self) -> Option<Want> {
        self.model.dirty.then_some(Want::News).or(self.model.moved.then_some(Want::Motion))
    }

    fn draw(&mut self, want: Want) -> usize {
        (self.model.dirty, self.model.moved) = (false, false);
        self.canvas.reset();
        // As on a terminal that opens links: they are to cost nothing again.
        let (mut out, mut links) = (Vec::new(), Vec::new());
        let cursor = view::view_linked(&self.model, &mut self.canvas, &mut links);
        self.painter.paint_linked(&self.canvas, &links, cursor, &mut out);
        self.pace.drew(want, out.len(), self.now.mono);
        self.bytes += out.len();
        self.frames += usize::from(!out.is_empty());
        out.len()
    }

    /// A key is pressed, and its frame is drawn; gives the bytes of that.
    fn press(&mut self, key: Key) -> usize {
        self.tell(Msg::Input(Input::Key(key)));
        self.draw(Want::Key)
    }

    /// Lets time pass as the loop does; gives the bytes that were written meanwhile.
    fn pass(&mut self, time: Duration) -> usize {
        let (before, end) = (self.bytes, self.now.mono + time);
        loop {
            self.listen();
            if let Some(want) = self.wanted().filter(|want| self.pace.at(*want) <= self.now.mono) {
                self.draw(want);
            }
            let frame = self.wanted().map(|want| self.pace.at(want));
            let due = earliest(frame, earliest(self.world.deadline(), self.model.deadline()));
            let next = due.map_or(end, |due| due.min(end)).max(self.now.mono);
            let passed = next - self.now.mono;
            self.now.mono = next;
            self.now.wall.0 += u64::try_from(passed.as_micros()).unwrap() / 1_000;
            if next >= end {
                return self.bytes - before;
            }
            if self.model.deadline().is_some_and(|due| due <= next) {
                self.tell(Msg::Tick);
            }
        }
    }

    /// Calls these and waits until the call is measured.
    fn call(mut self, who: &[&str]) -> Self {
        for name in who {
            self.model.contacts.select(&Name::parse(name).unwrap());
            self.press(Key::char(' '));
        }
        self.press(Key::char('c'));
        self.pass(Duration::from_secs(15));
        assert!(self.model.call.as_ref().is_some_and(|call| call.count().0 == who.len() + 1));
        self
    }

    /// The mean of a minute, and the most of any second of it, in bytes per second.
    fn minute(&mut self) -> (usize, usize) {
        let seconds: Vec<usize> = (0..60).map(|_| self.pass(Duration::from_secs(1))).collect();
        (seconds.iter().sum::<usize>() / seconds.len(), *seconds.iter().max().unwrap())
    }
}

/// Over SSH at its usual four meters a second.
const PAIR_MAX: usize = 500;
const GROUP_MAX: usize = 800;
/// One second may be worse than the mean, and never worse than this.
const SECOND_MAX: usize = 1_500;
const KEY_MAX: usize = 20;

#[test]
fn idle_costs_the_clock_and_nothing_else() {
    let mut line = Line::new(true, 80, 24).calm();
    let (bytes, frames) = (line.bytes, line.frames);
    line.pass(Duration::from_secs(10 * 60));
    assert_eq!(line.frames - frames, 10, "a frame for each minute of the clock");
    assert!(line.bytes - bytes <= 10 * 20, "{} bytes", line.bytes - bytes);
}

#[test]
fn a_call_over_ssh_keeps_to_its_budget_in_the_bar_the_panel_and_the_page() {
    for (columns, rows, page) in [(80, 24, false), (80, 24, true), (120, 40, false), (120, 40, true)] {
        let mut line = Line::new(true, columns, rows).calm().call(&["bob"]);
        if page {
            line.press(Key::ctrl('g'));
        }
        let (mean, most) = line.minute();
        println!("pair {columns}x{rows} page {page}: {mean} B/s, at most {most}");
        assert!(mean <= PAIR_MAX && most <= SECOND_MAX, "{columns}x{rows} page {page}: {mean}, {most}");
        assert!(mean >= 20, "nothing moves: {mean}");
    }
}

#[test]
fn a_group_of_five_over_ssh_keeps_to_its_budget() {
    for (columns, rows, page) in [(80, 24, false), (80, 24, true), (120, 40, false), (120, 40, true)] {
        let mut line = Line::new(true, columns, rows).calm().call(&["bob", "carol", "dave", "erin"]);
        if page {
            line.press(Key::ctrl('g'));
        }
        let (mean, most) = line.minute();
        println!("group {columns}x{rows} page {page}: {mean} B/s, at most {most}");
        assert!(mean <= GROUP_MAX && most <= SECOND_MAX, "{columns}x{rows} page {page}: {mean}, {most}");
        assert!(mean >= 20, "nothing moves: {mean}");
    }
}

#[test]
fn a_meter_moves_as_often_as_was_wished() {
    let look = Look { glyphs: Glyphs::Unicode, colour: true, theme: Theme::Default };
    let mut frames = Vec::new();
    for hz in [Some(0), Some(2), None, Some(30)] {
        let settings =
            Settings { meter_hz: hz, ..demo::settings(look, TimeZone::UTC, false, Emulator::default()) };
        let mut line = Line::with(settings, 80, 24).calm().call(&["bob"]);
        let before = line.frames;
        line.pass(Duration::from_secs(60));
        frames.push(line.frames - before);
    }
    assert!(frames.is_sorted() && frames[0] <= 75 && frames[1] <= 200, "{frames:?}");
    assert!((300..=16 * 60).contains(&frames[2]), "15 a second on this machine: {frames:?}");
}

/// Letters, corrections and movements, from the start to the end of a line that scrolls sideways.
#[test]
fn a_typed_key_costs_at_most_twenty_bytes() {
    for (columns, rows) in [(80, 24), (120, 40), (50, 12)] {
        let mut line = Line::new(true, columns, rows).calm();
        line.press(Key::press(Code::Enter));
        line.pass(Duration::from_secs(1));
        // One letter less than the line is long: then it moves as a whole, which is another matter.
        for c in "the quick brown fox in die".chars() {
            let bytes = line.press(Key::char(c));
            assert!((1..=KEY_MAX).contains(&bytes), "{bytes} bytes for {c:?} at {columns}x{rows}");
        }
        for code in [Code::Backspace, Code::Left, Code::Right, Code::Left, Code::Delete] {
            let bytes = line.press(Key::press(code));
            assert!((1..=KEY_MAX).contains(&bytes), "{bytes} bytes for {code:?} at {columns}x{rows}");
        }
    }
}

/// Keys in the list and in the call: each moves a mark or a word, not a screen.
#[test]
fn an_echo_never_waits_for_a_meter() {
    let mut line = Line::new(true, 80, 24).calm().call(&["bob", "carol", "dave", "erin"]);
    line.press(Key::ctrl('g'));
    // What moves has used up the line for a while; a key does not ask for it.
    line.pace.drew(Want::Motion, 20_000, line.now.mono);
    assert_eq!(line.pass(Duration::from_secs(5)), 0, "nothing moves while the line is in debt");
    assert!(line.press(Key::char('t')) > 0);
    assert_eq!(line.pace.at(Want::Key), Time::ZERO);
}
