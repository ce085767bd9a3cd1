//! No network makes us swing, whichever seed it is made of: what the table of networks shows of one seed, held of many.

use super::*;

/// Seeds, and seconds of each network with each of them: seven seconds of work.
const SEEDS: u8 = 100;
const SECONDS: u64 = 1_200;
/// Changes of the plan that are no swinging, in any minute and in all that time. The most are where the network is on the
/// border: 34 where one packet in a hundred is lost, which is where loss begins to be answered.
const IN_A_MINUTE: usize = 10;
const IN_ALL: usize = 40;

/// A network and its name.
pub(super) type Traced = (&'static str, Box<dyn Fn(f64) -> Network>);

/// The networks of the table.
pub(super) fn networks() -> [Traced; 14] {
    [
        ("good", Box::new(|_| GOOD)),
        ("0.5 % random", Box::new(|_| losing(0.005))),
        ("1 % random", Box::new(|_| losing(0.01))),
        ("2 % random", Box::new(|_| losing(0.02))),
        ("5 % random", Box::new(|_| losing(0.05))),
        ("20 % random", Box::new(|_| losing(0.2))),
        ("30 % random", Box::new(|_| losing(0.3))),
        ("2 % runs of 3", Box::new(|_| Network { loss: 0.02, run: 3.0, ..GOOD })),
        ("10 % runs of 3", Box::new(|_| Network { loss: 0.1, run: 3.0, ..GOOD })),
        ("20 % runs of 3", Box::new(|_| Network { loss: 0.2, run: 3.0, ..GOOD })),
        ("wifi", Box::new(wifi)),
        ("mobile", Box::new(mobile)),
        ("collapses to 60 kb/s", Box::new(collapse(60_000))),
        ("room for 100 kb/s, 5 %", Box::new(|_| Network { room: 100_000, ..losing(0.05) })),
    ]
}

#[test]
fn no_seed_of_any_network_makes_us_swing() {
    let mut swinging = Vec::new();
    for (name, network) in networks() {
        let (mut minute, mut all) = (0, 0);
        for seed in 0..SEEDS {
            let story = Simulation::new(DelayMode::Ordinary, seed).run(SECONDS, &network);
            assert!(story.payload_most <= 96_000, "{name}, seed {seed}: {} bit/s", story.payload_most);
            let (swings, changes) = (story.swings(), story.plans.len() - 1);
            if swings > IN_A_MINUTE || changes > IN_ALL {
                swinging.push(format!("{name}, seed {seed}: {swings} in a minute, {changes} in all"));
            }
            (minute, all) = (swings.max(minute), changes.max(all));
        }
        println!("{name:<22} | {minute:>2} changes in the worst minute, {all:>2} in {SECONDS} s");
    }
    assert!(swinging.is_empty(), "{swinging:#?}");
}
