//! Echo cancellation and noise suppression of a voice that ends at 8 kHz: the innermost parts of `sonora`, AEC3 and its
//! noise suppressor, at the 16 kHz they think in. They are taken out of their surroundings, because those filter what lies
//! below voices once for each of them, and copy and measure what nobody asks for.
//!
//! The canceller allocates while it works (version 0.2.0). The suppressor does not; a test counts.

use sonora_aec3::block::Block;
use sonora_aec3::block_processor::BlockProcessor;
use sonora_aec3::common::BLOCK_SIZE;
use sonora_aec3::config::EchoCanceller3Config;
use sonora_ns::config::{NsConfig, SuppressionLevel};
use sonora_ns::noise_suppressor::NoiseSuppressor;

use super::NoiseLevel;
use super::part::Step;
use super::rate::LOW_BLOCK;

/// Samples per second of this band.
const RATE: usize = 16_000;
/// Delay of the canceller, samples at 48 kHz: one block of 4 ms to fill, and one by which its frames overlap.
pub(super) const ECHO_DELAY: usize = 384;
/// Delay of the suppressor, samples at 48 kHz: 6 ms by which its frames overlap.
pub(super) const NOISE_DELAY: usize = 288;
/// What these parts call full scale, and from where on they call a microphone overdriven.
const FULL_SCALE: f32 = 32_768.0;
const OVERDRIVEN: f32 = 32_700.0;

/// Samples on their way to a block of the canceller, and back.
struct Line {
    block: Block,
    filled: usize,
}

impl Line {
    fn new() -> Self {
        Self { block: Block::new(1, 1), filled: 0 }
    }
}

/// Takes out what the speaker plays.
pub(super) struct Canceller {
    inner: Box<BlockProcessor>,
    far: Line,
    near: Line,
    /// The last block of the near line, done.
    done: [f32; BLOCK_SIZE],
}

impl Canceller {
    pub(super) fn new() -> Self {
        let config = EchoCanceller3Config::default();
        Self {
            inner: Box::new(BlockProcessor::new(&config, RATE, 1, 1)),
            far: Line::new(),
            near: Line::new(),
            done: [0.0; BLOCK_SIZE],
        }
    }
}

impl Step for Canceller {
    fn far(&mut self, block: &[f32]) {
        for sample in block {
            self.far.block.view_mut(0, 0)[self.far.filled] = sample * FULL_SCALE;
            self.far.filled += 1;
            if self.far.filled == BLOCK_SIZE {
                self.far.filled = 0;
                self.inner.buffer_render(&self.far.block);
            }
        }
    }

    fn near(&mut self, block: &mut [f32]) {
        let overdriven = block.iter().any(|sample| sample.abs() * FULL_SCALE >= OVERDRIVEN);
        for sample in block {
            self.near.block.view_mut(0, 0)[self.near.filled] = *sample * FULL_SCALE;
            *sample = self.done[self.near.filled] / FULL_SCALE;
            self.near.filled += 1;
            if self.near.filled == BLOCK_SIZE {
                self.near.filled = 0;
                self.inner.process_capture(false, overdriven, None, &mut self.near.block);
                self.done.copy_from_slice(self.near.block.view(0, 0));
            }
        }
    }
}

/// Takes out steady noise.
pub(super) struct Suppressor {
    inner: Box<NoiseSuppressor>,
}

impl Suppressor {
    pub(super) fn new(level: NoiseLevel) -> Self {
        let target_level = match level {
            NoiseLevel::Moderate => SuppressionLevel::K12dB,
            NoiseLevel::High => SuppressionLevel::K18dB,
        };
        Self { inner: Box::new(NoiseSuppressor::new(NsConfig { target_level })) }
    }
}

impl Step for Suppressor {
    fn near(&mut self, block: &mut [f32]) {
        let mut scaled = [0.0; LOW_BLOCK];
        scaled.iter_mut().zip(&*block).for_each(|(scaled, sample)| *scaled = sample * FULL_SCALE);
        self.inner.analyze(&scaled);
        self.inner.process(&mut scaled);
        block.iter_mut().zip(&scaled).for_each(|(sample, scaled)| *sample = scaled / FULL_SCALE);
    }
}
