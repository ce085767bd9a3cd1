//! The swarm: many seeds of the whole network, each two virtual minutes of troubles and then the calm.
//!
//! `TINCAN_SEED=7 cargo test -p tincan-proto --test swarm one_seed` replays one; `TINCAN_LOUD=1` prints what
//! travels; `TINCAN_SEEDS=1000` makes the swarm larger.

#[expect(
    dead_code,
    unreachable_pub,
    clippy::print_stderr,
    reason = "two tests share the world and use different parts of it; a loud run is read by a person"
)]
mod world;

use core::time::Duration;

use world::{Plan, World};

fn plan(seed: u64) -> Plan {
    Plan {
        users: 2 + (seed % 4) as usize,
        guests: (seed % 5) as usize,
        troubles: Duration::from_secs(120),
        crashes: !seed.is_multiple_of(3),
        villain: seed % 2 == 1,
        whims: true,
    }
}

#[expect(clippy::disallowed_methods, reason = "the reader of a run chooses seeds by the environment")]
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn run(seed: u64) -> World {
    let mut world = World::new(seed, plan(seed));
    world.live();
    world
}

#[test]
fn a_swarm_of_seeds_keeps_every_promise() {
    let (mut texts, mut frames, mut greetings) = (0, 0, 0);
    let (mut logins, mut contacts, mut calls) = (0, 0, 0);
    for seed in 0..number("TINCAN_SEEDS", 64) {
        let ended = std::panic::catch_unwind(|| run(seed));
        let world = ended.unwrap_or_else(|_| panic!("seed {seed} failed: replay with TINCAN_SEED={seed}"));
        texts += world.oracle.texts_shown;
        greetings += world.oracle.greetings_shown;
        frames += world.oracle.frames_heard;
        let past = world.guests_past();
        (logins, contacts, calls) = (logins + past.logins, contacts + past.contacts, calls + past.calls);
        let (steps, hash) = world.trace();
        println!("seed {seed}: {steps} steps, trace {hash:016x}");
    }
    // A swarm in which nothing happens keeps every promise too.
    assert!(texts > 500 && frames > 50_000, "only {texts} texts and {frames} frames in the whole swarm");
    assert!(greetings > 50, "only {greetings} messages with requests in the whole swarm");
    assert!(
        logins > 200 && contacts > 200 && calls > 50,
        "only {logins} logins, {contacts} words of contacts and {calls} of calls of all plain guests"
    );
}

#[test]
fn one_seed_is_one_run() {
    let seed = number("TINCAN_SEED", 1);
    assert_eq!(run(seed).trace(), run(seed).trace());
}
