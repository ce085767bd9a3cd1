//! What the canceller lets through when it is mistaken. It trusts its filter after 400 ms of the far end's speech, and a
//! filter knows only what it has heard: with the next vowel, the next pitch, the end of a room longer than itself, it
//! predicts next to nothing, calls the echo somebody's speech here, and opens. Of 120 computed rooms 36 fell short of what
//! is promised; most of those that were looked into did in this way, with the delay known and right.
//!
//! So a second, blunter model stands behind it, which needs no phase and therefore no convergence: how loud the echo can
//! be in each band, from what was played, the lag and one factor per band. It is known after a few syllables and holds for
//! sounds not heard yet. A microphone that this explains holds nobody's speech and is brought down to the room's noise;
//! as soon as one does exceed it, nothing is touched. Nothing is touched either as long as the microphone does not follow
//! the far end: with a headset, or while the two talk at once.
//!
//! Until the lag is known this says nothing, and the first syllable of a call came through: its echo is heard when the far
//! end is silent again, or the canceller already opens. In the first second of the far end's speech a microphone is
//! therefore held down as well by what an echo can be at most, whatever its lag; who is louder than that is heard.

use super::ceiling::Ceiling;
use super::lag::Lag;
use super::pair::{BANDS, Bands, Pair};
use super::product::product;
use super::rate::LOW_BLOCK;

/// Below this a band of the far end counts as silent: -80 dBFS.
pub(super) const FAR_LEAST: f32 = 1e-8;
/// Blocks kept of the far end: beyond the longest lag.
const KEPT: usize = 36;
/// How much of an echo is left after one block: a room of 480 ms reverberation time. It may be shorter.
const DECAY: f32 = 0.75;
/// An echo may exceed what is expected by so much: its parts add up by chance, 8 dB.
const MARGIN: f32 = 6.31;
/// And in a single band that is not well known by 2 dB more.
const RESONANCE: f32 = 1.6;
/// Share of an echo that a speaker adds to it, by the power in all bands of what it plays, -9 dB at -8 dBFS, and the most: -7 dB.
const BENT: f32 = 1.0;
const BENT_MOST: f32 = 0.2;
/// A band exceeds its noise by chance by less than this, in power: the microphone's, whose floor is the quietest seen, and
/// the far end's.
const NEAR_NOISE: f32 = 6.0;
const FAR_NOISE: f32 = 10.0;
/// Blocks for which a mute leaves the floors what they are: its own, and those into which filters carry it. One that lasts for
/// half a second is what the microphone always gives in silence.
const HOLDS: u32 = 4;
const MUTED: u32 = 50;
/// How a floor follows: at once down, and up by 2.2 dB per second.
const FLOOR_DOWN: f32 = 0.9;
const FLOOR_UP: f32 = 1.005;
/// What is taken for the noise of the room before anything was heard, -40 dBFS, and how it falls: within the first 30 ms,
/// before which no echo comes, to that of a still one.
const UNHEARD: f32 = 1e-4;
const UNHEARD_FLOOR: Bands = [UNHEARD; BANDS];
const NOISE_DOWN: f32 = 0.98;
/// Blocks for which what was played may sound in the room: the longest path and its tail.
const STAYS: u32 = 50;
/// Blocks of the far end's speech for which an echo that was not found is reckoned with, fully and at all: later on nobody
/// must be held down by it.
const LONG: f32 = 80.0;
const GIVEN_UP: f32 = 110.0;
/// A band is known after so many blocks in which it was heard, and well known after so many.
const KNOWN: u32 = 5;
const WELL_KNOWN: u32 = 80;
/// Blocks at one lag until it is trusted, and until it is fully.
const FEW: f32 = 10.0;
const ENOUGH: f32 = 20.0;
/// How far the microphone may stray from what is expected and still follow the far end, dB: fully, and at all.
const FOLLOWS_DB: f32 = 5.0;
const STRAYS_DB: f32 = 7.0;
/// Share of the microphone's power that is unexplained: nobody speaks, and somebody does.
const NOBODY_DB: f32 = -14.0;
const SOMEBODY_DB: f32 = -8.0;
/// From where on speech here must not be taken for a louder echo.
const SPEECH_DB: f32 = -4.0;
/// How much is taken at most, dB.
const MOST_DB: f32 = 40.0;

/// Watches one microphone and one speaker.
#[derive(Clone)]
pub(super) struct EchoPower {
    played: [f32; LOW_BLOCK],
    pair: Pair,
    lag: Lag,
    ceiling: Ceiling,
    /// Blocks in which the far end was heard, and since it last was.
    heard: f32,
    since: u32,
    /// Powers of the far end, newest at `at`.
    far: [Bands; KEPT],
    at: usize,
    far_floor: Bands,
    near_floor: Bands,
    /// What sounds in the room if all of what was played does.
    reach: Bands,
    /// Of that, what reaches the microphone, dB, and how often it was seen.
    gain_db: Bands,
    known: [u32; BANDS],
    /// The lag all this was learnt at, for how many blocks, and how far they strayed from it, dB.
    learnt_at: usize,
    learnt: f32,
    strays_db: f32,
    /// Power of the room's noise.
    noise: f32,
    /// Blocks for which the floors stay what they are, and for which the microphone has given nothing.
    holds: u32,
    muted: u32,
    /// How much is to be taken, 0 to 1, by the block before and this one.
    wanted: [f32; 2],
    cut_db: f32,
    factor: f32,
}

impl Default for EchoPower {
    fn default() -> Self {
        Self {
            played: [0.0; LOW_BLOCK],
            pair: Pair::default(),
            lag: Lag::default(),
            ceiling: Ceiling::default(),
            heard: 0.0,
            since: 0,
            far: [[0.0; BANDS]; KEPT],
            at: 0,
            far_floor: [FAR_LEAST / FAR_NOISE; BANDS],
            near_floor: UNHEARD_FLOOR,
            reach: [0.0; BANDS],
            gain_db: [0.0; BANDS],
            known: [0; BANDS],
            learnt_at: 0,
            learnt: 0.0,
            strays_db: 0.0,
            noise: UNHEARD,
            holds: 0,
            muted: 0,
            wanted: [0.0; 2],
            cut_db: 0.0,
            factor: 1.0,
        }
    }
}

impl EchoPower {
    /// The microphone or the speaker is another one: of what was learnt only what was played stays.
    pub(super) fn moved(&mut self) {
        self.lag.moved();
        self.ceiling.moved();
        (self.heard, self.reach, self.known) = (0.0, [0.0; BANDS], [0; BANDS]);
        (self.learnt, self.strays_db) = (0.0, 0.0);
        self.near_floor = UNHEARD_FLOOR;
        // An echo may sound already, and is not to be taken for the noise of the new room.
        if self.since > STAYS {
            self.noise = UNHEARD;
        }
        // Held down until the first block says that somebody speaks.
        (self.wanted, self.cut_db, self.factor) = ([1.0; 2], MOST_DB, 0.0);
    }

    /// Whether the microphone gives anything at all in the block that comes next, before any filter. A mute tells nothing of
    /// the room.
    pub(super) fn gives(&mut self, anything: bool) {
        self.muted = if anything { 0 } else { self.muted.saturating_add(1) };
        if (1..MUTED).contains(&self.muted) {
            self.holds = HOLDS;
        }
    }

    /// The next block of what is played, at 16 kHz.
    pub(super) fn far(&mut self, block: &[f32; LOW_BLOCK]) {
        self.played = *block;
    }

    /// The next block of the microphone, at 16 kHz.
    pub(super) fn said(&mut self, block: &[f32; LOW_BLOCK]) {
        let [far, near] = self.pair.push(&self.played, block);
        let floor = (FAR_NOISE * self.far_floor.iter().sum::<f32>()).max(FAR_LEAST);
        let loud = far.iter().sum::<f32>() > floor;
        self.since = if loud { 0 } else { self.since.saturating_add(1) };
        // It does not rise while an echo may sound, which is no noise even where it makes no pause.
        let noise = product(block, block) / LOW_BLOCK as f32 + 1e-10;
        let noise = if self.since > STAYS { noise } else { noise.min(self.noise) };
        self.far_floor.iter_mut().zip(&far).for_each(|(floor, power)| follow(floor, *power, FLOOR_DOWN));
        if self.holds > 0 {
            self.holds -= 1;
        } else {
            follow(&mut self.noise, noise, NOISE_DOWN);
            self.near_floor
                .iter_mut()
                .zip(&near)
                .for_each(|(floor, power)| follow(floor, *power, FLOOR_DOWN));
        }
        let above = |powers: &Bands, floors: &Bands, times: f32, least: f32| -> Bands {
            std::array::from_fn(|band| powers[band].max(times * floors[band]).max(least))
        };
        let lag = self.lag.push(
            &above(&far, &self.far_floor, FAR_NOISE, FAR_LEAST),
            &above(&near, &self.near_floor, NEAR_NOISE, 0.0),
        );
        self.ceiling.push(&far, &near);
        self.at = (self.at + 1) % KEPT;
        self.far[self.at] = far;
        if lag.abs_diff(self.learnt_at) > 2 {
            (self.learnt_at, self.known, self.learnt) = (lag, [0; BANDS], 0.0);
        }
        let fresh = self.sound(lag);
        let unexplained_db = self.unexplained_db(&near, lag);
        self.learn(&fresh, &near, unexplained_db);
        let follows = share(STRAYS_DB, FOLLOWS_DB, self.strays_db) * share(FEW, ENOUGH, self.learnt);
        let silent = self.reach.iter().sum::<f32>() < FAR_LEAST;
        let known = follows * self.lag.sure();
        let wanted = if silent { 0.0 } else { share(SOMEBODY_DB, NOBODY_DB, unexplained_db) * known };
        // With the lag known, and all the same other sounds than it lets expect, somebody speaks here.
        let found = share(FEW, ENOUGH, self.learnt) * self.lag.sure();
        let first = if found < 1.0 { self.first(&near, loud) } else { 0.0 };
        self.wanted = [self.wanted[1], wanted.max(first * (1.0 - found))];
    }

    /// What is to be taken as long as no echo is known: all that one could be, whatever its lag.
    fn first(&mut self, near: &Bands, loud: bool) -> f32 {
        self.heard += if loud { 1.0 } else { 0.0 };
        let left = share(GIVEN_UP, LONG, self.heard);
        if left == 0.0 || self.since > STAYS {
            return 0.0;
        }
        let echo = self.ceiling.echo();
        let unexplained = (0..BANDS)
            .map(|band| (near[band] - echo[band] * MARGIN - NEAR_NOISE * self.near_floor[band]).max(0.0));
        let db = 10.0 * (unexplained.sum::<f32>() / near.iter().sum::<f32>()).max(1e-6).log10();
        share(SOMEBODY_DB, NOBODY_DB, db) * left
    }

    /// Lets the room sound on. Gives what has come newly from the speaker.
    fn sound(&mut self, lag: usize) -> Bands {
        let [one, two] = [lag, lag + 1].map(|back| &self.far[(self.at + KEPT - back) % KEPT]);
        let fresh: Bands = std::array::from_fn(|band| one[band].max(two[band]));
        self.reach.iter_mut().zip(&fresh).for_each(|(reach, fresh)| *reach = (*reach * DECAY).max(*fresh));
        fresh
    }

    /// The share of the microphone's power that neither echo nor noise accounts for, dB.
    fn unexplained_db(&self, near: &Bands, lag: usize) -> f32 {
        // The lag is that of most of the echo; its first part comes up to a block before.
        let early = &self.far[(self.at + KEPT - lag.saturating_sub(1)) % KEPT];
        let echo: Bands = std::array::from_fn(|band| {
            let sounds = self.reach[band].max(early[band]);
            if self.known[band] < KNOWN { 0.0 } else { sounds * 10f32.powf(self.gain_db[band] / 10.0) }
        });
        let unexplained = |band: usize, margin: f32| {
            (near[band] - echo[band] * margin - NEAR_NOISE * self.near_floor[band]).max(0.0)
        };
        let all: Bands = std::array::from_fn(|band| unexplained(band, MARGIN));
        // A single tone may meet the one frequency at which a room is loudest, as long as few others were heard in its band; a
        // voice is in several bands.
        let most = (0..BANDS).max_by(|a, b| all[*a].total_cmp(&all[*b])).unwrap_or(0);
        let margin = MARGIN * if self.known[most] < WELL_KNOWN { RESONANCE } else { 1.0 };
        let sum = all.iter().sum::<f32>() - all[most] + unexplained(most, margin);
        // What a speaker makes of a loud sound lies in bands it was not in.
        let bent = echo.iter().sum::<f32>() * (BENT * self.reach.iter().sum::<f32>()).min(BENT_MOST);
        10.0 * ((sum - bent).max(0.0) / near.iter().sum::<f32>()).max(1e-6).log10()
    }

    /// Learns the factors from bands in which the far end is loud and the microphone hears more than its noise.
    fn learn(&mut self, fresh: &Bands, near: &Bands, unexplained_db: f32) {
        // A speaker turned up is learnt all the same, slowly.
        let up = if unexplained_db > SPEECH_DB { 0.01 } else { 0.05 };
        let (mut strays, mut heard) = (0.0, 0.0);
        for band in 0..BANDS {
            let loud = fresh[band] > (FAR_NOISE * self.far_floor[band]).max(FAR_LEAST);
            if !loud || fresh[band] < self.reach[band] * 0.5 || near[band] < 4.0 * self.near_floor[band] {
                continue;
            }
            let off = 10.0 * (near[band] / self.reach[band]).log10() - self.gain_db[band];
            strays += off.abs().min(20.0);
            heard += 1.0;
            self.known[band] += 1;
            let first = 1.0 / self.known[band] as f32;
            let most = if self.known[band] < 2 * KNOWN { 40.0 } else { 6.0 };
            self.gain_db[band] += off.clamp(-most, most) * first.max(if off > 0.0 { up } else { 0.05 });
        }
        if heard >= 3.0 {
            self.learnt += 1.0;
            self.strays_db += (strays / heard - self.strays_db) * (1.0 / self.learnt).max(0.05);
        }
    }

    /// What it takes for the noise of the room, dBFS.
    #[cfg(test)]
    pub(super) fn noise_db(&self) -> f32 {
        10.0 * self.noise.log10()
    }

    /// `block` came out of the canceller, at any rate, at most one block late.
    pub(super) fn near(&mut self, block: &mut [f32]) {
        let wanted = MOST_DB * self.wanted[0].min(self.wanted[1]);
        // Down by steps, so that one odd block is not bent; up at once, so that no first sound is lost.
        self.cut_db = if wanted > self.cut_db { self.cut_db + (wanted - self.cut_db) * 0.5 } else { wanted };
        let power = product(block, block) / block.len() as f32 + 1e-10;
        // Not below the noise of the room: a hole in it is heard as well as an echo.
        let to = 10f32.powf(-self.cut_db / 20.0).max((self.noise / power).sqrt()).min(1.0);
        let from = std::mem::replace(&mut self.factor, to);
        if (from, to) == (1.0, 1.0) {
            return;
        }
        let step = (to - from) / block.len() as f32;
        for (n, sample) in block.iter_mut().enumerate() {
            *sample *= from + step * (n + 1) as f32;
        }
    }
}

/// Where `value` is on the way from `none` to `all`, 0 to 1.
fn share(none: f32, all: f32, value: f32) -> f32 {
    ((value - none) / (all - none)).clamp(0.0, 1.0)
}

/// A floor under `power`, which falls by such a share of the way.
fn follow(floor: &mut f32, power: f32, down: f32) {
    *floor = if power < *floor { *floor + (power - *floor) * down } else { (*floor * FLOOR_UP).min(power) };
}

#[cfg(test)]
mod tests {
    use super::super::BLOCK;
    use super::super::rate::Down;
    use super::super::rooms::{Room, level_db, mixed, noise, talker};
    use super::*;

    const SECOND: usize = 48_000;

    /// What is left of the microphone, had the canceller done nothing.
    fn left(near: &[f32], far: &[f32]) -> Vec<f32> {
        let (mut down, mut power) = ([Down::default(), Down::default()], EchoPower::default());
        let mut made = Vec::with_capacity(near.len());
        for (near, far) in near.chunks_exact(BLOCK).zip(far.chunks_exact(BLOCK)) {
            power.far(&down[0].process(far));
            power.said(&down[1].process(near));
            let mut block: [f32; BLOCK] = near.try_into().unwrap();
            power.near(&mut block);
            made.extend(block);
        }
        made
    }

    #[test]
    fn an_echo_alone_is_brought_down_and_a_voice_is_not() {
        for (n, path) in [(1, 30.0), (2, 90.0), (3, 170.0), (4, 250.0)] {
            let (far, voice) = (talker(n, 9.0), talker(100 + n, 9.0));
            let quiet = noise(n, far.len(), -75.0);
            let echo = mixed(&Room::new(n, path).echo(&far, 9.0, false), &quiet);
            let cut = |near: &[f32], from: usize| {
                level_db(&near[from * SECOND..]) - level_db(&left(near, &far)[from * SECOND..])
            };
            assert!(cut(&echo, 1) > 15.0, "{path} ms: {} dB of the echo", cut(&echo, 1));
            let both = mixed(&echo, &voice);
            assert!(cut(&both, 1) < 1.7, "{path} ms: {} dB of a voice over it", cut(&both, 1));
            let headset = mixed(&voice, &quiet);
            assert!(cut(&headset, 0) < 1.0, "{} dB of a voice with a headset", cut(&headset, 0));
        }
    }

    #[test]
    fn what_is_left_is_as_loud_as_the_room() {
        let far = talker(7, 6.0);
        let echo = Room::new(7, 60.0).echo(&far, 6.0, false);
        let made = left(&mixed(&echo, &noise(8, far.len(), -60.0)), &far);
        for (n, part) in made[3 * SECOND..].chunks_exact(SECOND / 2).enumerate() {
            assert!((-68.0..-50.0).contains(&level_db(part)), "half second {n}: {} dBFS", level_db(part));
        }
    }
}
