//! Chooses how we send our voice, by what the others report: the row of [`super::plan`] that fits the worst of them.
//!
//! ```text
//!       surely 1 % lost        surely 3 % lost
//!  Clean ------------> Light ---------------> Strong (random or bursty)
//!    ^                   |  ^                    |
//!    |   nothing lost    |  +--- less than 2.5 % +
//!    +-------------------+-----------------------+
//! ```
//!
//! Up takes a second or two, since the first step costs the network nothing and the second is measured on it. Down
//! takes six seconds with hardly any loss; who has to go up again soon after goes up at once, and is kept there longer
//! each time, up to a minute, so that a network which is neither good nor bad does not make us swing. Each step down has
//! a [`Patience`] of its own: swinging between one copy and two says nothing of a network that loses no more. And seven
//! seconds in which nothing at all is lost are believed even so, until they have misled twice. What may be sent at all,
//! [`Ceiling`] says.
//!
//! In calls of many each copy of ours loads everybody's link: with more than [`ONE_COPY_OTHERS`] others to hear us one
//! copy goes along at most, with more than [`NO_COPY_OTHERS`] none.

use core::time::Duration;

use crate::media::ceiling::{Ceiling, Losses, SETTLE};
use crate::media::outcome::{Outcome, Tally};
use crate::media::plan::{
    BURSTY, CLEAN, DelayMode, LEAN, LIGHT, LOW, NARROW, PLAIN_CLEAN, PLAIN_LOSSY, Plan, RANDOM,
};
use crate::time::Time;

/// More others than this, and two copies are too many.
const ONE_COPY_OTHERS: usize = 3;
/// More others than this, and one is.
const NO_COPY_OTHERS: usize = 8;
/// What the loss of the last moments is taken of, and of the last while.
const MOMENT: Duration = Duration::from_secs(2);
const WHILE: Duration = Duration::from_secs(6);
/// Packets that must have been reported of a moment, and of a while.
const MOMENT_PACKETS: u32 = 25;
const WHILE_PACKETS: u32 = 60;
/// One packet lost is no loss yet.
const LOST_MIN: u32 = 3;
/// Loss of a moment or a while that is answered, when chance hardly makes it of less: see [`Tally::surely`].
const LOSSY: f32 = 0.01;
/// Loss of a while that is none.
const CALM: f32 = 0.005;
/// Loss, as surely, that one copy is not enough for; and loss of a while that one is enough for again.
const HEAVY: (f32, f32) = (0.03, 0.025);
/// Runs longer than by chance that need copies from farther back, and that do not any more.
const RUNS: (f32, f32) = (1.6, 1.3);
/// How many seconds two copies, or those from farther back, are kept before they give way, and how many when they had to
/// come back soon once, twice, ..
const KEPT: &[u64] = &[8, 60, 180];
/// How long it must have been calm, which is always looked back over. Of 1 % lost at random, one while in five is.
const CALM_FOR: &[u64] = &[6, 24, 60];
/// And how long nothing at all may have been lost instead, so that who is well again is heard as well within ten
/// seconds. Of 1 % lost at random, three such whiles in a hundred mislead; of 2 %, none in a thousand. Who was misled
/// twice in a row is not again, until it was calm for long: a network that is bad for some seconds of each half minute
/// does not make us swing. The last of these means never, because outcomes are remembered for less.
const LOSSLESS_FOR: &[u64] = &[7, 7, 60];
/// Of so many packets: seven seconds of the longest frames, less one report.
const LOSSLESS_PACKETS: u32 = 300;
/// Loss again within this after it was calm: the calm was believed too soon.
const SOON: Duration = Duration::from_secs(30);
/// A way shorter than this is short, and one that was is until it is longer than that.
const SHORT: (Duration, Duration) = (Duration::from_millis(15), Duration::from_millis(25));
/// How long it must have been short and calm.
const SHORT_FOR: Duration = Duration::from_secs(5);

/// How much is done about loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Clean,
    Light,
    Strong,
}

/// What a call is like, besides its losses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene {
    /// Members who hear us.
    pub(super) others: usize,
    /// All of them read copies.
    pub(super) copies_read: bool,
    /// The longest round trip to any of them, when known.
    pub(super) round_trip: Option<Duration>,
}

/// How long to wait before less is done: longer each time that it was too little.
#[derive(Debug)]
struct Patience {
    /// Seconds, by how often it was too little.
    holds: &'static [u64],
    times: usize,
    /// When less was done.
    down_at: Option<Time>,
}

impl Patience {
    const fn new(holds: &'static [u64]) -> Self {
        Self { holds, times: 0, down_at: None }
    }

    fn hold(&self) -> Duration {
        self.holds
            .get(self.times)
            .or(self.holds.last())
            .map_or(Duration::ZERO, |seconds| Duration::from_secs(*seconds))
    }

    /// Whether less was done only just now.
    fn is_soon(&self, now: Time) -> bool {
        self.down_at.is_some_and(|at| now - at < SOON.max(self.hold()))
    }

    fn down(&mut self, now: Time) {
        self.down_at = Some(now);
    }

    /// More had to be done again; if it was this that had let less be done, and soon after, it waits longer next time.
    fn up(&mut self, now: Time) {
        if self.down_at.is_some() {
            self.times = if self.is_soon(now) { (self.times + 1).min(self.holds.len() - 1) } else { 0 };
        }
        self.down_at = None;
    }
}

/// The members who count.
struct Worst<I>(I);

impl<'a, I: Iterator<Item = &'a Outcome> + Clone> Losses for Worst<I> {
    fn since(&self, then: Time, least: u32) -> Option<Tally> {
        let tallies = self.0.clone().map(|outcome| outcome.since(then));
        let known = tallies.filter(|tally| tally.expected >= least);
        known.max_by(|a, b| a.loss().total_cmp(&b.loss()))
    }

    fn steady_since(&self, then: Time) -> (f32, usize) {
        let all = self.0.clone().map(|outcome| outcome.steady_since(then));
        all.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, 0))
    }

    fn lossless(&self) -> (Duration, u32) {
        let all = self.0.clone().map(Outcome::lossless);
        all.reduce(|a, b| (a.0.min(b.0), a.1.min(b.1))).unwrap_or_default()
    }
}

/// The state of the choice.
#[derive(Debug)]
pub(super) struct Controller {
    sealed: bool,
    mode: DelayMode,
    /// What a person set by hand.
    frame: Option<Duration>,
    plan: Plan,
    /// Since when it is in force.
    since: Time,
    level: Level,
    level_since: Time,
    bursty: bool,
    bursty_since: Time,
    ceiling: Ceiling,
    /// Before it is taken for calm: with hardly any loss, and with none.
    calm: Patience,
    lossless: Patience,
    /// Before one copy is taken for enough, and loss for random.
    one_copy: Patience,
    random: Patience,
    /// What was done before it was taken for calm.
    calmed_from: Level,
    calm_since: Option<Time>,
    short_since: Option<Time>,
}

impl Controller {
    pub(super) fn new(sealed: bool, mode: DelayMode, now: Time) -> Self {
        let plan = match (sealed, mode) {
            (true, DelayMode::Low) => LOW,
            (true, DelayMode::Ordinary | DelayMode::ByPath) => CLEAN,
            (false, _) => PLAIN_CLEAN,
        };
        Self {
            sealed,
            mode,
            frame: None,
            plan,
            since: now,
            level: Level::Clean,
            level_since: now,
            bursty: false,
            bursty_since: now,
            ceiling: Ceiling::new(),
            calm: Patience::new(CALM_FOR),
            lossless: Patience::new(LOSSLESS_FOR),
            one_copy: Patience::new(KEPT),
            random: Patience::new(KEPT),
            calmed_from: Level::Light,
            calm_since: None,
            short_since: None,
        }
    }

    /// What is in force.
    pub(super) fn plan(&self) -> Plan {
        self.plan
    }

    /// From now on so; it shows with the next decision.
    pub(super) fn set_mode(&mut self, mode: DelayMode) {
        self.mode = mode;
    }

    /// Frames last so long from now on, or as is decided; it shows with the next decision. Not in calls in clear.
    pub(super) fn force_frame(&mut self, frame: Option<Duration>) {
        self.frame = frame.filter(|_| self.sealed);
    }

    /// What was forced counts from the first frame on.
    pub(super) fn begin(&mut self) {
        self.plan = self.plan.with_frame(self.frame);
    }

    /// Decides anew after something was reported. `outcomes` are of the members who told anything of late.
    pub(super) fn decide<'a>(
        &mut self,
        outcomes: impl Iterator<Item = &'a Outcome> + Clone,
        scene: Scene,
        now: Time,
    ) -> Plan {
        let worst = Worst(outcomes.filter(move |outcome| outcome.counts(now)));
        self.ceiling.judge(self.plan.wire(), self.since, &worst, now);
        let runs = worst.0.clone().filter_map(|outcome| outcome.burstiness(now)).reduce(f32::max);
        runs.into_iter().for_each(|runs| self.tell_runs(runs, now));
        let level = self.next_level(&worst, now);
        if level != self.level {
            self.count_swing(level, self.is_lossless_for_long(&worst), now);
            (self.level, self.level_since) = (level, now);
        }
        self.notice_short(scene, now);
        let plan = self.choose(scene, now).with_frame(self.frame);
        if plan != self.plan {
            let losing = worst.0.clone().filter_map(Outcome::losing_since).min().unwrap_or(Time::ZERO);
            let before = worst.since(losing.max(self.since + SETTLE), 1).unwrap_or_default();
            self.ceiling.changed(self.plan.wire(), plan.wire(), before, now);
            (self.plan, self.since) = (plan, now);
        }
        plan
    }

    /// Whether packets are lost in runs. A change of mind moves the delay by two frames, so it is not made often.
    fn tell_runs(&mut self, burstiness: f32, now: Time) {
        let runs = burstiness >= if self.bursty { RUNS.1 } else { RUNS.0 };
        if runs == self.bursty {
            return;
        }
        if runs {
            self.random.up(now);
            self.bursty_since = now;
        } else if self.level == Level::Strong {
            if now - self.bursty_since.max(self.since) < self.random.hold() {
                return;
            }
            self.random.down(now);
        }
        self.bursty = runs;
    }

    fn next_level(&mut self, worst: &impl Losses, now: Time) -> Level {
        let open = self.ceiling.explained_until();
        let moment = worst.since(open.max(now.back(MOMENT)), MOMENT_PACKETS).unwrap_or_default();
        let past = worst.since(open.max(now.back(WHILE)), WHILE_PACKETS);
        let calm = past.is_some_and(|past| past.loss() <= CALM);
        self.calm_since = calm.then(|| self.calm_since.unwrap_or(now));
        let past = past.unwrap_or_default();
        let entered = open.max(self.level_since + SETTLE);
        let here = worst.since(entered.max(now.back(MOMENT)), MOMENT_PACKETS).unwrap_or_default();
        let long_here = worst.since(entered.max(now.back(WHILE)), WHILE_PACKETS).unwrap_or_default();
        let surely = |tally: Tally| if tally.lost < LOST_MIN { 0.0 } else { tally.surely() };
        let heavy = surely(here).max(surely(long_here));
        match self.level {
            Level::Clean if surely(moment) >= LOSSY || surely(past) >= LOSSY => self.level_for_loss(now),
            Level::Clean => Level::Clean,
            Level::Light | Level::Strong if self.is_calm_for_long(now) => Level::Clean,
            Level::Light | Level::Strong if self.is_lossless_for_long(worst) => Level::Clean,
            Level::Light if heavy >= if self.bursty { LOSSY } else { HEAVY.0 } => Level::Strong,
            Level::Light => Level::Light,
            Level::Strong if now - self.level_since < self.one_copy.hold() || self.ceiling.tries() => {
                Level::Strong
            }
            // One copy is no help against runs, and where nothing is lost any more it will soon be calm.
            Level::Strong if self.bursty || moment.lost == 0 || past.loss() >= HEAVY.1 => Level::Strong,
            Level::Strong => Level::Light,
        }
    }

    /// The first answer costs the network nothing. Who was calm only just now knows what is needed.
    fn level_for_loss(&self, now: Time) -> Level {
        if self.calm.is_soon(now) || self.lossless.is_soon(now) { self.calmed_from } else { Level::Light }
    }

    /// The last six seconds are always looked back over, so the rest of the hold is waited for.
    fn is_calm_for_long(&self, now: Time) -> bool {
        self.calm_since.is_some_and(|since| now - since + WHILE >= self.calm.hold())
    }

    /// Between runs of lost packets there is nothing lost for seconds: there it says little.
    fn is_lossless_for_long(&self, worst: &impl Losses) -> bool {
        let (long, packets) = worst.lossless();
        !self.bursty && long >= self.lossless.hold() && packets >= LOSSLESS_PACKETS
    }

    fn count_swing(&mut self, level: Level, lossless: bool, now: Time) {
        match (self.level, level) {
            (Level::Clean, _) => {
                if !self.calm.is_soon(now) {
                    // Whoever was calm for that long was not misled, however often before.
                    self.lossless = Patience::new(LOSSLESS_FOR);
                }
                self.calm.up(now);
                self.lossless.up(now);
            }
            (from, Level::Clean) => {
                self.calmed_from = from;
                self.calm.down(now);
                if lossless {
                    self.lossless.down(now);
                }
            }
            (Level::Strong, _) => self.one_copy.down(now),
            (Level::Light, _) => self.one_copy.up(now),
        }
    }

    fn notice_short(&mut self, scene: Scene, now: Time) {
        let limit = if self.plan.encoder.low_delay { SHORT.1 } else { SHORT.0 };
        let short = self.level == Level::Clean && scene.round_trip.is_some_and(|trip| trip < limit);
        self.short_since = short.then(|| self.short_since.unwrap_or(now));
    }

    fn choose(&self, scene: Scene, now: Time) -> Plan {
        if !self.sealed {
            return if self.level == Level::Clean { PLAIN_CLEAN } else { PLAIN_LOSSY };
        }
        let short = self.short_since.is_some_and(|since| now - since >= SHORT_FOR);
        let allows = |plan: Plan| self.ceiling.allows(plan.with_frame(self.frame).wire());
        match self.mode {
            DelayMode::Low => return LOW,
            DelayMode::ByPath if short && allows(LOW) => return LOW,
            DelayMode::ByPath | DelayMode::Ordinary => {}
        }
        let copies = match scene.others {
            _ if !scene.copies_read || !Plan::bears_copies(self.frame) => Level::Clean,
            others if others > NO_COPY_OTHERS => Level::Clean,
            others if others > ONE_COPY_OTHERS => Level::Light,
            _ => Level::Strong,
        };
        let wanted = match (self.level, self.level.min(copies)) {
            (Level::Clean, _) => CLEAN,
            (_, Level::Clean) => LEAN,
            (_, Level::Light) => LIGHT,
            (_, Level::Strong) if self.bursty => BURSTY,
            (_, Level::Strong) => RANDOM,
        };
        let light = if wanted.offsets[0] > 0 { LIGHT } else { wanted };
        match [wanted, light].into_iter().find(|plan| allows(*plan)) {
            Some(plan) => plan,
            // Half the bits are heard, and a ceiling too high shows itself.
            None if self.ceiling.may_allow(LEAN.with_frame(self.frame).wire()) => LEAN,
            None => NARROW,
        }
    }
}

#[cfg(test)]
mod tests;
