//! Which key seals and which opens, in a call whose members come and go (RFC 9605 section 5.1).
//!
//! Our own key ([`OwnKeys`]) moves in two ways. A *step* ratchets it, at once: who joins gets the stepped key and opens
//! nothing of before. A *renewal* draws a new generation, tells it at once and sends with it 800 ms later: who left
//! never gets it, and those who stayed have it by then.
//!
//! ```text
//! Step    generation g, step s < 7     g, s + 1 at once
//!         step 7                       as Renew
//!         while a renewal is pending   nothing new: the answer is the pending key, with which nothing was said yet
//! Renew                                g + 1, step 0, sent with after RENEW_SWITCH_AFTER
//!         while a renewal is pending   g + 2 instead of g + 1, since who left last has that one. It keeps the time of the
//!                                      first if that leaves RENEW_LEAD_MIN, and never passes RENEW_SWITCH_MAX.
//! ```
//!
//! Every answer is one key that seals what comes: with step 0 it is a new generation and belongs to every member, with a
//! later step it belongs to who just joined, since the others step by themselves.
//!
//! A speaker's keys ([`TheirKeys`]) are derived for every step to come when their base key comes, so that a packet of a
//! later step costs one attempt to open it, as any other does, and derives nothing. Which key is in use changes only
//! with an opened packet; those before it are forgotten [`OLD_KEY_LIFE`] later.

use core::fmt;
use std::collections::VecDeque;

use aws_lc_rs::digest;
use zeroize::Zeroizing;

use crate::crypto::sframe::{
    GENERATIONS, ReceiverKey, STEPS, Sealed, SenderKey, generation_and_step, ratchet,
};
use crate::crypto::window::Window;
use crate::drop::Drop;
use crate::limits::{
    GENERATIONS_KEPT_MAX, GENERATIONS_REMEMBERED_MAX, OLD_KEY_LIFE, RENEW_LEAD_MIN, RENEW_SWITCH_AFTER,
    RENEW_SWITCH_MAX,
};
use crate::media::command::BaseKey;
use crate::rng::Rng;
use crate::time::{Time, earliest};

/// A key of ours that others are to know.
pub(super) struct Made {
    pub(super) generation: u8,
    pub(super) step: u8,
    pub(super) base_key: BaseKey,
}

/// What our stream is sealed with. Base keys are kept as long as a step may be asked of them.
pub(super) struct OwnKeys {
    rng: Rng,
    generation: u8,
    step: u8,
    base: BaseKey,
    key: SenderKey,
    next: Option<Next>,
}

/// The generation to come, ready made: switching to it happens in mid-voice.
struct Next {
    generation: u8,
    base: BaseKey,
    key: SenderKey,
    /// When the first renewal of this switch was asked for.
    asked_at: Time,
    at: Time,
}

impl OwnKeys {
    /// Generation 0. One is drawn for each Open, so generations only count within a call.
    pub(super) fn new(mut rng: Rng) -> Self {
        let base: BaseKey = Zeroizing::new(rng.bytes());
        Self { rng, generation: 0, step: 0, key: SenderKey::new(&base, 0, 0), base, next: None }
    }

    /// The key as others need it for what comes.
    pub(super) fn told(&self) -> Made {
        match &self.next {
            Some(next) => Made { generation: next.generation, step: 0, base_key: next.base.clone() },
            None => Made { generation: self.generation, step: self.step, base_key: self.base.clone() },
        }
    }

    /// Somebody joined.
    pub(super) fn step(&mut self, now: Time) -> Made {
        self.turn(now);
        if self.next.is_none() && self.step == STEPS - 1 {
            return self.renew(now);
        }
        if self.next.is_none() {
            self.base = ratchet(&self.base);
            self.step += 1;
            self.key = SenderKey::new(&self.base, self.generation, self.step);
        }
        self.told()
    }

    /// Somebody left.
    pub(super) fn renew(&mut self, now: Time) -> Made {
        self.turn(now);
        let (before, asked_at, at) = match &self.next {
            None => (self.generation, now, now + RENEW_SWITCH_AFTER),
            Some(next) => {
                let at = next.at.max(now + RENEW_LEAD_MIN).min(next.asked_at + RENEW_SWITCH_MAX);
                (next.generation, next.asked_at, at)
            }
        };
        let generation = (before + 1) % GENERATIONS;
        let base: BaseKey = Zeroizing::new(self.rng.bytes());
        let key = SenderKey::new(&base, generation, 0);
        self.next = Some(Next { generation, base, key, asked_at, at });
        self.told()
    }

    /// The key to seal with now.
    pub(super) fn current(&mut self, now: Time) -> &mut SenderKey {
        self.turn(now);
        &mut self.key
    }

    /// When the next generation is to be sent with.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.next.as_ref().map(|next| next.at)
    }

    /// Switches to the next generation if it is time.
    pub(super) fn turn(&mut self, now: Time) {
        if let Some(next) = self.next.take_if(|next| next.at <= now) {
            (self.generation, self.step) = (next.generation, 0);
            (self.base, self.key) = (next.base, next.key);
        }
    }
}

impl fmt::Debug for OwnKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnKeys({:?}, next at {:?})", self.key, self.deadline())
    }
}

/// What opens one speaker's stream.
#[derive(Default)]
pub(super) struct TheirKeys {
    /// In the order they came.
    generations: [Option<Generation>; GENERATIONS_KEPT_MAX],
    /// Generations that came so far.
    came: u32,
    /// [`Generation::base`] of the latest that came.
    past: VecDeque<[u8; 32]>,
    /// Of the newest key that opened something.
    in_use: Option<Place>,
    /// When the first of the keys is to be forgotten.
    forget_at: Option<Time>,
}

/// A key's place among those of its speaker: how many generations came before it, and its step.
type Place = (u32, u8);

/// One generation of a speaker's keys.
struct Generation {
    number: u8,
    came: u32,
    /// Of the base key at the last step, where every way of telling us this generation ends: to know it again.
    base: [u8; 32],
    /// Its packets are numbered on from those of the generation before it.
    follows: bool,
    /// Highest voice sequence number, unwrapped.
    voice: Option<u64>,
    keys: [Option<Keyed>; STEPS as usize],
}

struct Keyed {
    key: ReceiverKey,
    window: Window,
    /// When it is forgotten, once a later one is in use.
    until: Option<Time>,
}

/// What a key opened.
pub(super) struct Unsealed<'a> {
    pub(super) plain: &'a [u8],
    /// It is the first packet of a newer key than any before.
    pub(super) first: bool,
    /// It is of the newest key in use.
    pub(super) newest: bool,
    /// The numbering of the voice of this generation.
    pub(super) voice: &'a mut Option<u64>,
    pub(super) follows: bool,
}

impl TheirKeys {
    /// Takes the base key of a generation at a step. The same generation again changes nothing, or its replay windows
    /// would start anew; another base key of the newest's number, or of number 0, means that the speaker has begun
    /// anew.
    ///
    /// # Errors
    /// [`Drop::Replay`] for a generation that is forgotten, or from behind the newest: taken for the newest, it would
    /// open again what was heard long ago.
    pub(super) fn listen(&mut self, number: u8, step: u8, base_key: &BaseKey) -> Result<(), Drop> {
        let mut keys = [const { None }; STEPS as usize];
        let mut base = base_key.clone();
        for at in step..STEPS {
            if at > step {
                base = ratchet(&base);
            }
            let key = ReceiverKey::new(&base, number, at);
            keys[usize::from(at)] = Some(Keyed { key, window: Window::default(), until: None });
        }
        let mut end = [0; 32];
        end.copy_from_slice(digest::digest(&digest::SHA256, &base[..]).as_ref());
        let same = |kept: &&Generation| kept.number == number && kept.base == end;
        if self.generations.iter().flatten().any(|kept| same(&kept)) {
            return Ok(());
        }
        let newest = self.generations.iter().flatten().max_by_key(|kept| kept.came).map(|kept| kept.number);
        let follows = newest.is_some_and(|newest| is_after(number, newest));
        let behind = newest.is_some_and(|newest| number != newest) && !follows;
        if self.past.contains(&end) || (behind && number != 0) {
            return Err(Drop::Replay);
        }
        if self.past.len() >= GENERATIONS_REMEMBERED_MAX {
            self.past.pop_front();
        }
        self.past.push_back(end);
        let came = self.came;
        self.came += 1;
        let generation = Generation { number, came, base: end, follows, voice: None, keys };
        *self.room_for(number) = Some(generation);
        Ok(())
    }

    /// Where a generation goes: over its namesake, else to a free place, else over the oldest that is not in use.
    fn room_for(&mut self, number: u8) -> &mut Option<Generation> {
        let in_use = self.in_use.map(|(came, _)| came);
        let rank = |place: &Option<Generation>| match place {
            Some(kept) if kept.number == number => (0, 0),
            None => (1, 0),
            Some(kept) if Some(kept.came) != in_use => (2, kept.came),
            Some(kept) => (3, kept.came),
        };
        self.generations.iter_mut().min_by_key(|place| rank(place)).expect("there is more than one place")
    }

    /// Whether a packet of this key identifier could be opened.
    pub(super) fn knows(&self, kid: u64) -> bool {
        let Some((number, step)) = generation_and_step(kid) else { return false };
        self.generation(number).is_some_and(|kept| kept.keys[usize::from(step)].is_some())
    }

    /// Whether a packet of this key identifier will never be opened: its key is forgotten, or is from before we were in.
    pub(super) fn is_past(&self, kid: u64) -> bool {
        let Some((number, _)) = generation_and_step(kid) else { return true };
        if self.generation(number).is_some() {
            return !self.knows(kid);
        }
        self.generations.iter().flatten().any(|kept| is_after(kept.number, number))
    }

    fn generation(&self, number: u8) -> Option<&Generation> {
        self.generations.iter().flatten().find(|kept| kept.number == number)
    }

    /// Opens a packet. Only one that opens changes anything.
    pub(super) fn open<'a>(
        &'a mut self,
        sealed: &Sealed,
        packet: &'a mut [u8],
        now: Time,
    ) -> Result<Unsealed<'a>, Drop> {
        let (number, step) = generation_and_step(sealed.kid).ok_or(Drop::NoKey)?;
        let place =
            self.generations.iter().position(|kept| kept.as_ref().is_some_and(|k| k.number == number));
        let place = place.ok_or(Drop::NoKey)?;
        let kept = self.generations[place].as_mut().ok_or(Drop::NoKey)?;
        let here = (kept.came, step);
        let keyed = kept.keys[usize::from(step)].as_mut().ok_or(Drop::NoKey)?;
        if !keyed.window.is_fresh(sealed.counter) {
            return Err(Drop::Replay);
        }
        let plain = keyed.key.open(sealed, packet)?;
        keyed.window.mark(sealed.counter);
        let first = self.in_use.is_none_or(|in_use| in_use < here);
        if first {
            self.in_use = Some(here);
            self.let_go_before(here, now + OLD_KEY_LIFE);
        }
        let newest = self.in_use == Some(here);
        let kept = self.generations[place].as_mut().ok_or(Drop::NoKey)?;
        Ok(Unsealed { plain, first, newest, follows: kept.follows, voice: &mut kept.voice })
    }

    fn let_go_before(&mut self, here: Place, until: Time) {
        self.forget_at = earliest(self.forget_at, Some(until));
        for kept in self.generations.iter_mut().flatten() {
            for (step, keyed) in (0..).zip(&mut kept.keys) {
                if let Some(keyed) = keyed.as_mut().filter(|_| (kept.came, step) < here) {
                    keyed.until.get_or_insert(until);
                }
            }
        }
    }

    /// When a key is to be forgotten.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.forget_at
    }

    /// Forgets the keys whose time has come.
    pub(super) fn forget(&mut self, now: Time) {
        if self.forget_at.is_none_or(|at| at > now) {
            return;
        }
        self.forget_at = None;
        for place in &mut self.generations {
            let Some(kept) = place else { continue };
            for keyed in &mut kept.keys {
                drop(keyed.take_if(|keyed| keyed.until.is_some_and(|until| until <= now)));
                self.forget_at = earliest(self.forget_at, keyed.as_ref().and_then(|keyed| keyed.until));
            }
            if kept.keys.iter().all(Option::is_none) {
                *place = None;
            }
        }
    }
}

impl fmt::Debug for TheirKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = self.generations.iter().flatten().map(|kept| kept.number);
        f.debug_list().entries(numbers).finish()
    }
}

/// Whether a generation comes after another, in numbers that begin again after 31.
fn is_after(number: u8, other: u8) -> bool {
    let ahead = (number + GENERATIONS - other) % GENERATIONS;
    (1..=GENERATIONS / 2).contains(&ahead)
}
