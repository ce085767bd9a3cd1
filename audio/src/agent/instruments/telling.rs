//! What is told of everything that sounds: levels, how the buffers do, and how long sound takes.

use std::time::Duration;

use proto::Time;
use proto::id::Ssrc;
use proto::media::{Levels, SoundEvent};

use super::Instruments;
use crate::agent::lines::{MicrophoneLine, SpeakerLine};
use crate::codec::EncoderSettings;
use crate::device::pace::BLOCK;
use crate::frame::SAMPLE_RATE;
use crate::level::Extremes;
use crate::playout::PlayoutStats;

/// The quietest level that is told, dBFS.
const LEVEL_FLOOR: f32 = -90.0;

impl Instruments {
    /// Tells the levels if it is time.
    pub(in crate::agent) fn tell_levels(&mut self, now: Time) {
        if self.open.is_none() || self.meter_every.is_zero() || now < self.meter_at {
            return;
        }
        self.meter_at = now + self.meter_every;
        let level = |peak: f32| peak.clamp(LEVEL_FLOOR, 0.0);
        let levels = Levels {
            microphone: level(self.capture.level().peak),
            speakers: self.speakers.iter().map(|s| (s.ssrc, level(s.playout.level().peak))).collect(),
        };
        self.tell(SoundEvent::Levels(levels));
    }

    pub(in crate::agent) fn poll(&mut self) -> Option<SoundEvent> {
        self.events.pop_front()
    }

    /// The member whose buffer is the worst off, for the one line of figures a call has.
    pub(in crate::agent) fn playout(&self) -> Option<PlayoutStats> {
        self.speakers.iter().map(|speaker| speaker.playout.stats()).max_by_key(|stats| stats.counters.lost)
    }

    /// How each member's buffer does.
    pub(in crate::agent) fn playouts(&self) -> impl Iterator<Item = (Ssrc, PlayoutStats)> + '_ {
        self.speakers.iter().map(|speaker| (speaker.ssrc, speaker.playout.stats()))
    }

    /// Samples that the microphone and the speaker in use have lost, or came or were taken too late.
    pub(in crate::agent) fn missed_samples(&self) -> (u64, u64) {
        let microphone = self.microphone.as_ref().map_or(0, MicrophoneLine::missed);
        (microphone, self.speaker.as_ref().map_or(0, SpeakerLine::missed))
    }

    /// What is wrong with the samples of the last second; a device without hardware may be silent as it likes.
    pub(in crate::agent) fn take_extremes(&mut self) -> Extremes {
        self.microphone.as_mut().map(MicrophoneLine::take_extremes).unwrap_or_default()
    }

    /// How much sound the microphone gives at once, what the encoder looks ahead, and how much waits for the speaker. A
    /// device without hardware trades blocks.
    pub(in crate::agent) fn delays(&mut self) -> (Duration, Duration, Duration) {
        let samples = self.blocks_together() * BLOCK;
        let block = Duration::from_micros(samples as u64 * 1_000_000 / u64::from(SAMPLE_RATE));
        let capture = self.microphone.as_ref().map_or(block, MicrophoneLine::block);
        let speaker = self.speaker.as_ref().map_or(block, SpeakerLine::waiting);
        (capture, self.capture.look_ahead() + self.chain.delay(), speaker)
    }

    pub(in crate::agent) fn encoder(&self) -> EncoderSettings {
        self.encoder
    }

    /// Samples lost between callbacks and rings, both ways, and frames lost between the halves.
    pub(in crate::agent) fn overruns(&self) -> u64 {
        let microphone = self.microphone.as_ref().map_or(0, MicrophoneLine::overruns);
        self.overruns + microphone + self.speaker.as_ref().map_or(0, SpeakerLine::underruns)
    }
}
