//! When to draw. A key's echo waits for nothing; what happened waits for the shortest time between frames; what only
//! moves (a meter, a figure, a second that passed) also waits until the line is free again, where there is one: over
//! SSH all that moves together may use [`BYTES_PER_SECOND`], so that a key's echo never stands in a queue behind
//! meters. Pure: times and bytes in, times out.

use std::time::Duration;

use proto::Time;

/// The shortest time between two frames that nobody pressed a key for.
const FRAME_EVERY: Duration = Duration::from_millis(33);

/// What may move over a network, in bytes a second: measured, 32 kbit/s carry it beside a person who types.
pub const BYTES_PER_SECOND: u64 = 1_000;

/// Why a frame is wanted, the more urgent later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// Something moved by itself.
    Motion,
    /// Something happened.
    News,
    /// A key was pressed, or the window has another size.
    Key,
}

/// The pace of the frames.
#[derive(Clone, Debug)]
pub struct Pace {
    remote: bool,
    /// When the last frame was drawn.
    drawn: Option<Time>,
    /// When what moves has earned the bytes it used: it may move on from then. Earnings are saved for a second at most.
    paid: Time,
}

impl Pace {
    /// Nothing drawn yet. `remote` when the bytes go over a network.
    pub fn new(remote: bool) -> Self {
        Self { remote, drawn: None, paid: Time::ZERO }
    }

    /// The earliest time of a frame that is wanted for this.
    pub fn at(&self, want: Want) -> Time {
        let frame = self.drawn.map_or(Time::ZERO, |drawn| drawn + FRAME_EVERY);
        match want {
            Want::Key => Time::ZERO,
            Want::News => frame,
            Want::Motion if self.remote => frame.max(self.paid),
            Want::Motion => frame,
        }
    }

    /// A frame of so many bytes was drawn for this.
    pub fn drew(&mut self, want: Want, bytes: usize, now: Time) {
        self.drawn = Some(now);
        if want == Want::Motion {
            let cost = Duration::from_micros(bytes as u64 * 1_000_000 / BYTES_PER_SECOND);
            self.paid = self.paid.max(now.back(Duration::from_secs(1))) + cost;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes drawn within ten seconds by something that always wants another frame of so many.
    fn bytes(pace: &mut Pace, want: Want, frame: usize) -> usize {
        let (mut now, end, mut drawn) = (Time::secs(50), Time::secs(60), 0);
        while now < end {
            pace.drew(want, frame, now);
            drawn += frame;
            now = pace.at(want).max(now + Duration::from_millis(1));
        }
        drawn
    }

    #[test]
    fn what_moves_over_a_network_keeps_to_its_budget() {
        for frame in [20, 120, 900, 2_500] {
            let drawn = bytes(&mut Pace::new(true), Want::Motion, frame);
            let budget = 10 * 1_000 + 1_000 + frame;
            assert!(
                drawn <= budget && drawn * 2 > 10_000,
                "{drawn} bytes in ten seconds in frames of {frame}"
            );
        }
        assert!(
            bytes(&mut Pace::new(false), Want::Motion, 120) > 30_000,
            "on this machine nothing is scarce"
        );
    }

    #[test]
    fn a_key_waits_for_nothing_and_news_only_for_the_frame() {
        let mut pace = Pace::new(true);
        let now = Time::secs(9);
        pace.drew(Want::Motion, 100_000, now);
        assert_eq!(pace.at(Want::Key), Time::ZERO);
        assert_eq!(pace.at(Want::News), now + FRAME_EVERY);
        assert!(pace.at(Want::Motion) > now + Duration::from_secs(60));
    }

    #[test]
    fn a_key_costs_what_moves_nothing() {
        let mut pace = Pace::new(true);
        let now = Time::secs(9);
        pace.drew(Want::Key, 3_000, now);
        assert_eq!(pace.at(Want::Motion), now + FRAME_EVERY);
    }
}
