//! What a member says about the others' voice and about itself, to the byte: the plaintext of a report.
//!
//! ```text
//! flags 1 | sent 4 | blocks 1 | blocks * 30
//! block: ssrc 4 | highest 4 | opened 4 | lost 2 | jitter 4 | echo 4 | held 2 | burst 1 | concealed 2 | depth 2 | flags 1
//! ```
//!
//! Flags of the report: bit 0 hung up, 1 reads copies, 2 muted, 3 recording, 4 on hold, 5 microphone trouble, 6 speaker trouble.
//! Flags of a block: bit 0 your microphone returns my voice. Other bits are zero and ignored.
//!
//! `sent` is the sender's clock in microseconds modulo 2^32, never 0. A block tells one speaker what arrived:
//! the SFrame counter up to which is counted (of the newest key: what is missing above it may only be overtaken, and still
//! come) and how many packets up to there came (of all keys), both modulo 2^32; the share lost
//! over the last 10 s in 1/65535, the interarrival jitter in microseconds (RFC 3550 section 6.4.1), and for the
//! round trip the `sent` of the speaker's newest report (0 for none) and how long it was held, in tenths of a
//! millisecond (65535 for longer than can be told). Then what became of it: the mean length of the runs of lost
//! packets over the last 10 s in 1/8, the share of the frames over the last 10 s that had to be invented in 1/65535,
//! and the delay of the playout buffer in tenths of a millisecond; all three saturate. Bytes after the blocks are
//! ignored.

use crate::id::Ssrc;
use crate::limits::{DATAGRAM_BYTES_MAX, MEMBERS_MAX};
use crate::wire::datagram::{RTP_BYTES, part};

/// What the sender of a report says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportFlags {
    /// Has left the call.
    pub hung_up: bool,
    /// Understands packets with copies of earlier frames.
    pub reads_copies: bool,
    /// Sends no voice, on purpose.
    pub muted: bool,
    /// Keeps what is said in the call.
    pub recording: bool,
    /// Will say nothing for a while, and is to be waited for.
    pub on_hold: bool,
    /// The microphone gives less than it should.
    pub microphone_trouble: bool,
    /// The speaker is not fed as it should be, or does not play at all.
    pub speaker_trouble: bool,
}

impl ReportFlags {
    /// The byte.
    pub fn encode(self) -> u8 {
        let bits = [
            (self.hung_up, HUNG_UP),
            (self.reads_copies, READS_COPIES),
            (self.muted, MUTED),
            (self.recording, RECORDING),
            (self.on_hold, ON_HOLD),
            (self.microphone_trouble, MICROPHONE_TROUBLE),
            (self.speaker_trouble, SPEAKER_TROUBLE),
        ];
        bits.iter().filter(|(said, _)| *said).fold(0, |byte, (_, bit)| byte | bit)
    }

    /// Reads the byte; bits without a meaning are ignored.
    pub fn decode(byte: u8) -> Self {
        let said = |bit| byte & bit != 0;
        Self {
            hung_up: said(HUNG_UP),
            reads_copies: said(READS_COPIES),
            muted: said(MUTED),
            recording: said(RECORDING),
            on_hold: said(ON_HOLD),
            microphone_trouble: said(MICROPHONE_TROUBLE),
            speaker_trouble: said(SPEAKER_TROUBLE),
        }
    }
}

/// What one speaker's packets look like where they arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The speaker.
    pub ssrc: Ssrc,
    /// SFrame counter up to which is counted, modulo 2^32.
    pub highest: u32,
    /// Packets up to it that came, modulo 2^32.
    pub opened: u32,
    /// Share lost over the last 10 s, in 1/65535.
    pub lost: u16,
    /// Interarrival jitter, microseconds.
    pub jitter: u32,
    /// `sent` of the speaker's newest report; 0 for none.
    pub echo: u32,
    /// For how long, in 0.1 ms; saturates.
    pub held: u16,
    /// Mean length of the runs of lost packets over the last 10 s, in 1/8; 0 for none, saturates.
    pub burst: u8,
    /// Share of the frames over the last 10 s that were invented although everything was tried, in 1/65535.
    pub concealed: u16,
    /// Delay of the playout buffer, in 0.1 ms; saturates.
    pub depth: u16,
    /// The speaker's microphone returns the voice of whoever reports.
    pub returns_voice: bool,
}

impl Heard {
    fn encode(&self, out: &mut [u8]) {
        out[..4].copy_from_slice(&self.ssrc.0.to_be_bytes());
        out[4..8].copy_from_slice(&self.highest.to_be_bytes());
        out[8..12].copy_from_slice(&self.opened.to_be_bytes());
        out[12..14].copy_from_slice(&self.lost.to_be_bytes());
        out[14..18].copy_from_slice(&self.jitter.to_be_bytes());
        out[18..22].copy_from_slice(&self.echo.to_be_bytes());
        out[22..24].copy_from_slice(&self.held.to_be_bytes());
        out[24] = self.burst;
        out[25..27].copy_from_slice(&self.concealed.to_be_bytes());
        out[27..29].copy_from_slice(&self.depth.to_be_bytes());
        out[29] = if self.returns_voice { RETURNS_VOICE } else { 0 };
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            ssrc: Ssrc(u32::from_be_bytes(part(bytes, 0)?)),
            highest: u32::from_be_bytes(part(bytes, 4)?),
            opened: u32::from_be_bytes(part(bytes, 8)?),
            lost: u16::from_be_bytes(part(bytes, 12)?),
            jitter: u32::from_be_bytes(part(bytes, 14)?),
            echo: u32::from_be_bytes(part(bytes, 18)?),
            held: u16::from_be_bytes(part(bytes, 22)?),
            burst: *bytes.get(24)?,
            concealed: u16::from_be_bytes(part(bytes, 25)?),
            depth: u16::from_be_bytes(part(bytes, 27)?),
            returns_voice: *bytes.get(29)? & RETURNS_VOICE != 0,
        })
    }
}

/// The plaintext of a report, read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report<'a> {
    /// What its sender says of itself.
    pub flags: ReportFlags,
    /// The sender's clock, microseconds modulo 2^32.
    pub sent: u32,
    blocks: &'a [u8],
}

impl<'a> Report<'a> {
    /// Writes a report and returns its length; blocks beyond [`MEMBERS_MAX`] are left out.
    pub fn encode(
        flags: ReportFlags,
        sent: u32,
        heard: impl Iterator<Item = Heard>,
        out: &mut [u8],
    ) -> usize {
        let mut count = 0;
        for (block, place) in
            heard.take(MEMBERS_MAX).zip(out[REPORT_HEAD_BYTES..].chunks_exact_mut(BLOCK_BYTES))
        {
            block.encode(place);
            count += 1;
        }
        out[0] = flags.encode();
        out[1..5].copy_from_slice(&sent.to_be_bytes());
        out[5] = u8::try_from(count).expect("MEMBERS_MAX fits a byte");
        REPORT_HEAD_BYTES + count * BLOCK_BYTES
    }

    /// Reads a report.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let count = usize::from(*bytes.get(5)?);
        if count > MEMBERS_MAX {
            return None;
        }
        let blocks = bytes.get(REPORT_HEAD_BYTES..REPORT_HEAD_BYTES + count * BLOCK_BYTES)?;
        Some(Self { flags: ReportFlags::decode(bytes[0]), sent: u32::from_be_bytes(part(bytes, 1)?), blocks })
    }

    /// What its sender heard of whom.
    pub fn heard(&self) -> impl Iterator<Item = Heard> + 'a {
        self.blocks.chunks_exact(BLOCK_BYTES).filter_map(Heard::decode)
    }
}

const HUNG_UP: u8 = 1;
const READS_COPIES: u8 = 1 << 1;
const MUTED: u8 = 1 << 2;
const RECORDING: u8 = 1 << 3;
const ON_HOLD: u8 = 1 << 4;
const MICROPHONE_TROUBLE: u8 = 1 << 5;
const SPEAKER_TROUBLE: u8 = 1 << 6;
const RETURNS_VOICE: u8 = 1;

/// Bytes of a report without blocks.
pub const REPORT_HEAD_BYTES: usize = 6;
/// Bytes of one block.
pub const BLOCK_BYTES: usize = 30;
/// Bytes of the longest report.
pub const REPORT_BYTES_MAX: usize = REPORT_HEAD_BYTES + MEMBERS_MAX * BLOCK_BYTES;

const _: () = assert!(MEMBERS_MAX <= 255);
const _: () = assert!(RTP_BYTES + REPORT_BYTES_MAX <= DATAGRAM_BYTES_MAX, "a report travels in clear, too");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bytes_are_those_of_the_document() {
        let block = Heard {
            ssrc: Ssrc(0x0102_0304),
            highest: 0x0506_0708,
            opened: 0x090a_0b0c,
            lost: 0x0d0e,
            jitter: 0x0f10_1112,
            echo: 0x1314_1516,
            held: 0x1718,
            burst: 0x19,
            concealed: 0x1a1b,
            depth: 0x1c1d,
            returns_voice: true,
        };
        let mut out = [0; REPORT_BYTES_MAX];
        let flags = ReportFlags { muted: true, speaker_trouble: true, ..Default::default() };
        let len = Report::encode(flags, 0x2122_2324, [block].into_iter(), &mut out);
        let counting: Vec<u8> = (1..=0x1d).chain([1]).collect();
        assert_eq!(out[..len], [&[0x44, 0x21, 0x22, 0x23, 0x24, 1][..], &counting].concat());
    }

    #[test]
    fn every_flag_is_a_bit_and_the_others_are_ignored() {
        for byte in 0..=255 {
            assert_eq!(ReportFlags::decode(byte).encode(), byte & 0b0111_1111);
        }
        assert!(ReportFlags::decode(1).hung_up && ReportFlags::decode(2).reads_copies);
        assert!(ReportFlags::decode(4).muted && ReportFlags::decode(8).recording);
        assert!(ReportFlags::decode(16).on_hold);
        assert!(ReportFlags::decode(32).microphone_trouble && ReportFlags::decode(64).speaker_trouble);
    }

    #[test]
    fn more_blocks_than_a_call_has_members_are_neither_written_nor_read() {
        let block = Heard::decode(&[7; BLOCK_BYTES]).unwrap();
        let mut out = [0; REPORT_BYTES_MAX + 2 * BLOCK_BYTES];
        let blocks = core::iter::repeat_n(block, MEMBERS_MAX + 2);
        assert_eq!(Report::encode(ReportFlags::default(), 1, blocks, &mut out), REPORT_BYTES_MAX);
        out[5] += 1;
        assert!(Report::decode(&out).is_none());
    }

    prop_compose! {
        fn heard()(ssrc in any::<u32>(), highest in any::<u32>(), opened in any::<u32>(), lost in any::<u16>(),
                   jitter in any::<u32>(), (echo, held) in any::<(u32, u16)>(), burst in any::<u8>(),
                   concealed in any::<u16>(), depth in any::<u16>(), returns_voice in any::<bool>()) -> Heard {
            let ssrc = Ssrc(ssrc);
            Heard { ssrc, highest, opened, lost, jitter, echo, held, burst, concealed, depth, returns_voice }
        }
    }

    proptest! {
        #[test]
        fn reports_survive_the_wire(flags in any::<u8>().prop_map(ReportFlags::decode), sent in any::<u32>(),
                                    blocks in prop::collection::vec(heard(), 0..MEMBERS_MAX)) {
            let mut out = [0; REPORT_BYTES_MAX];
            let len = Report::encode(flags, sent, blocks.iter().copied(), &mut out);
            let read = Report::decode(&out[..len]).unwrap();
            prop_assert_eq!((read.flags, read.sent), (flags, sent));
            prop_assert_eq!(read.heard().collect::<Vec<_>>(), blocks);
            prop_assert!(Report::decode(&out[..len - 1]).is_none());
        }

        #[test]
        fn junk_is_read_without_a_panic(junk in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Report::decode(&junk).map(|report| report.heard().count());
        }
    }
}
