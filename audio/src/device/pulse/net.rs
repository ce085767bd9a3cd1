//! A net under the speaker: after each piece of sound the server also gets a little of what comes next, which the next
//! piece overwrites. A thread that is late for some milliseconds, ours or the server's, is then hardly heard, and nobody
//! waits for it: what is here costs no delay.
//!
//! ```text
//!   the server's queue      ... sound | coming | going on, fading       the net: what is decoded already, and then
//!   the next piece                    | sound | coming | going on       its last period again and again
//!   the server came so far            ....|                 late: from here on, the net fades into the sound
//! ```

use crate::frame::SAMPLE_RATE;
use crate::stretch::Strip;

const MS: usize = SAMPLE_RATE as usize / 1_000;
/// Samples of a net: longer than most stalls, and shorter than a voice could be held without sounding like a machine.
pub(super) const NET: usize = 20 * MS;
/// Samples over which it fades in the end: a program that is stopped ends without a click, too.
const FADE_OUT: usize = 8 * MS;
/// Samples over which the net becomes the sound again where the server was in it.
const FADE: usize = 5 * MS / 2;

/// What was given last and how it would go on.
pub(super) struct Net {
    strip: Strip,
    net: [f32; NET],
    /// What was not ready was taken from the net, up to where the next piece begins.
    heard: bool,
    /// The net that the sound must come out of, in how many samples that begins, and how far it is.
    left: [f32; FADE],
    until: usize,
    faded: usize,
}

impl Net {
    pub(super) const fn new() -> Self {
        Self { strip: Strip::new(), net: [0.0; NET], heard: false, left: [0.0; FADE], until: 0, faded: FADE }
    }

    /// Completes a piece, of which the first `ready` samples are sound and the rest must do without, and of which the server
    /// has taken the first `taken` from the last net already. After it, `coming` is what comes next, as far as that is known.
    pub(super) fn complete(&mut self, piece: &mut [f32], ready: usize, taken: usize, coming: &[f32]) {
        let (sound, rest) = piece.split_at_mut(ready.min(piece.len()));
        if taken > 0 || self.heard {
            let net = self.net.iter().copied().chain(std::iter::repeat(0.0)).skip(taken);
            self.left.iter_mut().zip(net).for_each(|(left, old)| *left = old);
            (self.until, self.faded) = (taken, 0);
        }
        self.fade(sound);
        if !sound.is_empty() {
            self.strip.push(sound);
            self.strip.go_on(coming, &mut self.net);
            let fading = self.net[NET - FADE_OUT..].iter_mut().enumerate();
            fading.for_each(|(n, sample)| *sample *= 1.0 - n as f32 / FADE_OUT as f32);
        }
        self.heard = !rest.is_empty();
        if self.heard {
            let held = rest.len().min(NET);
            rest[..held].copy_from_slice(&self.net[..held]);
            rest[held..].fill(0.0);
            self.net.copy_within(held.., 0);
            self.net[NET - held..].fill(0.0);
        }
    }

    /// From where the server came out of the net, the net becomes the sound.
    fn fade(&mut self, sound: &mut [f32]) {
        let before = self.until.min(sound.len());
        self.until -= before;
        for (sample, old) in sound[before..].iter_mut().zip(&self.left[self.faded..]) {
            let share = self.faded as f32 / FADE as f32;
            *sample = *sample * share + old * (1.0 - share);
            self.faded += 1;
        }
    }

    /// What comes after the last piece, if nothing else does.
    pub(super) fn samples(&self) -> &[f32; NET] {
        &self.net
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::voice;
    use proptest::prelude::*;

    const PIECE: usize = 5 * MS / 2;

    /// What a server plays of `sound` that is given to it a piece at a time, each with its net and with `known` samples of what
    /// comes next, when it is `late(n)` samples into the net before piece `n` comes.
    fn played(sound: &[f32], known: usize, late: impl Fn(usize) -> usize) -> Vec<f32> {
        let mut net = Net::new();
        let mut out = Vec::new();
        for (n, piece) in sound.chunks_exact(PIECE).enumerate() {
            let (taken, before) = (late(n), *net.samples());
            let mut piece = piece.to_vec();
            let after = &sound[(n + 1) * PIECE..];
            net.complete(&mut piece, PIECE, taken, &after[..known.min(after.len())]);
            // What comes for a time that has passed is thrown away.
            out.extend_from_slice(&before[..taken.min(PIECE)]);
            out.extend_from_slice(&piece[taken.min(PIECE)..]);
        }
        out
    }

    fn steepest(sound: &[f32]) -> f32 {
        sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    fn bits(sound: &[f32]) -> Vec<u32> {
        sound.iter().map(|sample| sample.to_bits()).collect()
    }

    #[test]
    fn nobody_late_leaves_every_bit() {
        let voice = voice(48_000);
        for known in [0, 100, 480] {
            assert_eq!(bits(&played(&voice, known, |_| 0)), bits(&voice));
        }
    }

    #[test]
    fn who_is_late_for_what_is_known_is_not_heard_at_all() {
        let voice = voice(48_000);
        let out = played(&voice, 480, |n| if n % 7 == 3 { 100 } else { 0 });
        assert!(out.iter().zip(&voice).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn who_is_late_for_what_is_not_known_makes_neither_a_hole_nor_a_click() {
        let voice = voice(96_000);
        for late in [1, 40, 119, 120] {
            let out = played(&voice, 0, |n| if n % 20 == 7 { late } else { 0 });
            assert!(steepest(&out) <= 1.3 * steepest(&voice), "{late}: {}", steepest(&out));
            for (n, (out, voice)) in out.chunks_exact(PIECE).zip(voice.chunks_exact(PIECE)).enumerate() {
                let level = |sound: &[f32]| crate::stretch::power(sound).sqrt();
                let (heard, said) = (level(out), level(voice));
                assert!(heard > 0.4 * said - 0.01, "{late}: a hole in piece {n}: {heard} of {said}");
            }
        }
    }

    #[test]
    fn what_is_not_ready_is_made_up_for_a_while_and_then_silent() {
        let voice = voice(24_000);
        let mut net = Net::new();
        let mut out = Vec::new();
        for n in 0..60 {
            let mut piece = voice[n * PIECE..][..PIECE].to_vec();
            // Nothing is ready for 30 ms.
            let ready = if (20..32).contains(&n) { 0 } else { PIECE };
            net.complete(&mut piece, ready, 0, &[]);
            out.extend(piece);
        }
        assert!(steepest(&out) <= 1.3 * steepest(&voice), "{}", steepest(&out));
        let gap = &out[20 * PIECE..32 * PIECE];
        assert!(crate::stretch::power(&gap[..NET - FADE_OUT]) > crate::stretch::QUIET_POWER);
        assert_eq!(gap[NET..], [0.0; 12 * PIECE - NET]);
        assert_eq!(bits(&out[33 * PIECE..]), bits(&voice[33 * PIECE..60 * PIECE]));
    }

    #[test]
    fn a_program_that_stops_ends_in_silence() {
        let voice = voice(9_600);
        let mut net = Net::new();
        net.complete(&mut voice[..960].to_vec(), 960, 0, &voice[960..1_440]);
        assert_eq!(bits(&net.samples()[..480]), bits(&voice[960..1_440]));
        assert!(net.samples()[NET - 1].abs() < 0.01);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_pieces_stay_as_loud_as_they_were(
            pieces in proptest::collection::vec((0usize..960, 0usize..1_200, 0usize..4_000, 0usize..960, -1.0f32..1.0), 0..30),
        ) {
            let mut net = Net::new();
            for (len, ready, taken, coming, loud) in pieces {
                let mut piece = vec![loud; len];
                net.complete(&mut piece, ready, taken, &vec![loud; coming]);
                prop_assert!(piece.iter().chain(net.samples()).all(|sample| sample.abs() <= 1.0));
            }
        }
    }
}
