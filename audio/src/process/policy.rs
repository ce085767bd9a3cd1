//! What is on, and why: what a person asked for, else what is measured. Every part costs something (9 ms, 7 ms, evenness
//! of the level), so a call in which nothing is wrong has none of them.
//!
//! | part | comes on by itself | goes off by itself |
//! |---|---|---|
//! | echo | the far voice was found in the microphone; or the speaker is called a loudspeaker | 10 s of far speech without a trace; 30 s for a loudspeaker |
//! | noise | steady noise between -56 and -35 dBFS | below -62 dBFS, or not steady |
//! | gain | the voice is below -38 dBFS | above -31 dBFS |
//!
//! Nothing comes on by itself for devices without a room (files, tones, nothing) and where low delay was asked for.

use proto::media::processing::{PartState, Processing, Why, Wish, Wishes};

use super::levels::Levels;
use super::returning::{Heard, Likeness, Spoken, Verdict};
use super::sketch::Sketcher;
use super::{NoiseLevel, ProcessorSettings};

/// Where the sound is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// There is a sound card, and so a room around it.
    pub room: bool,
    /// As little delay as possible is wanted.
    pub low_delay: bool,
    /// What the names of the devices say.
    pub hint: Hint,
}

/// What the names of a microphone and a speaker give away about an echo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hint {
    /// Nothing.
    #[default]
    None,
    /// They are on somebody's head.
    Headset,
    /// The speaker is heard by the whole room.
    Loudspeaker,
}

impl Hint {
    /// Reads the names of both halves.
    pub fn of(microphone: &str, speaker: &str) -> Self {
        let has = |name: &str, words: &[&str]| {
            let name = name.to_lowercase();
            words.iter().any(|word| name.contains(word))
        };
        const HEADSET: &[&str] =
            &["headset", "headphone", "earphone", "earbud", "airpods", "buds", "hands-free"];
        const LOUDSPEAKER: &[&str] = &["speaker", "hdmi", "displayport"];
        if has(speaker, HEADSET) || has(microphone, &["headset"]) {
            Self::Headset
        } else if has(speaker, LOUDSPEAKER) {
            Self::Loudspeaker
        } else {
            Self::None
        }
    }
}

/// What a headset lets through must be this clear before it is taken for an echo.
const HEADSET_FROM: f32 = 0.6;
/// Judgements against an echo after which a loudspeaker is one that nobody hears: 30 s of far speech.
const LOUDSPEAKER_AGAINST: u32 = 300;
/// Hops between two judgements.
const JUDGED_EVERY: u32 = 10;

/// Listens to both sides of one sound card and decides.
pub struct Policy {
    wishes: Wishes,
    place: Place,
    ears: Box<Ears>,
}

/// What was heard.
#[derive(Default)]
struct Ears {
    near: Sketcher,
    far: Sketcher,
    spoken: Spoken,
    heard: Heard,
    verdict: Verdict,
    levels: Levels,
    hops: u32,
}

impl Policy {
    /// Nothing was heard yet.
    pub fn new(wishes: Wishes) -> Self {
        Self { wishes, place: Place::default(), ears: Box::default() }
    }

    /// What is wanted.
    pub fn wishes(&mut self) -> &mut Wishes {
        &mut self.wishes
    }

    /// Other devices: what was heard in the old place says nothing of the new.
    pub fn place(&mut self, place: Place) {
        if self.place != place {
            self.place = place;
            *self.ears = Ears::default();
        }
    }

    fn listens(&self) -> bool {
        self.place.room && !self.place.low_delay
    }

    /// What the speaker will play, any number of samples.
    pub fn far(&mut self, samples: &[f32]) {
        if self.listens() {
            let Ears { far, spoken, .. } = &mut *self.ears;
            far.push(samples, |sketch| spoken.said(sketch));
        }
    }

    /// What the microphone gives, before anything is done to it, any number of samples.
    pub fn near(&mut self, samples: &[f32]) {
        if !self.listens() {
            return;
        }
        let headset = self.place.hint == Hint::Headset;
        let Ears { near, spoken, heard, verdict, levels, hops, .. } = &mut *self.ears;
        near.push(samples, |sketch| {
            levels.push(sketch.level);
            spoken.step();
            heard.compare(spoken, sketch);
            *hops += 1;
            if *hops < JUDGED_EVERY {
                return;
            }
            *hops = 0;
            levels.judge();
            if !spoken.is_quiet() {
                let likeness = heard.likeness(0);
                let clear = likeness.at_best >= HEADSET_FROM || !headset;
                verdict.judge(if clear { likeness } else { Likeness { at_best: 0.0, ..likeness } });
            }
        });
    }

    /// What is on now, and why.
    pub fn decide(&self) -> Processing {
        let by = |wish: Wish, measured: PartState| match wish {
            Wish::On => PartState { on: true, why: Why::Asked },
            Wish::Off => PartState { on: false, why: Why::Asked },
            Wish::Auto if !self.place.room => PartState { on: false, why: Why::NoRoom },
            Wish::Auto if self.place.low_delay => PartState { on: false, why: Why::LowDelay },
            Wish::Auto => measured,
        };
        let is = |on: bool, yes: Why, no: Why| PartState { on, why: if on { yes } else { no } };
        let levels = &self.ears.levels;
        Processing {
            echo: by(self.wishes.echo, self.echo()),
            noise: by(self.wishes.noise, is(levels.is_noisy(), Why::Noisy, Why::Still)),
            gain: by(self.wishes.gain, is(levels.is_quiet(), Why::VoiceQuiet, Why::VoiceFine)),
        }
    }

    fn echo(&self) -> PartState {
        let verdict = &self.ears.verdict;
        if verdict.is_echo() {
            return PartState { on: true, why: Why::EchoHeard };
        }
        if self.place.hint == Hint::Loudspeaker && verdict.against() < LOUDSPEAKER_AGAINST {
            return PartState { on: true, why: Why::Loudspeaker };
        }
        PartState { on: false, why: Why::NoEcho }
    }

    /// What that means for the processor; in which band is the encoder's matter.
    pub fn settings(&self, processing: &Processing) -> ProcessorSettings {
        let noise = if self.wishes.noise == Wish::On { NoiseLevel::High } else { NoiseLevel::Moderate };
        ProcessorSettings {
            echo: processing.echo.on,
            noise: processing.noise.on.then_some(noise),
            gain: processing.gain.on,
            ..ProcessorSettings::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rooms::{Room, mixed, noise, talker};
    use super::*;

    const ROOM: Place = Place { room: true, low_delay: false, hint: Hint::None };

    fn listen(policy: &mut Policy, near: &[f32], far: &[f32]) {
        for (near, far) in near.chunks(240).zip(far.chunks(240)) {
            policy.far(far);
            policy.near(near);
        }
    }

    fn echo(policy: &Policy) -> (bool, Why) {
        let PartState { on, why } = policy.decide().echo;
        (on, why)
    }

    #[test]
    fn an_echo_brings_the_canceller_and_its_absence_does_not() {
        let (far, voice) = (talker(21, 30.0), talker(22, 30.0));
        let hiss = noise(23, far.len(), -70.0);
        let heard = mixed(&Room::new(1, 90.0).echo(&far, 12.0, false), &hiss);
        let mut policy = Policy::new(Wishes::default());
        policy.place(ROOM);
        listen(&mut policy, &heard[..144_000], &far[..144_000]);
        assert_eq!(echo(&policy), (true, Why::EchoHeard), "within 3 s");
        // A headset is put on: 10 s of what they say do not come back.
        listen(&mut policy, &hiss[..20 * 48_000], &far[..20 * 48_000]);
        assert_eq!(echo(&policy), (false, Why::NoEcho));

        let mut policy = Policy::new(Wishes::default());
        policy.place(ROOM);
        listen(&mut policy, &mixed(&voice, &hiss), &far);
        assert_eq!(echo(&policy), (false, Why::NoEcho), "two people talking at once");
    }

    #[test]
    fn an_echo_is_found_while_somebody_here_talks_now_and_then() {
        let (far, mut voice) = (talker(24, 12.0), talker(25, 12.0));
        for second in (0..12).step_by(2) {
            voice[second * 48_000..(second + 1) * 48_000].fill(0.0);
        }
        let heard = mixed(&Room::new(2, 140.0).echo(&far, 12.0, true), &voice);
        let mut policy = Policy::new(Wishes::default());
        policy.place(ROOM);
        listen(&mut policy, &heard, &far);
        assert_eq!(echo(&policy), (true, Why::EchoHeard));
    }

    #[test]
    fn names_are_a_hint_and_not_more() {
        assert_eq!(Hint::of("USB Headset Mono", "USB Headset Analog"), Hint::Headset);
        assert_eq!(Hint::of("Built-in Microphone", "Headphones"), Hint::Headset);
        assert_eq!(Hint::of("Built-in Microphone", "Built-in Speaker"), Hint::Loudspeaker);
        assert_eq!(Hint::of("Monitor", "Built-in Audio Analog Stereo"), Hint::None);
        let far = talker(26, 40.0);
        let mut policy = Policy::new(Wishes::default());
        policy.place(Place { hint: Hint::Loudspeaker, ..ROOM });
        assert_eq!(echo(&policy), (true, Why::Loudspeaker), "before a word was said");
        listen(&mut policy, &vec![0.0; far.len()], &far);
        assert_eq!(echo(&policy), (false, Why::NoEcho), "it is turned down");
        let mut policy = Policy::new(Wishes::default());
        policy.place(Place { hint: Hint::Headset, ..ROOM });
        let loud = Room::new(3, 20.0).echo(&far, 15.0, false);
        listen(&mut policy, &loud[..192_000], &far[..192_000]);
        assert_eq!(echo(&policy), (true, Why::EchoHeard), "it lies on the table");
    }

    /// The leak of a headset, which the hiss of its microphone covers more and more.
    #[test]
    fn what_a_headset_lets_through_is_no_echo_unless_it_is_clear() {
        let far = talker(28, 8.0);
        let leak = Room::new(4, 20.0).echo(&far, 35.0, false);
        // In which second the canceller comes, if it does.
        let comes = |hint: Hint, hiss: f32| {
            let heard = mixed(&leak, &noise(29, far.len(), hiss));
            let mut policy = Policy::new(Wishes::default());
            policy.place(Place { hint, ..ROOM });
            heard.chunks(48_000).zip(far.chunks(48_000)).position(|(near, far)| {
                listen(&mut policy, near, far);
                policy.settings(&policy.decide()).echo
            })
        };
        let (mut clear, mut weak, mut covered) = (0, 0, 0);
        for hiss in [-85.0, -79.0, -76.0, -73.0, -70.0, -67.0, -64.0, -61.0, -58.0, -52.0] {
            let (at_large, headset) = (comes(Hint::None, hiss), comes(Hint::Headset, hiss));
            println!("hiss of {hiss} dBFS: {at_large:?}, of a headset {headset:?}");
            match (at_large, headset) {
                (Some(_), Some(_)) => clear += 1,
                (Some(_), None) => weak += 1,
                (None, None) => covered += 1,
                (None, Some(_)) => panic!("a headset is believed less, not more"),
            }
        }
        assert!(weak >= 1, "{clear} clear, {weak} weak, {covered} covered");
        assert!(clear >= 1 && covered >= 1, "{clear} clear, {weak} weak, {covered} covered");
    }

    #[test]
    fn what_is_asked_for_counts_everywhere_and_nothing_else_without_a_room() {
        for place in [Place::default(), ROOM, Place { low_delay: true, ..ROOM }] {
            for (wish, on) in [(Wish::On, true), (Wish::Off, false)] {
                let mut policy = Policy::new(Wishes { echo: wish, noise: wish, gain: wish });
                policy.place(place);
                let decided = policy.decide();
                let asked = PartState { on, why: Why::Asked };
                assert_eq!((decided.echo, decided.noise, decided.gain), (asked, asked, asked));
                let noise = on.then_some(NoiseLevel::High);
                assert_eq!(
                    policy.settings(&decided),
                    ProcessorSettings { echo: on, noise, gain: on, ..Default::default() }
                );
            }
        }
        let far = talker(27, 6.0);
        for (place, why) in
            [(Place::default(), Why::NoRoom), (Place { low_delay: true, ..ROOM }, Why::LowDelay)]
        {
            let mut policy = Policy::new(Wishes::default());
            policy.place(place);
            listen(&mut policy, &far, &far);
            assert!(policy.settings(&policy.decide()).is_off());
            assert_eq!(echo(&policy), (false, why));
        }
    }
}
