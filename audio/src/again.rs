//! "Say again": the last ten seconds that were heard, kept in memory alone, and played once more over the call when
//! somebody asks. What goes on meanwhile is turned down and not away: whoever missed a word should not miss the next
//! one for it. Nothing of what is said again is kept again, recorded or sent.

use zeroize::Zeroize as _;

use crate::frame::SAMPLE_RATE;
use crate::level::from_db;

/// Samples kept: ten seconds.
pub const KEPT: usize = 10 * SAMPLE_RATE as usize;
/// How far the call is turned down while it is said again, dB.
pub const UNDER_DB: f32 = -14.0;
/// Samples over which one takes the place of the other, 10 ms: long enough for no click.
const FADE: usize = SAMPLE_RATE as usize / 100;

/// What was heard, and what is said again of it.
#[derive(Default)]
pub struct SayAgain {
    /// A ring of [`KEPT`] samples; empty outside of a call.
    heard: Vec<f32>,
    /// Where the next sample goes.
    at: usize,
    filled: usize,
    replay: Option<Replay>,
    /// It begins from its beginning when the replay has faded out.
    anew: bool,
    /// How much of the replay is audible, 0 to [`FADE`].
    faded: usize,
}

#[derive(Clone, Copy)]
struct Replay {
    from: usize,
    left: usize,
    /// It was stopped, and only fades out.
    stopped: bool,
}

impl SayAgain {
    /// A call begins. The only place that allocates.
    pub fn open(&mut self) {
        if self.heard.is_empty() {
            self.heard = vec![0.0; KEPT];
        }
    }

    /// The call is over: what was heard is wiped, and its memory given back.
    pub fn close(&mut self) {
        self.wipe();
        self.heard = Vec::new();
    }

    fn wipe(&mut self) {
        self.heard.as_mut_slice().zeroize();
        (self.at, self.filled, self.replay, self.anew, self.faded) = (0, 0, None, false, 0);
    }

    /// Plays what was heard up to now, from its beginning. False when nothing was heard yet.
    pub fn start(&mut self) -> bool {
        if self.filled == 0 {
            return false;
        }
        match &mut self.replay {
            // What is heard of it fades out first: a jump would click.
            Some(replay) => {
                replay.stop();
                self.anew = true;
            }
            None => self.replay = Some(self.all()),
        }
        true
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.anew = false;
        if let Some(replay) = &mut self.replay {
            replay.stop();
        }
    }

    /// All that was heard.
    fn all(&self) -> Replay {
        let from = (self.at + self.heard.len() - self.filled) % self.heard.len();
        Replay { from, left: self.filled, stopped: false }
    }

    /// Whether something is being said again.
    pub fn is_playing(&self) -> bool {
        self.anew || self.replay.is_some_and(|replay| !replay.stopped)
    }

    /// Keeps what is played now, and lays what is said again over it.
    pub fn hear(&mut self, samples: &mut [f32]) {
        if self.heard.is_empty() {
            return;
        }
        let under = from_db(UNDER_DB);
        for sample in samples {
            let live = *sample;
            // Read before it is overwritten: what is said again is exactly ten seconds behind.
            if let Some(said) = self.next() {
                let share = self.faded as f32 / FADE as f32;
                *sample = (live * (1.0 - share * (1.0 - under)) + said * share).clamp(-1.0, 1.0);
            }
            self.heard[self.at] = live;
            self.at = (self.at + 1) % self.heard.len();
            self.filled = (self.filled + 1).min(self.heard.len());
        }
    }

    fn next(&mut self) -> Option<f32> {
        if self.replay.is_some_and(|replay| replay.left == 0) {
            self.replay = core::mem::take(&mut self.anew).then(|| self.all());
            self.faded = 0;
        }
        let replay = self.replay.as_mut()?;
        let said = self.heard[replay.from];
        replay.from = (replay.from + 1) % self.heard.len();
        replay.left -= 1;
        self.faded = (self.faded + 1).min(FADE).min(replay.left);
        Some(said)
    }
}

impl Replay {
    /// From now on it only fades out.
    fn stop(&mut self) {
        self.stopped = true;
        self.left = self.left.min(FADE);
    }
}

impl Drop for SayAgain {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(from: usize, count: usize) -> Vec<f32> {
        (from..from + count).map(|n| (n as f32 * 0.031).sin() * 0.4).collect()
    }

    fn hear(again: &mut SayAgain, samples: &[f32], block: usize) -> Vec<f32> {
        let mut out = samples.to_vec();
        out.chunks_mut(block).for_each(|block| again.hear(block));
        out
    }

    fn worst(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn the_last_ten_seconds_come_again_sample_by_sample_over_a_quieter_call() {
        let mut again = SayAgain::default();
        again.open();
        let said = voice(0, KEPT + 100_000);
        assert_eq!(hear(&mut again, &said, 240), said, "until then nothing changes");
        assert!(again.start() && again.is_playing());
        let live = vec![0.1; KEPT + 4_800];
        let out = hear(&mut again, &live, 120);
        let wanted: Vec<f32> = said[100_000..].iter().map(|s| s + 0.1 * from_db(UNDER_DB)).collect();
        assert!(worst(&out[FADE..KEPT - FADE], &wanted[FADE..KEPT - FADE]) < 1e-5);
        assert!(!again.is_playing());
        assert_eq!(out[KEPT..], live[KEPT..], "and then the call is as loud as before");
        let steepest = out.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.02, "a step of {steepest} would click");
    }

    #[test]
    fn what_is_said_again_is_not_kept_again() {
        let mut again = SayAgain::default();
        again.open();
        hear(&mut again, &voice(0, 48_000), 240);
        again.start();
        hear(&mut again, &[0.0; 48_000], 240);
        again.start();
        let out = hear(&mut again, &voice(0, 48_000), 240);
        assert!(worst(&out, &voice(0, 48_000)[..]) > 0.05, "the first second comes again");
        // Of the second second only silence was kept.
        let out = hear(&mut again, &[0.0; 40_000], 240);
        assert!(out[FADE..].iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn it_stops_when_asked_and_a_young_call_says_what_it_has() {
        let mut again = SayAgain::default();
        assert!(!again.start(), "there is no call");
        again.open();
        assert!(!again.start(), "nothing was heard");
        hear(&mut again, &voice(0, 24_000), 240);
        assert!(again.start());
        hear(&mut again, &[0.0; 4_800], 240);
        again.stop();
        assert!(!again.is_playing());
        let out = hear(&mut again, &[0.0; 4_800], 240);
        assert!(out[..FADE / 2].iter().any(|sample| sample.abs() > 0.01), "it fades");
        assert!(out[FADE..].iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn asked_for_while_it_plays_it_begins_anew_without_a_click() {
        for pressed_after in [1, 100, 47_900] {
            let mut again = SayAgain::default();
            again.open();
            // Loud where it is left, silent where it begins.
            let said: Vec<f32> = (0..96_000).map(|n| (n as f32 / 9_600.0).min(0.5)).collect();
            hear(&mut again, &said, 240);
            assert!(again.start());
            let before = hear(&mut again, &vec![0.0; pressed_after], 240);
            assert!(again.start() && again.is_playing());
            let out = [before, hear(&mut again, &[0.0; 96_000 + FADE], 240)].concat();
            let steepest = out.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
            assert!(steepest < 0.01, "after {pressed_after}: a step of {steepest} would click");
            // What was heard meanwhile was silence, and all of it comes again.
            let loud = out[pressed_after + FADE..].iter().filter(|sample| **sample > 0.49).count();
            assert!(loud > 90_000, "after {pressed_after}: {loud} samples");
            again.stop();
            hear(&mut again, &[0.0; FADE + 1], 240);
            assert!(!again.is_playing());
        }
        let mut again = SayAgain::default();
        again.open();
        hear(&mut again, &voice(0, 48_000), 240);
        again.start();
        hear(&mut again, &[0.0; 4_800], 240);
        again.start();
        again.stop();
        assert!(!again.is_playing(), "stopped, it does not begin anew");
    }

    #[test]
    fn the_end_of_a_call_leaves_no_sample_of_it() {
        let mut again = SayAgain::default();
        again.open();
        hear(&mut again, &voice(1, KEPT), 240);
        again.start();
        again.wipe();
        assert_eq!(again.heard.len(), KEPT);
        assert!(again.heard.iter().all(|sample| *sample == 0.0));
        assert!(!again.start() && !again.is_playing());
        again.close();
        assert_eq!(again.heard.capacity(), 0);
        assert_eq!(hear(&mut again, &voice(0, 480), 240), voice(0, 480), "closed, it does nothing");
    }
}
