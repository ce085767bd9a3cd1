//! The sound card's streams and their health: what broke is rebuilt, and the devices that are wanted are followed.
//!
//! | seen | done |
//! |---|---|
//! | a stream that was killed, or is faulty, or stands still | opened again at once; if it breaks soon, or never begins, told, with growing pauses |
//! | the default, or the device of the wanted name, is another one now | opened anew |
//! | devices came or went while a half is broken | tried at once |
//! | PulseAudio went away | nothing else for some seconds; if it comes back after that, it is taken again |
//! | the machine slept | both opened anew: nothing of before is worth playing |

use std::sync::Arc;
use std::time::Duration;

use mio::Waker;
use proto::media::DeviceList;
use proto::{Now, Safe};

use super::awaited::Awaited;
use super::callback::Pulse;
use super::card::{Card, Opened, Stream, Target};
use super::opener::{Answers, Line, Told, Wanted};
use super::signs::{Pauses, Signs};
use super::{DeviceError, Half};
use crate::clock::Clock;

/// How often open streams are looked after.
const WATCH_EVERY: Duration = Duration::from_millis(100);
/// Looks between two questions after the devices that are wanted, if the system told of no change before.
const FOLLOW_EVERY: u32 = 20;
/// Time that passed more on the wall than for us, or between two looks, when the machine slept.
const SLEPT: Duration = Duration::from_secs(2);

/// Microphone and speaker.
pub(super) struct Hardware {
    card: Option<Card>,
    awaited: Awaited,
    wanted: Wanted,
    muted: bool,
    /// The speaker is for a call that rings.
    rings: bool,
    microphone: State,
    speaker: State,
    /// Of the microphone and the speaker, while one cannot be opened or dies soon.
    pauses: [Pauses; 2],
    /// What was opened last.
    latest: [Option<Target>; 2],
    looks: u32,
    clock: Clock,
    rest: Rest,
}

#[derive(Default)]
enum State {
    #[default]
    Closed,
    Open(Health),
    /// A muted microphone whose system cannot pause it: nobody reads it until it is wanted again.
    Silenced,
    Broken {
        looks: u32,
        told: DeviceError,
    },
}

/// A stream, and what was last seen of it.
struct Health {
    stream: Stream,
    target: Target,
    pulse: Arc<Pulse>,
    signs: Signs,
}

impl Health {
    /// Whether the stream must be rebuilt. A paused one may be still.
    fn look(&mut self, paused: bool) -> bool {
        self.signs.look(self.pulse.calls(), self.pulse.faults(), paused)
    }
}

impl Default for Hardware {
    fn default() -> Self {
        let clock = Clock::start();
        Self {
            card: None,
            awaited: Awaited::default(),
            wanted: Wanted::default(),
            muted: false,
            rings: false,
            microphone: State::Closed,
            speaker: State::Closed,
            pauses: Default::default(),
            latest: [None, None],
            looks: 0,
            rest: Rest { since: clock.now() },
            clock,
        }
    }
}

impl Hardware {
    /// How often [`Self::watch`] is to be called; not at all while nothing is open.
    pub(super) fn watch_every(&self) -> Option<Duration> {
        let closed = matches!((&self.microphone, &self.speaker), (State::Closed, State::Closed));
        (!closed).then_some(WATCH_EVERY)
    }

    /// Opens both halves, but for one that is open as it is wanted. Of the half that somebody `asked` for it is told
    /// also when nothing had to be done, because that may not be what they expect.
    pub(super) fn open(&mut self, wanted: Wanted, asked: Option<Half>, answers: &Answers) {
        (self.wanted, self.rings) = (wanted, false);
        self.pauses = Default::default();
        self.forget_card();
        for half in [Half::Speaker, Half::Microphone] {
            let stays = matches!(self.state(half), State::Open(_)) && !self.has_moved(half);
            if !stays {
                self.reopen(half, answers);
            } else if asked == Some(half) {
                self.tell_kept(half, answers);
            }
        }
    }

    /// Opens the speaker alone, before there is a call: no microphone is looked for.
    pub(super) fn open_speaker(&mut self, wanted: Wanted, answers: &Answers) {
        (self.wanted, self.rings) = (wanted, true);
        self.reopen(Half::Speaker, answers);
    }

    /// Something was done for somebody, for however long, and nobody slept meanwhile. Who asks all the time keeps us from
    /// [`Self::watch`], and that is no sleep either.
    pub(super) fn obeyed(&mut self) {
        self.rest.since = self.clock.now();
    }

    /// Looks for the devices of these names without opening any.
    pub(super) fn look(&mut self, wanted: &Wanted, answers: &Answers) {
        self.forget_card();
        for (half, wanted) in [(Half::Microphone, &wanted.microphone), (Half::Speaker, &wanted.speaker)] {
            let found = self.card().and_then(|card| card.find(half, wanted.as_deref()));
            let absent = match (wanted, found) {
                (None, _) => None,
                (Some(wanted), Ok(target)) => {
                    let absent = target.in_place_of(Some(wanted));
                    absent.map(|wanted| (wanted, Some(Safe::line(&target.label))))
                }
                (Some(wanted), Err(_)) => Some((Safe::line(wanted), None)),
            };
            answers.tell(Told::Looked(half, absent));
        }
    }

    pub(super) fn close(&mut self) {
        self.microphone = State::Closed;
        self.speaker = State::Closed;
        self.awaited.closed();
    }

    /// Nothing is read from a muted microphone: it is paused, or closed where the system cannot pause it, as most of ALSA's
    /// plug-ins cannot.
    pub(super) fn mute(&mut self, muted: bool, answers: &Answers) {
        self.muted = muted;
        match &self.microphone {
            State::Open(health) if health.stream.pause(muted) => {}
            State::Open(_) if muted => self.microphone = State::Silenced,
            State::Open(_) | State::Silenced if !muted => self.reopen(Half::Microphone, answers),
            State::Open(_) | State::Silenced | State::Closed | State::Broken { .. } => {}
        }
    }

    pub(super) fn list(&mut self) -> DeviceList {
        self.forget_card();
        self.card().map(Card::list).unwrap_or_default()
    }

    /// While nothing is open nobody notices that the sound system was started anew: it is asked over a new connection.
    fn forget_card(&mut self) {
        if self.watch_every().is_none() {
            self.card = None;
        }
    }

    /// Rebuilds what broke, and follows what changed.
    pub(super) fn watch(&mut self, answers: &Answers) {
        let (clock, mut rest) = (self.clock, self.rest);
        rest.end(|| clock.now(), |slept| self.look_after(slept, answers));
        self.rest = rest;
    }

    fn look_after(&mut self, slept: bool, answers: &Answers) {
        self.looks = self.looks.wrapping_add(1);
        let back = self.is_back();
        let news = back || self.card.as_mut().is_some_and(Card::has_news);
        for half in [Half::Speaker, Half::Microphone] {
            let paused = self.muted && half == Half::Microphone;
            match self.state(half) {
                State::Closed | State::Silenced => {}
                State::Open(health) => {
                    let (dead, lived) = (health.look(paused), health.signs.has_lived());
                    self.pauses[at(half)].saw(lived);
                    if dead {
                        self.died(half, answers);
                    } else if back
                        || slept
                        || ((news || self.looks.is_multiple_of(FOLLOW_EVERY)) && self.has_moved(half))
                    {
                        self.reopen(half, answers);
                    }
                }
                State::Broken { looks, .. } if *looks > 0 && !news => *looks -= 1,
                State::Broken { .. } => self.retry(half, answers),
            }
        }
    }

    /// Whether PulseAudio is there again, which had served us until something else took its place. It is asked from now on,
    /// and has other devices: what ALSA still holds it would leave alone.
    fn is_back(&mut self) -> bool {
        let there = self.card.as_ref().is_some_and(Card::is_pulse);
        if !self.awaited.look(there) {
            return false;
        }
        let Ok(card) = Card::pulse() else { return false };
        self.card = Some(card);
        true
    }

    /// Whether another device is the wanted one now. Nothing to move to is no reason to move.
    fn has_moved(&mut self, half: Half) -> bool {
        let wanted = self.wanted(half);
        let found = self.card().and_then(|card| card.find(half, wanted.as_deref()));
        match self.state(half) {
            State::Open(health) => found.is_ok_and(|target| target != health.target),
            State::Closed | State::Silenced | State::Broken { .. } => false,
        }
    }

    /// What was asked for is open already, or is not there and what is open goes on.
    fn tell_kept(&mut self, half: Half, answers: &Answers) {
        let wanted = self.wanted(half);
        if let State::Open(health) = self.state(half) {
            answers.tell(Told::Kept(half, health.target.in_place_of(wanted.as_deref())));
        }
    }

    fn died(&mut self, half: Half, answers: &Answers) {
        let lived = matches!(self.state(half), State::Open(health) if health.signs.has_lived());
        // The server itself may have been restarted.
        self.card = None;
        if lived {
            self.reopen(half, answers);
        } else {
            self.tell_broken(half, DeviceError::Gone(half), answers);
        }
    }

    fn reopen(&mut self, half: Half, answers: &Answers) {
        // First: some systems give a device to one stream only.
        *self.state(half) = State::Closed;
        if let Err(error) = self.try_open(half, answers) {
            self.tell_broken(half, error, answers);
        }
    }

    fn retry(&mut self, half: Half, answers: &Answers) {
        self.card = None;
        let Err(error) = self.try_open(half, answers) else { return };
        let pause = self.pauses[at(half)].next();
        let State::Broken { looks, told } = self.state(half) else { return };
        *looks = pause;
        let news = *told != error;
        told.clone_from(&error);
        if news {
            answers.tell(failed(half, error));
        }
    }

    fn tell_broken(&mut self, half: Half, error: DeviceError, answers: &Answers) {
        let looks = self.pauses[at(half)].next();
        *self.state(half) = State::Broken { looks, told: error.clone() };
        answers.tell(failed(half, error));
    }

    fn try_open(&mut self, half: Half, answers: &Answers) -> Result<(), DeviceError> {
        let wanted = self.wanted(half);
        let (muted, rings) = (self.muted, self.rings);
        let waker: &Arc<Waker> = &answers.waker;
        let card = self.card()?;
        let pulse = card.is_pulse();
        let target = card.find(half, wanted.as_deref())?;
        let missing = target.in_place_of(wanted.as_deref());
        let (health, told) = match half {
            Half::Microphone => {
                let opened = card.open_microphone(&target, muted, waker)?;
                let (health, line) = parts(opened, target, missing, &mut self.latest[0]);
                (health, Told::Microphone(Ok(line)))
            }
            Half::Speaker => {
                let opened = card.open_speaker(&target, rings, waker)?;
                let (health, line) = parts(opened, target, missing, &mut self.latest[1]);
                (health, Told::Speaker(Ok(line)))
            }
        };
        if pulse {
            self.awaited.served();
        }
        *self.state(half) = State::Open(health);
        answers.tell(told);
        Ok(())
    }

    fn wanted(&self, half: Half) -> Option<String> {
        match half {
            Half::Microphone => self.wanted.microphone.clone(),
            Half::Speaker => self.wanted.speaker.clone(),
        }
    }

    fn card(&mut self) -> Result<&mut Card, DeviceError> {
        if self.card.is_none() {
            self.card = Some(Card::connect(self.awaited.is_alone())?);
        }
        self.card.as_mut().ok_or(DeviceError::NoSystem)
    }

    fn state(&mut self, half: Half) -> &mut State {
        match half {
            Half::Microphone => &mut self.microphone,
            Half::Speaker => &mut self.speaker,
        }
    }
}

/// The time between two looks, in which the machine may sleep. A look that takes its time because the system does, seconds
/// for a device or an answer, is none of it.
#[derive(Clone, Copy)]
struct Rest {
    since: Now,
}

impl Rest {
    /// Looks, knowing whether the machine slept, and rests again.
    fn end(&mut self, mut now: impl FnMut() -> Now, look: impl FnOnce(bool)) {
        look(slept(self.since, now()));
        self.since = now();
    }
}

/// Whether the machine slept between two looks: our clock stands still then on some systems and goes on on others.
fn slept(before: Now, now: Now) -> bool {
    let passed = now.mono - before.mono;
    let wall = Duration::from_millis(now.wall.0.saturating_sub(before.wall.0));
    passed > SLEPT || wall > passed + SLEPT
}

fn parts<Ring>(
    opened: Opened<Ring>,
    target: Target,
    wanted: Option<Safe>,
    latest: &mut Option<Target>,
) -> (Health, Line<Ring>) {
    let Opened { ring, rate, name, pulse, stream } = opened;
    let moved = latest.replace(target.clone()).as_ref() != Some(&target);
    (
        Health { stream, target, pulse: pulse.clone(), signs: Signs::default() },
        Line { ring, rate, name, wanted, pulse, moved },
    )
}

/// Where a half stands among two.
const fn at(half: Half) -> usize {
    match half {
        Half::Microphone => 0,
        Half::Speaker => 1,
    }
}

fn failed(half: Half, error: DeviceError) -> Told {
    match half {
        Half::Microphone => Told::Microphone(Err(error)),
        Half::Speaker => Told::Speaker(Err(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::{Time, Wall};

    #[test]
    fn a_device_stands_in_for_whatever_is_not_called_as_it_is() {
        let target = Target::new("alsa.0", 1, "Built-in");
        for wanted in [None, Some("Built-in"), Some("alsa.0")] {
            assert_eq!(target.in_place_of(wanted), None);
        }
        assert_eq!(target.in_place_of(Some("USB Headset")), Some(Safe::line("USB Headset")));
    }

    #[test]
    fn a_look_that_takes_its_time_is_no_sleep() {
        let at = |mono: u64| Now { mono: Time::ms(mono), wall: Wall(50_000 + mono) };
        let mut rest = Rest { since: at(0) };
        // The sound system answers after three seconds; then the machine does sleep.
        let mut times = [100, 3_100, 3_200, 3_210, 9_000, 9_010].map(at).into_iter();
        let mut seen = Vec::new();
        for _ in 0..3 {
            rest.end(|| times.next().unwrap(), |slept| seen.push(slept));
        }
        assert_eq!(seen, [false, false, true]);
    }

    #[test]
    fn whatever_was_asked_for_may_take_its_time() {
        let mut hardware = Hardware::default();
        let long_ago = Now { mono: Time::ZERO, wall: Wall(0) };
        hardware.rest.since = long_ago;
        assert!(slept(hardware.rest.since, hardware.clock.now()), "as after a list that took its time");
        hardware.obeyed();
        assert!(!slept(hardware.rest.since, hardware.clock.now()));
    }

    #[test]
    fn sleep_is_seen_by_either_clock_and_a_slow_look_is_none() {
        let at = |mono: u64, wall: u64| Now { mono: Time::ms(mono), wall: Wall(wall) };
        assert!(!slept(at(0, 50_000), at(100, 50_100)));
        assert!(!slept(at(0, 50_000), at(1_500, 51_500)), "a busy machine");
        assert!(slept(at(0, 50_000), at(100, 3_650_000)), "a clock that stands still in sleep");
        assert!(slept(at(0, 50_000), at(3_600_000, 3_650_000)), "one that goes on");
        assert!(!slept(at(0, 50_000), at(100, 20_000)), "the wall was set back");
    }
}
