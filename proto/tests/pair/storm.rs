//! Two people in bad weather: connections cut, programs and the server killed at random. When it clears, every
//! text arrived once and in order, and both ends agree about the call.

use core::time::Duration;

use proto::Rng;
use proto::client::{Client, Command, Event, MessageState};

use super::pair::{Pair, name};

const NAMES: [&str; 2] = ["alice", "bob"];

struct Storm {
    pair: Pair,
    rng: Rng,
    said: [Vec<String>; 2],
    shown: [Vec<String>; 2],
    /// Texts that were given up, with a word to the sender.
    failed: usize,
    live: usize,
}

impl Storm {
    fn new(seed: u8, mut pair: Pair) -> Self {
        pair.befriend(0, 1);
        Self {
            pair,
            rng: Rng::new([seed; 32]),
            said: Default::default(),
            shown: Default::default(),
            failed: 0,
            live: 0,
        }
    }

    fn collect(&mut self) {
        for at in 0..2 {
            for event in self.pair.people[at].told() {
                self.failed +=
                    usize::from(matches!(event, Event::MessageState { state: MessageState::Failed(_), .. }));
                self.live += usize::from(matches!(event, Event::Joined { .. }));
                if let Event::Said { text, .. } = event {
                    self.shown[at].push(text.to_string());
                }
            }
        }
    }

    fn strike(&mut self) {
        let at = usize::try_from(self.rng.below(2)).expect("0 or 1");
        match self.rng.below(14) {
            0..=3 => {
                let text = format!("{}-{}", NAMES[at], self.said[at].len());
                self.said[at].push(text.clone());
                self.pair.say(at, Command::Say { to: name(NAMES[1 - at]), text, echo: 0 });
            }
            4 => self.pair.cut(at),
            5 => {
                self.collect();
                self.pair.stop(at);
                self.pair.start(at);
            }
            6 => {
                self.pair.stop_server();
                self.pair.run(Duration::from_millis(self.rng.below(5_000)));
                self.pair.start_server();
            }
            7 => self.pair.people[at].reachable = !self.pair.people[at].reachable,
            8 | 9 => self.pair.say(at, Command::Call(vec![name(NAMES[1 - at])])),
            10 | 11 => self.pair.say(at, Command::Answer),
            12 => self.pair.say(at, Command::HangUp),
            _ => self.pair.say(at, Command::Decline),
        }
        self.collect();
        self.pair.run(Duration::from_millis(self.rng.below(8_000)));
        self.collect();
    }

    /// A clear sky: everybody reachable, everybody starts, and time to catch up.
    fn clear(&mut self) {
        for at in 0..2 {
            self.pair.people[at].reachable = true;
        }
        // The made-up agents never fall silent by themselves: the real ones would end a one-sided call.
        self.pair.run(Duration::from_secs(100));
        let (a, b) = (self.pair.call_of(0), self.pair.call_of(1));
        if a != b {
            for (at, call) in [(0, a), (1, b)] {
                if let Some(call) = call {
                    self.pair.agent_says(at, proto::media::CallEvent::Silent(call));
                }
            }
        }
        self.pair.run(Duration::from_secs(200));
        self.collect();
    }
}

/// Returns how often a call came up at an end.
fn weather(seed: u8, pair: Pair) -> usize {
    let mut storm = Storm::new(seed, pair);
    for _ in 0..80 {
        storm.strike();
    }
    storm.clear();
    storm.shown.reverse();
    assert_eq!(storm.shown, storm.said, "seed {seed}");
    assert_eq!(storm.failed, 0, "seed {seed}: texts were given up");
    assert_eq!(storm.pair.call_of(0), storm.pair.call_of(1), "seed {seed}");
    for at in 0..2 {
        storm.pair.say(at, Command::HangUp);
    }
    storm.pair.run(Duration::from_secs(60));
    for person in &storm.pair.people {
        assert!(person.client.as_ref().is_some_and(Client::is_idle), "seed {seed}: something is left");
    }
    storm.live
}

#[test]
fn after_any_storm_texts_are_complete_and_calls_agree() {
    let live: usize = (0..40).map(|seed| weather(seed, Pair::new(&NAMES))).sum();
    assert!(live > 40, "only {live} calls came up");
}

#[test]
fn the_real_ratchet_weathers_it_too() {
    let live: usize = (100..110).map(|seed| weather(seed, Pair::with_real_ratchets(&NAMES))).sum();
    assert!(live > 10, "only {live} calls came up");
}
