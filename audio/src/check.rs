//! Looks at the sound as a call would use it, without a call: which devices there are, whether they open, what their
//! callbacks are like, how loud the microphone is, and how long a sound takes from the speaker to the microphone.
//! For `tincan doctor` and `tincan echo`; it waits, and belongs on a thread that may.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};
use proto::media::DeviceList;
use proto::{Safe, Time};

use crate::clock::Clock;
use crate::codec::{Decode as _, Decoder, Encoder, EncoderSettings};
use crate::device::callback::Pulse;
use crate::device::opener::{Ask, Line, Opener, Told};
use crate::device::pace::{BLOCK, Pace};
use crate::device::{Choice, DeviceError, Half, Software};
use crate::frame::{FRAME_SAMPLES_MAX, OpusFrame, SAMPLE_RATE};
use crate::level::to_db;
use crate::resample::Resampler;
use crate::ring::{PcmRx, PcmTx};

/// How long devices may take to answer.
const OPEN_TIME_MAX: Duration = Duration::from_secs(8);
/// How long devices run before anything is measured.
const WARM_UP: Duration = Duration::from_millis(1_500);
/// Longest sound that is played or heard at once, seconds.
pub const SECONDS_MAX: usize = 30;
/// From playing to hearing, at most: farther than any room, and any sound system that can be spoken over.
pub const ROUND_TRIP_MAX: Duration = Duration::from_millis(800);
/// A sound that comes back is at least so like itself; what is left of one after a room, small speakers and noise.
const LIKENESS_MIN: f32 = 0.25;
/// What counts as like as the most alike.
const NEARLY: f32 = 0.97;
/// A sample that is as large as samples get.
const CLIPPED: f32 = 0.999;

/// One half that was opened.
pub struct Checked<Ring> {
    line: Option<Line<Ring>>,
    name: Safe,
    wanted: Option<Safe>,
}

/// A microphone and a speaker, open.
pub struct Check {
    poll: Poll,
    clock: Clock,
    opener: Opener,
    software: Option<Box<Software>>,
    microphone: Result<Checked<PcmRx>, DeviceError>,
    speaker: Result<Checked<PcmTx>, DeviceError>,
}

/// What one half did while sound was exchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Habits {
    /// Samples per second.
    pub rate: u32,
    /// Callbacks per second.
    pub callbacks: f32,
    /// Samples of the largest callback; none of a device without hardware.
    pub largest: u32,
    /// Samples lost or missing.
    pub lost: u64,
}

/// What came of an exchange.
#[derive(Clone, Debug, Default)]
pub struct Exchanged {
    /// What the microphone heard, 48 kHz, from the moment on when the first sample was given to the speaker.
    pub heard: Vec<f32>,
    /// The microphone.
    pub microphone: Habits,
    /// The speaker.
    pub speaker: Habits,
}

/// How loud a sound is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loudness {
    /// Largest sample, dBFS.
    pub peak: f32,
    /// Root mean square, dBFS.
    pub mean: f32,
    /// Share of samples as large as samples get.
    pub clipped: f32,
    /// Not one sample differs from zero.
    pub dead: bool,
}

impl Loudness {
    /// Of these samples.
    pub fn of(samples: &[f32]) -> Self {
        let count = samples.len().max(1) as f32;
        let peak = samples.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        let square = samples.iter().map(|sample| sample * sample).sum::<f32>() / count;
        let clipped = samples.iter().filter(|sample| sample.abs() >= CLIPPED).count() as f32 / count;
        let dead = samples.iter().all(|sample| *sample == 0.0);
        Self { peak: to_db(peak), mean: to_db(square.sqrt()), clipped, dead }
    }
}

/// Takes each piece that is heard, and may end the exchange there.
pub type Listener<'a> = dyn FnMut(&[f32]) -> ControlFlow<()> + 'a;

/// Whoever needs no piece by itself.
pub fn to_the_end(_piece: &[f32]) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

impl Check {
    /// Opens both halves, and waits until both answered.
    pub fn open(choice: Choice) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), Token(0))?);
        let opener = Opener::start(waker)?;
        let missing = |half| DeviceError::Other(half, "it did not answer in time".into());
        opener.ask(Ask::Open { choice: choice.clone(), asked: None });
        let mut check = Self {
            poll,
            clock: Clock::start(),
            opener,
            software: None,
            microphone: Err(missing(Half::Microphone)),
            speaker: Err(missing(Half::Speaker)),
        };
        let end = check.clock.mono() + OPEN_TIME_MAX;
        let (mut microphone, mut speaker) = (false, false);
        while !(microphone && speaker) && check.clock.mono() < end {
            match check.opener.answer() {
                None => check.nap(end),
                Some(Told::Devices(_) | Told::Kept(..) | Told::Looked(..)) => {}
                Some(Told::Software { device, microphone: bad_microphone, speaker: bad_speaker }) => {
                    let name = Safe::line(&choice.to_string());
                    let half = |bad: Option<DeviceError>| bad.map_or(Ok(name.clone()), Err);
                    check.microphone = half(bad_microphone).map(software);
                    check.speaker = half(bad_speaker).map(software);
                    check.software = Some(device);
                    (microphone, speaker) = (true, true);
                }
                Some(Told::Microphone(told)) => {
                    check.microphone = told.map(checked);
                    microphone = true;
                }
                Some(Told::Speaker(told)) => {
                    check.speaker = told.map(checked);
                    speaker = true;
                }
            }
        }
        if check.software.is_none() {
            // Sound systems begin with what they had kept, all at once, and settle on their block sizes then.
            let warm_up = SAMPLE_RATE as usize * WARM_UP.as_millis() as usize / 1_000;
            check.by_card(&[], warm_up, WARM_UP, &mut to_the_end);
        }
        Ok(check)
    }

    /// Whether what was opened has no hardware, and so no callbacks.
    pub fn is_software(&self) -> bool {
        self.software.is_some()
    }

    /// The microphone's name, or why there is none.
    pub fn microphone(&self) -> Result<&Safe, &DeviceError> {
        self.microphone.as_ref().map(|half| &half.name)
    }

    /// The microphone and the speaker that were wanted and are not there, so that others were taken.
    pub fn absent(&self) -> (Option<&Safe>, Option<&Safe>) {
        let (microphone, speaker) = (self.microphone.as_ref().ok(), self.speaker.as_ref().ok());
        (microphone.and_then(|half| half.wanted.as_ref()), speaker.and_then(|half| half.wanted.as_ref()))
    }

    /// The speaker's name, or why there is none.
    pub fn speaker(&self) -> Result<&Safe, &DeviceError> {
        self.speaker.as_ref().map(|half| &half.name)
    }

    /// Plays `sound`, and silence after it, and listens at the same time for so many samples; both at 48 kHz, at most
    /// [`SECONDS_MAX`]. `heard` is called with each piece that was heard, and may end it there.
    pub fn exchange(&mut self, sound: &[f32], samples: usize, heard: &mut Listener<'_>) -> Exchanged {
        let samples = samples.min(SECONDS_MAX * SAMPLE_RATE as usize);
        match self.software.take() {
            None => self.by_card(sound, samples, Duration::ZERO, heard),
            Some(mut software) => {
                let exchanged = self.by_software(&mut software, sound, samples, heard);
                self.software = Some(software);
                exchanged
            }
        }
    }

    fn by_software(
        &mut self,
        software: &mut Software,
        sound: &[f32],
        samples: usize,
        heard: &mut Listener<'_>,
    ) -> Exchanged {
        let mut exchanged = Exchanged::default();
        let mut pace = Pace::new(self.clock.mono());
        let mut sound = sound.iter().copied();
        while exchanged.heard.len() < samples {
            let due = pace.deadline();
            if !pace.take(self.clock.mono()) {
                self.nap(due);
                continue;
            }
            let (played, mut said) =
                (std::array::from_fn::<f32, BLOCK, _>(|_| sound.next().unwrap_or(0.0)), [0.0; BLOCK]);
            software.exchange(&played, &mut said);
            let goes_on = heard(&said);
            exchanged.heard.extend_from_slice(&said);
            if goes_on.is_break() {
                break;
            }
        }
        (exchanged.microphone.rate, exchanged.speaker.rate) = (SAMPLE_RATE, SAMPLE_RATE);
        exchanged
    }

    /// Takes at least so long, also when all samples came at once.
    fn by_card(
        &mut self,
        sound: &[f32],
        samples: usize,
        at_least: Duration,
        heard: &mut Listener<'_>,
    ) -> Exchanged {
        self.rebuilt();
        let seconds = samples as f32 / SAMPLE_RATE as f32;
        let started = self.clock.mono();
        // A microphone that gives nothing must not be waited for for ever.
        let end = started + Duration::from_secs_f32(seconds + 1.0);
        let mut exchanged = Exchanged::default();
        let mut microphone = line(&mut self.microphone).map(Ear::new);
        let mut speaker = line(&mut self.speaker).map(|line| Mouth::new(line, sound));
        let mut pace = Pace::new(started);
        loop {
            let now = self.clock.mono();
            if exchanged.heard.len() >= samples && now - started >= at_least {
                break;
            }
            if let Some(mouth) = &mut speaker {
                mouth.speak();
            }
            let before = exchanged.heard.len();
            match &mut microphone {
                Some(ear) => ear.listen(&mut exchanged.heard),
                None if pace.take(now) => exchanged.heard.extend([0.0; BLOCK]),
                None => {}
            }
            if heard(&exchanged.heard[before..]).is_break() || now >= end {
                break;
            }
            nap(&mut self.poll, &self.clock, now + Duration::from_millis(3));
        }
        let lasted = (self.clock.mono() - started).as_secs_f32();
        exchanged.heard.truncate(samples);
        exchanged.microphone = microphone.map(|ear| ear.habits.close(ear.lost(), lasted)).unwrap_or_default();
        exchanged.speaker = speaker.map(|mouth| mouth.habits.close(mouth.lost(), lasted)).unwrap_or_default();
        exchanged
    }

    /// Takes the streams that were built anew since they were opened: the old ones are silent.
    fn rebuilt(&mut self) {
        while let Some(told) = self.opener.answer() {
            match told {
                Told::Microphone(told) => self.microphone = told.map(checked),
                Told::Speaker(told) => self.speaker = told.map(checked),
                Told::Software { .. } | Told::Devices(_) | Told::Kept(..) | Told::Looked(..) => {}
            }
        }
    }

    fn nap(&mut self, until: Time) {
        nap(&mut self.poll, &self.clock, until);
    }
}

fn nap(poll: &mut Poll, clock: &Clock, until: Time) {
    let mut events = Events::with_capacity(4);
    // Interrupted by a signal is as good as woken.
    let _ = poll.poll(&mut events, Some(until - clock.mono()));
}

fn checked<Ring>(line: Line<Ring>) -> Checked<Ring> {
    Checked { name: line.name.clone(), wanted: line.wanted.clone(), line: Some(line) }
}

fn software<Ring>(name: Safe) -> Checked<Ring> {
    Checked { name, wanted: None, line: None }
}

fn line<Ring>(half: &mut Result<Checked<Ring>, DeviceError>) -> Option<&mut Line<Ring>> {
    half.as_mut().ok()?.line.as_mut()
}

/// Counts from the start of an exchange.
struct Counting {
    rate: u32,
    pulse: Arc<Pulse>,
    calls: u64,
    largest: u32,
}

impl Counting {
    fn new(rate: u32, pulse: Arc<Pulse>) -> Self {
        let calls = pulse.calls();
        Self { rate, pulse, calls, largest: 0 }
    }

    fn close(&self, lost: u64, seconds: f32) -> Habits {
        let callbacks = (self.pulse.calls() - self.calls) as f32 / seconds.max(0.001);
        Habits { rate: self.rate, callbacks, largest: self.largest, lost }
    }
}

struct Ear<'a> {
    line: &'a mut Line<PcmRx>,
    resampler: Option<Resampler>,
    habits: Counting,
    dropped: u64,
}

impl<'a> Ear<'a> {
    fn new(line: &'a mut Line<PcmRx>) -> Self {
        line.ring.skip(line.ring.len());
        line.ring.counters().take_largest();
        let resampler = (line.rate != SAMPLE_RATE).then(|| Resampler::new(line.rate, SAMPLE_RATE));
        let habits = Counting::new(line.rate, line.pulse.clone());
        let dropped = line.ring.counters().dropped();
        Self { line, resampler, habits, dropped }
    }

    fn listen(&mut self, heard: &mut Vec<f32>) {
        let mut block = [0.0; BLOCK];
        self.habits.largest = self.habits.largest.max(self.line.ring.counters().take_largest());
        loop {
            let count = self.line.ring.pop(&mut block);
            if count == 0 {
                return;
            }
            match &mut self.resampler {
                None => heard.extend_from_slice(&block[..count]),
                Some(resampler) => {
                    block[..count].iter().for_each(|s| resampler.push(*s, &mut |m| heard.push(m)))
                }
            }
        }
    }

    fn lost(&self) -> u64 {
        self.line.ring.counters().dropped() - self.dropped
    }
}

struct Mouth<'a> {
    line: &'a mut Line<PcmTx>,
    sound: std::vec::IntoIter<f32>,
    habits: Counting,
    starved: u64,
}

impl<'a> Mouth<'a> {
    fn new(line: &'a mut Line<PcmTx>, sound: &[f32]) -> Self {
        let sound = crate::resample::convert(sound, SAMPLE_RATE, line.rate).into_iter();
        let habits = Counting::new(line.rate, line.pulse.clone());
        let starved = line.ring.counters().starved();
        Self { line, sound, habits, starved }
    }

    /// Gives what a device waits for; one that does not wait finds as much ready as its largest callback, and 10 ms.
    fn speak(&mut self) {
        let ring = &mut self.line.ring;
        self.habits.largest = self.habits.largest.max(ring.counters().take_largest());
        let demanded = ring.counters().take_demand() as usize;
        let wanted = self.habits.largest as usize + self.line.rate as usize / 100;
        let ready = if ring.counters().is_pulled() { demanded } else { wanted.saturating_sub(ring.len()) };
        let missing = ready.min(ring.room());
        ring.push_with(missing, || self.sound.next().unwrap_or(0.0));
        if demanded > 0 {
            ring.counters().serve();
        }
    }

    fn lost(&self) -> u64 {
        self.line.ring.counters().starved() - self.starved
    }
}

/// The devices there are, or none when no sound system answers.
pub fn devices() -> io::Result<DeviceList> {
    let mut poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), Token(0))?);
    let opener = Opener::start(waker)?;
    let clock = Clock::start();
    let end = clock.mono() + OPEN_TIME_MAX;
    opener.ask(Ask::List);
    while clock.mono() < end {
        match opener.answer() {
            Some(Told::Devices(names)) => return Ok(names),
            Some(
                Told::Software { .. }
                | Told::Microphone(_)
                | Told::Speaker(_)
                | Told::Kept(..)
                | Told::Looked(..),
            ) => {}
            None => nap(&mut poll, &clock, end),
        }
    }
    Ok(DeviceList::default())
}

/// A sound that is told from any other, and each part of it from the others: three different sweeps, 1.5 s in all.
pub fn chirps() -> Vec<f32> {
    let length = SAMPLE_RATE as usize / 4;
    let mut sound = Vec::with_capacity(6 * length);
    for (from, to) in [(500.0, 2_000.0), (2_200.0, 700.0), (1_000.0, 3_000.0)] {
        let mut turn = 0.0;
        sound.extend((0..length).map(|n| {
            let at = n as f32 / length as f32;
            turn = (turn + (from + (to - from) * at) / SAMPLE_RATE as f32).fract();
            let window = 0.5 - 0.5 * (std::f32::consts::TAU * at).cos();
            0.4 * window * (std::f32::consts::TAU * turn).sin()
        }));
        sound.extend(std::iter::repeat_n(0.0, length));
    }
    sound
}

/// How long `played` took until it was `heard`, when both began at once; none when it did not come back.
pub fn round_trip(played: &[f32], heard: &[f32]) -> Option<Duration> {
    // The loudest half second of it stands for all; a piece from there is looked for.
    let length = SAMPLE_RATE as usize / 2;
    let energy = |piece: &[f32]| piece.iter().map(|sample| sample * sample).sum::<f32>();
    let starts = (0..played.len().checked_sub(length)?).step_by(SAMPLE_RATE as usize / 20);
    let start = starts
        .max_by(|a, b| energy(&played[*a..*a + length]).total_cmp(&energy(&played[*b..*b + length])))?;
    let piece = &played[start..start + length];
    let own = energy(piece);
    if own < 1e-4 {
        return None;
    }
    let latest = (ROUND_TRIP_MAX.as_millis() as usize) * SAMPLE_RATE as usize / 1_000;
    let likeness = |delay: usize| {
        let there = heard.get(start + delay..start + delay + length)?;
        let product: f32 = piece.iter().zip(there).map(|(a, b)| a * b).sum();
        Some(product.abs() / (own * energy(there)).sqrt().max(1e-6))
    };
    let likenesses: Vec<f32> = (0..latest).map_while(likeness).collect();
    let most = likenesses.iter().copied().max_by(f32::total_cmp)?;
    // A sound that repeats itself is like itself again and again: the first time is meant, at its own peak.
    let near = likenesses.iter().position(|likeness| *likeness >= NEARLY * most)?;
    let rising = likenesses[near..].windows(2).take_while(|pair| pair[1] > pair[0]).count();
    let micros = (near + rising) as u64 * 1_000_000 / u64::from(SAMPLE_RATE);
    (most >= LIKENESS_MIN).then(|| Duration::from_micros(micros))
}

/// Share of one core that encoding and decoding take, measured over `seconds` of sound as fast as it goes.
pub fn codec_cost(seconds: usize) -> Option<(f32, f32)> {
    let clock = Clock::start();
    let settings = EncoderSettings::default();
    let (mut encoder, mut decoder) = (Encoder::new(settings).ok()?, Decoder::new().ok()?);
    let samples = settings.frame.samples();
    let frames = seconds * SAMPLE_RATE as usize / samples;
    let mut packets = vec![OpusFrame::EMPTY; frames];
    let sound: Vec<f32> = (0..samples).map(|n| (n as f32 * 0.05).sin() * 0.3).collect();
    let started = clock.mono();
    for packet in &mut packets {
        encoder.encode(&sound, packet).ok()?;
    }
    let encoded = clock.mono();
    let mut out = [0.0; FRAME_SAMPLES_MAX];
    for packet in &packets {
        decoder.decode(packet.bytes(), &mut out).ok()?;
    }
    let decoded = clock.mono();
    let share = |time: Duration| time.as_secs_f32() / seconds.max(1) as f32;
    Some((share(encoded - started), share(decoded - encoded)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::loopback::DELAY;

    #[test]
    fn a_cable_is_measured_to_the_sample() {
        let mut check = Check::open(Choice::Loopback).unwrap();
        assert_eq!(check.microphone().unwrap().as_str(), "loopback");
        let (sound, mut pieces) = (chirps(), 0);
        let exchanged = check.exchange(&sound, sound.len() + 24_000, &mut |_| {
            pieces += 1;
            ControlFlow::Continue(())
        });
        assert!(pieces > 100);
        let delay = round_trip(&sound, &exchanged.heard).unwrap();
        assert_eq!(delay, Duration::from_micros(DELAY as u64 * 1_000_000 / 48_000));
        let silent = Check::open(Choice::Null).unwrap().exchange(&sound, 48_000, &mut to_the_end);
        assert_eq!(round_trip(&sound, &silent.heard), None);
        assert!(Loudness::of(&silent.heard).dead);
    }

    #[test]
    fn a_sound_is_found_behind_a_room_and_noise_and_noise_is_not() {
        let sound = chirps();
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        let mut heard: Vec<f32> = (0..sound.len() + 48_000).map(|_| 0.01 * noise()).collect();
        assert_eq!(round_trip(&sound, &heard), None);
        for (n, sample) in sound.iter().enumerate() {
            heard[n + 4_321] += 0.05 * sample;
            heard[n + 4_321 + 700] += 0.02 * sample;
        }
        assert_eq!(round_trip(&sound, &heard), Some(Duration::from_micros(4_321 * 1_000_000 / 48_000)));
        assert_eq!(round_trip(&[0.0; 48_000], &heard), None);
        assert_eq!(round_trip(&[], &[]), None);
    }

    #[test]
    fn loudness_tells_dead_quiet_and_clipped_apart() {
        assert!(Loudness::of(&[]).dead && Loudness::of(&[0.0; 9]).dead);
        let loud: Vec<f32> = (0..48_000).map(|n| (n as f32 * 0.05).sin().clamp(-0.5, 0.5) * 2.0).collect();
        let loud = Loudness::of(&loud);
        assert!(loud.clipped > 0.3 && loud.peak > -0.1, "{loud:?}");
        let quiet = Loudness::of(&[0.001, -0.001]);
        assert!((quiet.peak + 60.0).abs() < 0.1 && (quiet.mean + 60.0).abs() < 0.1 && quiet.clipped == 0.0);
    }

    #[test]
    fn a_file_that_is_not_there_is_a_microphone_that_is_not() {
        let check = Check::open(Choice::parse("wav:no-such.wav,").unwrap()).unwrap();
        assert!(check.microphone().unwrap_err().to_string().contains("no-such.wav"));
        assert!(check.speaker().is_ok());
    }

    #[test]
    fn the_codec_costs_something_and_less_than_the_core() {
        let (encode, decode) = codec_cost(1).unwrap();
        assert!(encode > 0.0 && decode > 0.0);
    }
}
