//! Whether what was lost at several rates is lost because the network is full: then it is nothing up to what there is
//! room for, and all of what is above; otherwise it is the same share at each rate.
//!
//! Both are fitted to what was seen, and the logarithm of the ratio of their likelihoods says which it is and how surely
//! (Wilks' test, without its table: the threshold is its user's).

use crate::media::outcome::Tally;

/// Rates remembered: a plan and two rises, and one more.
const RATES: usize = 4;
/// Rooms tried, in parts of the highest rate.
const ROOMS: u16 = 64;
/// A network that is not full, and one that is, still lose or pass a little.
const LITTLE: f32 = 0.003;

/// What was lost of the packets sent at one rate, bits per second on the wire.
#[derive(Clone, Copy, Debug)]
struct AtRate {
    wire: u32,
    tally: Tally,
}

/// What was lost at each rate since something is lost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Evidence {
    rates: [Option<AtRate>; RATES],
}

impl Evidence {
    /// Adds what was lost of the packets sent at a rate; the oldest gives way.
    pub(super) fn add(&mut self, wire: u32, tally: Tally) {
        self.rates.rotate_right(1);
        self.rates[0] = Some(AtRate { wire, tally });
    }

    /// The logarithm (natural) of how many times likelier a full network makes what was seen than a loss that does not
    /// depend on us; below zero the other is likelier.
    pub(super) fn of_a_full_network(&self) -> f32 {
        let rates = || self.rates.iter().flatten();
        let most = rates().map(|rate| rate.wire).max().unwrap_or(0);
        let all = rates().fold(Tally::default(), |sum, rate| Tally {
            expected: sum.expected + rate.tally.expected,
            lost: sum.lost + rate.tally.lost,
        });
        let same = rates().map(|rate| likelihood(rate.tally, all.loss())).sum::<f32>();
        let full = (0..=ROOMS).map(|parts| {
            let room = kilobits(most) * f32::from(parts) / f32::from(ROOMS);
            rates().map(|rate| likelihood(rate.tally, 1.0 - room / kilobits(rate.wire))).sum::<f32>()
        });
        full.fold(f32::NEG_INFINITY, f32::max) - same
    }
}

/// The logarithm of the likelihood of so many lost ones when each is lost with that probability.
#[expect(clippy::cast_precision_loss, reason = "counts of some hundred packets")]
fn likelihood(tally: Tally, loss: f32) -> f32 {
    let loss = loss.clamp(LITTLE, 1.0 - LITTLE);
    let lost = tally.lost as f32;
    lost * loss.ln() + (tally.expected as f32 - lost) * (1.0 - loss).ln()
}

fn kilobits(bits: u32) -> f32 {
    f32::from(u16::try_from(bits / 100).unwrap_or(u16::MAX)) / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(rates: &[(u32, u32, u32)]) -> f32 {
        let mut evidence = Evidence::default();
        for (wire, expected, lost) in rates {
            evidence.add(*wire, Tally { expected: *expected, lost: *lost });
        }
        evidence.of_a_full_network()
    }

    #[test]
    fn loss_that_follows_the_rate_is_a_full_network() {
        let full = seen(&[(80_000, 100, 6), (86_000, 50, 6), (118_000, 100, 36)]);
        assert!(full > 8.0, "{full}");
        let same = seen(&[(80_000, 100, 30), (86_000, 50, 15), (118_000, 100, 30)]);
        assert!(same < -6.0, "{same}");
    }

    #[test]
    fn a_tenth_and_two_hundred_packets_are_enough_to_know() {
        let same = seen(&[(82_000, 60, 6), (86_000, 50, 5), (118_000, 100, 10)]);
        assert!(same < -1.0, "{same}");
        let full = seen(&[(86_000, 40, 5), (118_000, 100, 36)]);
        assert!(full > 2.0, "{full}");
    }

    #[test]
    fn of_few_packets_or_one_rate_nothing_is_sure() {
        for rates in [&[][..], &[(80_000, 200, 70)], &[(80_000, 10, 0), (118_000, 10, 3)]] {
            assert!(seen(rates).abs() < 3.0, "{rates:?}: {}", seen(rates));
        }
    }

    #[test]
    fn the_newest_rates_count() {
        let mut evidence = Evidence::default();
        evidence.add(10_000, Tally { expected: 10_000, lost: 9_000 });
        for wire in [80_000, 86_000, 100_000, 118_000] {
            evidence.add(wire, Tally { expected: 100, lost: 100 - 75_000 * 100 / wire.max(75_000) });
        }
        assert!(evidence.of_a_full_network() > 5.0);
    }
}
