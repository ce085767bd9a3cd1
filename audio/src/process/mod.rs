//! What is done to our own voice before anybody hears it: the echo of our speaker is taken out, then noise, then the
//! level is brought to where voices should be.
//!
//! ```text
//!  far (what the speaker plays) ------.
//!                                     v
//!  near (microphone) -> high pass -> [echo] -> [noise] -> [gain] -> near, to the limiter and the encoder
//!                                    8.9 ms    6.9 ms     0 ms
//! ```
//!
//! Everything moves in blocks of 10 ms. A part that is off is not in the way: its samples pass bit for bit and at once.
//! A part that is switched comes in over one block, so that nothing clicks; the voice is later by its delay from then on.
//!
//! The library behind the brackets (`sonora`, known to `module.rs` alone) uses the heap in every block, so
//! [`Processor::near`] and [`Processor::far`] do not belong on the voice thread: the agent runs them on one of their own.

mod high_pass;
mod levels;
mod module;
mod policy;
mod residual;
mod returning;
#[cfg(test)]
pub(crate) mod rooms;
mod sketch;
#[cfg(test)]
mod tests;

use high_pass::HighPass;
use module::Module;
pub use policy::{Hint, Place, Policy};
use residual::Residual;
pub(crate) use returning::{Heard, Spoken, Verdict};
pub(crate) use sketch::Sketcher;

/// Samples of one block at 48 kHz: 10 ms.
pub const BLOCK: usize = 480;
/// Delay of the echo canceller, samples: the filters that split the band, and its blocks. A test measures it.
pub const ECHO_DELAY: usize = 427;
/// Delay of the noise suppressor, samples: the same filters, and its overlapping frames.
pub const NOISE_DELAY: usize = 331;

/// Blocks a part works unheard before it is heard. The canceller has no estimate of the noise yet in its first frames.
const WARM_UP: u32 = 10;

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
}

impl ProcessorSettings {
    /// Nothing is on: the microphone goes straight to the encoder.
    pub fn is_off(self) -> bool {
        self == Self::default()
    }

    /// How much later the voice is, samples.
    pub fn delay(self) -> usize {
        let echo = if self.echo { ECHO_DELAY } else { 0 };
        echo + if self.noise.is_some() { NOISE_DELAY } else { 0 }
    }
}

/// The whole of it for one microphone and one speaker.
pub struct Processor {
    settings: ProcessorSettings,
    high_pass: HighPass,
    residual: Residual,
    echo: Part,
    noise: Part,
    gain: Part,
}

impl Processor {
    /// All that is on is heard from the first block.
    pub fn new(settings: ProcessorSettings) -> Self {
        Self {
            settings,
            high_pass: HighPass::default(),
            residual: Residual::default(),
            echo: Part::new(settings.echo.then(Module::echo)),
            noise: Part::new(settings.noise.map(Module::noise)),
            gain: Part::new(settings.gain.then(Module::gain)),
        }
    }

    /// What was last set.
    pub fn settings(&self) -> ProcessorSettings {
        self.settings
    }

    /// Switches. Uses the heap. What stays on keeps what it has learnt.
    pub fn set(&mut self, settings: ProcessorSettings) {
        let before = std::mem::replace(&mut self.settings, settings);
        if before.echo != settings.echo {
            self.echo.switch(settings.echo.then(Module::echo));
        }
        if before.noise != settings.noise {
            self.noise.switch(settings.noise.map(Module::noise));
        }
        if before.gain != settings.gain {
            self.gain.switch(settings.gain.then(Module::gain));
        }
    }

    /// Nothing is on any more, and what was has faded: [`Self::near`] leaves its block alone.
    pub fn is_bypassed(&self) -> bool {
        self.settings.is_off() && [&self.echo, &self.noise, &self.gain].iter().all(|part| part.is_empty())
    }

    /// Takes the next block of what the speaker will play.
    pub fn far(&mut self, block: &[f32; BLOCK]) {
        self.echo.far(block);
        self.residual.far(block);
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
        // The first two brackets have a filter of their own.
        self.high_pass.process(block, self.settings.gain && self.settings.delay() == 0);
        let said = *block;
        self.echo.near(block);
        if self.settings.echo {
            self.residual.near(&said, block);
        }
        self.noise.near(block);
        self.gain.near(block);
    }
}

/// A place for one module, which comes and goes over one block.
struct Part {
    now: Option<Module>,
    next: Option<Next>,
}

/// What will be in the place, and for how many blocks it is not heard yet.
struct Next {
    module: Option<Module>,
    unheard: u32,
}

impl Part {
    fn new(module: Option<Module>) -> Self {
        Self { now: module, next: None }
    }

    fn switch(&mut self, module: Option<Module>) {
        let unheard = if module.is_some() { WARM_UP } else { 0 };
        self.next = Some(Next { module, unheard });
    }

    fn is_empty(&self) -> bool {
        self.now.is_none() && self.next.is_none()
    }

    fn far(&mut self, block: &[f32; BLOCK]) {
        let next = self.next.as_mut().and_then(|next| next.module.as_mut());
        for module in self.now.iter_mut().chain(next) {
            module.far(block);
        }
    }

    fn near(&mut self, block: &mut [f32; BLOCK]) {
        let mut coming = *block;
        if let Some(module) = &mut self.now {
            module.near(block);
        }
        let Some(next) = &mut self.next else { return };
        if let Some(module) = &mut next.module {
            module.near(&mut coming);
        }
        if next.unheard > 0 {
            next.unheard -= 1;
            return;
        }
        fade(block, &coming);
        self.now = self.next.take().and_then(|next| next.module);
    }
}

/// From what is in `block` to `coming`, in equal steps.
fn fade(block: &mut [f32; BLOCK], coming: &[f32; BLOCK]) {
    for (n, (sample, coming)) in block.iter_mut().zip(coming).enumerate() {
        let share = (n + 1) as f32 / BLOCK as f32;
        *sample += (coming - *sample) * share;
    }
}
