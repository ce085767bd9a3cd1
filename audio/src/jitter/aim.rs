//! The delay that a jitter buffer aims at: up at once when the network becomes less even, down slowly when it calms, never
//! less than what the output and the frames need, and as much more as the sender's copies take to come.

use super::{Jitter, ms};
use crate::frame::FrameDuration;

/// Delay of a new stream before anything is known of its network, with the frames of least delay and with longer ones, if
/// what they need at least is not more. A bad network shows itself within a few packets.
pub(super) const TARGET_FIRST: (i64, i64) = (ms(5), ms(17) / 2);
/// The shortest delay we aim at, beyond what the output asks for at a time: a packet that comes just after it asked
/// must wait for the next time, though it came no later than the others. It holds what is near enough to the aim.
pub(super) const MARGIN: i64 = ms(1);
/// And that, with the frames of least delay and with longer ones: a clock 100 ppm off moves the packets by half a
/// millisecond while the window remembers the fastest, and threads that send or play are late by some milliseconds now and
/// then. Each packet that is missed costs more of a voice's quality than these are worth. Of the codec alone, as PESQ-wb
/// of nine sentences, the arrivals of ten recorded calls left 0.984 at 3.75 ms, 0.987 at 4.5 ms and 0.990 at 5 ms, for
/// 0.9 ms of delay; with the frames of least delay those of six left 0.981 at 1.25 ms, and 0.985 at 1.75 ms for 0.2 ms.
const CUSHION: (i64, i64) = (ms(7) / 4, ms(5));
/// The longest delay we aim at.
pub(super) const TARGET_MAX: i64 = ms(300);
/// The most the output is believed to ask for at a time.
const ASKED_MAX: usize = ms(40) as usize;
/// What the output asks for is believed by that part of the way up or down each time: the usual counts. A last piece may
/// be small, and an output whose thread is late asks for two at once and for the second one not again. When one such
/// counted as the usual, the aim went up by it and down again forty times a minute of a clean call, and the sound was
/// bent each time.
const ASKED_RISE: usize = 32;
const ASKED_FALL: usize = 512;
/// How many packets without a copy show that the sender adds no more: pauses carry none.
pub(super) const COPIES_HELD: u16 = 512;
/// And how many that reach less far: the sender adds them to every packet or to none, and a change of its mind is
/// meant.
const REACH_HELD: u16 = 16;
/// Packets that must have arrived before their spread is believed.
const SPREAD_BELIEVED: usize = 16;
/// How long the target takes down to a third when the network is calmer than it was. Upward it goes at once.
const CALM: i64 = ms(1_280);

/// Transit times of packets that are not there: nothing is held against a hurry.
pub(super) const NONE_NEWEST: [i64; 2] = [i64::MIN; 2];

impl Jitter {
    /// The output asks for so many samples at a time.
    pub(crate) fn asked(&mut self, samples: usize) {
        let samples = samples.min(ASKED_MAX);
        self.asked = if self.asked == 0 || samples == self.asked {
            samples
        } else if samples > self.asked {
            self.asked + (samples - self.asked).div_ceil(ASKED_RISE)
        } else {
            samples.max(self.asked - self.asked.div_ceil(ASKED_FALL))
        };
    }

    /// The delay aimed at, in samples beyond the fastest packet.
    pub(crate) fn target(&self) -> i64 {
        self.spread.base().map_or(self.target_first, |base| self.aim - base)
    }

    /// The packets that come now carry copies as far back as that many frames of `duration`; 0 for none.
    pub(crate) fn reach(&mut self, frames: u8, duration: FrameDuration) {
        let before = self.reach.samples();
        self.reach.note(i64::from(frames) * duration.samples() as i64);
        // That nothing more is to be waited for is known, not guessed: the delay need not go down slowly.
        let less = before - self.reach.samples();
        if let Some(base) = self.spread.base().filter(|_| less > 0) {
            let low = base + self.least(self.next);
            self.aim = self.aim.min((self.aim - less).max(low));
        }
    }

    /// Follows the network with the delay: up at once, down slowly. While the sender adds copies, one more frame gives
    /// them time to come.
    pub(super) fn learn(&mut self, number: i64, now: u64) {
        let transit = self.transit(number, now);
        let begins = self.spread.len() == 0;
        let length = self.timeline.length(number);
        self.spread.note(transit, length);
        self.newest = [self.newest[1], transit];
        let base = self.spread.base().unwrap_or(transit);
        let (low, copies) = (self.least(number), self.copies_take(number));
        let unknown = self.spread.len() < SPREAD_BELIEVED;
        let least = if unknown { self.target_first.max(low) } else { low + copies };
        let wanted = base + (self.spread.late() + copies).max(least).min(TARGET_MAX);
        if begins || wanted >= self.aim {
            self.aim = wanted;
        } else {
            // While little is known, the first guess gives way as fast as knowledge grows.
            let known = (CALM / length).min(self.spread.len() as i64);
            self.aim -= ((self.aim - wanted) / known).max(1);
            self.aim = self.aim.min(base + TARGET_MAX);
        }
    }

    /// How much the sound could be made shorter at most, at packet `number` played at that transit time: what the newest
    /// packets waited beyond their least. Where all packets take longer since some moment, as after a pause that their
    /// numbers do not tell of, the fastest of before says nothing, and who hurries runs dry.
    pub(super) fn slack(&self, number: i64, transit: i64) -> i64 {
        let fastest = self.newest[0].min(self.newest[1]);
        let slack = transit.saturating_sub(fastest) - self.least(number) - self.copies_take(number);
        slack.max(0)
    }

    /// How much later than itself the copy of a packet comes.
    fn copies_take(&self, number: i64) -> i64 {
        let coarse = if self.copies > 0 { self.timeline.length(number) } else { 0 };
        self.reach.samples().max(coarse)
    }

    /// The delay that a stream of such frames begins with.
    pub(super) fn first(&self, number: i64, frame: FrameDuration) -> i64 {
        let guess = if frame.samples() as i64 > ms(5) { TARGET_FIRST.1 } else { TARGET_FIRST.0 };
        self.spread.base().map_or(guess, |base| self.aim - base).max(self.least(number))
    }

    /// The shortest delay for packets like that.
    pub(super) fn least(&self, number: i64) -> i64 {
        let cushion = if self.timeline.length(number) > ms(5) { CUSHION.1 } else { CUSHION.0 };
        MARGIN + cushion + self.asked as i64
    }
}

/// How far back the copies reach that the sender adds, in samples: the farthest of late.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach {
    samples: i64,
    /// Packets for which it is still believed.
    held: u16,
}

impl Reach {
    fn note(&mut self, samples: i64) {
        if samples >= self.samples {
            *self = Self { samples, held: REACH_HELD };
        } else if self.held > 0 {
            self.held -= 1;
        } else {
            *self = Self { samples, held: REACH_HELD };
        }
    }

    fn samples(self) -> i64 {
        self.samples
    }
}
