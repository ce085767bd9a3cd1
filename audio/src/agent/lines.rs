//! The voice thread's end of a sound card: drains the microphone's ring and keeps the speaker's filled, at the card's
//! own sample rate.

use std::sync::Arc;
use std::time::Duration;

use proto::{Safe, Time};

use super::steady::Steady;
use crate::device::callback::Pulse;
use crate::device::opener::Line;
use crate::device::pace::BLOCK;
use crate::frame::SAMPLE_RATE;
use crate::level::Extremes;
use crate::resample::Resampler;
use crate::ring::{PcmRx, PcmTx};

/// Samples rendered at once towards a speaker, 2.5 ms.
const RENDER: usize = BLOCK / 2;
/// Samples a speaker that is late may go on with before it asks again, 10 ms.
const COMING_MAX: usize = 2 * BLOCK;
/// Parts of a second of microphone that may wait before the oldest is thrown away: after a stall, being late for ever
/// is worse than a gap.
const STALE: usize = 5;

/// How long after sleep what comes is thrown away: what the system had kept, which is of before. Until then a card is
/// opened anew.
const OLD: Duration = Duration::from_millis(200);

/// What a speaker plays.
pub(super) trait Source {
    /// The next samples.
    fn render(&mut self, out: &mut [f32]);

    /// What would be rendered next if nothing else happened until then; says how much of `out` that is. It is not rendered
    /// by that.
    fn coming(&mut self, out: &mut [f32]) -> usize;
}

/// Notices the first callback of a device.
struct Beginning {
    name: Safe,
    wanted: Option<Safe>,
    pulse: Arc<Pulse>,
    told: bool,
}

impl Beginning {
    /// Its name, and that of the one in whose place it is.
    fn noticed(&mut self) -> Option<(Safe, Option<Safe>)> {
        if self.told || self.pulse.calls() == 0 {
            return None;
        }
        self.told = true;
        Some((self.name.clone(), self.wanted.clone()))
    }

    fn again(&mut self, wanted: Option<Safe>) {
        (self.wanted, self.told) = (wanted, false);
    }
}

/// An open microphone.
pub(super) struct MicrophoneLine {
    ring: PcmRx,
    rate: u32,
    resampler: Option<Resampler>,
    beginning: Beginning,
    stale: u64,
    steady: Steady,
    extremes: Extremes,
    /// Until then what comes is old.
    old_until: Time,
}

impl MicrophoneLine {
    pub(super) fn new(line: Line<PcmRx>) -> Self {
        let Line { ring, rate, name, wanted, pulse, moved: _ } = line;
        let resampler = (rate != SAMPLE_RATE).then(|| Resampler::new(rate, SAMPLE_RATE));
        Self {
            ring,
            rate,
            resampler,
            beginning: Beginning { name, wanted, pulse, told: false },
            stale: 0,
            steady: Steady::default(),
            extremes: Extremes::default(),
            old_until: Time::ZERO,
        }
    }

    /// The device's name, and which was wanted if it is another; once, when its first sound came.
    pub(super) fn began(&mut self) -> Option<(Safe, Option<Safe>)> {
        self.beginning.noticed()
    }

    /// It goes on, although this one may be wanted: that is to be told, too.
    pub(super) fn kept(&mut self, wanted: Option<Safe>) {
        self.beginning.again(wanted);
    }

    pub(super) fn overruns(&self) -> u64 {
        self.ring.counters().dropped() + self.stale
    }

    /// Samples that were lost, or came so late that they are missed.
    pub(super) fn missed(&self) -> u64 {
        self.overruns() + samples(self.steady.late())
    }

    /// It is muted, and may rest.
    pub(super) fn rest(&mut self) {
        self.steady.rest();
    }

    /// We slept: what it collected is of before.
    pub(super) fn slept(&mut self, now: Time) {
        self.rest();
        self.old_until = now + OLD;
    }

    /// What is wrong with its samples since the last time.
    pub(super) fn take_extremes(&mut self) -> Extremes {
        std::mem::take(&mut self.extremes)
    }

    /// How much sound the device gives at once; asked once a second, it is the most of that second.
    pub(super) fn block(&self) -> Duration {
        time(self.ring.counters().take_largest() as usize, self.rate)
    }

    /// Hands out what came, at 48 kHz.
    pub(super) fn drain(&mut self, now: Time, mut take: impl FnMut(&[f32])) {
        if !self.ring.is_empty() {
            self.steady.visit(now);
        }
        if now < self.old_until {
            self.ring.skip(self.ring.len());
            return;
        }
        let limit = self.rate as usize / STALE;
        if self.ring.len() > limit {
            self.stale += self.ring.skip(self.ring.len() - limit / 4) as u64;
        }
        let mut block = [0.0; BLOCK];
        loop {
            let count = self.ring.pop(&mut block);
            if count == 0 {
                return;
            }
            self.extremes.push(&block[..count]);
            match &mut self.resampler {
                None => take(&block[..count]),
                Some(resampler) => convert(resampler, &block[..count], &mut take),
            }
        }
    }
}

/// At another rate, in blocks again.
fn convert(resampler: &mut Resampler, samples: &[f32], take: &mut impl FnMut(&[f32])) {
    let (mut made, mut count) = ([0.0; BLOCK], 0);
    for sample in samples {
        resampler.push(*sample, &mut |sample| {
            made[count] = sample;
            count += 1;
            if count == BLOCK {
                take(&made);
                count = 0;
            }
        });
    }
    if count > 0 {
        take(&made[..count]);
    }
}

/// The largest callback of late. It is not forgotten little by little: an uneven device asks for as much again at any
/// time, and each sample that it does not find then is a click.
struct Largest {
    /// In this time, in device samples, and in the one before.
    now: usize,
    before: usize,
    since: Option<Time>,
}

impl Largest {
    /// How long a time is: one callback larger than usual is waited for that long, and at most twice.
    const TIME: Duration = Duration::from_secs(2);

    fn saw(&mut self, count: usize, now: Time) {
        if now - *self.since.get_or_insert(now) > Self::TIME {
            (self.before, self.now, self.since) = (self.now, 0, Some(now));
        }
        self.now = self.now.max(count);
    }

    fn samples(&self) -> usize {
        self.now.max(self.before)
    }
}

/// An open speaker.
pub(super) struct SpeakerLine {
    ring: PcmTx,
    rate: u32,
    resampler: Option<Resampler>,
    beginning: Beginning,
    largest: Largest,
    steady: Steady,
}

impl SpeakerLine {
    pub(super) fn new(line: Line<PcmTx>) -> Self {
        let Line { ring, rate, name, wanted, pulse, moved: _ } = line;
        let resampler = (rate != SAMPLE_RATE).then(|| Resampler::new(SAMPLE_RATE, rate));
        let beginning = Beginning { name, wanted, pulse, told: false };
        let largest = Largest { now: rate as usize / 100, before: 0, since: None };
        // Until now time passed by another clock.
        let _ = ring.counters().take_owed();
        Self { ring, rate, resampler, beginning, largest, steady: Steady::default() }
    }

    /// The device's name, and which was wanted if it is another; once, when it first took sound.
    pub(super) fn began(&mut self) -> Option<(Safe, Option<Safe>)> {
        self.beginning.noticed()
    }

    /// It goes on, although this one may be wanted: that is to be told, too.
    pub(super) fn kept(&mut self, wanted: Option<Safe>) {
        self.beginning.again(wanted);
    }

    /// We slept: what would have been heard meanwhile is of before.
    pub(super) fn slept(&mut self) {
        let _ = self.ring.counters().take_owed();
    }

    /// How much sound waits before it is heard: in the ring, and the block that the device holds.
    pub(super) fn waiting(&self) -> Duration {
        // Of a ring that is pulled, what lies in it will be rendered again.
        let ready = if self.ring.counters().is_pulled() { 0 } else { self.ring.len() };
        time(ready + self.largest.samples(), self.rate)
    }

    pub(super) fn underruns(&self) -> u64 {
        self.ring.counters().starved()
    }

    /// Samples that were missing when they were due, or taken so late that a hole was heard.
    pub(super) fn missed(&self) -> u64 {
        self.underruns() + samples(self.steady.late())
    }

    /// Renders what is asked for, or until the next callback will find enough: as much as the largest of late, and a
    /// little.
    pub(super) fn fill(&mut self, now: Time, source: &mut impl Source) {
        if self.ring.counters().is_pulled() && self.resampler.is_none() {
            return self.serve(now, source);
        }
        let asked = self.ring.counters().take_largest() as usize;
        if asked > 0 {
            self.steady.visit(now);
            self.largest.saw(asked, now);
        }
        let wanted =
            (self.largest.samples() + self.rate as usize / 400).min(self.ring.len() + self.ring.room());
        let mut block = [0.0; RENDER];
        while self.ring.len() < wanted {
            source.render(&mut block);
            match &mut self.resampler {
                None => self.ring.push(&block),
                Some(resampler) => {
                    for sample in &block {
                        resampler.push(*sample, &mut |made| self.ring.push(&[made]));
                    }
                }
            }
        }
    }

    /// Renders what a device waits for, after what it went without, and shows what comes next: that is thrown away with the
    /// next request.
    fn serve(&mut self, now: Time, source: &mut impl Source) {
        let mut left = self.ring.counters().take_demand() as usize;
        if left == 0 {
            return;
        }
        let turn = self.ring.counters().turn();
        self.steady.visit(now);
        let mut block = [0.0; BLOCK + COMING_MAX];
        let mut owed = self.ring.counters().take_owed() as usize;
        while owed > 0 {
            // No more at a time than is asked for: that is what the playout keeps ready.
            let count = owed.min(left).min(BLOCK);
            source.render(&mut block[..count]);
            owed -= count;
        }
        while left > 0 {
            let mut count = left.min(BLOCK);
            left -= count;
            source.render(&mut block[..count]);
            if left == 0 {
                // Pushed with the last piece: who waits for that one finds both.
                count += source.coming(&mut block[count..][..COMING_MAX]);
            }
            // Who gave up waiting asks for what comes after this.
            if self.ring.counters().turn() == turn {
                self.ring.push(&block[..count]);
            }
        }
        self.ring.counters().serve();
    }
}

fn samples(time: Duration) -> u64 {
    (time.as_micros() as u64).saturating_mul(u64::from(SAMPLE_RATE)) / 1_000_000
}

fn time(samples: usize, rate: u32) -> Duration {
    Duration::from_micros(samples as u64 * 1_000_000 / u64::from(rate.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring;

    /// Counts.
    struct Counting(u16);

    impl Source for Counting {
        fn render(&mut self, out: &mut [f32]) {
            out.iter_mut().zip(self.0..).for_each(|(sample, n)| *sample = f32::from(n));
            self.0 += out.len() as u16;
        }

        fn coming(&mut self, _: &mut [f32]) -> usize {
            0
        }
    }

    #[test]
    fn what_a_device_went_without_is_of_the_past() {
        let (tx, mut rx) = ring::pulled_pcm(1_000);
        let name = Safe::default();
        let line =
            Line { ring: tx, rate: SAMPLE_RATE, name, wanted: None, pulse: Arc::default(), moved: true };
        let (mut line, mut source) = (SpeakerLine::new(line), Counting(0));
        let mut heard = [0.0; 120];
        for (given_up, first) in [(0, 0.0), (1, 240.0), (3, 720.0), (0, 840.0)] {
            (0..given_up).for_each(|_| rx.demand(120, Duration::ZERO, || {}));
            rx.demand(120, Duration::from_secs(20), || line.fill(Time::ZERO, &mut source));
            assert_eq!((rx.pop(&mut heard), heard[0]), (120, first), "after {given_up}");
        }
    }
}
