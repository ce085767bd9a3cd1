//! The end of a call: goodbyes sealed while there was a key, sent one by one in case some are lost.

use core::net::SocketAddr;
use core::time::Duration;

use crate::media::streams::Packet;
use crate::time::Time;

/// Goodbyes, and the pauses between them: some get through a second of heavy loss.
pub(super) const GOODBYES: usize = 4;
const GOODBYE_AFTER: [Duration; GOODBYES - 1] =
    [Duration::from_millis(40), Duration::from_millis(80), Duration::from_millis(160)];

/// Goodbyes on their way.
pub(super) struct Leaving {
    to: SocketAddr,
    goodbyes: [Option<Packet>; GOODBYES],
    sent: usize,
    next: Option<Time>,
}

impl Leaving {
    /// From now on.
    pub(super) fn new(to: SocketAddr, goodbyes: [Option<Packet>; GOODBYES], now: Time) -> Self {
        Self { to, goodbyes, sent: 0, next: Some(now) }
    }

    /// When the next one is due; none when all are said.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.next
    }

    /// The one that is due.
    pub(super) fn say(&mut self, now: Time) -> Option<(SocketAddr, Packet)> {
        self.next.filter(|at| *at <= now)?;
        self.next = GOODBYE_AFTER.get(self.sent).map(|wait| now + *wait);
        let goodbye = self.goodbyes.get_mut(self.sent).and_then(Option::take);
        self.sent += 1;
        goodbye.map(|bytes| (self.to, bytes))
    }
}
