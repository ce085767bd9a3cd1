//! How unevenly a speaker's packets arrive: the transit times of the latest packets, and from them how long a packet
//! must wait so that nearly all others make it in time.

/// Packets remembered: five seconds at 10 ms. Long enough to hold the rare late ones, short enough to forget a
/// network that has calmed down.
const WINDOW: usize = 512;

/// Share of packets that may come later than [`Spread::late`], per thousand.
const LATE_PER_MILLE: usize = 20;

/// A sliding window of transit times, in samples of the *output* clock; only differences mean anything.
pub(crate) struct Spread {
    transits: [i64; WINDOW],
    len: usize,
    at: usize,
}

impl Spread {
    pub(crate) const fn new() -> Self {
        Self { transits: [0; WINDOW], len: 0, at: 0 }
    }

    /// A packet arrived `transit` samples after the time its own clock names.
    pub(crate) fn note(&mut self, transit: i64) {
        self.transits[self.at] = transit;
        self.at = (self.at + 1) % WINDOW;
        self.len = (self.len + 1).min(WINDOW);
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
        self.transits[..self.len].iter().copied().min()
    }

    /// How much slower than the fastest all but the slowest two percent were.
    pub(crate) fn late(&self) -> i64 {
        let Some(base) = self.base() else { return 0 };
        let mut sorted = self.transits;
        let rank = (self.len - 1) - self.len * LATE_PER_MILLE / 1000;
        let (_, late, _) = sorted[..self.len].select_nth_unstable(rank);
        *late - base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_stragglers_do_not_count() {
        let mut spread = Spread::new();
        for n in 0..1_000 {
            spread.note(if n % 100 == 0 { 50_000 } else { 1_000 + n % 7 });
        }
        assert_eq!(spread.base(), Some(1_000));
        assert_eq!(spread.late(), 6);
    }

    #[test]
    fn an_old_network_is_forgotten() {
        let mut spread = Spread::new();
        (0..WINDOW as i64).for_each(|n| spread.note(n * 10));
        assert!(spread.late() > 4_000);
        (0..WINDOW).for_each(|_| spread.note(77));
        assert_eq!((spread.base(), spread.late()), (Some(77), 0));
    }

    #[test]
    fn nothing_known_is_no_wait() {
        assert_eq!((Spread::new().base(), Spread::new().late()), (None, 0));
    }
}
