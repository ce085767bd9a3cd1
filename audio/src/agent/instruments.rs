//! The instrument half of the voice thread: from the microphone to encoded frames, and from each speaker's frames to
//! the ear. It knows devices and sound; keys, addresses and packets belong to `proto::media`.
//!
//! `turn` and `play` are the media path and allocate nothing. Commands and the device thread's answers come after it
//! and may.

use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use proto::limits::MEMBERS_MAX;
use proto::media::processing::{Part, Wish, Wishes};
use proto::media::{Earcon, HalfState, SoundEvent};
use proto::time::earliest;
use proto::{Safe, Time};

use super::lines::{MicrophoneLine, Source, SpeakerLine};
use super::processing::{Chain, Returns};
use super::taps::Taps;
use crate::capture::Capture;
use crate::codec::{CodecError, EncoderSettings};
use crate::device::opener::{Ask, Opener};
use crate::device::pace::{BLOCK, Pace};
use crate::device::{Choice, Half, Software};
use crate::earcon::Earcons;
use crate::frame::{FrameDuration, OpusFrame};
use crate::mixer::Mixer;
use crate::playout::Playout;
use crate::process::{Hint, Place};
use crate::ring::{self, FrameRx, FrameTx};
use proto::id::Ssrc;

mod encoding;
mod opening;
mod telling;
mod tools;

/// Frames between the instrument half and the socket half; drained several times per turn.
const FRAMES_MAX: usize = 64;
/// Blocks traded with a device without hardware before the frames they made are sent: 40 ms.
const BLOCKS_PER_ROUND: usize = 8;
/// Blocks that a device without hardware trades at once, unless our frames are as short as one: 10 ms, so that the thread
/// wakes up once for a frame.
const BLOCKS_TOGETHER: usize = 2;
/// Samples of these.
const TRADED_MAX: usize = BLOCKS_TOGETHER * BLOCK;
/// Events kept for a screen that does not listen.
const EVENTS_MAX: usize = 64;

/// One member we hear.
struct Speaker {
    ssrc: Ssrc,
    playout: Playout,
    gain: f32,
    /// Whether our voice comes back in theirs.
    returns: Box<Returns>,
}

/// Everything that sounds.
pub(super) struct Instruments {
    opener: Opener,
    choice: Choice,
    encoder: EncoderSettings,
    /// The frame duration that was decided on.
    frame_wanted: FrameDuration,
    /// The one that a person set by hand, which counts instead.
    frame_forced: Option<FrameDuration>,
    /// The codec's mode of least delay was decided on.
    low_delay: bool,
    /// Silence is to be sent short.
    dtx: bool,
    /// The call is not encrypted: its frames are those a plain client can bear.
    plain: bool,
    /// Since when a call wants sound.
    open: Option<Time>,
    /// Paces a device without hardware, and the buffers of a call whose speaker does not work.
    pace: Option<Pace>,
    software: Option<Software>,
    software_asked: bool,
    microphone: Option<MicrophoneLine>,
    speaker: Option<SpeakerLine>,
    chain: Chain,
    /// What the devices in use are called: the microphone and the speaker.
    names: [String; 2],
    /// What these say of where we talk.
    hint: Hint,
    capture: Capture,
    frames: (FrameTx, FrameRx),
    speakers: Vec<Speaker>,
    mixer: Mixer,
    meter_every: Duration,
    meter_at: Time,
    taps: Taps,
    earcons: Earcons,
    events: VecDeque<SoundEvent>,
    /// What was told last of the microphone and the speaker.
    told: [Option<HalfState>; 2],
    overruns: u64,
    /// Frames for members nobody announced.
    strangers: u64,
}

impl Instruments {
    pub(super) fn new(
        opener: Opener,
        choice: Choice,
        encoder: EncoderSettings,
        wishes: Wishes,
    ) -> Result<Self, CodecError> {
        let chain = Chain::new(opener.waker(), wishes);
        let taps = Taps::new(opener.waker());
        Ok(Self {
            opener,
            choice,
            encoder,
            frame_wanted: encoder.frame,
            frame_forced: None,
            low_delay: encoder.low_delay,
            dtx: encoder.dtx,
            plain: false,
            open: None,
            pace: None,
            software: None,
            software_asked: false,
            microphone: None,
            speaker: None,
            chain,
            names: Default::default(),
            hint: Hint::default(),
            capture: Capture::new(encoder)?,
            frames: ring::frames(FRAMES_MAX),
            speakers: Vec::with_capacity(MEMBERS_MAX),
            mixer: Mixer::default(),
            meter_every: Duration::ZERO,
            meter_at: Time::ZERO,
            taps,
            earcons: Earcons::default(),
            events: VecDeque::with_capacity(EVENTS_MAX),
            told: [None, None],
            overruns: 0,
            strangers: 0,
        })
    }

    // --- the media path ---------------------------------------------------------------------------------------

    /// Moves sound that is due; false when nothing is left to do now. Frames made wait in [`Self::next_frame`].
    pub(super) fn turn(&mut self, now: Time) -> bool {
        if self.open.is_none() {
            return false;
        }
        if let Some(line) = &mut self.microphone {
            line.drain(now, |said| self.chain.near(said, &mut self.capture, &mut self.frames.0));
        }
        self.chain.settle(&mut self.capture, &mut self.frames.0);
        if let Some(mut line) = self.speaker.take() {
            line.fill(now, self);
            self.speaker = Some(line);
        }
        let together = self.blocks_together();
        for _ in 0..BLOCKS_PER_ROUND / together {
            let Some(pace) = &mut self.pace else { return false };
            pace.together(together as u64);
            let due = (0..together).take_while(|_| pace.take(now)).count();
            if due == 0 {
                return false;
            }
            self.trade(due * BLOCK);
        }
        true
    }

    /// The oldest frame of our own voice.
    pub(super) fn next_frame(&mut self) -> Option<OpusFrame> {
        self.frames.1.pop()
    }

    /// A member's frame, or the copy of one, come with copies that reach `reach` frames back.
    pub(super) fn play(&mut self, ssrc: Ssrc, seq: u16, packet: &[u8], copy: bool, reach: u8) {
        match self.speakers.iter_mut().find(|speaker| speaker.ssrc == ssrc) {
            // What the buffer refuses it has counted by reason.
            Some(speaker) if copy => {
                let _ = speaker.playout.arrive_copy(seq, packet);
            }
            Some(speaker) => {
                speaker.playout.reach(reach, packet);
                let _ = speaker.playout.arrive(seq, packet);
            }
            None => self.strangers += 1,
        }
    }

    /// When [`Self::turn`] or [`Self::tell_levels`] has something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.open?;
        let meter = (!self.meter_every.is_zero()).then_some(self.meter_at);
        earliest(self.pace.as_ref().map(Pace::deadline), meter)
    }

    /// Whether sound moves by our clock and not by a card's: the next of it is due within 10 ms.
    pub(super) fn is_paced(&self) -> bool {
        self.open.is_some() && self.pace.is_some()
    }

    fn blocks_together(&self) -> usize {
        if self.encoder.frame == FrameDuration::Ms5 { 1 } else { BLOCKS_TOGETHER }
    }

    fn trade(&mut self, samples: usize) {
        let (mut heard, mut said) = ([0.0; TRADED_MAX], [0.0; TRADED_MAX]);
        let (heard, said) = (&mut heard[..samples], &mut said[..samples]);
        self.render(heard);
        if let Some(software) = &mut self.software {
            software.exchange(heard, said);
            self.chain.near(said, &mut self.capture, &mut self.frames.0);
        }
    }

    // --- commands and answers; these may allocate -----------------------------------------------------------------

    /// A call is live: open the devices.
    pub(super) fn open(&mut self, now: Time) {
        if self.open.is_some() {
            return;
        }
        // What is left of the last call is nobody's business in this one.
        self.drop_unsent();
        self.chain.tell_again();
        self.open = Some(now);
        self.meter_at = now;
        self.taps.open();
        self.open_device(now);
    }

    /// The call is over: close the devices and forget who spoke.
    pub(super) fn close(&mut self) {
        if self.open.take().is_none() {
            return;
        }
        self.speakers.clear();
        self.taps.close(&mut self.capture);
        self.chain.close();
        self.earcons.stop();
        self.close_device();
        self.tell_half(Half::Microphone, HalfState::Closed);
        self.tell_half(Half::Speaker, HalfState::Closed);
    }

    /// A member may be heard from now on.
    pub(super) fn listen(&mut self, ssrc: Ssrc) -> Result<(), CodecError> {
        let known = self.speakers.iter().any(|speaker| speaker.ssrc == ssrc);
        if !known && self.speakers.len() < MEMBERS_MAX {
            let (playout, returns) = (Playout::new()?, Box::default());
            self.speakers.push(Speaker { ssrc, playout, gain: 1.0, returns });
        }
        Ok(())
    }

    /// A member is out.
    pub(super) fn deafen(&mut self, ssrc: Ssrc) {
        self.speakers.retain(|speaker| speaker.ssrc != ssrc);
    }

    /// Another call begins: who might have been heard in the last one is nobody now.
    pub(super) fn forget_speakers(&mut self) {
        if self.open.is_none() {
            self.speakers.clear();
        }
    }

    pub(super) fn mute(&mut self, muted: bool) {
        self.capture.set_muted(muted);
        self.drop_unsent();
        if let Some(line) = &mut self.microphone {
            line.rest();
        }
        self.opener.ask(Ask::Mute(muted));
    }

    /// The machine slept, or we were stopped. What was said before is sent to nobody: all at once it would make everybody's
    /// buffer believe in a network that is late by that much, and be late for seconds. What they said before is not heard.
    pub(super) fn slept(&mut self, now: Time) {
        self.drop_unsent();
        self.speakers.iter_mut().for_each(|speaker| speaker.playout.stood_still());
        if let Some(line) = &mut self.microphone {
            line.slept(now);
        }
        if let Some(line) = &mut self.speaker {
            line.slept();
        }
    }

    /// What was said and is not sent yet is not to be: neither half a frame, nor whole ones.
    fn drop_unsent(&mut self) {
        self.capture.set_muted(self.capture.muted());
        self.chain.forget();
        while self.frames.1.pop().is_some() {}
    }

    /// Passes on what ends when the device thread has done all that it was asked before.
    pub(super) fn settle(&self, token: SyncSender<()>) {
        self.opener.ask(Ask::Settle(token));
    }

    /// Takes another device, at once if a call is open.
    pub(super) fn choose(&mut self, choice: Choice, now: Time) {
        if self.open.is_some() {
            self.close_device();
        } else if choice.names() != (None, None) {
            self.opener.ask(Ask::Look(choice.clone()));
        }
        self.choice = choice;
        self.told = [None, None];
        self.chain.moved();
        self.software = None;
        self.software_asked = false;
        if self.open.is_some() {
            self.open = Some(now);
            self.open_device(now);
        }
    }

    /// Takes another microphone or another speaker; the other half goes on. Sound that is no card's has no halves to
    /// exchange, and stays.
    pub(super) fn choose_half(&mut self, half: Half, name: &str) {
        let choice = match self.choice.with(half, name) {
            Ok(choice) => choice,
            Err(error) => return self.tell(SoundEvent::Refused(Safe::line(&error.to_string()))),
        };
        self.choice = choice.clone();
        // Who asks is answered, also with what was told before.
        self.told = [None, None];
        let asked = Some(half);
        self.opener.ask(if self.open.is_some() { Ask::Open { choice, asked } } else { Ask::Look(choice) });
    }

    /// Lets a tone sound, if anything does.
    pub(super) fn earcon(&mut self, earcon: Earcon) {
        if self.open.is_some() {
            self.earcons.play(earcon);
        }
    }

    pub(super) fn list_devices(&mut self) {
        self.opener.ask(Ask::List);
    }

    pub(super) fn set_volume(&mut self, ssrc: Ssrc, percent: u16) {
        if let Some(speaker) = self.speakers.iter_mut().find(|speaker| speaker.ssrc == ssrc) {
            speaker.gain = f32::from(percent.min(200)) / 100.0;
        }
    }

    pub(super) fn meter_every(&mut self, every: Duration, now: Time) {
        self.meter_every = every;
        self.meter_at = now + every;
    }

    /// Takes what the device thread has to say, and notices what began to sound.
    pub(super) fn answers(&mut self, now: Time) {
        while let Some(told) = self.opener.answer() {
            self.answered(told, now);
        }
        self.notice_tools();
        let Some(since) = self.open else { return };
        let opened = |name, wanted| HalfState::Open { name, opened_in: now - since, wanted };
        if let Some((name, wanted)) = self.microphone.as_mut().and_then(MicrophoneLine::began) {
            self.called(0, name.to_string());
            self.tell_half(Half::Microphone, opened(name, wanted));
        }
        if let Some((name, wanted)) = self.speaker.as_mut().and_then(SpeakerLine::began) {
            self.called(1, name.to_string());
            self.tell_half(Half::Speaker, opened(name, wanted));
        }
        self.decide();
        self.notice_recording_ended();
    }

    /// What a person wants to be done to our own voice.
    pub(super) fn process(&mut self, part: Part, wish: Wish) {
        self.chain.wish(part, wish);
    }

    /// Whether our own voice comes back from a member.
    pub(super) fn returns(&self, ssrc: Ssrc) -> bool {
        self.speakers.iter().any(|speaker| speaker.ssrc == ssrc && speaker.returns.is_echo())
    }

    /// Does to our own voice what was asked for, or what is needed where we talk; tells it when that is news.
    pub(super) fn decide(&mut self) {
        self.chain.place(self.place());
        if let Some(processing) = self.chain.decide(self.capture.bit_rate()) {
            self.tell(SoundEvent::Processing(processing));
        }
    }

    fn called(&mut self, half: usize, name: String) {
        self.names[half] = name;
        self.hint = Hint::of(&self.names[0], &self.names[1]);
    }

    /// Where we talk, as far as the devices tell.
    pub(super) fn place(&self) -> Place {
        Place { room: self.choice.is_card(), low_delay: self.encoder.low_delay, hint: self.hint }
    }
}

impl Source for Instruments {
    fn render(&mut self, out: &mut [f32]) {
        let mut voice = [0.0; TRADED_MAX];
        let voice = &mut voice[..out.len()];
        self.mixer.begin(out.len());
        for speaker in &mut self.speakers {
            speaker.playout.render(voice);
            self.chain.heard(&mut speaker.returns, voice);
            self.mixer.add(voice, speaker.gain);
        }
        out.copy_from_slice(self.mixer.finish());
        self.taps.far(out);
        // After the recording, before what the echo canceller knows of: the microphone may hear the tone.
        self.earcons.add(out);
        // What the microphone may hear is all of it, with what is said again.
        self.chain.far(out);
        self.chain.rendered(out.len());
    }

    fn coming(&mut self, out: &mut [f32]) -> usize {
        let known = self.speakers.iter_mut().map(|speaker| speaker.playout.coming().len());
        // As far as it is known of everybody who is heard; a tone goes on without being known.
        let known = known.filter(|known| *known > 0).min().unwrap_or(0).min(out.len());
        if known == 0 || self.earcons.is_sounding() {
            return 0;
        }
        self.mixer.begin(known);
        for speaker in &mut self.speakers {
            self.mixer.add(speaker.playout.coming(), speaker.gain);
        }
        out[..known].copy_from_slice(self.mixer.finish());
        known
    }
}
