//! What a jitter buffer tells of its packets: what became of them, and why one was refused.

/// Why a packet was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unplaced {
    /// Its time has passed.
    Late,
    /// It is here already.
    Duplicate,
    /// Its number is far from what is expected; a second one in sequence will be believed.
    Far,
}

/// What happened to one speaker's packets since the stream began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlayoutCounters {
    /// Packets kept.
    pub received: u64,
    /// Packets whose time passed without them.
    pub lost: u64,
    /// Frames invented, for lost packets or to gain time. What fades when the sender pauses is none of them.
    pub concealed: u64,
    /// Lost frames recovered from the coarse copy in the packet after them.
    pub recovered: u64,
    /// Lost packets played from a copy that came with a later one.
    pub copied: u64,
    /// Packets that came after their time.
    pub late: u64,
    /// Packets that came twice.
    pub duplicate: u64,
    /// Packets refused for their number.
    pub far: u64,
    /// Frames thrown away to catch up.
    pub skipped: u64,
    /// Samples taken out of the sound to catch up, a pitch period at a time.
    pub shortened: u64,
    /// Samples put into the sound to gain time.
    pub lengthened: u64,
    /// Times the stream was begun afresh.
    pub restarts: u64,
}
