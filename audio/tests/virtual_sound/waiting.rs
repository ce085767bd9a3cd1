//! How much sound waits at the sound server during a call. A program that asks for nothing is given two seconds each way,
//! and nobody can talk over that.

use super::following::{field, ours, pactl};
use super::*;

/// What waits in one direction, at the server and at its device, is less.
const WAITS_MAX: Duration = Duration::from_millis(60);
/// Looks of which the middle one counts: a busy machine stalls at times.
const LOOKS: usize = 11;
/// Sound flows between two of them.
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[test]
fn little_waits_at_the_server_either_way() {
    in_a_room("waiting::little_waits_at_the_server_either_way", true, little_waits);
}

fn little_waits(_: &Room) {
    let (_line, mut alice, _bob) = call_by_card("tone");
    alice.sound(SoundCommand::MeterEvery(LOOK_EVERY));
    let mut waited: Vec<Duration> = Vec::new();
    for _ in 0..LOOKS {
        alice.until("a level", |event| {
            matches!(event, AgentEvent::Sound(SoundEvent::Levels(_))).then_some(())
        });
        let streams = ours("sink-inputs");
        let [stream] = streams.as_slice() else { panic!("one plays: {streams:?}") };
        let parts = ["Buffer Latency: ", "Sink Latency: "];
        waited.push(parts.into_iter().map(|part| micros(&field(stream, part))).sum());
    }
    waited.sort();
    assert!(waited[LOOKS / 2] < WAITS_MAX, "to the speaker: {waited:?}");
    for (kind, name) in [("sinks", "alice_spk"), ("sources", "alice_mic")] {
        let asked = asked_of(kind, name);
        assert!(asked < WAITS_MAX, "{name}: {asked:?}");
    }
}

/// How much sound a device is asked to keep at a time.
fn asked_of(kind: &str, name: &str) -> Duration {
    let all = pactl(&["list", kind]);
    let device = all.split("\n\n").find(|block| block.contains(&format!("Name: {name}\n"))).unwrap();
    micros(field(device, "Latency: ").split_once("configured ").unwrap().1)
}

/// As in `5000 usec`.
fn micros(said: &str) -> Duration {
    Duration::from_micros(said.trim_end_matches(" usec").parse().unwrap())
}
