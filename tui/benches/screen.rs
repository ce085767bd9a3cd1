//! What a frame costs, and how soon the first one is there: `scripts/bench-screen`.
//!
//! A frame is layout, difference and encoding, in memory, of the demonstration's pages while everything in them moves.
//! The first paint is of the real program in a terminal, from its start, with ten thousand messages in its store.

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use harness::Scratch;
use harness::process::{Headless, Server, tincan};
use harness::terminal::Terminal;
use harness::vitals::machine;
use jiff::tz::TimeZone;
use proto::id::{Fingerprint, MsgId, Name, Principal, Ssrc};
use proto::media::{Levels, SoundEvent};
use proto::{Now, Time, Wall};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tincan_tui::app::emulator::Emulator;
use tincan_tui::app::model::{Glyphs, Look};
use tincan_tui::app::{self, Effect, Model, Msg};
use tincan_tui::demo::{self, World};
use tincan_tui::keys::{Input, Key};
use tincan_tui::store::{ChatLine, Fate, Store};
use tincan_tui::terminal::Painter;
use tincan_tui::view;

#[expect(dead_code, reason = "the scenarios use the rest")]
#[path = "../tests/harness/mod.rs"]
mod harness;

const FRAMES: usize = 5_000;
const MESSAGES: u32 = 10_000;
const STARTS: usize = 40;

/// The design's targets, in milliseconds.
const FRAME_MS: [(u16, u16, f64); 2] = [(80, 24, 1.0), (200, 60, 3.0)];
const PAINT_MS: f64 = 50.0;

fn main() {
    println!("| what | median | p99 | target |  |\n|---|---|---|---|---|");
    for (columns, rows, target) in FRAME_MS {
        for page in ["chat", "call of five"] {
            let times = frames(columns, rows, page);
            row(&format!("frame, {page}, {columns}x{rows}"), &times, 99, target);
        }
    }
    let times = first_paints();
    row(&format!("first paint with {MESSAGES} messages (p95)"), &times, 95, PAINT_MS);
    println!("\n{}; {FRAMES} frames each, {STARTS} starts", machine());
}

fn row(what: &str, sorted: &[f64], percent: usize, target: f64) {
    let (median, most) = (at(sorted, 50), at(sorted, percent));
    let verdict = if most <= target { "ok" } else { "MISSED" };
    println!("| {what} | {median:.3} ms | {most:.3} ms | {target:.0} ms | {verdict} |");
}

/// Milliseconds of each frame, sorted.
fn frames(columns: u16, rows: u16, page: &str) -> Vec<f64> {
    let mut show = Show::new();
    if page != "chat" {
        for name in ["bob", "carol", "dave", "erin"] {
            show.model.contacts.select(&Name::parse(name).expect("a name"));
            show.key(Key::char(' '));
        }
        show.key(Key::char('c'));
        show.pass(15);
        show.key(Key::ctrl('g'));
    } else {
        show.pass(5);
    }
    let (mut painter, mut canvas) = (Painter::new(), Buffer::empty(Rect::new(0, 0, columns, rows)));
    let (mut out, mut links) = (Vec::new(), Vec::new());
    let mut times: Vec<f64> = (0..FRAMES)
        .map(|frame| {
            // All meters move in every frame, and the chosen contact is another: the dearest that can be.
            let loud = |n: usize| -6.0 - (frame * n % 44) as f32;
            let speakers = (1..5).map(|n| (Ssrc(n), loud(n as usize + 6))).collect();
            show.tell(Msg::Sound(SoundEvent::Levels(Levels { microphone: loud(5), speakers })));
            show.key(Key::char(if frame % 2 == 0 { 'j' } else { 'k' }));
            out.clear();
            links.clear();
            let began = Instant::now();
            canvas.reset();
            let cursor = view::view_linked(&show.model, &mut canvas, &mut links);
            painter.paint_linked(&canvas, &links, cursor, &mut out);
            began.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

/// The demonstration without a terminal.
struct Show {
    model: Model,
    world: World,
    now: Now,
}

impl Show {
    fn new() -> Self {
        let look = Look { glyphs: Glyphs::Unicode, ..Look::detect(|_| None) };
        let now = Now { mono: Time::ZERO, wall: Wall(1_793_716_320_000) };
        let settings = demo::settings(look, TimeZone::UTC, false, Emulator::default());
        let model = Model::new(settings, true, now);
        let mut show = Self { model, world: World::new(None, now), now };
        let start = app::start(&show.model);
        show.obey(start);
        show
    }

    fn obey(&mut self, effects: Vec<Effect>) {
        effects.into_iter().for_each(|effect| self.world.handle(effect, self.now));
    }

    fn tell(&mut self, msg: Msg) {
        let effects = app::update(&mut self.model, msg, self.now);
        self.obey(effects);
        while let Some(msg) = self.world.poll(self.now) {
            let effects = app::update(&mut self.model, msg, self.now);
            self.obey(effects);
        }
    }

    fn key(&mut self, key: Key) {
        self.tell(Msg::Input(Input::Key(key)));
    }

    fn pass(&mut self, seconds: u64) {
        let end = self.now.mono + std::time::Duration::from_secs(seconds);
        while let Some(due) = self.world.deadline().filter(|due| *due <= end) {
            self.now.mono = due.max(self.now.mono);
            self.tell(Msg::Tick);
        }
        self.now.mono = end;
        self.tell(Msg::Tick);
    }
}

/// Milliseconds of each start, sorted.
fn first_paints() -> Vec<f64> {
    let scratch = Scratch::new("bench-screen");
    let server = Server::start(&scratch);
    let mut alice = Headless::start(&scratch, "alice", &server, "null", &[]);
    let mut bob = Headless::start(&scratch, "bob", &server, "null", &[]);
    alice.befriend(&mut bob);
    alice.say("contacts");
    let contacts = alice.expect("contacts");
    let key = contacts["list"][0]["key"].as_str().and_then(Fingerprint::parse).expect("bob has a key");
    alice.quit();
    bob.quit();
    fill(&find_store(&scratch.join("alice")).expect("alice has a store"), &Principal::Key(key));
    let profile = scratch.join("alice");
    let profile = profile.to_str().expect("the scratch directory has a plain name");
    let start = |_| {
        let terminal = Terminal::start("alice", tincan(), &["--profile", profile, &server.invite], &[]);
        let painted = terminal.first_paint().as_secs_f64() * 1000.0;
        // It was the right one: the newest message is there.
        terminal.see("message 9999");
        painted
    };
    let mut times: Vec<f64> = (0..STARTS).map(start).collect();
    times.sort_by(f64::total_cmp);
    times
}

fn find_store(below: &Path) -> Option<PathBuf> {
    let entries: Vec<PathBuf> = std::fs::read_dir(below).ok()?.flatten().map(|entry| entry.path()).collect();
    let own = entries.iter().find(|path| path.file_name().is_some_and(|name| name == "store.db")).cloned();
    own.or_else(|| entries.iter().filter(|path| path.is_dir()).find_map(|path| find_store(path)))
}

fn fill(path: &Path, who: &Principal) {
    let mut store = Store::open(path).expect("the store opens");
    for number in 0..MESSAGES {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let sent = Wall(1_793_000_000_000 + u64::from(number) * 60_000);
        let text =
            format!("message {number}, about as long as what people write to each other when they are awake");
        let line = ChatLine { id: MsgId(id), mine: number % 3 == 0, sent, text, fate: Fate::Delivered };
        store.add_line(who, &line).expect("the store takes a line");
    }
    store.commit().expect("the store keeps them");
}

/// The value below which so many percent of the sorted ones lie.
fn at(sorted: &[f64], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or(f64::NAN)
}
