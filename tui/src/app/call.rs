//! The call on the screen: what is said of it, and the meters. What the call *is* lives in the client machine; here
//! is only what a person sees.

use std::time::Duration;

use proto::client::EndReason;
use proto::id::{Name, Ssrc};
use proto::limits::RING_TIME_MAX;
use proto::media::{HalfState, Levels, Statistics};
use proto::{Safe, Time};

/// Keys are ignored for so long after the window of an incoming call opens over the list: what was meant for the
/// list must not answer a call.
pub const INCOMING_GUARD: Duration = Duration::from_millis(500);

/// How often the bell rings for an incoming call.
pub const BELL_EVERY: Duration = Duration::from_secs(3);

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// With whom.
    pub with: Name,
    /// How far it is.
    pub phase: Phase,
    /// One's own level.
    pub you: Meter,
    /// Their level.
    pub them: Meter,
    /// The newest figures.
    pub statistics: Option<Box<Statistics>>,
    /// How loud they are played, in percent.
    pub volume: u16,
}

/// How far a call is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// They call us.
    Incoming(Incoming),
    /// We said yes; their key is on its way.
    Answering,
    /// We call them.
    Placing {
        /// Since when.
        since: Time,
        /// How far it got.
        reached: Reached,
    },
    /// Both are in it.
    Live {
        /// Since when.
        since: Time,
        /// Their stream.
        ssrc: Ssrc,
        /// A packet of theirs was opened.
        heard: bool,
    },
}

/// How far a call being placed got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// The key was pressed; the client machine may still refuse.
    Wanted,
    /// It is on its way.
    Calling,
    /// A device of theirs rings.
    Ringing,
}

/// A call that rings here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Since when.
    pub since: Time,
    /// Since when its window is open; none while it is a banner.
    pub window: Option<Time>,
    /// The window was asked for, so that its keys are meant.
    pub asked: bool,
    /// The bell was silenced.
    pub silent: bool,
    /// When the bell rings next.
    pub bell_at: Time,
}

impl Incoming {
    /// Whether a key now is meant for the window.
    pub fn takes_keys(&self, now: Time) -> bool {
        self.window.is_some_and(|open| self.asked || now >= open + INCOMING_GUARD)
    }
}

impl Call {
    /// A call in this phase.
    pub fn new(with: Name, phase: Phase) -> Self {
        let quiet = Meter::default();
        Self { with, phase, you: quiet, them: quiet, statistics: None, volume: 100 }
    }

    /// How long both have been in it.
    pub fn lasted(&self, now: Time) -> Option<Duration> {
        match self.phase {
            Phase::Live { since, .. } => Some(now - since),
            Phase::Incoming(_) | Phase::Answering | Phase::Placing { .. } => None,
        }
    }

    /// Takes new levels; true when a step of a meter changed.
    pub fn levels(&mut self, levels: &Levels) -> bool {
        let before = (self.you, self.them);
        self.you.take(levels.microphone);
        if let Phase::Live { ssrc, .. } = self.phase
            && let Some((_, level)) = levels.speakers.iter().find(|(speaker, _)| *speaker == ssrc)
        {
            self.them.take(*level);
        }
        before != (self.you, self.them)
    }
}

/// A level meter of eight steps. It falls only when the level is clearly below the step, so that a steady voice
/// does not make it flicker: each change costs bytes on a slow line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meter(u8);

impl Meter {
    /// The most it shows.
    pub const STEPS: u8 = 8;
    /// The level of the first step, and how far apart the steps are, in dB.
    const FLOOR_DB: f32 = -54.0;
    const STEP_DB: f32 = 6.0;
    /// How far a level must fall below its step before the step is given up, in dB.
    const HOLD_DB: f32 = 3.0;

    /// Takes a peak level in dB below full scale.
    pub fn take(&mut self, level_db: f32) {
        let steps = |db: f32| {
            let above = (db - Self::FLOOR_DB) / Self::STEP_DB;
            // The clamp makes the cast exact; a level that is not a number counts as silence.
            if above.is_nan() { 0 } else { above.clamp(0.0, f32::from(Self::STEPS)) as u8 }
        };
        let (up, held) = (steps(level_db), steps(level_db + Self::HOLD_DB));
        self.0 = self.0.clamp(up, held.max(up));
    }

    /// 0 to [`Meter::STEPS`].
    pub fn step(self) -> u8 {
        self.0
    }
}

/// What happened to a call, and what to do next, in a sentence.
pub fn ended(with: &Name, reason: EndReason, lasted: Option<Duration>) -> String {
    let talked = lasted.map(|lasted| format!(" You talked {}.", clock(lasted))).unwrap_or_default();
    match reason {
        EndReason::HungUp => format!("The call with {with} is over.{talked}"),
        EndReason::TheyHungUp => format!("{with} hung up.{talked}"),
        EndReason::Declined => format!("{with} declined. Write a message, or call again later with c."),
        EndReason::Busy => format!("{with} is in another call. Write a message, or call again later with c."),
        EndReason::NoAnswer => {
            let rang = RING_TIME_MAX.as_secs();
            format!("{with} did not answer in {rang} s. Call again with c, or write a message: it waits.")
        }
        EndReason::Gone => format!("{with} is not connected. Write a message: it waits until they are."),
        EndReason::Taken => format!("Another device of yours took the call with {with}."),
        EndReason::Missed => format!("{with} called and stopped before you answered. Call back with c."),
        EndReason::Lost => {
            format!("Nothing was heard from {with} for 15 s, so the call ended. Call again with c.")
        }
        EndReason::Failed => format!("The call with {with} could not be set up. Try again with c."),
    }
}

/// The same as a line among the messages, where the name stands already.
pub fn ended_note(reason: EndReason, lasted: Option<Duration>) -> String {
    let what = match (reason, lasted) {
        (EndReason::Lost, Some(lasted)) => return format!("call, {}, lost", clock(lasted)),
        (_, Some(lasted)) => return format!("call, {}", clock(lasted)),
        (EndReason::HungUp | EndReason::TheyHungUp | EndReason::Lost, None) => "call, not answered",
        (EndReason::Declined, None) => "call, declined",
        (EndReason::Busy, None) => "call, busy",
        (EndReason::NoAnswer, None) => "call, no answer",
        (EndReason::Gone, None) => "call, not connected",
        (EndReason::Taken, None) => "call, taken on another device",
        (EndReason::Missed, None) => "missed call",
        (EndReason::Failed, None) => "call, could not be set up",
    };
    what.to_owned()
}

/// What is wrong with the sound, in a sentence; none when nothing is.
pub fn trouble(what: &str, half: &HalfState) -> Option<String> {
    match half {
        HalfState::Failed { why } => Some(format!("no {what}: {why}")),
        HalfState::Open { .. } | HalfState::Closed => None,
    }
}

/// The name of the device in use.
pub fn device(half: &HalfState) -> Option<&Safe> {
    match half {
        HalfState::Open { name, .. } => Some(name),
        HalfState::Closed | HalfState::Failed { .. } => None,
    }
}

/// `03:12`, or `1:03:12` from an hour on.
pub fn clock(time: Duration) -> String {
    let secs = time.as_secs();
    let (hours, minutes, seconds) = (secs / 3600, secs / 60 % 60, secs % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_holds_until_the_level_is_clearly_lower() {
        let mut meter = Meter::default();
        let mut at = |db| {
            meter.take(db);
            meter.step()
        };
        assert_eq!(at(-90.0), 0);
        assert_eq!(at(-24.0), 5);
        assert_eq!(at(-26.0), 5);
        assert_eq!(at(-28.0), 4);
        assert_eq!(at(0.0), 8);
        assert_eq!(at(-8.0), 8);
        assert_eq!(at(f32::NAN), 0);
    }

    #[test]
    fn every_end_names_the_person() {
        let bob = Name::parse("bob").unwrap();
        for reason in [
            EndReason::HungUp,
            EndReason::TheyHungUp,
            EndReason::Declined,
            EndReason::Busy,
            EndReason::NoAnswer,
            EndReason::Gone,
            EndReason::Taken,
            EndReason::Missed,
            EndReason::Lost,
            EndReason::Failed,
        ] {
            assert!(ended(&bob, reason, None).contains("bob"), "{reason:?}");
        }
        let talked = ended(&bob, EndReason::TheyHungUp, Some(Duration::from_secs(3 * 60 + 12)));
        assert_eq!(talked, "bob hung up. You talked 03:12.");
    }
}
