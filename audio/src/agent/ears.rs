//! What became of each speaker's frames over the last seconds, and how it is with our own devices: once a second told
//! to the media machine, which tells the others.

use std::time::Duration;

use proto::Time;
use proto::id::Ssrc;
use proto::limits::MEMBERS_MAX;
use proto::media::appraise::Ourselves;
use proto::media::blame::Fault;
use proto::media::{Condition, HalfState, MediaInput, SoundEvent};

use crate::frame::SAMPLE_RATE;
use crate::level::Extremes;
use crate::playout::{PlayoutCounters, PlayoutStats};

/// Seconds that the share of invented frames looks back over.
const SECONDS: usize = 10;
/// Samples lost within a second that are trouble: a fiftieth of it is heard by everybody.
const TROUBLE_SAMPLES: u64 = SAMPLE_RATE as u64 / 50;
/// So long a microphone may give nothing at all before it is a fault: some take their time to wake up.
const SILENT_SECONDS: u32 = 4;
/// For how long trouble is told after it was last there: a crackle now and then is a trouble that stays.
const TROUBLE_STAYS: Duration = Duration::from_secs(5);

/// One speaker's frames.
#[derive(Clone, Copy, Debug)]
struct Ear {
    ssrc: Ssrc,
    /// (invented, all) at the end of each of the last seconds.
    seconds: [(u64, u64); SECONDS],
    second: usize,
}

impl Ear {
    fn frames(counters: &PlayoutCounters) -> (u64, u64) {
        let invented = counters.concealed;
        (invented, invented + counters.recovered + counters.copied + counters.received)
    }

    /// Closes a second; the share of invented frames over the last ones.
    fn count(&mut self, counters: &PlayoutCounters) -> f32 {
        let (invented, all) = Self::frames(counters);
        let (invented_then, all_then) = self.seconds[self.second];
        self.seconds[self.second] = (invented, all);
        self.second = (self.second + 1) % SECONDS;
        let (invented, all) = (invented.saturating_sub(invented_then), all.saturating_sub(all_then));
        if all == 0 { 0.0 } else { invented as f32 / all as f32 }
    }
}

/// Everybody's.
pub(super) struct Ears(Vec<Ear>);

impl Ears {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(MEMBERS_MAX))
    }

    /// Closes a second of one speaker, and what is to be told of it.
    pub(super) fn tell(&mut self, ssrc: Ssrc, playout: &PlayoutStats, echo: bool) -> MediaInput<'static> {
        let at = self.0.iter().position(|ear| ear.ssrc == ssrc).unwrap_or_else(|| {
            self.0.push(Ear { ssrc, seconds: [(0, 0); SECONDS], second: 0 });
            self.0.len() - 1
        });
        let concealed = self.0[at].count(&playout.counters);
        MediaInput::Ears { ssrc, concealed, depth: playout.delay(), echo }
    }

    /// Forgets who is not heard any more.
    pub(super) fn keep(&mut self, heard: impl Fn(Ssrc) -> bool) {
        self.0.retain(|ear| heard(ear.ssrc));
    }
}

/// Whether one half of the sound does what it should.
#[derive(Debug, Default)]
struct Half {
    failed: bool,
    lost: u64,
    troubled_at: Option<Time>,
}

impl Half {
    /// Closes a second: so many samples were lost since the call began.
    fn trouble(&mut self, lost: u64, now: Time) -> bool {
        // Another device counts from zero.
        if lost.saturating_sub(self.lost) >= TROUBLE_SAMPLES {
            self.troubled_at = Some(now);
        }
        self.lost = lost;
        self.failed || self.troubled_at.is_some_and(|at| now - at < TROUBLE_STAYS)
    }
}

/// How it is with our own devices.
#[derive(Debug, Default)]
pub(super) struct Devices {
    microphone: Half,
    speaker: Half,
    /// Seconds in a row that our microphone gave nothing at all.
    silent: u32,
    clipped_at: Option<Time>,
    /// As told last.
    condition: Condition,
}

impl Devices {
    /// Something is told to the screen: that a half failed, or works again.
    pub(super) fn notice(&mut self, event: &SoundEvent) {
        let (half, state) = match event {
            SoundEvent::Microphone(state) => (&mut self.microphone, state),
            SoundEvent::Speaker(state) => (&mut self.speaker, state),
            SoundEvent::Devices(_)
            | SoundEvent::Levels(_)
            | SoundEvent::Statistics(_)
            | SoundEvent::Member(_)
            | SoundEvent::Processing(_)
            | SoundEvent::Tool(_)
            | SoundEvent::Refused(_) => return,
        };
        half.failed = matches!(state, HalfState::Failed { .. });
    }

    /// Closes a second in which so many samples had been lost by the microphone and by the speaker.
    pub(super) fn count(&mut self, microphone: u64, speaker: u64, now: Time) {
        self.condition.microphone_trouble = self.microphone.trouble(microphone, now);
        self.condition.speaker_trouble = self.speaker.trouble(speaker, now);
    }

    /// Closes a second of the microphone's samples; none where no card is open, which may be as silent as it likes.
    pub(super) fn hear(&mut self, extremes: Option<Extremes>, now: Time) {
        let silent = extremes.is_some_and(|extremes| extremes.is_silent()) && !self.condition.muted;
        self.silent = if silent { self.silent.saturating_add(1) } else { 0 };
        if extremes.is_some_and(|extremes| extremes.is_clipped()) {
            self.clipped_at = Some(now);
        }
        self.clipped_at.take_if(|at| now - *at >= TROUBLE_STAYS);
    }

    /// What is wrong with our microphone.
    fn fault(&self) -> Option<Fault> {
        match self.condition {
            Condition { muted: true, .. } => None,
            Condition { microphone_trouble: true, .. } => Some(Fault::Fails),
            Condition { .. } if self.silent >= SILENT_SECONDS => Some(Fault::Silent),
            Condition { .. } => self.clipped_at.map(|_| Fault::Clips),
        }
    }

    /// Our voice is stopped at its source, or not.
    pub(super) fn mute(&mut self, muted: bool) {
        self.condition.muted = muted;
    }

    /// What only our devices know, for the appraisal of the call.
    pub(super) fn ourselves(&self, delays: (Duration, Duration, Duration)) -> Ourselves {
        let (capture, look_ahead, speaker) = delays;
        let Condition { muted, speaker_trouble, .. } = self.condition;
        Ourselves { muted, microphone: self.fault(), speaker_trouble, capture, look_ahead, speaker }
    }

    /// The program is about to stand still, or goes on.
    pub(super) fn hold(&mut self, on_hold: bool) {
        self.condition.on_hold = on_hold;
    }

    /// The call is over: the next one begins with nothing to tell, neither of a recording nor of silence.
    pub(super) fn closed(&mut self) {
        (self.silent, self.condition.recording) = (0, false);
    }

    /// What is said in the call is kept here, or not.
    pub(super) fn record(&mut self, recording: bool) {
        self.condition.recording = recording;
    }

    /// What is to be told; the same again is no news.
    pub(super) fn condition(&self) -> MediaInput<'static> {
        MediaInput::Condition(self.condition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::Safe;

    fn counters(received: u64, recovered: u64, concealed: u64) -> PlayoutStats {
        let counters = PlayoutCounters { received, recovered, concealed, ..PlayoutCounters::default() };
        PlayoutStats { counters, delay: 960, ..PlayoutStats::default() }
    }

    fn told(ears: &mut Ears, stats: &PlayoutStats) -> (f32, Duration) {
        let MediaInput::Ears { concealed, depth, echo: false, ssrc: Ssrc(1) } =
            ears.tell(Ssrc(1), stats, false)
        else {
            panic!("not what the ears say")
        };
        (concealed, depth)
    }

    #[test]
    fn the_share_invented_is_of_the_last_ten_seconds() {
        let mut ears = Ears::new();
        assert_eq!(told(&mut ears, &counters(0, 0, 0)), (0.0, Duration::from_millis(20)));
        for second in 1..=10 {
            told(&mut ears, &counters(30 * second, 10 * second, 10 * second));
        }
        assert_eq!(told(&mut ears, &counters(330, 110, 110)).0, 0.2);
        let later = (1..=10).map(|second| told(&mut ears, &counters(330 + 50 * second, 110, 110)).0);
        assert_eq!(later.last(), Some(0.0), "all of the last ten came");
        ears.keep(|_| false);
        assert_eq!(told(&mut ears, &counters(75, 0, 25)).0, 0.25, "known again from the beginning");
    }

    #[test]
    fn trouble_is_what_would_be_heard_and_stays_a_while() {
        let mut devices = Devices::default();
        let mut said = |microphone, speaker, second| {
            devices.count(microphone, speaker, Time::secs(second));
            let MediaInput::Condition(condition) = devices.condition() else { panic!() };
            (condition.microphone_trouble, condition.speaker_trouble)
        };
        assert_eq!(said(100, 0, 1), (false, false), "a click");
        assert_eq!(said(100, 960, 2), (false, true));
        assert_eq!(said(1_060, 960, 3), (true, true));
        assert_eq!(said(1_060, 960, 7), (true, false));
        assert_eq!(said(0, 0, 9), (false, false), "another device counts from zero");
    }

    #[test]
    fn a_microphone_that_gives_nothing_or_too_much_is_at_fault_unless_it_is_muted() {
        let silent = Some(Extremes { all: 48_000, zero: 48_000, full: 0 });
        let speech = Some(Extremes { all: 48_000, zero: 90, full: 0 });
        let loud = Some(Extremes { all: 48_000, zero: 90, full: 400 });
        let mut devices = Devices::default();
        let mut said = |extremes, second| {
            devices.hear(extremes, Time::secs(second));
            devices.ourselves(Default::default()).microphone
        };
        assert_eq!([1, 2, 3].map(|second| said(silent, second)), [None; 3]);
        assert_eq!(said(silent, 4), Some(Fault::Silent));
        assert_eq!((said(speech, 5), said(loud, 6)), (None, Some(Fault::Clips)));
        assert_eq!((said(speech, 10), said(speech, 11)), (Some(Fault::Clips), None));
        assert_eq!((12..20).map(|second| said(None, second)).last(), Some(None), "no hardware");
        let nothing_came = Some(Extremes::default());
        assert_eq!((20..24).map(|second| said(nothing_came, second)).last(), Some(Some(Fault::Silent)));
        devices.mute(true);
        (24..34).for_each(|second| devices.hear(silent, Time::secs(second)));
        assert_eq!(devices.ourselves(Default::default()).microphone, None);
    }

    #[test]
    fn a_half_that_failed_is_trouble_until_it_works() {
        let mut devices = Devices::default();
        let failed = HalfState::Failed { why: Safe::line("gone") };
        devices.notice(&SoundEvent::Speaker(failed));
        devices.mute(true);
        devices.count(0, 0, Time::secs(1));
        let told = Condition { muted: true, speaker_trouble: true, ..Condition::default() };
        assert!(matches!(devices.condition(), MediaInput::Condition(condition) if condition == told));
        devices.notice(&SoundEvent::Speaker(HalfState::Closed));
        devices.count(0, 0, Time::secs(2));
        let told = Condition { muted: true, ..Condition::default() };
        assert!(matches!(devices.condition(), MediaInput::Condition(condition) if condition == told));
    }
}
