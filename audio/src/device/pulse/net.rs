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
/// Samples of a net: longer than almost all stalls. A recorded sentence with one of some 50 ms fell from 4.27 to 3.27 (PESQ-wb)
/// with half of it.
pub(super) const NET: usize = 40 * MS;
/// Samples over which it fades in the end: a voice that is held sounds like a machine, and a program that is stopped ends
/// without a click, too. What is decoded already (`COMING_MAX` of the voice thread) is never longer than the rest.
const FADE_OUT: usize = 20 * MS;
/// Samples over which the net becomes the sound again where the server was in it.
const FADE: usize = 5 * MS / 2;

/// What was given last and how it would go on.
pub(super) struct Net {
    strip: Strip,
    net: [f32; NET],
    /// What was not ready was taken from the net, up to where the next piece begins.
    heard: bool,
    /// The net that is heard, how far it is given again, in how many samples the sound takes its place, and how far that is.
    left: [f32; NET],
    at: usize,
    until: usize,
    faded: usize,
}

impl Net {
    pub(super) const fn new() -> Self {
        let (net, left) = ([0.0; NET], [0.0; NET]);
        Self { strip: Strip::new(), net, heard: false, left, at: 0, until: 0, faded: FADE }
    }

    /// Completes a piece, of which the first `ready` samples are sound and the rest must do without. The server has taken so
    /// many samples from the last net already as `taken` says, in this piece or also in those after it, which then say 0.
    /// After it, `coming` is what comes next, as far as that is known.
    pub(super) fn complete(&mut self, piece: &mut [f32], ready: usize, taken: usize, coming: &[f32]) {
        let (sound, rest) = piece.split_at_mut(ready.min(piece.len()));
        if taken > 0 || self.heard {
            self.left = self.net;
            (self.at, self.until, self.faded) = (0, taken, 0);
        }
        if !sound.is_empty() {
            self.strip.push(sound);
            self.strip.go_on(coming, &mut self.net);
            let fading = self.net[NET - FADE_OUT..].iter_mut().enumerate();
            fading.for_each(|(n, sample)| *sample *= 1.0 - n as f32 / FADE_OUT as f32);
        }
        self.come_out(sound);
        self.heard = !rest.is_empty();
        if self.heard {
            let held = rest.len().min(NET);
            rest[..held].copy_from_slice(&self.net[..held]);
            rest[held..].fill(0.0);
            self.net.copy_within(held.., 0);
            self.net[NET - held..].fill(0.0);
        }
    }

    /// Up to where the server is in the net, it gets that again: it may go back as far as its device lets it. From there on
    /// the net becomes the sound.
    fn come_out(&mut self, sound: &mut [f32]) {
        for sample in sound {
            if self.until == 0 && self.faded == FADE {
                return;
            }
            let old = self.left.get(self.at).copied().unwrap_or(0.0);
            self.at += 1;
            if self.until > 0 {
                self.until -= 1;
                *sample = old;
            } else {
                let share = self.faded as f32 / FADE as f32;
                *sample = *sample * share + old * (1.0 - share);
                self.faded += 1;
            }
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
    /// comes next, when it is `late(n)` samples into the net before piece `n` comes, and goes back by up to `back` of them then.
    fn played(sound: &[f32], known: usize, back: usize, late: impl Fn(usize) -> usize) -> Vec<f32> {
        let mut net = Net::new();
        let (mut queue, mut out) = (vec![0.0; NET], Vec::new());
        for (n, piece) in sound.chunks_exact(PIECE).enumerate() {
            let (begins, ends) = (n * PIECE, (n + 1) * PIECE);
            let read_to = out.len().max(begins + late(n));
            queue.resize(queue.len().max(read_to), 0.0);
            out.extend_from_slice(&queue[out.len()..read_to]);
            let (mut piece, after) = (piece.to_vec(), &sound[ends..]);
            net.complete(&mut piece, PIECE, late(n), &after[..known.min(after.len())]);
            queue.truncate(begins);
            queue.extend_from_slice(&piece);
            queue.extend_from_slice(net.samples());
            // It goes back to what is new, and plays until the next piece is due.
            out.truncate(read_to - (read_to - begins).min(back));
            let due = out.len().max(ends);
            out.extend_from_slice(&queue[out.len()..due]);
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
            assert_eq!(bits(&played(&voice, known, 0, |_| 0)), bits(&voice));
        }
    }

    #[test]
    fn who_is_late_for_what_is_known_is_not_heard_at_all() {
        let voice = voice(48_000);
        let out = played(&voice, 480, 60, |n| if n % 7 == 3 { 100 } else { 0 });
        assert!(out.iter().zip(&voice).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn who_is_late_for_what_is_not_known_makes_neither_a_hole_nor_a_click() {
        let voice = voice(96_000);
        for (late, back) in [
            (1, 0),
            (40, 0),
            (40, 20),
            (119, 60),
            (120, 0),
            (300, 0),
            (300, 120),
            (700, 0),
            (1_500, 0),
            (1_700, 0),
        ] {
            let out = played(&voice, 0, back, |n| if n % 20 == 7 { late } else { 0 });
            assert!(steepest(&out) <= 1.3 * steepest(&voice), "{late}: {}", steepest(&out));
            let level = |sound: &[f32]| crate::stretch::power(sound).sqrt();
            for (n, heard) in out.chunks_exact(PIECE).enumerate().take(voice.len() / PIECE).skip(8) {
                // What begins while it is late cannot be known.
                let said = (n - 8..=n).map(|n| level(&voice[n * PIECE..][..PIECE])).fold(f32::MAX, f32::min);
                let heard = level(heard);
                let whole = late <= NET - FADE_OUT;
                assert!(
                    !whole || heard > 0.4 * said - 0.01,
                    "{late}: a hole in piece {n}: {heard} of {said}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_ready_is_made_up_for_a_while_and_then_silent() {
        let voice = voice(24_000);
        let mut net = Net::new();
        let mut out = Vec::new();
        for n in 0..80 {
            let mut piece = voice[n * PIECE..][..PIECE].to_vec();
            // Nothing is ready for 50 ms.
            let ready = if (20..40).contains(&n) { 0 } else { PIECE };
            net.complete(&mut piece, ready, 0, &[]);
            out.extend(piece);
        }
        assert!(steepest(&out) <= 1.3 * steepest(&voice), "{}", steepest(&out));
        let gap = &out[20 * PIECE..40 * PIECE];
        assert!(crate::stretch::power(&gap[..NET - FADE_OUT]) > crate::stretch::QUIET_POWER);
        assert_eq!(gap[NET..], [0.0; 20 * PIECE - NET]);
        assert_eq!(bits(&out[41 * PIECE..]), bits(&voice[41 * PIECE..80 * PIECE]));
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
