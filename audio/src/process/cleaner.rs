//! Echo and noise out of the voice, in one of two bands.
//!
//! ```text
//! wide:  near -> [to 16 kHz] -> [high pass] -> [echo] -> [noise] -> [to 48 kHz] -> near
//! full:  near --------------------------------> [echo] -> [noise] ----------------> near
//! ```
//!
//! Below 40 kbit/s the codec keeps nothing of a voice above 8 kHz, and to treat it there costs more than all the rest: in
//! the full band each part splits the voice into three bands and joins them again.

use super::echo_power::EchoPower;
use super::high_pass::HighPass;
use super::module::Module;
use super::part::{Part, Step};
use super::rate::{Down, LOW_BLOCK, Up};
use super::residual::Residual;
use super::wide::{Canceller, Suppressor};
use super::{Band, NoiseLevel, ProcessorSettings, WARM_UP};

/// Both parts.
pub(super) struct Cleaner {
    /// `None` in the full band.
    rates: Option<Box<Rates>>,
    settings: ProcessorSettings,
    echo: Part<Echo>,
    noise: Part<Noise>,
}

struct Rates {
    near: Down,
    far: Down,
    up: Up,
    high_pass: HighPass<3>,
}

impl Default for Rates {
    fn default() -> Self {
        Self { near: Down::default(), far: Down::default(), up: Up::default(), high_pass: HighPass::steep() }
    }
}

impl Cleaner {
    /// All that is on is heard from the first block.
    pub(super) fn new(settings: ProcessorSettings) -> Self {
        let band = settings.band;
        Self {
            rates: (band == Band::Wide).then(Box::default),
            settings,
            echo: Part::new(settings.echo.then(|| Echo::new(band))),
            noise: Part::new(settings.noise.map(|level| Noise::new(level, band))),
        }
    }

    /// Switches the parts; the band stays what it is.
    pub(super) fn set(&mut self, settings: ProcessorSettings) {
        let band = self.settings.band;
        let before = std::mem::replace(&mut self.settings, ProcessorSettings { band, ..settings });
        let unheard = |on: bool| if on { WARM_UP } else { 0 };
        if before.echo != settings.echo {
            self.echo.switch(settings.echo.then(|| Echo::new(band)), unheard(settings.echo));
        }
        if before.noise != settings.noise {
            let noise = settings.noise.map(|level| Noise::new(level, band));
            self.noise.switch(noise, unheard(settings.noise.is_some()));
        }
    }

    /// Another canceller from the next block on, which knows nothing but what was played.
    pub(super) fn moved(&mut self) {
        let latest = self.echo.each().last().map(|echo| echo.elsewhere(self.settings.band));
        if let Some(latest) = latest.filter(|_| self.settings.echo) {
            self.echo.exchange(latest);
        }
    }
}

impl Step for Cleaner {
    fn far(&mut self, block: &[f32]) {
        if self.echo.is_empty() {
            return;
        }
        match &mut self.rates {
            Some(rates) => self.echo.far(&rates.far.process(block)),
            None => self.echo.far(block),
        }
    }

    fn near(&mut self, block: &mut [f32]) {
        let anything = block.iter().any(|sample| *sample != 0.0);
        self.echo.each().for_each(|echo| echo.power.gives(anything));
        let Some(rates) = &mut self.rates else {
            self.echo.near(block);
            self.noise.near(block);
            return;
        };
        let mut low = rates.near.process(block);
        rates.high_pass.process(&mut low, true);
        self.echo.near(&mut low);
        self.noise.near(&mut low);
        rates.up.process(&low, block);
    }
}

/// A canceller, and what goes after what it leaves.
struct Echo {
    canceller: InBand<Canceller>,
    residual: Residual,
    power: Box<EchoPower>,
    /// To what the model of its power takes, in the full band: of the far end and of the microphone.
    rates: Option<Box<[Down; 2]>>,
}

impl Echo {
    fn new(band: Band) -> Self {
        let canceller = match band {
            Band::Wide => InBand::Wide(Canceller::new()),
            Band::Full => InBand::Full(Module::echo()),
        };
        let rates = (band == Band::Full).then(Box::default);
        Self { canceller, residual: Residual::new(band.echo_delay()), power: Box::default(), rates }
    }

    /// For another microphone or speaker.
    fn elsewhere(&self, band: Band) -> Self {
        let mut power = self.power.clone();
        power.moved();
        Self { power, rates: self.rates.clone(), ..Self::new(band) }
    }

    /// `block` at 16 kHz.
    fn low(rates: &mut Option<Box<[Down; 2]>>, which: usize, block: &[f32]) -> [f32; LOW_BLOCK] {
        match rates {
            Some(rates) => rates[which].process(block),
            None => std::array::from_fn(|n| block[n]),
        }
    }
}

impl Step for Echo {
    fn far(&mut self, block: &[f32]) {
        self.canceller.far(block);
        self.residual.far(block);
        self.power.far(&Self::low(&mut self.rates, 0, block));
    }

    fn near(&mut self, block: &mut [f32]) {
        self.residual.said(block);
        self.power.said(&Self::low(&mut self.rates, 1, block));
        self.canceller.near(block);
        self.residual.near(block);
        self.power.near(block);
    }
}

/// A suppressor.
struct Noise(InBand<Suppressor>);

impl Noise {
    fn new(level: NoiseLevel, band: Band) -> Self {
        Self(match band {
            Band::Wide => InBand::Wide(Suppressor::new(level)),
            Band::Full => InBand::Full(Module::noise(level)),
        })
    }
}

impl Step for Noise {
    fn near(&mut self, block: &mut [f32]) {
        self.0.near(block);
    }
}

/// One of the two that do the same.
enum InBand<W> {
    Wide(W),
    Full(Module),
}

impl<W: Step> Step for InBand<W> {
    fn far(&mut self, block: &[f32]) {
        match self {
            Self::Wide(step) => step.far(block),
            Self::Full(step) => step.far(block),
        }
    }

    fn near(&mut self, block: &mut [f32]) {
        match self {
            Self::Wide(step) => step.near(block),
            Self::Full(step) => step.near(block),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::BLOCK;
    use super::super::rooms::{Room, mixed, noise, talker};
    use super::*;

    /// The silence that follows what was said before a mute is none of the room's.
    #[test]
    fn a_mute_leaves_the_noise_of_the_room_known() {
        let far = talker(54, 8.0);
        let near = mixed(&Room::new(4, 80.0).echo(&far, 12.0, false), &noise(9, far.len(), -50.0));
        for band in [Band::Wide, Band::Full] {
            let mut cleaner =
                Cleaner::new(ProcessorSettings { echo: true, band, ..ProcessorSettings::default() });
            let mut run = |near: &[f32], far: &[f32]| {
                for (near, far) in near.chunks_exact(BLOCK).zip(far.chunks_exact(BLOCK)) {
                    cleaner.far(far);
                    let mut block: [f32; BLOCK] = std::array::from_fn(|n| near[n]);
                    cleaner.near(&mut block);
                }
                cleaner.echo.each().map(|echo| echo.power.noise_db()).sum::<f32>()
            };
            let half = near.len() / 2;
            let before = run(&near[..half], &far[..half]);
            let muted = run(&[0.0; 6 * BLOCK], &far[half..]);
            let after = run(&near[half..half + 10 * BLOCK], &far[half..]);
            println!("{band:?}: {before:.1}, {muted:.1}, {after:.1} dBFS");
            assert!((-62.0..-45.0).contains(&before), "{before} dBFS of -50");
            assert!((muted - before).abs() < 1.0 && (after - before).abs() < 3.0, "{muted}, {after}");
            // A microphone that gives nothing in silence is cut to nothing, and not for ever.
            let dead = run(&[0.0; 200 * BLOCK], &[0.0; 200 * BLOCK]);
            let woken = run(&noise(7, 1_000 * BLOCK, -60.0), &[0.0; 1_000 * BLOCK]);
            println!("{band:?}: {dead:.1}, {woken:.1} dBFS");
            assert!(dead < -90.0 && woken > -85.0, "{dead}, {woken}");
        }
    }
}
