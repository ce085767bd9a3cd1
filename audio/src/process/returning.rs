//! Whether one stream comes back in another: the far voice in our microphone (a loudspeaker in our room), or our own
//! voice in what a member sends (a loudspeaker in theirs).
//!
//! Both streams are seen as sketches. What counts is by how much each band stands out, against its own mean and against
//! the other bands of the moment: loudness, the colour of rooms and microphones and the rhythm of talking fall out, and
//! what remains are words. For every delay that is possible the likeness of the two is kept, over the moments when the
//! first one spoke. Two people never say the same words at the same time; an echo does nothing else.

use super::product::{LANES, product};
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
/// So many hops of speech that should be heard and are not make up for one where something sounds: a cough, a key.
const HUSHED_FOR_ONE: u32 = 12;

const _: () = assert!(BANDS.is_multiple_of(LANES));

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
        Shape { sounds: true, bands, power: product(&bands, &bands) }
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
    /// Hops of speech at which nothing sounds in the other stream, less those that something does at.
    hushed: u32,
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
            let product = product(&said.bands, &heard.bands);
            // Where it should be heard and nothing is, that speaks against this delay: nothing is added to the product.
            sums.product = sums.product * keep + product;
            sums.spoken = sums.spoken * keep + said.power;
            sums.heard = sums.heard * keep + heard.power;
            sums.hops = sums.hops * keep + 1.0;
            sums.hushed =
                if heard.sounds { sums.hushed.saturating_sub(HUSHED_FOR_ONE) } else { sums.hushed + 1 };
        }
    }

    /// Hops of speech, nearly in a row, that are not heard after this delay, nor a little sooner or later: an echo would be.
    fn hushed(&self, lag: usize) -> u32 {
        let around = &self.sums[lag.saturating_sub(STAYS)..LAGS.min(lag + STAYS + 1)];
        around.iter().map(|sums| sums.hushed).min().unwrap_or(0)
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
    /// Hops of speech that must not be heard before it is taken back, and judgements since it was the last time.
    doubts: u32,
    since: u32,
}

/// A likeness that speaks for an echo, and one that speaks against it.
const FOR: f32 = 0.42;
const AGAINST: f32 = 0.3;
/// Judgements (each of 100 ms with speech) in a row for it: 0.5 s beyond the second that a likeness is formed over.
const FOR_MIN: u32 = 5;
/// Judgements against it: 10 s of speech that did not come back.
const AGAINST_MIN: u32 = 100;
/// Hops of speech that are not heard where the echo was: 1.2 s, and up to 10 s for who was misled by a silence. Of an echo
/// at most one hop in three is below what is heard.
const HUSHED_MIN: u32 = 120;
const HUSHED_MAX: u32 = 1_000;
/// Judgements within which it is again: half a minute of speech.
const SOON: u32 = 300;
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

    /// The same where an echo is only told of, and nothing is done to a voice: not heard where it was is enough to take it
    /// back, and what was heard of it until then says nothing any more. Who has to be told of it again soon is believed
    /// later.
    pub(crate) fn listen(&mut self, heard: &mut Heard, least: usize) {
        let before = self.echo;
        self.judge(heard.likeness(least));
        self.since = self.since.saturating_add(1);
        if self.echo && !before {
            let soon = self.doubts > 0 && self.since < SOON;
            self.doubts = if soon { (self.doubts * 2).min(HUSHED_MAX) } else { HUSHED_MIN };
        }
        if self.echo && heard.hushed(self.lag) >= self.doubts {
            (self.echo, self.for_it, self.since) = (false, 0, 0);
            heard.sums = [Sums::default(); LAGS];
        }
    }

    /// Judgements in a row that spoke against an echo.
    pub(crate) fn against(&self) -> u32 {
        self.against
    }
}

#[cfg(test)]
mod tests;
