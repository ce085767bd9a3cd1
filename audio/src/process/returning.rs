//! Whether one stream comes back in another: the far voice in our microphone (a loudspeaker in our room), or our own
//! voice in what a member sends (a loudspeaker in theirs).
//!
//! Both streams are seen as sketches. What counts is by how much each band stands out, against its own mean and against
//! the other bands of the moment: loudness, the colour of rooms and microphones and the rhythm of talking fall out, and
//! what remains are words. For every delay that is possible the likeness of the two is kept, over the moments when the
//! first one spoke. Two people never say the same words at the same time; an echo does nothing else.

use super::sketch::{BANDS, Sketch};

/// Delays that are looked at, in hops of 10 ms: to one second.
pub(crate) const LAGS: usize = 100;
/// Hops of the first stream that may wait for the second's clock.
const WAITING: usize = 8;
/// Hops of speech over which a likeness is formed: 1.5 s, and its share of one hop.
const MEMORY: f32 = 150.0;
/// Hops over which the mean of a band is formed: 2 s.
const MEAN: f32 = 200.0;
/// A band does not stand out more than this, dB.
const CLIP: f32 = 12.0;
/// The first stream speaks above this, dBFS, and by so much above its own floor.
const SPEAKS_DBFS: f32 = -52.0;
const SPEAKS_ABOVE: f32 = 10.0;
/// The second stream sounds above this, and by so much above its own floor.
const SOUNDS_DBFS: f32 = -78.0;
const SOUNDS_ABOVE: f32 = 4.0;
/// Hops of speech before a likeness says anything.
const HOPS_MIN: f32 = 100.0;

/// How the bands of one stream stand out.
#[derive(Clone, Copy)]
struct Shape {
    sounds: bool,
    bands: [f32; BANDS],
    power: f32,
}

impl Shape {
    const NONE: Self = Self { sounds: false, bands: [0.0; BANDS], power: 0.0 };
}

/// Brings sketches of one stream to shapes.
struct Shaper {
    floor: f32,
    means: [f32; BANDS],
    known: f32,
    least_dbfs: f32,
    least_above: f32,
}

impl Shaper {
    fn new(least_dbfs: f32, least_above: f32) -> Self {
        Self { floor: 0.0, means: [0.0; BANDS], known: 0.0, least_dbfs, least_above }
    }

    fn shape(&mut self, sketch: &Sketch) -> Shape {
        // The floor falls at once and rises by 3 dB per second.
        self.floor = (self.floor + 0.03).min(sketch.level);
        if sketch.level < self.least_dbfs || sketch.level < self.floor + self.least_above {
            return Shape::NONE;
        }
        self.known += 1.0;
        let rate = 1.0 / self.known.min(MEAN);
        let mut bands = [0.0; BANDS];
        for ((out, mean), band) in bands.iter_mut().zip(&mut self.means).zip(&sketch.bands) {
            *mean += (band - *mean) * rate;
            *out = band - *mean;
        }
        let common = bands.iter().sum::<f32>() / BANDS as f32;
        bands.iter_mut().for_each(|band| *band = (*band - common).clamp(-CLIP, CLIP));
        Shape { sounds: true, bands, power: bands.iter().map(|b| b * b).sum() }
    }
}

/// The stream that may come back: its last second.
pub(crate) struct Spoken {
    shaper: Shaper,
    waiting: [Shape; WAITING],
    waits: usize,
    history: [Shape; LAGS],
    newest: usize,
    /// Hops since it last spoke.
    quiet: usize,
}

impl Default for Spoken {
    fn default() -> Self {
        Self {
            shaper: Shaper::new(SPEAKS_DBFS, SPEAKS_ABOVE),
            waiting: [Shape::NONE; WAITING],
            waits: 0,
            history: [Shape::NONE; LAGS],
            newest: 0,
            quiet: LAGS,
        }
    }
}

impl Spoken {
    /// Something was said. It waits for the clock of who listens.
    pub(crate) fn said(&mut self, sketch: &Sketch) {
        if self.waits == WAITING {
            self.waiting.copy_within(1.., 0);
            self.waits -= 1;
        }
        self.waiting[self.waits] = self.shaper.shape(sketch);
        self.waits += 1;
    }

    /// 10 ms passed for who listens. Call it once, before their hop is compared.
    pub(crate) fn step(&mut self) {
        let shape = if self.waits == 0 { Shape::NONE } else { self.waiting[0] };
        if self.waits > 0 {
            self.waiting.copy_within(1.., 0);
            self.waits -= 1;
        }
        self.newest = (self.newest + 1) % LAGS;
        self.history[self.newest] = shape;
        self.quiet = if shape.sounds { 0 } else { (self.quiet + 1).min(LAGS) };
    }

    /// Nothing was said within a second: there is nothing to come back.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet >= LAGS
    }

    fn before(&self, lag: usize) -> &Shape {
        &self.history[(self.newest + LAGS - lag) % LAGS]
    }
}

/// Sums of one delay.
#[derive(Clone, Copy, Default)]
struct Sums {
    product: f32,
    spoken: f32,
    heard: f32,
    hops: f32,
}

/// How alike the two streams are at the delay where they are most.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Likeness {
    /// -1 to 1; an echo is from about 0.4 on, two people below 0.2.
    pub(crate) at_best: f32,
    /// Hops of 10 ms.
    pub(crate) lag: usize,
}

/// The stream in which it may come back.
pub(crate) struct Heard {
    shaper: Shaper,
    sums: [Sums; LAGS],
}

impl Default for Heard {
    fn default() -> Self {
        Self { shaper: Shaper::new(SOUNDS_DBFS, SOUNDS_ABOVE), sums: [Sums::default(); LAGS] }
    }
}

impl Heard {
    /// Compares the next hop with all that was spoken lately.
    pub(crate) fn compare(&mut self, spoken: &Spoken, sketch: &Sketch) {
        let heard = self.shaper.shape(sketch);
        let keep = 1.0 - 1.0 / MEMORY;
        for (lag, sums) in self.sums.iter_mut().enumerate() {
            let said = spoken.before(lag);
            if !said.sounds {
                continue;
            }
            let product: f32 = said.bands.iter().zip(&heard.bands).map(|(a, b)| a * b).sum();
            // Where it should be heard and nothing is, that speaks against this delay: nothing is added to the product.
            sums.product = sums.product * keep + product;
            sums.spoken = sums.spoken * keep + said.power;
            sums.heard = sums.heard * keep + heard.power;
            sums.hops = sums.hops * keep + 1.0;
        }
    }

    /// The best of all delays from `least` hops on; nothing before 1.5 s of speech have been compared.
    pub(crate) fn likeness(&self, least: usize) -> Likeness {
        let mut best = Likeness::default();
        for (lag, sums) in self.sums.iter().enumerate().skip(least) {
            let power = (sums.spoken * sums.heard).sqrt();
            if sums.hops < HOPS_MIN * 0.9 || power <= 0.0 {
                continue;
            }
            let at = sums.product / power;
            if at > best.at_best {
                best = Likeness { at_best: at, lag };
            }
        }
        best
    }
}

/// Says with hysteresis whether an echo is there: sure before it is said, and for long not there before it is unsaid.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Verdict {
    echo: bool,
    lag: usize,
    for_it: u32,
    against: u32,
}

/// A likeness that speaks for an echo, and one that speaks against it.
const FOR: f32 = 0.42;
const AGAINST: f32 = 0.3;
/// Judgements (each of 100 ms with speech) in a row for it: 0.5 s beyond the second that a likeness is formed over.
const FOR_MIN: u32 = 5;
/// Judgements against it: 10 s of speech that did not come back.
const AGAINST_MIN: u32 = 100;
/// The delay of an echo stays within so many hops from one judgement to the next.
const STAYS: usize = 3;

impl Verdict {
    /// Takes the likeness after another 100 ms in which the first stream spoke.
    pub(crate) fn judge(&mut self, likeness: Likeness) {
        let same = likeness.lag.abs_diff(self.lag) <= STAYS;
        self.for_it = match likeness.at_best {
            at if at < FOR => 0,
            _ if same => self.for_it + 1,
            _ => 1,
        };
        if likeness.at_best >= FOR {
            self.lag = likeness.lag;
        }
        self.against = match likeness.at_best {
            at if at < AGAINST => self.against + 1,
            at if at < FOR => self.against,
            _ => 0,
        };
        if self.for_it >= FOR_MIN {
            self.echo = true;
        } else if self.against >= AGAINST_MIN {
            self.echo = false;
        }
    }

    pub(crate) fn is_echo(&self) -> bool {
        self.echo
    }

    /// Judgements in a row that spoke against an echo.
    pub(crate) fn against(&self) -> u32 {
        self.against
    }
}

#[cfg(test)]
mod tests {
    use super::super::rooms::{Room, mixed, noise, talker};
    use super::super::sketch::Sketcher;
    use super::*;

    /// The likeness over time, in 100 ms, and the verdict at the end.
    fn watch(spoken: &[f32], heard: &[f32]) -> (Vec<Likeness>, Verdict) {
        let (mut one, mut two) = (Sketcher::default(), Sketcher::default());
        let (mut said, mut back) = (Spoken::default(), Heard::default());
        let (mut seen, mut verdict) = (Vec::new(), Verdict::default());
        for (n, (a, b)) in spoken.chunks_exact(480).zip(heard.chunks_exact(480)).enumerate() {
            one.push(a, |sketch| said.said(sketch));
            two.push(b, |sketch| {
                said.step();
                back.compare(&said, sketch);
            });
            if n % 10 == 9 && !said.is_quiet() {
                let likeness = back.likeness(0);
                verdict.judge(likeness);
                seen.push(likeness);
            }
        }
        (seen, verdict)
    }

    fn returned(seed: u64, voice: &[f32], delay_ms: f32, loss_db: f32) -> Vec<f32> {
        let echo = Room::new(seed, delay_ms).echo(voice, loss_db, seed % 2 == 1);
        mixed(&echo, &noise(seed, echo.len(), -68.0))
    }

    #[test]
    fn a_voice_that_comes_back_is_known_again() {
        println!("delay   level   likeness  lag");
        for (n, delay) in [60.0, 150.0, 300.0, 500.0].into_iter().enumerate() {
            for loss in [10.0, 20.0, 30.0] {
                let voice = talker(100 + n as u64, 8.0);
                let (seen, verdict) = watch(&voice, &returned(n as u64, &voice, delay, loss));
                let last = seen.last().unwrap();
                println!("{delay:4} ms -{loss} dB  {:.2}  {}", last.at_best, last.lag);
                assert!(verdict.is_echo(), "{delay} ms, {loss} dB: {seen:?}");
                let wanted = (delay / 10.0) as usize;
                assert!(last.lag.abs_diff(wanted) <= 4, "{delay} ms found at {} ms", last.lag * 10);
            }
        }
    }

    #[test]
    fn two_people_are_never_taken_for_one() {
        let mut most: f32 = 0.0;
        for seed in 0..12 {
            let (one, other) = (talker(200 + seed, 12.0), talker(300 + seed, 12.0));
            let (seen, verdict) = watch(&one, &mixed(&other, &noise(seed, other.len(), -60.0)));
            most = seen.iter().map(|likeness| likeness.at_best).fold(most, f32::max);
            assert!(!verdict.is_echo(), "seed {seed}");
        }
        println!("two people: {most:.2} at most");
        assert!(most < FOR, "{most}");
    }

    #[test]
    fn silence_and_noise_are_no_echo() {
        let voice = talker(5, 8.0);
        for other in [vec![0.0; voice.len()], noise(6, voice.len(), -50.0)] {
            assert!(!watch(&voice, &other).1.is_echo());
            assert!(!watch(&other, &voice).1.is_echo());
        }
    }

    #[test]
    fn an_echo_is_known_below_a_voice_and_forgotten_when_it_is_gone() {
        let (voice, other) = (talker(7, 40.0), talker(8, 40.0));
        let mut heard = returned(9, &voice, 200.0, 12.0);
        // They answer now and then, over the echo.
        for second in (1..15).step_by(3) {
            let part = second * 48_000..(second + 1) * 48_000;
            heard[part.clone()].iter_mut().zip(&other[part]).for_each(|(heard, other)| *heard += other);
        }
        assert!(watch(&voice[..8 * 48_000], &heard[..8 * 48_000]).1.is_echo());
        // Then somebody puts a headset on, and talks.
        heard[15 * 48_000..].copy_from_slice(&other[15 * 48_000..]);
        assert!(watch(&voice[..17 * 48_000], &heard[..17 * 48_000]).1.is_echo(), "not unsaid by one word");
        assert!(!watch(&voice, &heard).1.is_echo());
    }
}
