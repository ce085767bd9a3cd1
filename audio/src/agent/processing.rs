//! The way of our own voice from the microphone to the encoder: straight, or through the workshop while something is to
//! be done to it. It also knows our voice again when a member's loudspeaker and microphone send it back.
//!
//! ```text
//!            .-- straight ----------------------------.
//! near ------+                                        +--> capture
//!            '-- blocks of 10 ms --> workshop --> -----'      |
//! far  --------------------------------^                     v
//! each member's voice -----------------------> did ours come back in it?
//! ```
//!
//! It changes to the workshop where a frame begins, so that the blocks lie in the frames and waiting for one costs
//! nothing, and back when the workshop has faded everything out.

use std::sync::Arc;
use std::time::Duration;

use mio::Waker;
use proto::media::processing::{Part, Processing, Wish, Wishes};

use crate::capture::Capture;
use crate::codec::keeps_full_band;
use crate::frame::SAMPLE_RATE;
use crate::process::{
    BLOCK, Band, DELAY_MAX, Heard, Place, Policy, ProcessorSettings, Sketcher, Spoken, Verdict,
};
use crate::ring::FrameTx;

use super::workshop::Workshop;

/// Blocks of a member's voice between two judgements.
const JUDGED_EVERY: u32 = 10;

/// Blocks of silence after which nothing of before is left in the filters, which hold 758 samples at most.
const FLUSH: usize = DELAY_MAX.div_ceil(BLOCK) + 1;

/// Samples on their way to a whole block.
struct Filling {
    block: [f32; BLOCK],
    filled: usize,
}

impl Filling {
    const EMPTY: Self = Self { block: [0.0; BLOCK], filled: 0 };

    /// Takes samples and hands out each block they complete.
    fn push(&mut self, mut samples: &[f32], mut give: impl FnMut(&[f32; BLOCK])) {
        while !samples.is_empty() {
            let count = samples.len().min(BLOCK - self.filled);
            let (now, later) = samples.split_at(count);
            self.block[self.filled..self.filled + count].copy_from_slice(now);
            self.filled += count;
            samples = later;
            if self.filled == BLOCK {
                self.filled = 0;
                give(&self.block);
            }
        }
    }
}

/// The whole way.
pub(super) struct Chain {
    policy: Policy,
    waker: Arc<Waker>,
    /// Made when something is to be done for the first time in a call.
    workshop: Option<Workshop>,
    settings: ProcessorSettings,
    told: Option<Processing>,
    /// The voice goes through the workshop.
    through: bool,
    near: Filling,
    far: Filling,
    /// Blocks that come back and are nobody's business any more.
    stale: usize,
    own: Own,
}

impl Chain {
    pub(super) fn new(waker: Arc<Waker>, wishes: Wishes) -> Self {
        Self {
            policy: Policy::new(wishes),
            waker,
            workshop: None,
            settings: ProcessorSettings::default(),
            told: None,
            through: false,
            near: Filling::EMPTY,
            far: Filling::EMPTY,
            stale: 0,
            own: Own::default(),
        }
    }

    // --- the media path ---------------------------------------------------------------------------------------

    /// What the microphone gives, any number of samples.
    pub(super) fn near(&mut self, samples: &[f32], capture: &mut Capture, frames: &mut FrameTx) {
        if capture.muted() {
            return;
        }
        self.policy.near(samples);
        let Some(workshop) = &mut self.workshop else { return self.own.send(samples, capture, frames) };
        let mut samples = samples;
        if !self.through && !self.settings.is_off() {
            // Straight on until a frame is full.
            let (now, later) = samples.split_at(samples.len().min(capture.missing()));
            self.own.send(now, capture, frames);
            samples = later;
            self.through = capture.missing() == 0;
        }
        if self.through {
            self.near.push(samples, |block| workshop.give_near(block));
        } else {
            self.own.send(samples, capture, frames);
        }
    }

    /// What the speaker will play, any number of samples.
    pub(super) fn far(&mut self, samples: &[f32]) {
        self.policy.far(samples);
        if !self.settings.echo {
            return;
        }
        if let Some(workshop) = &mut self.workshop {
            self.far.push(samples, |block| workshop.give_far(block));
        }
    }

    /// Sends on what the workshop has done.
    pub(super) fn settle(&mut self, capture: &mut Capture, frames: &mut FrameTx) {
        let Some(workshop) = &mut self.workshop else { return };
        let mut block = [0.0; BLOCK];
        while workshop.take(&mut block) {
            if self.stale > 0 {
                self.stale -= 1;
            } else {
                self.own.send(&block, capture, frames);
            }
        }
        if self.through && self.settings.is_off() && workshop.is_idle() {
            self.own.send(&self.near.block[..self.near.filled], capture, frames);
            self.near.filled = 0;
            self.through = false;
        }
    }

    /// So much of the members' voices was rendered.
    pub(super) fn rendered(&mut self, samples: usize) {
        self.own.rendered(samples);
    }

    /// One member's voice, as it is played.
    pub(super) fn heard(&mut self, returns: &mut Returns, voice: &[f32]) {
        self.own.heard(returns, voice);
    }

    // --- may allocate -----------------------------------------------------------------------------------------

    /// What was said until now is not to be heard any more: neither half a block nor what waits in the workshop, nor what
    /// its filters still hold, which silence drives out.
    pub(super) fn forget(&mut self) {
        self.near.filled = 0;
        self.through = false;
        if let Some(workshop) = &mut self.workshop {
            for _ in 0..FLUSH {
                workshop.give_near(&[0.0; BLOCK]);
            }
            self.stale = workshop.away();
        }
    }

    /// The call is over. What the canceller has learnt goes with it: the next call may be in another room. That there was an
    /// echo is kept, so that the next one is held down from its beginning.
    pub(super) fn close(&mut self) {
        self.workshop.take().into_iter().for_each(Workshop::leave);
        self.settings = ProcessorSettings::default();
        self.through = false;
        (self.near.filled, self.far.filled, self.stale) = (0, 0, 0);
    }

    /// The microphone or the speaker is another one: what is in the workshop has learnt a room that is no more.
    pub(super) fn moved(&mut self) {
        if let Some(workshop) = &mut self.workshop {
            workshop.moved();
        }
    }

    /// Other devices are in use.
    pub(super) fn place(&mut self, place: Place) {
        self.policy.place(place);
    }

    /// A person wants it so from now on.
    pub(super) fn wish(&mut self, part: Part, wish: Wish) {
        *self.policy.wishes().of(part) = wish;
    }

    /// Carries out what is decided, for a voice that is sent with so many bits per second; tells what is new since the last
    /// time.
    pub(super) fn decide(&mut self, bit_rate: u32) -> Option<Processing> {
        let decided = self.policy.decide();
        let mut settings = self.policy.settings(&decided);
        if !settings.is_off() {
            settings.band = self.band(bit_rate);
        }
        if settings != self.settings {
            if self.workshop.is_none() {
                // Without a thread the voice stays as it is, and is tried again.
                self.workshop = Some(Workshop::start(self.waker.clone()).ok()?);
            }
            if let Some(workshop) = &mut self.workshop {
                workshop.set(settings);
            }
            self.settings = settings;
        }
        let news = self.told != Some(decided);
        self.told = Some(decided);
        news.then_some(decided)
    }

    /// Widened as soon as the encoder keeps more, and narrowed only in a voice that goes straight: a bit rate that goes down
    /// and up again must not make the canceller learn the room again.
    fn band(&self, bit_rate: u32) -> Band {
        let stays = self.through && self.settings.band == Band::Full;
        if stays || keeps_full_band(bit_rate) { Band::Full } else { Band::Wide }
    }

    /// How much later our voice is by what is done to it.
    pub(super) fn delay(&self) -> Duration {
        let samples = if self.through { self.settings.delay() as u64 } else { 0 };
        Duration::from_micros(samples * 1_000_000 / u64::from(SAMPLE_RATE))
    }

    /// It is to be told again: who listens is new to the call.
    pub(super) fn tell_again(&mut self) {
        self.told = None;
    }
}

/// Our own voice as it is sent, and as it may come back.
#[derive(Default)]
struct Own {
    sketcher: Box<Sketcher>,
    spoken: Box<Spoken>,
    /// Samples rendered since the last hop.
    clock: usize,
}

impl Own {
    fn send(&mut self, samples: &[f32], capture: &mut Capture, frames: &mut FrameTx) {
        let spoken = &mut self.spoken;
        self.sketcher.push(samples, |sketch| spoken.said(sketch));
        capture.push(samples, frames);
    }

    fn rendered(&mut self, samples: usize) {
        self.clock += samples;
        while self.clock >= BLOCK {
            self.clock -= BLOCK;
            self.spoken.step();
        }
    }

    fn heard(&self, returns: &mut Returns, voice: &[f32]) {
        if self.spoken.is_quiet() {
            return;
        }
        let Returns { sketcher, heard, verdict, hops } = returns;
        sketcher.push(voice, |sketch| {
            heard.compare(&self.spoken, sketch);
            *hops += 1;
            if *hops == JUDGED_EVERY {
                *hops = 0;
                verdict.listen(heard, LAG_MIN);
            }
        });
    }
}

/// Nothing comes back through a network and two devices sooner than in 20 ms.
const LAG_MIN: usize = 2;

/// Whether our voice comes back from one member.
#[derive(Default)]
pub(super) struct Returns {
    sketcher: Sketcher,
    heard: Heard,
    verdict: Verdict,
    hops: u32,
}

impl Returns {
    pub(super) fn is_echo(&self) -> bool {
        self.verdict.is_echo()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Decode as _, Decoder, EncoderSettings};
    use crate::frame::{FRAME_SAMPLES_MAX, FrameDuration};
    use crate::process::Hint;
    use crate::process::rooms::{Room, level_db, mixed, noise, talker};
    use crate::ring::{self, FrameRx};

    const SECOND: usize = 48_000;
    const ROOM: Place = Place { room: true, low_delay: false, hint: Hint::None };

    /// A microphone, a speaker and what is sent.
    struct Side {
        chain: Chain,
        capture: Capture,
        frames: (FrameTx, FrameRx),
        decoder: Decoder,
        poll: mio::Poll,
        sent: Vec<f32>,
        told: Vec<Processing>,
    }

    impl Side {
        fn new(wishes: Wishes, frame: FrameDuration) -> Self {
            let poll = mio::Poll::new().unwrap();
            let waker = Arc::new(Waker::new(poll.registry(), mio::Token(0)).unwrap());
            let mut chain = Chain::new(waker, wishes);
            chain.place(ROOM);
            let capture = Capture::new(EncoderSettings { frame, ..Default::default() }).unwrap();
            let decoder = Decoder::new().unwrap();
            Self { chain, capture, frames: ring::frames(64), decoder, poll, sent: vec![], told: vec![] }
        }

        /// Blocks of `size` samples of both, each waited for until it is through.
        fn talk(&mut self, near: &[f32], far: &[f32], size: usize) {
            for (near, far) in near.chunks(size).zip(far.chunks(size)) {
                self.chain.far(far);
                self.chain.near(near, &mut self.capture, &mut self.frames.0);
                self.settle();
                self.told.extend(self.chain.decide(self.capture.bit_rate()));
            }
        }

        fn settle(&mut self) {
            let mut events = mio::Events::with_capacity(4);
            loop {
                self.chain.settle(&mut self.capture, &mut self.frames.0);
                if self.chain.workshop.as_ref().is_none_or(|workshop| workshop.away() == 0) {
                    break;
                }
                self.poll.poll(&mut events, Some(Duration::from_millis(100))).unwrap();
            }
            let mut pcm = [0.0; FRAME_SAMPLES_MAX];
            while let Some(packet) = self.frames.1.pop() {
                let count = self.decoder.decode(packet.bytes(), &mut pcm).unwrap();
                self.sent.extend(&pcm[..count]);
            }
        }

        fn echo_is_on(&self) -> bool {
            self.told.last().is_some_and(|told| told.echo.on)
        }
    }

    #[test]
    fn an_echo_is_found_and_taken_out_whatever_the_blocks() {
        let far = talker(31, 12.0);
        let near = mixed(&Room::new(31, 80.0).echo(&far, 10.0, false), &noise(32, far.len(), -75.0));
        for (size, frame) in
            [(113, FrameDuration::Ms10), (480, FrameDuration::Ms20), (1_000, FrameDuration::Ms20)]
        {
            let mut side = Side::new(Wishes::default(), frame);
            side.talk(&near, &far, size);
            assert!(side.echo_is_on(), "blocks of {size}: {:?}", side.told);
            let cut =
                level_db(&near[9 * SECOND..11 * SECOND]) - level_db(&side.sent[9 * SECOND..11 * SECOND]);
            assert!(cut > 25.0, "blocks of {size}: {cut} dB");
            // Nothing was lost or doubled on the way in: what is missing waits in a block or a frame.
            assert!(near.len() - side.sent.len() < BLOCK + frame.samples(), "blocks of {size}");
        }
    }

    #[test]
    fn the_echo_of_other_devices_is_taken_out_at_once() {
        let far = talker(39, 10.0);
        let at = 6 * SECOND;
        let mut near = Room::new(39, 200.0).echo(&far, 10.0, false);
        near[at..].copy_from_slice(&Room::new(40, 50.0).echo(&far, 10.0, false)[at..]);
        let mut side = Side::new(Wishes { echo: Wish::On, ..Wishes::default() }, FrameDuration::Ms10);
        side.talk(&near[..at], &far[..at], 240);
        side.chain.moved();
        side.talk(&near[at..], &far[at..], 240);
        let cut = level_db(&near[at..at + 2 * SECOND]) - level_db(&side.sent[at..at + 2 * SECOND]);
        assert!(cut > 25.0, "{cut} dB");
    }

    #[test]
    fn the_next_call_begins_with_nothing_learnt_and_the_same_wishes() {
        let (far, near) = (talker(41, 1.0), talker(42, 1.0));
        let mut side = Side::new(Wishes { echo: Wish::On, ..Wishes::default() }, FrameDuration::Ms10);
        for call in 0..2 {
            assert!(side.chain.workshop.is_none() && !side.chain.through, "call {call}");
            assert_eq!(side.chain.delay(), Duration::ZERO, "call {call}");
            side.talk(&near, &far, 240);
            assert!(side.chain.through && side.echo_is_on(), "call {call}");
            side.chain.close();
        }
    }

    #[test]
    fn a_call_without_echo_has_nothing_in_its_way() {
        let (far, near) = (talker(33, 8.0), talker(34, 8.0));
        let mut side = Side::new(Wishes::default(), FrameDuration::Ms10);
        side.talk(&near, &far, 240);
        assert!(side.chain.workshop.is_none(), "no thread was needed");
        assert!(side.told.iter().all(|told| !told.echo.on && !told.noise.on && !told.gain.on));
        assert_eq!(side.sent.len(), near.len(), "each frame is sent when it is full");
    }

    #[test]
    fn what_was_said_before_a_mute_is_not_heard_after_it() {
        let near = talker(35, 3.0);
        let mut side =
            Side::new(Wishes { echo: Wish::On, noise: Wish::On, gain: Wish::On }, FrameDuration::Ms10);
        side.talk(&near, &vec![0.0; near.len()], 240);
        assert!(side.chain.through);
        side.capture.set_muted(true);
        side.chain.forget();
        side.talk(&near, &vec![0.0; near.len()], 240);
        let muted_at = side.sent.len();
        side.capture.set_muted(false);
        side.chain.forget();
        side.talk(&vec![0.0; SECOND / 2], &vec![0.0; SECOND / 2], 240);
        // The decoder still rings for a frame or two.
        let after = level_db(&side.sent[muted_at + 2 * BLOCK..]);
        assert!(side.sent.len() > muted_at + 40 * BLOCK && after < -60.0, "{after} dB");
    }

    #[test]
    fn what_is_said_while_muted_is_not_worked_on() {
        let near = talker(37, 1.0);
        let mut side = Side::new(Wishes { noise: Wish::On, ..Wishes::default() }, FrameDuration::Ms10);
        side.talk(&near, &vec![0.0; near.len()], 240);
        assert!(side.chain.through);
        side.capture.set_muted(true);
        side.chain.forget();
        side.settle();
        for block in near.chunks(240) {
            side.chain.near(block, &mut side.capture, &mut side.frames.0);
        }
        assert_eq!(side.chain.workshop.as_ref().map(Workshop::away), Some(0), "blocks in the workshop");
    }

    #[test]
    fn switched_off_it_goes_straight_again() {
        let near = talker(36, 2.0);
        let silence = vec![0.0; near.len()];
        let mut side = Side::new(Wishes { echo: Wish::On, ..Wishes::default() }, FrameDuration::Ms10);
        side.talk(&near, &silence, 240);
        assert_eq!((side.chain.through, side.chain.delay()), (true, Duration::from_micros(9_437)));
        side.chain.wish(Part::Echo, Wish::Off);
        side.talk(&near, &silence, 240);
        assert!(!side.chain.through, "it was faded out and left");
        let before = side.sent.len();
        side.talk(&near, &silence, 240);
        assert_eq!(side.sent.len() - before, near.len());
    }

    #[test]
    fn our_voice_is_known_when_a_member_sends_it_back() {
        let (own, theirs) = (talker(37, 10.0), talker(38, 10.0));
        let back = mixed(&Room::new(5, 180.0).echo(&own, 15.0, false), &noise(5, own.len(), -65.0));
        for (voice, echo) in [(&back, true), (&theirs, false)] {
            let mut side = Side::new(Wishes::default(), FrameDuration::Ms10);
            let mut returns = Returns::default();
            for (own, voice) in own.chunks(240).zip(voice.chunks(240)) {
                side.talk(own, &[0.0; 240], 240);
                side.chain.heard(&mut returns, voice);
                side.chain.rendered(voice.len());
            }
            assert_eq!(returns.is_echo(), echo);
        }
    }
}
