//! Push-to-talk: whether what we say is sent, when the microphone is open only while one presses. Pure: keys and times
//! in, open or shut out; whoever has the effects mutes the microphone at its source.
//!
//! Not every terminal tells when a key comes up, so there are three tiers, and the best that is known to work counts:
//!
//! | tier | known by | opens | shuts |
//! |---|---|---|---|
//! | release | the terminal said that it tells releases, or told one | press | release, and a tail of 150 ms |
//! | repeat | the key was seen to repeat while it was held | press | 700 ms without a repeat, and the tail |
//! | latch | nothing better | press | press |
//!
//! In the last tier a second press soon after the first may be a key that begins to repeat: it is waited for a third,
//! and only when none comes it was a second press. Whatever opened the microphone, it shuts when the terminal loses
//! the keyboard, before the program is suspended, when the connection is lost and when the call ends; and nothing that
//! is held opens it for longer than [`HELD_MAX`] without another sign of being held.

use std::time::Duration;

use proto::Time;

use super::transmit::{TalkKey, Transmit};
use crate::keys::Code;

/// What is still sent after the key came up: the end of a word.
pub const TAIL: Duration = Duration::from_millis(150);

/// The longest pause before a key that is held begins to repeat, as keyboards are set up (X11: 660 ms).
pub const REPEAT_GAP: Duration = Duration::from_millis(700);

/// Between two repeats of a key that is held; no finger is as fast.
pub const REPEAT_MAX: Duration = Duration::from_millis(150);

/// How long something held counts as held without another sign of it: whoever pressed may be gone without a word.
pub const HELD_MAX: Duration = Duration::from_secs(60);

/// Push-to-talk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Talk {
    /// When the microphone is open.
    pub transmit: Transmit,
    /// How the key works, as configured.
    pub key: TalkKey,
    /// The best that the terminal was seen to do.
    seen: Tier,
    open: Option<Open>,
    /// When the key went down last.
    pressed: Option<Time>,
}

/// How a key is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// On and off.
    #[default]
    Latch,
    /// Told by its repeating.
    Repeat,
    /// Told by its release.
    Release,
}

/// Why the microphone is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// A key is held.
    Held { code: Code, until: Time },
    /// A key was pressed. A second press came soon after: if it does not repeat until then, it shuts.
    Latched { code: Code, doubt: Option<Time> },
    /// Another program said so, and has to say so again until then.
    Outside { until: Option<Time> },
}

impl Talk {
    /// As configured, with nothing known of the terminal.
    pub fn new(transmit: Transmit, key: TalkKey) -> Self {
        Self { transmit, key, seen: Tier::default(), open: None, pressed: None }
    }

    /// Whether one has to press to be heard.
    pub fn is_on(&self) -> bool {
        self.transmit == Transmit::Ptt
    }

    /// Whether it keeps the microphone shut.
    pub fn keeps_silent(&self) -> bool {
        self.is_on() && self.open.is_none()
    }

    /// How the key works now.
    pub fn tier(&self) -> Tier {
        match (self.key, self.seen) {
            (TalkKey::Latch, _) => Tier::Latch,
            (TalkKey::Hold, seen) => seen.max(Tier::Repeat),
            (TalkKey::Auto, seen) => seen,
        }
    }

    /// What the terminal can do, as it says or shows.
    pub fn learn(&mut self, tier: Tier) {
        self.seen = self.seen.max(tier);
    }

    /// The key went down, or repeats.
    pub fn press(&mut self, code: Code, repeats: bool, now: Time) {
        let since = self.pressed.replace(now).map(|before| now - before);
        match self.tier() {
            Tier::Release => self.open = Some(Open::Held { code, until: now + HELD_MAX }),
            Tier::Repeat => self.open = Some(Open::Held { code, until: now + REPEAT_GAP + TAIL }),
            // A key that is held toggles once.
            Tier::Latch if repeats || since.is_some_and(|since| self.is_repeat(since)) => {}
            Tier::Latch => self.latch(code, since, now),
        }
    }

    /// Whether a press so long after another is a repeat in which nobody is interested.
    fn is_repeat(&self, since: Duration) -> bool {
        self.key == TalkKey::Latch && since <= REPEAT_MAX
    }

    fn latch(&mut self, code: Code, since: Option<Duration>, now: Time) {
        let soon = since.is_some_and(|since| since <= REPEAT_GAP);
        self.open = match self.open {
            None => Some(Open::Latched { code, doubt: None }),
            Some(Open::Latched { doubt: Some(_), .. }) => {
                self.learn(Tier::Repeat);
                Some(Open::Held { code, until: now + REPEAT_GAP + TAIL })
            }
            Some(Open::Latched { doubt: None, .. }) if soon && self.key == TalkKey::Auto => {
                Some(Open::Latched { code, doubt: Some(now + REPEAT_MAX) })
            }
            Some(Open::Latched { .. } | Open::Held { .. } | Open::Outside { .. }) => None,
        };
    }

    /// A key came up, which only some terminals tell.
    pub fn release(&mut self, released: Code, now: Time) {
        self.learn(Tier::Release);
        let held = match self.open {
            Some(Open::Held { code, .. } | Open::Latched { code, .. }) => same_key(code, released),
            Some(Open::Outside { .. }) | None => false,
        };
        if held && self.tier() != Tier::Latch {
            self.open = Some(Open::Held { code: released, until: now + TAIL });
        }
    }

    /// Another program holds it, until it lets go, or for [`HELD_MAX`].
    pub fn hold(&mut self, now: Time) {
        self.open = Some(Open::Outside { until: Some(now + HELD_MAX) });
    }

    /// Another program opens it until it is shut.
    pub fn lock_open(&mut self) {
        self.open = Some(Open::Outside { until: None });
    }

    /// Shuts it, whatever opened it.
    pub fn shut(&mut self) {
        self.open = None;
    }

    /// The terminal lost the keyboard: no release will come. What other programs hold goes on.
    pub fn lost_keyboard(&mut self) {
        self.open.take_if(|open| !matches!(open, Open::Outside { .. }));
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Shuts what is not held any more. True when another program held it for too long, of which people are told.
    pub fn on_time(&mut self, now: Time) -> bool {
        let outside = matches!(self.open, Some(Open::Outside { .. }));
        let over = self.deadline().is_some_and(|until| now >= until);
        if over {
            self.open = None;
        }
        over && outside
    }

    /// When [`Talk::on_time`] has something to do.
    pub fn deadline(&self) -> Option<Time> {
        match self.open? {
            Open::Held { until, .. } => Some(until),
            Open::Latched { doubt, .. } => doubt,
            Open::Outside { until } => until,
        }
    }
}

/// Whether these are of one key: Shift may have gone down or up since, and the terminal told of it in the letter.
fn same_key(pressed: Code, released: Code) -> bool {
    match (pressed, released) {
        (Code::Char(a), Code::Char(b)) => a == b || a.to_lowercase().eq(b.to_lowercase()),
        (pressed, released) => pressed == released,
    }
}

#[cfg(test)]
mod tests;
