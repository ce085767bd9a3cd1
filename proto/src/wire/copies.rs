//! Voice with copies of earlier frames, to the byte: the plaintext of payload type 100 (RFC 2198).
//!
//! ```text
//! copies * (0x80 | 96 | offset 14 bits | length 10 bits)  | 96 | copies, oldest first | the frame itself
//! ```
//!
//! The offset is how many samples earlier than the packet's timestamp the copy begins. What stands here is the strict
//! form that we send, and no other is read: one or two copies, each older one first, none of them empty.

use crate::limits::COPIES_MAX;

/// An earlier frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EarlierFrame<'a> {
    /// How much earlier than the frame itself, samples at 48 kHz; 1 to [`OFFSET_MAX`].
    pub offset: u16,
    /// The Opus packet, at most [`COPY_BYTES_MAX`].
    pub opus: &'a [u8],
}

/// A frame and the earlier ones that travel with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithCopies<'a> {
    /// Oldest first; not none at all.
    copies: [Option<EarlierFrame<'a>>; COPIES_MAX],
    /// The frame itself.
    pub frame: &'a [u8],
}

impl<'a> WithCopies<'a> {
    /// Writes `frame` and `copies`, oldest first, and returns the length; none when they are not as above, or there is
    /// no room.
    pub fn encode(copies: &[EarlierFrame<'_>], frame: &[u8], out: &mut [u8]) -> Option<usize> {
        let ordered = copies.windows(2).all(|pair| pair[0].offset > pair[1].offset);
        let known = |copy: &EarlierFrame<'_>| {
            (1..=OFFSET_MAX).contains(&copy.offset) && (1..=COPY_BYTES_MAX).contains(&copy.opus.len())
        };
        let heads = copies.len() * COPY_HEAD_BYTES;
        let len = heads + 1 + copies.iter().map(|copy| copy.opus.len()).sum::<usize>() + frame.len();
        if !(1..=COPIES_MAX).contains(&copies.len())
            || !ordered
            || !copies.iter().all(known)
            || frame.is_empty()
            || len > out.len()
        {
            return None;
        }
        for (copy, head) in copies.iter().zip(out.chunks_exact_mut(COPY_HEAD_BYTES)) {
            let len = u32::try_from(copy.opus.len()).ok()?;
            let word = u32::from(MORE | OPUS) << 24 | u32::from(copy.offset) << LENGTH_BITS | len;
            head.copy_from_slice(&word.to_be_bytes());
        }
        out[heads] = OPUS;
        let mut at = heads + 1;
        for opus in copies.iter().map(|copy| copy.opus).chain([frame]) {
            out[at..at + opus.len()].copy_from_slice(opus);
            at += opus.len();
        }
        Some(len)
    }

    /// Reads the strict form; none for anything else.
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let mut heads = [None; COPIES_MAX];
        let mut rest = bytes;
        let mut count = 0;
        let mut before = OFFSET_MAX + 1;
        while *rest.first()? == MORE | OPUS {
            let (head, after) = rest.split_first_chunk::<COPY_HEAD_BYTES>()?;
            let word = u32::from_be_bytes(*head);
            let offset = u16::try_from(word >> LENGTH_BITS & u32::from(OFFSET_MAX)).ok()?;
            let len = usize::try_from(word & LENGTH_MASK).ok()?;
            if offset == 0 || offset >= before || len == 0 {
                return None;
            }
            *heads.get_mut(count)? = Some((offset, len));
            (count, before, rest) = (count + 1, offset, after);
        }
        rest = rest.strip_prefix(&[OPUS]).filter(|_| count > 0)?;
        let mut copies = [None; COPIES_MAX];
        for (copy, (offset, len)) in copies.iter_mut().zip(heads.into_iter().flatten()) {
            let (opus, after) = rest.split_at_checked(len)?;
            *copy = Some(EarlierFrame { offset, opus });
            rest = after;
        }
        (!rest.is_empty()).then_some(Self { copies, frame: rest })
    }

    /// The earlier frames, oldest first.
    pub fn copies(&self) -> impl Iterator<Item = EarlierFrame<'a>> + use<'a> {
        self.copies.into_iter().flatten()
    }
}

/// There is another head after this one (RFC 2198 section 3).
const MORE: u8 = 0x80;
/// The payload type of one Opus packet.
const OPUS: u8 = 96;
const LENGTH_BITS: u32 = 10;
const LENGTH_MASK: u32 = (1 << LENGTH_BITS) - 1;
/// Bytes before each copy's own.
pub const COPY_HEAD_BYTES: usize = 4;
/// The longest offset that can be told, samples: 341 ms.
pub const OFFSET_MAX: u16 = (1 << 14) - 1;
/// Bytes of the longest copy that can be told.
pub const COPY_BYTES_MAX: usize = LENGTH_MASK as usize;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FAR: EarlierFrame<'_> = EarlierFrame { offset: 0x1234, opus: &[1, 2, 3] };
    const NEAR: EarlierFrame<'_> = EarlierFrame { offset: 960, opus: &[4, 5] };

    fn encoded(copies: &[EarlierFrame<'_>], frame: &[u8]) -> Option<Vec<u8>> {
        let mut out = [0; 1_200];
        WithCopies::encode(copies, frame, &mut out).map(|len| out[..len].to_vec())
    }

    #[test]
    fn the_bytes_are_those_of_the_standard() {
        let bytes = encoded(&[FAR, NEAR], &[6, 7]).unwrap();
        // 1 | 96, 14 bits of offset, 10 bits of length.
        assert_eq!(bytes, [0xe0, 0x48, 0xd0, 3, 0xe0, 0x0f, 0x00, 2, 96, 1, 2, 3, 4, 5, 6, 7]);
        let read = WithCopies::decode(&bytes).unwrap();
        assert_eq!((read.copies().collect::<Vec<_>>(), read.frame), (vec![FAR, NEAR], &[6, 7][..]));
    }

    #[test]
    fn only_the_strict_form_is_written_and_read() {
        let far = EarlierFrame { offset: OFFSET_MAX + 1, opus: &[1] };
        let long = EarlierFrame { offset: 1, opus: &[0; COPY_BYTES_MAX + 1] };
        let empty = EarlierFrame { offset: 1, opus: &[] };
        let now = EarlierFrame { offset: 0, opus: &[1] };
        for copies in [&[][..], &[NEAR, FAR], &[NEAR, NEAR], &[FAR; 3], &[far], &[long], &[empty], &[now]] {
            assert_eq!(encoded(copies, &[1]), None, "{copies:?}");
        }
        assert_eq!(encoded(&[NEAR], &[]), None);
        assert_eq!(WithCopies::encode(&[NEAR], &[1], &mut [0; 7]), None, "no room");
        for bytes in [
            &[][..],
            &[96, 1],                                                             // no copy
            &[0xe0, 0x0f, 0, 1, 96, 1],                                           // no frame
            &[0xe0, 0x0f, 0, 5, 96, 1, 2, 3],                                     // longer than it is
            &[0xe0, 0x0f, 0, 0, 96, 1],                                           // empty
            &[0xe0, 0, 0, 1, 96, 1, 2],                                           // not earlier
            &[0xe0, 0x0f, 0, 1, 0xe0, 0x0f, 0, 1, 96, 1, 2, 3],                   // not in order
            &[0xe0, 0x0f, 0, 1, 0x60],                                            // cut
            &[0xe0, 0x0f, 0, 1, 97, 1, 2],                                        // a frame of something else
            &[0xe1, 0x0f, 0, 1, 96, 1, 2],                                        // a copy of something else
            &[0xe0, 0x1f, 0, 1, 0xe0, 0x0f, 0, 1, 0xe0, 7, 0, 1, 96, 1, 1, 1, 1], // three
        ] {
            assert_eq!(WithCopies::decode(bytes), None, "{bytes:02x?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(first in 2..=OFFSET_MAX, below in any::<prop::sample::Index>(), two in any::<bool>(),
                                          opus in prop::collection::vec(any::<u8>(), 1..300), cut in any::<prop::sample::Index>()) {
            let second = EarlierFrame { offset: 1 + u16::try_from(below.index(usize::from(first) - 1)).unwrap(), opus: &opus };
            let both = [EarlierFrame { offset: first, opus: &opus[cut.index(opus.len())..] }, second];
            let copies = if two { &both[..] } else { &both[..1] };
            let bytes = encoded(copies, &opus).unwrap();
            let read = WithCopies::decode(&bytes).unwrap();
            prop_assert_eq!((read.copies().collect::<Vec<_>>(), read.frame), (copies.to_vec(), &opus[..]));
        }

        #[test]
        fn what_reads_at_all_is_written_the_same(mut junk in prop::collection::vec(any::<u8>(), 0..60), near in any::<bool>()) {
            if near && junk.len() > 8 {
                (junk[0], junk[2], junk[3], junk[4]) = (0xe0, junk[2] & 0xfc, junk[3] & 15, 96);
            }
            if let Some(read) = WithCopies::decode(&junk) {
                let copies: Vec<_> = read.copies().collect();
                prop_assert_eq!(encoded(&copies, read.frame), Some(junk.clone()));
            }
        }
    }
}
