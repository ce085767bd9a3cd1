//! The call on the screen: who is in it, what is said of it, and the meters. What the call *is* lives in the client
//! machine; here is only what a person sees. A call of two is a call of many with one party.

use std::time::Duration;

use proto::client::EndReason;
use proto::id::{Name, Ssrc};
use proto::limits::MEMBERS_MAX;
use proto::media::summary::Summary;
use proto::media::{HalfState, Levels, MemberState, Statistics};

use proto::{Safe, Time};

use figures::{Figures, MemberFigures};

mod blame;
pub mod figures;
mod words;

pub use blame::{blame, percent, rating, summed_up};
pub use words::{Whom, among, clock, ended, ended_note, goes_on, parted, parted_word, stand_in, trouble};

/// Keys are ignored for so long after the window of an incoming call opens over the list: what was meant for the
/// list must not answer a call.
pub const INCOMING_GUARD: Duration = Duration::from_millis(500);

/// How often the bell rings for an incoming call.
pub const BELL_EVERY: Duration = Duration::from_secs(3);

/// For so long somebody who is out of a call of many is still shown, with the reason.
pub const PARTED_SHOWN: Duration = Duration::from_secs(20);

/// Everybody in a call but oneself.
const PARTIES_MAX: usize = MEMBERS_MAX - 1;

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Everybody but oneself, who was called or calls first; those who are out stay, so that the end can name them.
    pub parties: Vec<Party>,
    /// How far it is.
    pub phase: Phase,
    /// It is not encrypted, from its first moment to its last.
    pub plain: bool,
    /// One's own level.
    pub you: Meter,
    /// The newest figures, as the agent tells them.
    pub statistics: Option<Box<Statistics>>,
    /// The same as they are shown.
    pub figures: Figures,
    /// All figures so far, for the line at the end.
    pub summary: Summary,
    /// Which of the parties the volume keys act on.
    chosen: usize,
}

/// Somebody else in a call, or called to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Party {
    /// Who.
    pub name: Name,
    /// How far they are.
    pub being: Being,
    /// They were named as a guest, who need not be a contact of ours.
    pub guest: bool,
    /// Their level.
    pub level: Meter,
    /// How loud they are played, in percent.
    pub volume: u16,
    /// Their stream, also after they left.
    pub stream: Option<Ssrc>,
    /// They say that they are muted.
    pub muted: bool,
    /// They stand still, and will be back.
    pub on_hold: bool,
    /// They say that they keep what is said.
    pub recording: bool,
    /// Their figures, as they are shown.
    pub figures: MemberFigures,
}

/// How far somebody is in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Being {
    /// Called, and nothing is known yet.
    Called,
    /// A device of theirs rings.
    Ringing,
    /// In it.
    In {
        /// Their stream.
        ssrc: Ssrc,
        /// Since when.
        since: Time,
        /// A packet of theirs was opened.
        heard: bool,
    },
    /// Out of it.
    Out {
        /// Why.
        reason: EndReason,
        /// Since when.
        since: Time,
    },
}

/// How far a call is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// They call us.
    Incoming(Incoming),
    /// We said yes; their key is on its way. Should the yes need another one first, it rings on.
    Answering(Incoming),
    /// We call them.
    Placing {
        /// Since when.
        since: Time,
        /// The key was pressed, but the client machine may still refuse.
        wanted: bool,
    },
    /// Somebody is in it with us.
    Live {
        /// Since when.
        since: Time,
    },
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

impl Party {
    fn new(name: Name) -> Self {
        Self {
            name,
            being: Being::Called,
            guest: false,
            level: Meter::default(),
            volume: 100,
            stream: None,
            muted: false,
            on_hold: false,
            recording: false,
            figures: MemberFigures::default(),
        }
    }

    /// Their stream, when they are in.
    pub fn ssrc(&self) -> Option<Ssrc> {
        match self.being {
            Being::In { ssrc, .. } => Some(ssrc),
            Being::Called | Being::Ringing | Being::Out { .. } => None,
        }
    }

    /// How long they have been in.
    pub fn lasted(&self, now: Time) -> Option<Duration> {
        match self.being {
            Being::In { since, .. } => Some(now - since),
            Being::Called | Being::Ringing | Being::Out { .. } => None,
        }
    }

    /// Whether something of theirs was heard.
    pub fn heard(&self) -> bool {
        matches!(self.being, Being::In { heard: true, .. })
    }

    /// Whether they are out for good, as far as is known.
    pub fn is_out(&self) -> bool {
        matches!(self.being, Being::Out { .. })
    }

    /// Whether they have a row: those who are out have one for a while.
    pub fn shown(&self, now: Time) -> bool {
        match self.being {
            Being::Called | Being::Ringing | Being::In { .. } => true,
            Being::Out { since, .. } => now < since + PARTED_SHOWN,
        }
    }
}

impl Call {
    /// A call with these in this phase. Whoever is named twice is there once.
    pub fn new(with: impl IntoIterator<Item = Name>, phase: Phase, plain: bool) -> Self {
        let (you, parties) = (Meter::default(), Vec::new());
        let (figures, summary) = (Figures::default(), Summary::default());
        let mut call = Self { parties, phase, plain, you, statistics: None, figures, summary, chosen: 0 };
        for name in with {
            call.enter(name);
        }
        call
    }

    /// The party of this name, made if there is room for one more. Somebody who is out makes room.
    pub fn enter(&mut self, name: Name) -> Option<&mut Party> {
        if let Some(at) = self.parties.iter().position(|party| party.name == name) {
            return self.parties.get_mut(at);
        }
        if self.parties.len() == PARTIES_MAX {
            let out = self.parties.iter().position(Party::is_out)?;
            self.parties.remove(out);
        }
        self.parties.push(Party::new(name));
        self.parties.last_mut()
    }

    /// Somebody of it.
    pub fn party(&mut self, name: &Name) -> Option<&mut Party> {
        self.parties.iter_mut().find(|party| party.name == *name)
    }

    /// Whether it is with this one.
    pub fn is_with(&self, name: &Name) -> bool {
        self.parties.iter().any(|party| party.name == *name)
    }

    /// Whether more than two were ever meant to be in it.
    pub fn is_group(&self) -> bool {
        self.parties.len() > 1
    }

    /// Who was called first, or who calls.
    pub fn first(&self) -> Option<&Party> {
        self.parties.first()
    }

    /// The names of those who are not out; of everybody, when all are.
    pub fn names(&self) -> Vec<&Name> {
        let all_out = self.parties.iter().all(Party::is_out);
        self.parties.iter().filter(|party| all_out || !party.is_out()).map(|party| &party.name).collect()
    }

    /// How many are in it, oneself included, and how many could be.
    pub fn count(&self) -> (usize, usize) {
        let joined = self.parties.iter().filter(|party| party.ssrc().is_some()).count();
        let awaited = self.parties.iter().filter(|party| !party.is_out()).count();
        (joined + 1, awaited + 1)
    }

    /// Whether a device of anybody rings.
    pub fn rings(&self) -> bool {
        self.parties.iter().any(|party| party.being == Being::Ringing)
    }

    /// Whether somebody in it was heard.
    pub fn heard(&self) -> bool {
        self.parties.iter().any(Party::heard)
    }

    /// How long somebody has been in it with us.
    pub fn lasted(&self, now: Time) -> Option<Duration> {
        match self.phase {
            Phase::Live { since } => Some(now - since),
            Phase::Incoming(_) | Phase::Answering(_) | Phase::Placing { .. } => None,
        }
    }

    /// The party that the volume keys act on: the chosen one, or the nearest that has a row.
    pub fn chosen(&self, now: Time) -> Option<usize> {
        let shown = |at: &usize| self.parties[*at].shown(now);
        let from = self.chosen.min(self.parties.len());
        (from..self.parties.len()).find(shown).or_else(|| (0..from).rev().find(shown))
    }

    /// Chooses the next one that has a row, or the one before.
    pub fn choose(&mut self, down: bool, now: Time) {
        let Some(at) = self.chosen(now) else { return };
        let shown = |at: &usize| self.parties[*at].shown(now);
        let next = if down { (at + 1..self.parties.len()).find(shown) } else { (0..at).rev().find(shown) };
        self.chosen = next.unwrap_or(at);
    }

    /// Whose stream it is.
    pub fn speaker(&self, ssrc: Ssrc) -> Option<&Party> {
        self.parties.iter().find(|party| party.stream == Some(ssrc))
    }

    /// Takes what a member says of itself.
    pub fn member(&mut self, state: MemberState) {
        if let Some(party) = self.parties.iter_mut().find(|party| party.ssrc() == Some(state.ssrc)) {
            (party.muted, party.recording, party.on_hold) = (state.muted, state.recording, state.on_hold);
        }
    }

    /// Takes new figures; true when something shown is another.
    pub fn measured(&mut self, statistics: Box<Statistics>) -> bool {
        self.summary.take(&statistics.second());
        let before = (self.figures.clone(), self.parties.iter().map(|p| p.figures).collect::<Vec<_>>());
        self.figures.take(&statistics);
        for member in &statistics.members {
            let party = self.parties.iter_mut().find(|party| party.ssrc() == Some(member.ssrc));
            party.into_iter().for_each(|party| party.figures.take(member));
        }
        let first = self.statistics.is_none();
        let still = |before: &Statistics| (before.frame, before.fec, before.copies, before.local);
        let changed = self.statistics.as_deref().map(still) != Some(still(&statistics));
        self.statistics = Some(statistics);
        let after = (self.figures.clone(), self.parties.iter().map(|p| p.figures).collect::<Vec<_>>());
        first || changed || before != after
    }

    /// Takes new levels; true when a step of a meter changed.
    pub fn levels(&mut self, levels: &Levels) -> bool {
        let mut changed = self.you.take(levels.microphone);
        for party in &mut self.parties {
            let Some(ssrc) = party.ssrc() else { continue };
            if let Some((_, level)) = levels.speakers.iter().find(|(speaker, _)| *speaker == ssrc) {
                changed |= party.level.take(*level);
            }
        }
        changed
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

    /// Takes a peak level in dB below full scale; true when the step is another.
    pub fn take(&mut self, level_db: f32) -> bool {
        let steps = |db: f32| {
            let above = (db - Self::FLOOR_DB) / Self::STEP_DB;
            // The clamp makes the cast exact; a level that is not a number counts as silence.
            if above.is_nan() { 0 } else { above.clamp(0.0, f32::from(Self::STEPS)) as u8 }
        };
        let (up, held) = (steps(level_db), steps(level_db + Self::HOLD_DB));
        let before = self.0;
        self.0 = before.clamp(up, held.max(up));
        before != self.0
    }

    /// 0 to [`Meter::STEPS`].
    pub fn step(self) -> u8 {
        self.0
    }
}

/// The name of the device in use.
pub fn device(half: &HalfState) -> Option<&Safe> {
    match half {
        HalfState::Open { name, .. } => Some(name),
        HalfState::Closed | HalfState::Absent { .. } | HalfState::Failed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

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
    fn a_call_has_room_for_everybody_and_nobody_more() {
        let many = (0..99).map(|n| name(&format!("n{n}")));
        let mut call = Call::new(many, Phase::Live { since: Time::ZERO }, false);
        assert_eq!(call.parties.len(), MEMBERS_MAX - 1);
        assert!(call.enter(name("late")).is_none());
        call.party(&name("n4")).unwrap().being = Being::Out { reason: EndReason::Lost, since: Time::ZERO };
        assert!(call.enter(name("late")).is_some() && !call.is_with(&name("n4")));
        assert_eq!(call.parties.len(), MEMBERS_MAX - 1);
    }

    #[test]
    fn the_choice_passes_over_those_who_are_gone_from_the_screen() {
        let mut call = Call::new(["a", "b", "c"].map(name), Phase::Live { since: Time::ZERO }, false);
        call.party(&name("b")).unwrap().being = Being::Out { reason: EndReason::Lost, since: Time::ZERO };
        let (early, late) = (Time::secs(1), Time::ZERO + PARTED_SHOWN);
        call.choose(true, early);
        assert_eq!(call.chosen(early), Some(1), "still shown");
        assert_eq!(call.chosen(late), Some(2));
        call.choose(false, late);
        assert_eq!(call.chosen(late), Some(0));
    }
}
