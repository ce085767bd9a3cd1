//! `tincan --demo`: the real screen with simulated people behind it. No server, no sound, no file, no profile: for
//! trying the keys, for pictures, and for tests. The same model, keys and views as ever; only what a session would
//! tell comes from a script ([`World`]).

use std::fs::OpenOptions;
use std::time::Duration;

use anyhow::Context as _;
use jiff::tz::TimeZone;
use mio::{Events, Poll, Token};
use proto::id::Fingerprint;
use proto::media::processing::Wish;
use proto::{Now, Safe, Time, Wall, earliest};

use crate::app::emulator::Emulator;
use crate::app::keymap::Keymap;
use crate::app::model::{Look, over_ssh};
use crate::app::notify::Notify;
use crate::app::preferences::Preferences;
use crate::app::transmit::{TalkKey, Transmit};
use crate::app::{Effect, Settings};
use crate::clock::{Clock, wait_for};
use crate::exit::Exit;
use crate::screen::{Outside, Screen};

mod cast;
mod sound;
mod world;

pub use world::World;

#[cfg(test)]
mod tests;

/// Where the demonstration says to be logged in. The title shows it, so that nobody takes it for the world.
const SERVER: &str = "demo";

/// Whom one plays.
pub(crate) const ME: &str = "alice";

const TERMINAL: Token = Token(0);
const SIGNALS: Token = Token(1);

/// How the demonstration is to begin.
#[derive(Clone, Debug)]
pub struct Begin {
    /// How things look.
    pub look: Look,
    /// How often meters move, 0 to 30 times a second; none for what the line is good for.
    pub meter_hz: Option<u8>,
    /// Whether the terminal is told of links.
    pub links: Wish,
    /// The keys, as the person wants them.
    pub keys: Keymap,
    /// When the microphone is open.
    pub transmit: Transmit,
    /// What is told outside the screen.
    pub notify: Notify,
    /// Said instead of everything that others would say: for tests of what a stranger could do to the screen.
    pub words: Option<String>,
    /// The minute of the day (0 to 1439) at which the clock on the wall stands still, so that pictures are alike.
    /// Calls are timed as ever. None: the usual clock.
    pub stopped_at: Option<u16>,
}

/// What the screen is told at the start.
pub fn settings(look: Look, zone: TimeZone, remote: bool, emulator: Emulator) -> Settings {
    Settings {
        server: Safe::line(SERVER),
        plain_server: None,
        account: Some(Fingerprint([0xa1; 32])),
        expected: None,
        proposed: ME.to_owned(),
        look,
        zone,
        keys: Keymap::default(),
        preferences: Preferences::default(),
        remote,
        emulator,
        transmit: Transmit::Open,
        talk_key: TalkKey::Auto,
        notify: Notify::default(),
        meter_hz: None,
        links: Wish::Auto,
    }
}

/// Runs until the user quits, or the terminal is gone.
///
/// # Errors
/// [`crate::terminal::NoScreen`] when there is no terminal to draw on; otherwise when the poll fails.
pub fn run(begin: Begin) -> anyhow::Result<Exit> {
    let variable = |name: &str| std::env::var(name).ok();
    let (time, zone) = match begin.stopped_at {
        Some(minute) => (TimeOfShow::Stopped(Clock::start(), stopped_at(minute)), TimeZone::UTC),
        None => (TimeOfShow::Usual(Clock::start()), TimeZone::system()),
    };
    let settings = settings(begin.look, zone, over_ssh(variable), Emulator::detect(variable));
    let server = begin.words.as_deref().map_or(settings.server.clone(), Safe::line);
    let Begin { meter_hz, links, keys, transmit, notify, .. } = begin;
    let settings = Settings { meter_hz, links, keys, transmit, notify, server, ..settings };
    // Nothing of a demonstration is worth keeping, least of all a file.
    let nowhere = OpenOptions::new().append(true).open("/dev/null").context("opening /dev/null")?;
    let mut screen = Screen::open(settings, true, variable("TERM").as_deref(), nowhere, time.now())?;
    let poll = Poll::new().context("making the poll")?;
    screen.register(poll.registry(), TERMINAL, SIGNALS).context("listening to the terminal")?;
    let world = World::new(begin.words, time.now());
    Show { screen, world, poll, events: Events::with_capacity(8), time }.run()
}

/// What the clock shows.
enum TimeOfShow {
    Usual(Clock),
    /// The clock on the wall stands still here; the one that decides goes on.
    Stopped(Clock, Wall),
}

impl TimeOfShow {
    fn now(&self) -> Now {
        match self {
            Self::Usual(clock) => clock.now(),
            Self::Stopped(clock, wall) => Now { wall: *wall, ..clock.now() },
        }
    }
}

/// That minute of the day of the pictures, a Tuesday.
fn stopped_at(minute: u16) -> Wall {
    const DAY: Wall = Wall(1_793_664_000_000);
    Wall(DAY.0 + u64::from(minute) * 60_000)
}

/// The loop, as `run` has it for a session: keys first, then what happens, then a frame.
struct Show {
    screen: Screen,
    world: World,
    poll: Poll,
    events: Events,
    time: TimeOfShow,
}

impl Show {
    fn run(&mut self) -> anyhow::Result<Exit> {
        let start = self.screen.start();
        let mut end = self.obey(start, self.time.now())?;
        // The first picture has people in it.
        end = end.or(self.listen(self.time.now())?);
        while end.is_none() {
            end = self.turn()?;
        }
        Ok(end.unwrap_or(Exit::Ok))
    }

    fn turn(&mut self) -> anyhow::Result<Option<Exit>> {
        if self.screen.draw(self.time.now()).is_err() {
            return Ok(Some(Exit::Ok));
        }
        let ready = self.wait()?;
        let now = self.time.now();
        if ready.contains(&SIGNALS) {
            let (effects, outside) = self.screen.on_signals(now).context("taking the terminal again")?;
            if let Some(exit) = self.obey(effects, now)?.or(outside.map(Outside::exit)) {
                return Ok(Some(exit));
            }
        }
        if ready.contains(&TERMINAL) || self.screen.unread() {
            let Ok(effects) = self.screen.read(now) else { return Ok(Some(Exit::Ok)) };
            if let Some(exit) = self.obey(effects, now)? {
                return Ok(Some(exit));
            }
        }
        let effects = self.screen.on_time(now);
        if let Some(exit) = self.obey(effects, now)? {
            return Ok(Some(exit));
        }
        self.listen(now)
    }

    /// Shows what the world tells.
    fn listen(&mut self, now: Now) -> anyhow::Result<Option<Exit>> {
        while let Some(msg) = self.world.poll(now) {
            let effects = self.screen.tell(msg, now);
            if let Some(exit) = self.obey(effects, now)? {
                return Ok(Some(exit));
            }
        }
        Ok(None)
    }

    fn wait(&mut self) -> anyhow::Result<Vec<Token>> {
        let at_once = self.screen.unread().then_some(Time::ZERO);
        let deadline = earliest(at_once, earliest(self.screen.deadline(), self.world.deadline()));
        match self.poll.poll(&mut self.events, wait_for(deadline, self.time.now().mono)) {
            Ok(()) => {}
            Err(why) if why.kind() == std::io::ErrorKind::Interrupted => self.events.clear(),
            Err(why) => return Err(why).context("waiting"),
        }
        Ok(self.events.iter().map(mio::event::Event::token).collect())
    }

    fn obey(&mut self, effects: Vec<Effect>, now: Now) -> anyhow::Result<Option<Exit>> {
        for effect in effects {
            match self.screen.obey(effect).context("taking the terminal again")? {
                Some(Effect::Quit) => return Ok(Some(Exit::Ok)),
                Some(effect) => self.world.handle(effect, now),
                None => {}
            }
        }
        Ok(None)
    }
}

/// How long people take: to be reached, to pick up, to write.
pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
