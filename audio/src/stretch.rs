//! A strip of one speaker's sound, a little of it played and a little still to be played, and the art of making the
//! latter longer or shorter by a pitch period without anybody noticing (waveform-similarity overlap-add: Verhelst and
//! Roelands, ICASSP 1993).
//!
//! ```text
//!            past, played        t   at hand
//!   ....--------------------------|----------------------
//!   lengthen by p:    from t on, fade from what follows t to what followed t - p
//!   shorten by p:     from t on, fade from what follows t to what follows t + p
//! ```
//!
//! Where nothing is at hand, the sound can be drawn out by any length: it goes on as it was, and what comes then is faded over
//! from that (`forecast`).
//!
//! The period is where the sound is most like itself. Speech, tones and noise keep their pitch and their level; a
//! shift that would be heard is refused, unless the wish is pressing. Nothing here allocates after construction.

use crate::frame::FRAME_SAMPLES_MAX;

mod forecast;

use forecast::{Forecast, LEARNED};

/// Played samples remembered: the longest lag and the window before it.
const PAST: usize = 960;
/// Samples that may be at hand: what a shortening needs, reached in whole frames.
const ROOM: usize = 2 * FRAME_SAMPLES_MAX;
/// Pitch periods looked for: 2.5 ms to 15 ms, 400 Hz down to 67 Hz (a higher voice repeats at multiples of its own).
const LAGS: (usize, usize) = (120, 720);
/// The smallest shift where the sound is too quiet for its period to matter: 1 ms.
const QUIET_LAG_MIN: usize = 48;
/// Samples over which one sound becomes the other: 5 ms.
const OVERLAP: usize = 240;
/// Played samples that are compared besides the overlap, so that a whole period of most voices takes part: 5 ms.
const BEFORE: usize = 240;
/// How alike (1 is the same shape) two stretches of sound must be to be taken for one another.
const ALIKE: f32 = 0.85;
/// Mean square below which a sound may be shifted by any lag: -45 dBFS.
pub(crate) const QUIET_POWER: f32 = 0.0056 * 0.0056;
/// Samples averaged for the first, coarse search.
const COARSE: usize = 4;
/// Likeness a lag may lack per whole range of distance from the wished one, and still be preferred.
const NEARNESS: f32 = 0.1;

/// Samples at hand that let a shortening choose any period.
pub(crate) const SHORTEN_NEEDS: usize = LAGS.1 + OVERLAP;

const _: () = assert!(PAST >= BEFORE + LAGS.1 && PAST == LEARNED);
const _: () = assert!(ROOM >= SHORTEN_NEEDS - 1 + FRAME_SAMPLES_MAX && ROOM >= FRAME_SAMPLES_MAX + LAGS.1);
const _: () = assert!(PAST.is_multiple_of(COARSE) && BEFORE.is_multiple_of(COARSE));

/// How much longer or shorter, in samples, and whether it may be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The length to change by; a period near it is preferred.
    pub(crate) near: usize,
    /// The most unlike sounds may be joined.
    pub(crate) pressing: bool,
}

/// Which way the sound is compared and joined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Toward {
    /// With what was played a lag ago.
    Past,
    /// With what is to be played a lag from now.
    Future,
}

/// One speaker's latest sound.
pub(crate) struct Strip {
    sound: [f32; PAST + ROOM],
    /// Samples at hand, after the past.
    len: usize,
    coarse: [f32; (PAST + ROOM) / COARSE],
    /// How the past would have gone on, fading, and how much of it is used up.
    bridge: [f32; OVERLAP],
    bridged: usize,
    forecast: Forecast,
    /// Samples played that only repeat what was there before them.
    drawn_out: usize,
}

impl Strip {
    /// Silence.
    pub(crate) const fn new() -> Self {
        Self {
            sound: [0.0; PAST + ROOM],
            len: 0,
            coarse: [0.0; (PAST + ROOM) / COARSE],
            bridge: [0.0; OVERLAP],
            bridged: OVERLAP,
            forecast: Forecast::new(),
            drawn_out: 0,
        }
    }

    /// The sound still to be played.
    pub(crate) fn at_hand(&self) -> &[f32] {
        &self.sound[PAST..PAST + self.len]
    }

    /// Everything at hand was played.
    pub(crate) fn turn(&mut self) {
        self.sound.copy_within(self.len..self.len + PAST, 0);
        self.len = 0;
    }

    /// Room left for [`Self::push`].
    pub(crate) fn room(&self) -> usize {
        ROOM - self.len
    }

    /// Adds sound; what has no room is cut.
    pub(crate) fn push(&mut self, samples: &[f32]) {
        let count = samples.len().min(self.room());
        let from = PAST + self.len;
        let new = &mut self.sound[from..from + count];
        new.copy_from_slice(&samples[..count]);
        let rest = &self.bridge[self.bridged..];
        for (n, (sample, old)) in new.iter_mut().zip(rest).enumerate() {
            *sample = *sample * (self.bridged + n) as f32 / OVERLAP as f32 + old;
        }
        self.bridged = (self.bridged + count).min(OVERLAP);
        self.len += count;
        if count > 0 {
            self.drawn_out = 0;
        }
    }

    /// What is pushed next does not follow from what was played: the old sound goes on for 5 ms, fading, under the new.
    pub(crate) fn bridge(&mut self) {
        self.turn();
        if self.drawn_out == 0 {
            self.foresee();
        }
        self.forecast.clone().give(&mut self.bridge);
        for (n, sample) in self.bridge.iter_mut().enumerate() {
            *sample *= 1.0 - n as f32 / OVERLAP as f32;
        }
        self.bridged = 0;
    }

    /// Nothing is at hand and nothing comes: the last period again and again, at most so many samples of it now. Says how
    /// many, and after how many the sound is where it was; 1 when that is no matter.
    pub(crate) fn draw_out(&mut self, most: usize) -> (usize, usize) {
        self.turn();
        if self.drawn_out == 0 {
            self.foresee();
        }
        self.bridged = OVERLAP;
        self.len = most.min(ROOM);
        self.forecast.give(&mut self.sound[PAST..PAST + self.len]);
        self.drawn_out += self.len;
        (self.len, if self.quiet() { 1 } else { self.forecast.lag() })
    }

    /// What was played last was drawn out, and nothing came since.
    pub(crate) fn is_drawn_out(&self) -> bool {
        self.drawn_out > 0
    }

    /// How what was played will go on.
    fn foresee(&mut self) {
        let lag = if self.quiet() { LAGS.1 } else { self.period() };
        if let Some(past) = self.sound.first_chunk() {
            self.forecast.begin(past, lag);
        }
    }

    /// Everything at hand was played, and `coming` will be: fills `out` with it and with how it would go on, its last period
    /// again and again. Nothing is at hand after it. It is made for each piece that is played and seldom heard, so nothing is
    /// predicted as for [`Self::draw_out`].
    pub(crate) fn go_on(&mut self, coming: &[f32], out: &mut [f32]) {
        self.turn();
        let mut past = [0.0; PAST];
        past.copy_from_slice(&self.sound[..PAST]);
        let (sound, after) = out.split_at_mut(coming.len().min(out.len()));
        sound.copy_from_slice(&coming[..sound.len()]);
        self.push(sound);
        self.turn();
        let lag = self.period();
        let period = self.sound[PAST - lag..PAST].iter().cycle();
        after.iter_mut().zip(period).for_each(|(sample, again)| *sample = *again);
        self.sound[..PAST].copy_from_slice(&past);
    }

    /// The period of what was played last, or the shortest we know where it has none.
    fn period(&mut self) -> usize {
        self.seek(Toward::Past, LAGS, LAGS.0, 0).map_or(LAGS.0, |(lag, _)| lag)
    }

    /// Makes what is at hand longer by about what is wished; says by how many samples.
    pub(crate) fn lengthen(&mut self, wish: Wish) -> usize {
        let over = self.len.min(OVERLAP);
        if self.room() < LAGS.1 || over == 0 {
            return 0;
        }
        let (low, high) = self.lags(wish, LAGS.1, Toward::Past);
        let Some((lag, alike)) = self.find(Toward::Past, (low, high), wish, over) else { return 0 };
        // From the end: the moved part lies `lag` later than it lay.
        self.sound.copy_within(PAST + over - lag..PAST + self.len, PAST + over);
        let (past, new) = self.sound.split_at_mut(PAST);
        // Where the lag is shorter than the overlap, what was played a lag ago is partly at hand.
        let mut natural = [0.0; OVERLAP];
        natural[..over].copy_from_slice(&new[..over]);
        for n in 0..over {
            let old = if n < lag { past[PAST - lag + n] } else { natural[n - lag] };
            new[n] = blend(natural[n], old, n as f32 / over as f32, alike);
        }
        self.len += lag;
        lag
    }

    /// Makes what is at hand shorter by about what is wished, never by more unless it is quiet; says by how many
    /// samples.
    pub(crate) fn shorten(&mut self, wish: Wish) -> usize {
        let over = OVERLAP.min(self.len / 2);
        let (low, high) = self.lags(wish, self.len.saturating_sub(over), Toward::Future);
        let Some((lag, alike)) = self.find(Toward::Future, (low, high), wish, over) else { return 0 };
        let new = &mut self.sound[PAST..PAST + self.len];
        for n in 0..over {
            new[n] = blend(new[n], new[n + lag], n as f32 / over as f32, alike);
        }
        new.copy_within(over + lag.., over);
        self.len -= lag;
        lag
    }

    /// The lags that may serve a wish.
    fn lags(&self, wish: Wish, most: usize, toward: Toward) -> (usize, usize) {
        // Too short a delay is worse than too long a one: the next late packet would be heard.
        let more = if toward == Toward::Future { wish.near } else { wish.near * 5 / 4 };
        if self.quiet() {
            let (near, more) = (wish.near.max(QUIET_LAG_MIN), more.max(QUIET_LAG_MIN));
            return ((near * 3 / 4).min(LAGS.1), more.min(LAGS.1).min(most));
        }
        let most = match toward {
            Toward::Future => most.min(wish.near),
            // What is too much would have to be taken out again.
            Toward::Past if !wish.pressing => most.min(2 * wish.near.max(LAGS.0)),
            Toward::Past => most,
        };
        (LAGS.0, LAGS.1.min(most))
    }

    fn quiet(&self) -> bool {
        let sound = &self.sound[PAST - BEFORE..PAST + self.len];
        power(sound) < QUIET_POWER
    }

    fn find(
        &mut self,
        toward: Toward,
        lags: (usize, usize),
        wish: Wish,
        over: usize,
    ) -> Option<(usize, f32)> {
        let least = if self.quiet() || wish.pressing { -1.0 } else { ALIKE };
        self.seek(toward, lags, wish.near, over).filter(|(_, alike)| *alike >= least)
    }

    /// The lag at which the sound around `t` is most like itself, near a wished one, and how alike it is there.
    fn seek(
        &mut self,
        toward: Toward,
        (low, high): (usize, usize),
        near: usize,
        over: usize,
    ) -> Option<(usize, f32)> {
        if low > high || low == 0 {
            return None;
        }
        self.thin_out();
        let score = |(lag, alike): (usize, f32)| alike - NEARNESS * lag.abs_diff(near) as f32 / LAGS.1 as f32;
        let better = |a: &(usize, f32), b: &(usize, f32)| score(*a).total_cmp(&score(*b));
        let thin = |samples: usize| samples / COARSE;
        let coarse = (thin(low).max(1)..=thin(high))
            .map(|lag| {
                let found = likeness(&self.coarse, thin(PAST), thin(BEFORE), thin(over), lag, toward);
                (lag * COARSE, found)
            })
            .max_by(better)
            .map_or(low, |(lag, _)| lag);
        let (from, to) = (coarse.saturating_sub(COARSE).max(low), (coarse + COARSE).min(high));
        (from..=to)
            .map(|lag| (lag, likeness(&self.sound, PAST, BEFORE, over, lag, toward)))
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
    }

    fn thin_out(&mut self) {
        let known = (PAST + self.len) / COARSE;
        for (thin, samples) in self.coarse[..known].iter_mut().zip(self.sound.chunks_exact(COARSE)) {
            *thin = samples.iter().sum::<f32>() / COARSE as f32;
        }
    }
}

/// How alike the sound from `before` samples before `at` to `over` after it is to the same a lag away: the cosine of the
/// angle between the two, 0 when one is silent.
fn likeness(sound: &[f32], at: usize, before: usize, over: usize, lag: usize, toward: Toward) -> f32 {
    let here = &sound[at - before..at + over];
    let from = if toward == Toward::Past { at - before - lag } else { at - before + lag };
    let there = &sound[from..from + here.len()];
    let (mut product, mut square_here, mut square_there) = (0.0f32, 0.0f32, 0.0f32);
    for (a, b) in here.iter().zip(there) {
        product += a * b;
        square_here += a * a;
        square_there += b * b;
    }
    let size = (square_here * square_there).sqrt();
    if size > 0.0 && size.is_finite() { (product / size).clamp(-1.0, 1.0) } else { 0.0 }
}

/// `share` of the way from one sound to another. Sounds that have nothing in common would lose half their power midway;
/// how `alike` they are says how much must be given back.
fn blend(from: f32, to: f32, share: f32, alike: f32) -> f32 {
    let rest = 1.0 - share;
    let power = share * share + rest * rest + 2.0 * alike.max(0.0) * share * rest;
    (from * rest + to * share) / power.sqrt()
}

/// The mean square.
pub(crate) fn power(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32
}

#[cfg(test)]
mod tests;
