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
//! The period is where the sound is most like itself. Speech, tones and noise keep their pitch and their level; a
//! shift that would be heard is refused, unless the wish is pressing. Nothing here allocates after construction.

use crate::frame::FRAME_SAMPLES_MAX;

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

const _: () = assert!(PAST >= BEFORE + LAGS.1);
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
    }

    /// What is pushed next does not follow from what was played: the old sound goes on for 5 ms, fading, under the new.
    pub(crate) fn bridge(&mut self) {
        self.turn();
        let lag = self.period();
        let period = &self.sound[PAST - lag..PAST];
        // The two ends of the period hardly ever meet exactly; the rest of the step is let out over the bridge.
        let step = self.sound[PAST - 1] - self.sound[PAST - 1 - lag];
        for (n, sample) in self.bridge.iter_mut().enumerate() {
            *sample = (period[n % lag] + step) * (1.0 - n as f32 / OVERLAP as f32);
        }
        self.bridged = 0;
    }

    /// Nothing is at hand and nothing comes: plays the last period again. What comes then goes on where the sound was, as
    /// if nothing had happened. Says by how many samples.
    pub(crate) fn draw_out(&mut self) -> usize {
        self.turn();
        let lag = if self.quiet() { LAGS.0 } else { self.period() };
        self.bridge();
        let mut again = [0.0; LAGS.1];
        again[..lag].copy_from_slice(&self.sound[PAST - lag..PAST]);
        self.push(&again[..lag]);
        lag
    }

    /// Everything at hand was played, and `coming` will be: fills `out` with it and with how it would go on, its last period
    /// again and again. Nothing is at hand after it.
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
mod tests {
    use super::*;
    use crate::frame::FrameDuration;
    use crate::testing::voice;
    use proptest::prelude::*;
    use std::f32::consts::TAU;

    fn tone(hertz: f32, count: usize) -> Vec<f32> {
        (0..count).map(|n| (n as f32 * hertz * TAU / 48_000.0).sin() * 0.3).collect()
    }

    fn noise(count: usize) -> Vec<f32> {
        let mut state = 1u32;
        let mut draw = move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as f32 / u32::MAX as f32 - 0.5
        };
        (0..count).map(|_| draw() * 0.4).collect()
    }

    /// Lengthens (or shortens) every `every`th frame of `sound`, and says how much was gained.
    fn stretched(sound: &[f32], frame: usize, every: usize, wish: Wish, longer: bool) -> (Vec<f32>, usize) {
        let mut strip = Strip::new();
        let (mut out, mut gained) = (Vec::new(), 0);
        let mut frames = sound.chunks_exact(frame);
        let mut turn = 0;
        while let Some(samples) = frames.next() {
            strip.turn();
            strip.push(samples);
            turn += 1;
            // Not in the first 40 ms: the sound begins where the past is still empty.
            let due = turn > 8 && turn % every == 0;
            if due && longer {
                gained += strip.lengthen(wish);
            } else if due {
                while strip.at_hand().len() < SHORTEN_NEEDS
                    && let Some(more) = frames.next()
                {
                    strip.push(more);
                }
                gained += strip.shorten(wish);
            }
            out.extend_from_slice(strip.at_hand());
        }
        (out, gained)
    }

    fn steepest(sound: &[f32]) -> f32 {
        sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    /// Upward crossings of zero per second.
    fn pitch(sound: &[f32]) -> f32 {
        let crossings: Vec<f32> = sound
            .windows(2)
            .enumerate()
            .filter(|(_, pair)| pair[0] < 0.0 && pair[1] >= 0.0)
            .map(|(n, pair)| n as f32 + pair[0] / (pair[0] - pair[1]))
            .collect();
        (crossings.len() - 1) as f32 * 48_000.0 / (crossings[crossings.len() - 1] - crossings[0])
    }

    fn decibels(sound: &[f32], than: &[f32]) -> f32 {
        10.0 * (power(sound) / power(than)).log10()
    }

    const GENTLE: Wish = Wish { near: 400, pressing: false };

    #[test]
    fn a_tone_keeps_its_pitch_and_level_and_gets_no_click() {
        for hertz in [80.0, 110.0, 223.0, 440.0, 997.0, 3_111.0] {
            let tone = tone(hertz, 96_000);
            for frame in FrameDuration::ALL.map(FrameDuration::samples) {
                for longer in [true, false] {
                    let wish = Wish { near: 720, ..GENTLE };
                    let (out, gained) = stretched(&tone, frame, 4, wish, longer);
                    let label = format!("{hertz} Hz, {frame} samples, longer {longer}, by {gained}");
                    assert!(gained > 2_000, "{label}");
                    let moved = out.len() as i64 - tone.len() as i64;
                    assert_eq!(moved, if longer { gained as i64 } else { -(gained as i64) }, "{label}");
                    let off = pitch(&out) / pitch(&tone) - 1.0;
                    assert!(off.abs() < 0.01, "{label}: pitch off by {off}");
                    assert!(steepest(&out) <= steepest(&tone) * 1.01, "{label}: {}", steepest(&out));
                    assert!(decibels(&out, &tone).abs() < 0.5, "{label}: {} dB", decibels(&out, &tone));
                }
            }
        }
    }

    #[test]
    fn a_voice_keeps_its_level_and_gets_no_click() {
        let voice = voice(480_000);
        for frame in FrameDuration::ALL.map(FrameDuration::samples) {
            for (longer, pressing) in [(true, false), (false, false), (true, true), (false, true)] {
                let (out, gained) = stretched(&voice, frame, 5, Wish { pressing, ..GENTLE }, longer);
                let label = format!("{frame} samples, longer {longer}, pressing {pressing}, gained {gained}");
                assert!(gained > 9_600, "{label}");
                assert!(decibels(&out, &voice).abs() < 0.5, "{label}: {} dB", decibels(&out, &voice));
                assert!(steepest(&out) <= steepest(&voice) * 1.1, "{label}: {}", steepest(&out));
            }
        }
    }

    #[test]
    fn noise_is_left_alone_unless_it_presses_and_keeps_its_level_then() {
        let noise = noise(480_000);
        for longer in [true, false] {
            let (out, gained) = stretched(&noise, 480, 3, GENTLE, longer);
            assert_eq!((gained, out == noise), (0, true), "not alike anywhere");
            let (out, gained) = stretched(&noise, 480, 3, Wish { pressing: true, ..GENTLE }, longer);
            assert!(gained > 20_000, "{gained}");
            assert!(decibels(&out, &noise).abs() < 0.5, "{} dB", decibels(&out, &noise));
            for part in out.chunks_exact(240) {
                assert!(decibels(part, &noise).abs() < 3.0, "a hole or a bump of 5 ms");
            }
        }
    }

    #[test]
    fn silence_and_quiet_give_what_was_wished_and_stay_quiet() {
        let quiet: Vec<f32> = noise(48_000).iter().map(|sample| sample * 0.01).collect();
        for sound in [vec![0.0; 48_000], quiet] {
            for (longer, near) in [(true, 100), (false, 100), (true, 600), (false, 600)] {
                let (out, gained) = stretched(&sound, 480, 10, Wish { near, pressing: false }, longer);
                let times = if longer { 10 } else { 8 };
                let mean = gained / times;
                assert!((near * 3 / 4..=near * 5 / 4).contains(&mean), "{mean} of {near} each time");
                assert!(steepest(&out) <= steepest(&sound) * 1.5);
            }
        }
    }

    #[test]
    fn a_shortening_in_mid_word_never_takes_more_than_wished() {
        let tone = tone(100.0, 48_000);
        let (_, gained) = stretched(&tone, 480, 2, Wish { near: 470, pressing: true }, false);
        assert!(gained > 0);
        let mut strip = Strip::new();
        strip.push(&tone[..960]);
        strip.turn();
        strip.push(&tone[960..1_920]);
        assert!(strip.shorten(Wish { near: 470, pressing: true }) <= 470);
        assert_eq!(strip.shorten(Wish { near: 119, pressing: true }), 0, "less than any period");
    }

    #[test]
    fn a_bridge_leads_from_one_sound_to_another_without_a_step() {
        let (tone, other) = (tone(223.0, 4_800), tone(700.0, 4_800));
        for cut in 1_000..1_100 {
            for next in [&other[13..], &[0.0; 960][..]] {
                let mut strip = Strip::new();
                tone[..cut].chunks(480).for_each(|frame| {
                    strip.turn();
                    strip.push(frame);
                });
                let mut out = tone[..cut].to_vec();
                strip.bridge();
                for part in next[..480].chunks(96) {
                    strip.turn();
                    strip.push(part);
                    out.extend_from_slice(strip.at_hand());
                }
                let limit = steepest(&tone).max(steepest(next)) * 1.3;
                assert!(steepest(&out) <= limit, "cut at {cut}: {} over {limit}", steepest(&out));
                assert_eq!(out[cut + OVERLAP..], next[OVERLAP..480], "only the bridge differs");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_acts_on_any_sound_keep_the_books(
            acts in proptest::collection::vec(
                (0u8..5, 0usize..2_000, any::<bool>(), proptest::collection::vec(-4.0f32..4.0, 1..40)), 1..60),
        ) {
            let mut strip = Strip::new();
            for (act, near, pressing, samples) in acts {
                let len = strip.at_hand().len();
                let sound: Vec<f32> = samples.iter().copied().cycle().take(near.min(960)).collect();
                match act {
                    0 | 1 => {
                        let room = strip.room();
                        strip.push(&sound);
                        prop_assert_eq!(strip.at_hand().len(), len + sound.len().min(room));
                    }
                    2 => {
                        let gained = strip.lengthen(Wish { near, pressing });
                        prop_assert_eq!(strip.at_hand().len(), len + gained);
                    }
                    3 => {
                        let gained = strip.shorten(Wish { near, pressing });
                        prop_assert_eq!(strip.at_hand().len(), len - gained);
                    }
                    _ => strip.bridge(),
                }
                prop_assert!(strip.at_hand().iter().all(|sample| sample.abs() < 100.0));
            }
        }
    }
}
