//! How our voice is encoded: as the media machine decides, unless a person or a plain call has the frames otherwise.

use proto::limits::PLAIN_OPUS_BYTES_MAX;
use proto::media::EncoderPlan;

use super::Instruments;
use crate::capture::Capture;
use crate::codec::{BIT_RATE_RANGE, CodecError, EncoderSettings};
use crate::frame::FrameDuration;

/// Frames of every call that is not encrypted. At no bit rate of ours do they fill the original's datagram.
const PLAIN_FRAME: FrameDuration = FrameDuration::Ms10;
const _: () = assert!(BIT_RATE_RANGE.1 / 8 * PLAIN_FRAME.ms() / 1_000 <= PLAIN_OPUS_BYTES_MAX as u32);
impl Instruments {
    /// Sends frames of another duration from now on, or from the end of a plain call on.
    pub(in crate::agent) fn set_frame(&mut self, frame: FrameDuration) -> Result<(), CodecError> {
        self.frame_wanted = frame;
        self.use_frame()
    }

    /// Whether the call is one that is not encrypted, where all frames are of 10 ms.
    pub(in crate::agent) fn set_plain(&mut self, plain: bool) -> Result<(), CodecError> {
        self.plain = plain;
        self.use_frame()
    }

    /// Sends frames of this duration whatever is decided, or as is decided again. Not in a plain call.
    pub(in crate::agent) fn force_frame(&mut self, frame: Option<FrameDuration>) -> Result<(), CodecError> {
        self.frame_forced = frame;
        self.use_frame()
    }

    /// Sends silence in as few bytes as it takes, or as many as speech. Not in a plain call, whose programs may not bear it.
    pub(in crate::agent) fn set_dtx(&mut self, wanted: bool) -> Result<(), CodecError> {
        self.dtx = wanted;
        self.use_frame()
    }

    fn use_frame(&mut self) -> Result<(), CodecError> {
        let (frame, low_delay, dtx) = if self.plain {
            (PLAIN_FRAME, false, false)
        } else {
            (self.frame_forced.unwrap_or(self.frame_wanted), self.low_delay, self.dtx)
        };
        let settings = EncoderSettings { frame, low_delay, dtx, ..self.encoder };
        if settings == self.encoder {
            return Ok(());
        }
        if (EncoderSettings { frame, ..self.encoder }) == settings {
            self.forget_waiting();
            self.capture.set_frame(frame, &mut self.frames.0);
        } else {
            let muted = self.capture.muted();
            let mut fresh = Capture::new(settings)?;
            fresh.tap(self.capture.tap(None));
            self.capture = fresh;
            self.capture.set_muted(muted);
            self.forget_waiting();
        }
        self.encoder = settings;
        Ok(())
    }

    /// What waits is of the old duration, and would be sent as of the new one.
    fn forget_waiting(&mut self) {
        while self.frames.1.pop().is_some() {}
    }

    /// Encodes as the media machine has decided. The mode of least delay needs another encoder.
    pub(in crate::agent) fn follow(&mut self, plan: EncoderPlan) -> Result<(), CodecError> {
        let frame = u32::try_from(plan.frame.as_millis()).ok().and_then(FrameDuration::from_ms);
        self.encoder.bit_rate = plan.bit_rate;
        self.encoder.loss_percent = plan.loss_percent;
        self.low_delay = plan.low_delay;
        self.capture.adapt(plan.bit_rate, plan.loss_percent)?;
        frame.map_or(Ok(()), |frame| self.set_frame(frame))
    }
}
