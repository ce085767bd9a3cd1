//! What is done to our own voice before anybody hears it: the echo of our speaker is taken out, then noise, then the
//! level is brought to where voices should be.
//!
//! ```text
//!  far (what the speaker plays) -------.
//!                                      v
//!  near (microphone) -> high pass -> [echo] -> [noise] -> [gain] -> near, to the limiter and the encoder
//!                                    8.0 ms    6.0 ms     0 ms      and 1.4 ms to and from the wide band, or
//!                                    8.9 ms    6.9 ms     0 ms      in the full band
//! ```
//!
//! Everything moves in blocks of 10 ms. A part that is off is not in the way: its samples pass bit for bit and at once.
//! A part that is switched comes in over one block, so that nothing clicks; the voice is later by its delay from then on.
//!
//! The library behind the brackets (`sonora`, known to `module.rs` and `wide.rs` alone) uses the heap in every block, so
//! [`Processor::near`] and [`Processor::far`] do not belong on the voice thread: the agent runs them on one of their own.

mod ceiling;
mod cleaner;
mod echo_power;
mod fourier;
mod high_pass;
mod lag;
mod levels;
mod module;
mod pair;
mod part;
mod policy;
mod product;
mod rate;
mod residual;
mod returning;
#[cfg(test)]
pub(crate) mod rooms;
mod sketch;
#[cfg(test)]
mod tests;
mod wide;

use cleaner::Cleaner;
use high_pass::HighPass;
use module::Module;
use part::Part;
pub use policy::{Hint, Place, Policy};
use rate::RATE_DELAY;
pub(crate) use returning::{Heard, Spoken, Verdict};
pub(crate) use sketch::Sketcher;

/// Samples of one block at 48 kHz: 10 ms.
pub const BLOCK: usize = 480;
/// The most that all parts together delay the voice, samples. A test measures what each of them does.
pub const DELAY_MAX: usize = Band::Full.echo_delay() + Band::Full.noise_delay();

/// Blocks a part works unheard before it is heard. The canceller has no estimate of the noise yet in its first frames.
const WARM_UP: u32 = 10;
/// Blocks for which a canceller learns the room beside the one that it is to replace.
const LEARNING: u32 = 200;

/// How much of the voice is treated and left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Band {
    /// To 8 kHz: for an encoder that keeps no more. Costs less.
    #[default]
    Wide,
    /// All of it.
    Full,
}

impl Band {
    /// How much later the voice is by the canceller, samples: its blocks, and in the full band the filters that split it.
    pub(crate) const fn echo_delay(self) -> usize {
        match self {
            Self::Wide => wide::ECHO_DELAY,
            Self::Full => 427,
        }
    }

    /// The same for the suppressor: its overlapping frames.
    pub(crate) const fn noise_delay(self) -> usize {
        match self {
            Self::Wide => wide::NOISE_DELAY,
            Self::Full => 331,
        }
    }

    /// And on the way into the band and out of it.
    const fn rate_delay(self) -> usize {
        match self {
            Self::Wide => RATE_DELAY,
            Self::Full => 0,
        }
    }
}

/// How much noise is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoiseLevel {
    /// About 14 dB: what is chosen without being asked. It costs the least of what is said.
    Moderate,
    /// About 20 dB: what a person who asks for it gets.
    High,
}

/// What is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessorSettings {
    /// Take out what the speaker plays.
    pub echo: bool,
    /// Take out steady noise.
    pub noise: Option<NoiseLevel>,
    /// Bring the voice to its level.
    pub gain: bool,
    /// The band in which echo and noise are taken out.
    pub band: Band,
}

impl ProcessorSettings {
    /// Nothing is on: the microphone goes straight to the encoder.
    pub fn is_off(self) -> bool {
        !self.gain && self.cleans().is_none()
    }

    /// The band in which something is taken out of the voice, if anything is.
    fn cleans(self) -> Option<Band> {
        (self.echo || self.noise.is_some()).then_some(self.band)
    }

    /// How much later the voice is, samples.
    pub fn delay(self) -> usize {
        let echo = if self.echo { self.band.echo_delay() } else { 0 };
        let noise = if self.noise.is_some() { self.band.noise_delay() } else { 0 };
        echo + noise + self.cleans().map_or(0, Band::rate_delay)
    }
}

/// The whole of it for one microphone and one speaker.
pub struct Processor {
    settings: ProcessorSettings,
    high_pass: HighPass<1>,
    cleaner: Part<Cleaner>,
    gain: Part<Module>,
}

impl Processor {
    /// All that is on is heard from the first block.
    pub fn new(settings: ProcessorSettings) -> Self {
        Self {
            settings,
            high_pass: HighPass::gentle(),
            cleaner: Part::new(settings.cleans().map(|_| Cleaner::new(settings))),
            gain: Part::new(settings.gain.then(Module::gain)),
        }
    }

    /// What was last set.
    pub fn settings(&self) -> ProcessorSettings {
        self.settings
    }

    /// Switches. Uses the heap. What stays on in the same band keeps what it has learnt; in another band it learns for two
    /// seconds beside what was there, which is heard until then.
    pub fn set(&mut self, settings: ProcessorSettings) {
        let before = std::mem::replace(&mut self.settings, settings);
        if before.cleans() == settings.cleans() {
            self.cleaner.each().for_each(|cleaner| cleaner.set(settings));
        } else {
            let unheard = match settings.cleans() {
                None => 0,
                Some(_) if before.echo && settings.echo => LEARNING,
                Some(_) => WARM_UP,
            };
            self.cleaner.switch(settings.cleans().map(|_| Cleaner::new(settings)), unheard);
        }
        if before.gain != settings.gain {
            self.gain.switch(settings.gain.then(Module::gain), if settings.gain { WARM_UP } else { 0 });
        }
    }

    /// The microphone or the speaker is another one. Uses the heap. What is known of the echo is of another room then, and
    /// who is sure of it takes the new echo for somebody who speaks here.
    pub fn moved(&mut self) {
        self.cleaner.each().for_each(Cleaner::moved);
    }

    /// Nothing is on any more, and what was has faded: [`Self::near`] leaves its block alone.
    pub fn is_bypassed(&self) -> bool {
        self.settings.is_off() && self.cleaner.is_empty() && self.gain.is_empty()
    }

    /// Takes the next block of what the speaker will play.
    pub fn far(&mut self, block: &[f32; BLOCK]) {
        self.cleaner.far(block);
    }

    /// Treats the next block of the microphone in place.
    pub fn near(&mut self, block: &mut [f32; BLOCK]) {
        if self.is_bypassed() {
            self.high_pass.reset();
            return;
        }
        for sample in &mut *block {
            *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        }
        // What cleans has a filter of its own.
        self.high_pass.process(block, self.settings.gain && self.settings.cleans().is_none());
        self.cleaner.near(block);
        self.gain.near(block);
    }
}
