//! The connection to the server: made, kept alive, found dead, made again.
//!
//! ```text
//!            start, go              up                silent, retry
//! Stopped ─────────────▶ Connecting ─────▶ Up ─────────────────────────▶ Resting ─▶ Connecting
//!    ▲                       │ down        │ down                          ▲
//!    │ down while held       └─────────────┴───────────────────────────────┘
//! ```
//!
//! It promises: one connection at a time; retries after a random part of a doubling wait (full jitter), so that a
//! restarted server is not stormed; a wait the server asked for is kept; during a call the waits stay short,
//! because the server may be back at any moment.

use std::collections::VecDeque;

use core::time::Duration;

use crate::Rng;
use crate::drop::Drop;
use crate::limits::{
    LOGIN_TIME_MAX, PING_AFTER, PING_AFTER_IN_CALL, RECONNECT_FIRST, RECONNECT_MAX, RECONNECT_MAX_IN_CALL,
    SILENT_AFTER,
};
use crate::time::Time;

/// The connection, as people are told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Being made.
    Connecting,
    /// Up, and logged in or about to be.
    Online,
    /// Down; the next try is in this time.
    Away {
        /// Until then.
        retry_in: Duration,
    },
}

/// What happens to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Connect now, whatever was planned.
    Go,
    /// The handshake is done.
    Up,
    /// It is gone, or could not be made.
    Down,
    /// Bytes came.
    Heard,
    /// The login is done: the next outage starts with the shortest wait.
    Settled,
    /// Give this connection up and come back later.
    Retry,
    /// The server asks to stay away for so long once the connection is gone.
    Goaway(Duration),
    /// Stay away until told to go.
    Stop,
    /// The deadline passed.
    Timeout,
}

/// What the connection wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Connect, closing what there is.
    Connect,
    /// Close.
    Disconnect,
    /// Send a ping.
    Ping,
    /// Tell people.
    State(LinkState),
    /// Count.
    Drop(Drop),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Stopped,
    Resting { until: Time },
    Connecting,
    Up { since: Time, heard: Time, pinged: Option<Time>, settled: bool },
}

/// One end of the connection.
#[derive(Debug)]
pub(crate) struct Link {
    state: State,
    /// Waits since the last finished login.
    attempt: u32,
    /// The server's wish, for the next wait.
    not_before: Option<Time>,
    /// A human is being asked something that the server does not wait for: do not come back by itself.
    held: bool,
    in_call: bool,
    /// The other end answers pings: one that says nothing is dead.
    answers: bool,
    rng: Rng,
    out: VecDeque<Effect>,
}

impl Link {
    pub(crate) fn new(rng: Rng) -> Self {
        let out = VecDeque::new();
        let (attempt, not_before, held, in_call, answers) = (0, None, false, false, true);
        Self { state: State::Stopped, attempt, not_before, held, in_call, answers, rng, out }
    }

    /// A link to a server that has no answer to anything that could be a ping: they are sent, so that the network
    /// notices a dead connection, and silence means nothing.
    pub(crate) fn unanswered(rng: Rng) -> Self {
        Self { answers: false, ..Self::new(rng) }
    }

    pub(crate) fn handle(&mut self, act: Act, now: Time) {
        match act {
            Act::Go => self.connect(),
            Act::Up => self.up(now),
            Act::Down => self.down(now),
            Act::Heard => self.heard(now),
            Act::Settled => self.settle(),
            Act::Retry => self.retry(now),
            Act::Goaway(wait) => self.not_before = Some(now + wait.min(RECONNECT_MAX)),
            Act::Stop => self.stop(),
            Act::Timeout => self.timeout(now),
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Effect> {
        self.out.pop_front()
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        match self.state {
            State::Stopped | State::Connecting => None,
            State::Resting { until } => Some(until),
            State::Up { since, settled: false, .. } => (!self.held).then_some(since + LOGIN_TIME_MAX),
            State::Up { heard, pinged, settled: true, .. } => {
                let ping_at = pinged.map_or(heard, |at| at.max(heard)) + self.ping_after();
                Some(self.silent_at(heard).map_or(ping_at, |silent_at| silent_at.min(ping_at)))
            }
        }
    }

    /// While held, a lost connection is not made again.
    pub(crate) fn hold(&mut self, held: bool) {
        self.held = held;
    }

    /// While a call is up, waits are short and a dead connection is looked for sooner.
    pub(crate) fn in_call(&mut self, in_call: bool, now: Time) {
        if in_call == self.in_call {
            return;
        }
        self.in_call = in_call;
        match &mut self.state {
            State::Stopped | State::Connecting => {}
            State::Resting { until } => *until = (*until).min(now + wait_max(in_call)),
            // The silence before the call was allowed: the shorter patience begins with the call.
            State::Up { heard, .. } if in_call => *heard = now,
            State::Up { .. } => {}
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    fn connect(&mut self) {
        self.state = State::Connecting;
        self.out.push_back(Effect::State(LinkState::Connecting));
        self.out.push_back(Effect::Connect);
    }

    fn up(&mut self, now: Time) {
        if self.state == State::Stopped {
            return self.out.push_back(Effect::Disconnect);
        }
        self.state = State::Up { since: now, heard: now, pinged: None, settled: false };
        self.out.push_back(Effect::State(LinkState::Online));
    }

    fn down(&mut self, now: Time) {
        match self.state {
            // The old connection's end; what comes next is planned already.
            State::Stopped | State::Resting { .. } => {}
            State::Connecting | State::Up { .. } => self.rest(now),
        }
    }

    fn heard(&mut self, now: Time) {
        if let State::Up { heard, pinged, .. } = &mut self.state {
            *heard = now;
            *pinged = None;
        }
    }

    fn settle(&mut self) {
        self.attempt = 0;
        self.not_before = None;
        if let State::Up { settled, .. } = &mut self.state {
            *settled = true;
        }
    }

    fn retry(&mut self, now: Time) {
        if self.is_up() {
            self.out.push_back(Effect::Disconnect);
            self.rest(now);
        }
    }

    fn stop(&mut self) {
        self.state = State::Stopped;
        self.out.push_back(Effect::Disconnect);
    }

    fn timeout(&mut self, now: Time) {
        match self.state {
            State::Stopped | State::Connecting => {}
            State::Resting { until } if now >= until => self.connect(),
            State::Resting { .. } => {}
            State::Up { since, settled: false, .. } => {
                if !self.held && now >= since + LOGIN_TIME_MAX {
                    self.out.push_back(Effect::Drop(Drop::TooLate));
                    self.retry(now);
                }
            }
            State::Up { heard, settled: true, .. } if self.silent_at(heard).is_some_and(|at| now >= at) => {
                self.out.push_back(Effect::Drop(Drop::Silent));
                self.retry(now);
            }
            State::Up { .. } => self.ping_if_due(now),
        }
    }

    fn ping_if_due(&mut self, now: Time) {
        let after = self.ping_after();
        if let State::Up { heard, pinged, .. } = &mut self.state
            && now >= pinged.map_or(*heard, |at| at.max(*heard)) + after
        {
            *pinged = Some(now);
            self.out.push_back(Effect::Ping);
        }
    }

    /// Waits a random part of the attempt's wait, but not less than the server asked for.
    fn rest(&mut self, now: Time) {
        if self.held {
            self.state = State::Stopped;
            return;
        }
        let doubled = RECONNECT_FIRST.saturating_mul(1 << self.attempt.min(10));
        let ceiling = doubled.min(wait_max(self.in_call));
        let ceiling_us = u64::try_from(ceiling.as_micros()).unwrap_or(u64::MAX);
        let drawn = Duration::from_micros(self.rng.below(ceiling_us + 1));
        let until = (now + drawn).max(self.not_before.take().unwrap_or(now));
        self.attempt = self.attempt.saturating_add(1);
        self.state = State::Resting { until };
        self.out.push_back(Effect::State(LinkState::Away { retry_in: until - now }));
    }

    fn ping_after(&self) -> Duration {
        if self.in_call { PING_AFTER_IN_CALL } else { PING_AFTER }
    }

    /// When the silence since `heard` has lasted too long. In a call two unanswered pings are enough.
    fn silent_at(&self, heard: Time) -> Option<Time> {
        let patience = if self.in_call { PING_AFTER_IN_CALL * 3 } else { SILENT_AFTER };
        self.answers.then_some(heard + patience)
    }
}

fn wait_max(in_call: bool) -> Duration {
    if in_call { RECONNECT_MAX_IN_CALL } else { RECONNECT_MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        Link::new(Rng::new([1; 32]))
    }

    fn drain(link: &mut Link) -> Vec<Effect> {
        core::iter::from_fn(|| link.poll()).collect()
    }

    fn up(link: &mut Link, now: Time) {
        link.handle(Act::Go, now);
        link.handle(Act::Up, now);
        link.handle(Act::Settled, now);
        drain(link);
    }

    #[test]
    fn waits_double_with_jitter_and_stay_bounded() {
        let mut link = link();
        let mut now = Time::ZERO;
        link.handle(Act::Go, now);
        for attempt in 0..20 {
            link.handle(Act::Down, now);
            let until = link.deadline().unwrap();
            let ceiling = RECONNECT_FIRST.saturating_mul(1 << attempt.min(10)).min(RECONNECT_MAX);
            assert!(until - now <= ceiling, "attempt {attempt} waits {:?}", until - now);
            now = until;
            link.handle(Act::Timeout, now);
            assert!(drain(&mut link).contains(&Effect::Connect));
        }
    }

    #[test]
    fn a_call_shortens_a_wait_that_began_before_it() {
        let mut link = link();
        link.handle(Act::Go, Time::ZERO);
        link.attempt = 9;
        while link.deadline().is_none_or(|at| at < Time::secs(2)) {
            link.state = State::Connecting;
            link.handle(Act::Down, Time::ZERO);
        }
        link.in_call(true, Time::ZERO);
        assert!(link.deadline().unwrap() <= Time::ZERO + RECONNECT_MAX_IN_CALL);
    }

    #[test]
    fn the_servers_wish_is_kept_and_bounded() {
        let mut link = link();
        up(&mut link, Time::ZERO);
        link.handle(Act::Goaway(Duration::from_secs(2)), Time::ZERO);
        link.handle(Act::Down, Time::ms(10));
        assert!(link.deadline().unwrap() >= Time::secs(2));
        link.handle(Act::Goaway(Duration::from_secs(1_000_000)), Time::secs(2));
        link.handle(Act::Go, Time::secs(2));
        link.handle(Act::Down, Time::secs(2));
        assert!(link.deadline().unwrap() <= Time::secs(2) + RECONNECT_MAX);
    }

    #[test]
    fn silence_is_pinged_and_then_given_up() {
        let mut link = link();
        up(&mut link, Time::ZERO);
        let ping_at = link.deadline().unwrap();
        assert_eq!(ping_at, Time::ZERO + PING_AFTER);
        link.handle(Act::Timeout, ping_at);
        assert_eq!(drain(&mut link), [Effect::Ping]);
        link.handle(Act::Timeout, Time::ZERO + SILENT_AFTER);
        let out = drain(&mut link);
        assert!(out.contains(&Effect::Drop(Drop::Silent)) && out.contains(&Effect::Disconnect));
        assert!(!link.is_up());
    }

    #[test]
    fn where_nothing_is_answered_silence_means_nothing() {
        let mut link = Link::unanswered(Rng::new([1; 32]));
        up(&mut link, Time::ZERO);
        for n in 1..100 {
            let at = Time::ZERO + PING_AFTER * n;
            assert_eq!(link.deadline(), Some(at));
            link.handle(Act::Timeout, at);
            assert_eq!(drain(&mut link), [Effect::Ping]);
        }
        assert!(link.is_up());
    }

    /// Found on a screen: a call placed some 20 s after the last ping closed its own connection and failed.
    #[test]
    fn a_call_does_not_hold_the_silence_before_it_against_the_server() {
        let mut link = link();
        up(&mut link, Time::ZERO);
        let now = Time::ZERO + (PING_AFTER - Duration::from_millis(1));
        link.in_call(true, now);
        link.handle(Act::Timeout, now);
        assert_eq!(drain(&mut link), []);
        assert_eq!(link.deadline(), Some(now + PING_AFTER_IN_CALL));
        link.handle(Act::Timeout, now + PING_AFTER_IN_CALL * 3);
        assert!(drain(&mut link).contains(&Effect::Disconnect));
    }

    #[test]
    fn an_answer_keeps_it_up() {
        let mut link = link();
        up(&mut link, Time::ZERO);
        for _ in 0..10 {
            let at = link.deadline().unwrap();
            link.handle(Act::Timeout, at);
            assert_eq!(drain(&mut link), [Effect::Ping]);
            link.handle(Act::Heard, at);
        }
        assert!(link.is_up());
    }

    #[test]
    fn a_login_that_never_ends_is_left() {
        let mut link = link();
        link.handle(Act::Go, Time::ZERO);
        link.handle(Act::Up, Time::ZERO);
        link.handle(Act::Timeout, Time::ZERO + LOGIN_TIME_MAX);
        assert!(drain(&mut link).contains(&Effect::Drop(Drop::TooLate)));
    }

    #[test]
    fn a_held_link_waits_for_the_human() {
        let mut link = link();
        link.handle(Act::Go, Time::ZERO);
        link.handle(Act::Up, Time::ZERO);
        link.hold(true);
        link.handle(Act::Down, Time::secs(10));
        assert_eq!(link.deadline(), None);
        link.hold(false);
        link.handle(Act::Go, Time::secs(60));
        assert!(drain(&mut link).contains(&Effect::Connect));
    }
}
