//! Parts for the full band, as `sonora` gives them, a port to Rust of the audio processing of WebRTC: echo cancellation
//! (AEC3), noise suppression and the second automatic gain control (AGC2).
//!
//! It allocates while it works (version 0.2.0): a dozen small vectors in every 4 ms of the echo canceller and five in
//! every block of the gain control. The noise suppressor alone leaves the heap alone; a test counts.

use sonora::config::{
    AdaptiveDigital, EchoCanceller, GainController2, MaxProcessingRate, NoiseSuppression,
    NoiseSuppressionLevel, Pipeline,
};
use sonora::{AudioProcessing, Config, StreamConfig};

use super::part::Step;
use super::{BLOCK, NoiseLevel};
use crate::frame::SAMPLE_RATE;

/// The most a quiet voice is raised, dB. More would raise the room with it.
const GAIN_MAX_DB: f32 = 24.0;
/// How fast the gain may change, dB per second: slower than anybody calls pumping.
const GAIN_CHANGE_DB_PER_SECOND: f32 = 3.0;
/// The room's noise is not raised above this, dBFS.
const NOISE_OUT_MAX_DBFS: f32 = -54.0;

/// One configured instance.
pub(super) struct Module {
    inner: Box<AudioProcessing>,
    echo: bool,
}

impl Module {
    pub(super) fn echo() -> Self {
        Self::new(Config { echo_canceller: Some(EchoCanceller::default()), ..Config::default() })
    }

    pub(super) fn noise(level: NoiseLevel) -> Self {
        let level = match level {
            NoiseLevel::Moderate => NoiseSuppressionLevel::Moderate,
            NoiseLevel::High => NoiseSuppressionLevel::High,
        };
        let noise_suppression = Some(NoiseSuppression { level, ..NoiseSuppression::default() });
        Self::new(Config { noise_suppression, ..Config::default() })
    }

    pub(super) fn gain() -> Self {
        let adaptive_digital = Some(AdaptiveDigital {
            max_gain_db: GAIN_MAX_DB,
            initial_gain_db: 0.0,
            max_gain_change_db_per_second: GAIN_CHANGE_DB_PER_SECOND,
            max_output_noise_level_dbfs: NOISE_OUT_MAX_DBFS,
            ..AdaptiveDigital::default()
        });
        let gain_controller2 = Some(GainController2 { adaptive_digital, ..GainController2::default() });
        Self::new(Config { gain_controller2, ..Config::default() })
    }

    fn new(config: Config) -> Self {
        let pipeline = Pipeline {
            // Its default would cut our voices at 16 kHz.
            maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
            ..Pipeline::default()
        };
        let echo = config.echo_canceller.is_some();
        let stream = StreamConfig::new(SAMPLE_RATE, 1);
        let inner = AudioProcessing::builder()
            .config(Config { pipeline, ..config })
            .capture_config(stream)
            .render_config(stream)
            .build();
        Self { inner: Box::new(inner), echo }
    }
}

impl Step for Module {
    fn far(&mut self, block: &[f32]) {
        if self.echo {
            let mut played = [0.0; BLOCK];
            // Refused is only a format, and ours never changes.
            let _ = self.inner.process_render_f32(&[block], &mut [&mut played]);
        }
    }

    fn near(&mut self, block: &mut [f32]) {
        let mut said = [0.0; BLOCK];
        said.copy_from_slice(block);
        let _ = self.inner.process_capture_f32(&[&said], &mut [block]);
    }
}
