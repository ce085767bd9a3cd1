//! What is told of everything that sounds: levels, how the buffers do, and how long sound takes.

use std::time::Duration;

use proto::Time;
use proto::id::Ssrc;
use proto::media::{HalfState, Levels, SoundEvent};

use super::{EVENTS_MAX, Instruments};
use crate::agent::lines::{MicrophoneLine, SpeakerLine};
use crate::codec::EncoderSettings;
use crate::device::Half;
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
            microphone: level(self.capture.level_after(self.meter_every).peak),
            speakers: self.speakers.iter().map(|s| (s.ssrc, level(s.playout.level().peak))).collect(),
        };
        self.tell(SoundEvent::Levels(levels));
    }

    /// Tells how one half is. That it still fails is no news: a device that gives nothing is opened again and again.
    pub(super) fn tell_half(&mut self, half: Half, state: HalfState) {
        let told = match half {
            Half::Microphone => &mut self.told[0],
            Half::Speaker => &mut self.told[1],
        };
        let old = matches!(state, HalfState::Failed { .. }) && told.as_ref() == Some(&state);
        *told = Some(state.clone());
        if !old {
            self.tell(match half {
                Half::Microphone => SoundEvent::Microphone(state),
                Half::Speaker => SoundEvent::Speaker(state),
            });
        }
    }

    /// A screen that does not listen loses levels first, and the oldest news then.
    pub(super) fn tell(&mut self, event: SoundEvent) {
        if self.events.len() >= EVENTS_MAX {
            if matches!(event, SoundEvent::Levels(_) | SoundEvent::Statistics(_)) {
                return;
            }
            self.events.pop_front();
        }
        self.events.push_back(event);
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

    /// What is wrong with the samples of the last second, if they are a card's.
    pub(in crate::agent) fn take_extremes(&mut self) -> Option<Extremes> {
        self.microphone.as_mut().map(MicrophoneLine::take_extremes)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proto::Safe;
    use proto::media::processing::Wishes;

    use super::*;
    use crate::device::Choice;
    use crate::device::opener::Opener;

    #[test]
    fn a_half_that_still_fails_is_told_once_and_whoever_asks_is_answered() {
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(mio::Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let opener = Opener::start(waker).unwrap();
        let mut instruments =
            Instruments::new(opener, Choice::Default, EncoderSettings::default(), Wishes::default()).unwrap();
        let failed = |why: &str| HalfState::Failed { why: Safe::line(why) };
        let mut told = |half, state: HalfState, asked: bool| {
            if asked {
                instruments.choose_half(half, "headset");
            }
            instruments.tell_half(half, state);
            instruments.poll().is_some()
        };
        assert!(told(Half::Microphone, failed("gone"), false));
        assert!(!told(Half::Microphone, failed("gone"), false), "it still is");
        assert!(told(Half::Speaker, failed("gone"), false), "this is the other half");
        assert!(told(Half::Microphone, failed("busy"), false));
        assert!(told(Half::Microphone, HalfState::Closed, false));
        assert!(told(Half::Microphone, HalfState::Closed, false), "what is no fault is always told");
        assert!(told(Half::Microphone, failed("busy"), false));
        assert!(told(Half::Microphone, failed("busy"), true), "somebody asked");
    }
}
