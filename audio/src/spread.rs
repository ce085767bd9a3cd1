//! How unevenly a speaker's packets arrive: the transit times of the latest packets, and from them how long to wait
//! for packets.
//!
//! Waiting longer costs delay, waiting shorter costs the packets that come later, the more the later they come:
//! [`Spread::late`] is where the sum of both is least, with [`LATE_COST`] as the rate of exchange. So a packet in a hundred
//! that is a second late is let go, and so are some that are late by a millisecond.

use crate::frame::SAMPLE_RATE;

/// Packets remembered at most.
const WINDOW: usize = 512;
/// And for how long, in samples: 5.12 s. Long enough to hold the rare late ones, short enough to forget a network that
/// has calmed down. It is a time, not a number of packets: frames of 20 ms would remember a stall for ten seconds. Of 5 ms
/// frames there is room for half as long.
const MEMORY: i64 = WINDOW as i64 * 480;
/// Samples of delay we pay so that one packet in a hundred is not late by [`LATE_WHOLLY`] or more: 24 ms. Ten percent of
/// invented frames cost more than two of the five points of a listener's opinion, 150 ms of delay hardly half a one
/// (ITU-T G.107).
const LATE_COST: i64 = 24 * SAMPLE_RATE as i64 / 1000;
/// Samples after which a packet is wholly late: 20 ms. One that is late by less is drawn out for as long, and costs that
/// part. Of the codec alone, as PESQ-wb of nine sentences, the arrivals of ten recorded calls left 0.989 when each late
/// packet cost the same, and 0.985 with 2.2 ms less delay so; leaving alone what is up to 2 ms too long (`tempo`) then gave
/// 0.989 again, for 0.3 ms. All with a cushion of 5 ms (`jitter`).
const LATE_WHOLLY: i64 = 20 * SAMPLE_RATE as i64 / 1000;
/// A window less full than this counts as this full: the first late packet of a call is not yet a bad network.
const FULL_ENOUGH: usize = 100;
/// Packets that may be given up as late: an eighth of what is remembered of frames of 10 ms.
const GIVEN_UP_MAX: usize = WINDOW / 8;

/// A sliding window of transit times, in samples of the *output* clock; only differences mean anything.
pub(crate) struct Spread {
    transits: [i64; WINDOW],
    /// The same, smallest first.
    sorted: [i64; WINDOW],
    len: usize,
    at: usize,
}

impl Spread {
    pub(crate) const fn new() -> Self {
        Self { transits: [0; WINDOW], sorted: [0; WINDOW], len: 0, at: 0 }
    }

    /// A packet of `length` samples arrived `transit` samples after the time its own clock names.
    pub(crate) fn note(&mut self, transit: i64, length: i64) {
        let most = usize::try_from(MEMORY / length.max(1)).map_or(WINDOW, |most| most.clamp(1, WINDOW));
        while self.len >= most {
            self.forget_oldest();
        }
        let place = self.sorted[..self.len].partition_point(|known| *known < transit);
        self.sorted.copy_within(place..self.len, place + 1);
        self.sorted[place] = transit;
        self.transits[self.at] = transit;
        self.at = (self.at + 1) % WINDOW;
        self.len += 1;
    }

    fn forget_oldest(&mut self) {
        let oldest = self.transits[(self.at + WINDOW - self.len) % WINDOW];
        let place = self.sorted[..self.len].partition_point(|known| *known < oldest);
        self.sorted.copy_within(place + 1..self.len, place);
        self.len -= 1;
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.at = 0;
    }

    /// Packets in the window.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The fastest transit.
    pub(crate) fn base(&self) -> Option<i64> {
        self.sorted[..self.len].first().copied()
    }

    /// How much slower than the fastest a packet may be and still be worth waiting for.
    pub(crate) fn late(&self) -> i64 {
        let Some(base) = self.base() else { return 0 };
        let each = LATE_COST * 100 / self.len.max(FULL_ENOUGH) as i64;
        let slowest = || self.sorted[..self.len].iter().rev().map(|transit| transit - base);
        // Those that come after `wait` and are not wholly late: from the slowest of them on, how many, and their sum.
        let (mut partly, mut count, mut sum, mut wholly) = (slowest().peekable(), 0, 0, 0);
        let costs = slowest().take(GIVEN_UP_MAX).map(|wait| {
            while let Some(transit) = partly.next_if(|transit| *transit >= wait + LATE_WHOLLY) {
                (count, sum, wholly) = (count - 1, sum - transit, wholly + 1);
            }
            let late = sum - count * wait + wholly * LATE_WHOLLY;
            (count, sum) = (count + 1, sum + wait);
            (wait * LATE_WHOLLY + each * late, wait)
        });
        costs.min().map_or(0, |(_, wait)| wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rare_stragglers_do_not_count() {
        let mut spread = Spread::new();
        for n in 0..1_000 {
            spread.note(if n % 100 == 0 { 50_000 } else { 1_000 + n % 7 }, 480);
        }
        assert_eq!(spread.base(), Some(1_000));
        assert_eq!(spread.late(), 6);
    }

    #[test]
    fn one_packet_in_a_hundred_is_worth_twenty_four_milliseconds() {
        for (late, waits) in [(22, true), (26, false)] {
            let mut spread = Spread::new();
            (0..512).for_each(|n| spread.note(if n % 100 == 50 { late * 48 } else { 0 }, 480));
            assert_eq!(spread.late() > 0, waits, "{late} ms");
        }
    }

    #[test]
    fn late_packets_count_by_how_late_they_are() {
        // Of 512 packets each is worth 225 samples of waiting when it is late by 20 ms or more.
        for (milliseconds, few) in [(4, 4), (19, 4), (21, 4), (30, 6), (50, 10)] {
            let mut spread = Spread::new();
            (0..512).for_each(|_| spread.note(0, 480));
            (0..few).for_each(|_| spread.note(milliseconds * 48, 480));
            assert_eq!(spread.late(), 0, "{few} are let go that are late by {milliseconds} ms");
            spread.note(milliseconds * 48, 480);
            assert_eq!(spread.late(), milliseconds * 48, "{few} and one more are not");
        }
    }

    #[test]
    fn an_old_network_is_forgotten() {
        let mut spread = Spread::new();
        (0..WINDOW as i64).for_each(|n| spread.note(n * 10, 480));
        assert!(spread.late() > 4_000);
        (0..WINDOW).for_each(|_| spread.note(77, 480));
        assert_eq!((spread.base(), spread.late()), (Some(77), 0));
    }

    #[test]
    fn what_is_remembered_is_a_time_whatever_the_frames_last() {
        for (length, packets) in [(240, 512), (480, 512), (960, 256)] {
            let mut spread = Spread::new();
            (0..WINDOW).for_each(|_| spread.note(77, 480));
            (0..packets - 1).for_each(|_| spread.note(9_000, length));
            assert_eq!(spread.base(), Some(77), "{length}: one of the old is still known");
            spread.note(9_000, length);
            assert_eq!((spread.len(), spread.base()), (packets, Some(9_000)), "{length}");
        }
    }

    #[test]
    fn nothing_known_is_no_wait() {
        assert_eq!((Spread::new().base(), Spread::new().late()), (None, 0));
    }

    proptest! {
        #[test]
        fn no_other_wait_costs_less(transits in proptest::collection::vec(0i64..3_000, 1..300)) {
            let mut spread = Spread::new();
            transits.iter().for_each(|transit| spread.note(transit * transit / 1_000, 480));
            let known = &spread.sorted[..spread.len()];
            let cost = |wait: i64| {
                let late: i64 = known.iter().map(|transit| (transit - wait).clamp(0, LATE_WHOLLY)).sum();
                wait * LATE_WHOLLY + LATE_COST * 100 / known.len().max(FULL_ENOUGH) as i64 * late
            };
            let least = known.iter().rev().take(GIVEN_UP_MAX).map(|wait| cost(*wait)).min();
            prop_assert_eq!(Some(cost(known[0] + spread.late())), least);
        }

        #[test]
        fn the_sorted_window_is_the_window(transits in proptest::collection::vec(-9_000i64..9_000, 1..1_500)) {
            let mut spread = Spread::new();
            transits.iter().for_each(|transit| spread.note(*transit, 480));
            let mut latest = transits[transits.len().saturating_sub(WINDOW)..].to_vec();
            latest.sort();
            prop_assert_eq!(&spread.sorted[..spread.len()], &latest[..]);
            prop_assert!((0..=latest[latest.len() - 1] - latest[0]).contains(&spread.late()));
        }
    }
}
