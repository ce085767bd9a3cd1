//! Packets that came before their key. A key goes through the server by TCP while voice goes by UDP, so the first
//! words of a call are often here first; they are played the moment the key comes.

use crate::drop::Drop;
use crate::id::Ssrc;
use crate::limits::{KEYLESS_LIFE, KEYLESS_PACKETS_MAX, KEYLESS_SENDERS_MAX};
use crate::media::speakers::Speaker;
use crate::media::streams::Packet;
use crate::time::Time;

/// [`KEYLESS_PACKETS_MAX`] packets of each of [`KEYLESS_SENDERS_MAX`] streams, the newest ones.
#[derive(Debug)]
pub(super) struct Keyless(Vec<Waiting>);

#[derive(Debug)]
struct Waiting {
    ssrc: Ssrc,
    kid: u64,
    came_at: Time,
    packet: Packet,
}

impl Keyless {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(KEYLESS_PACKETS_MAX * KEYLESS_SENDERS_MAX))
    }

    /// Keeps a packet; what has to go for it is named.
    pub(super) fn keep(&mut self, ssrc: Ssrc, kid: u64, packet: Packet, now: Time) -> Result<(), Drop> {
        self.0.retain(|waiting| now - waiting.came_at < KEYLESS_LIFE);
        let mut lost = Ok(());
        if self.0.iter().filter(|waiting| waiting.ssrc == ssrc).count() >= KEYLESS_PACKETS_MAX {
            let oldest = self.0.iter().position(|waiting| waiting.ssrc == ssrc);
            lost = oldest.map_or(Ok(()), |at| {
                self.0.remove(at);
                Err(Drop::NoKey)
            });
        }
        if self.0.len() == self.0.capacity() {
            return Err(Drop::Full);
        }
        self.0.push(Waiting { ssrc, kid, came_at: now, packet });
        lost
    }

    /// The oldest packet that this speaker's keys open.
    pub(super) fn take(&mut self, speaker: &Speaker) -> Option<Packet> {
        let opens = |waiting: &Waiting| waiting.ssrc == speaker.ssrc && speaker.knows(waiting.kid);
        let at = self.0.iter().position(opens)?;
        Some(self.0.remove(at).packet)
    }

    /// Forgets what this speaker's keys will never open.
    pub(super) fn clear_past(&mut self, speaker: &Speaker) {
        self.0.retain(|waiting| waiting.ssrc != speaker.ssrc || !speaker.is_past(waiting.kid));
    }

    /// Forgets a stream.
    pub(super) fn clear_of(&mut self, ssrc: Ssrc) {
        self.0.retain(|waiting| waiting.ssrc != ssrc);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
