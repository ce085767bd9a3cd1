//! What came along with a frame: copies of earlier ones, of which only those that did not come by themselves are used.

use crate::crypto::window::Window;
use crate::drop::Drop;
use crate::limits::COPIES_MAX;
use crate::media::streams::{OpusFrame, samples};
use crate::wire::copies::WithCopies;
use crate::wire::datagram::Payload;
use crate::wire::opus::duration;

/// Earlier frames, the oldest first: how many frames earlier each is.
type Earlier = [Option<(u8, OpusFrame)>; COPIES_MAX];

/// What came along with one frame.
#[derive(Debug, Default)]
pub(super) struct Copies {
    pub(super) found: Earlier,
    /// How many frames back the farthest is, needed or not; 0 for none.
    pub(super) reach: u8,
    /// Samples of each frame.
    pub(super) samples: u32,
}

impl Copies {
    /// Those of them that did not come so far, when frame `seq` has brought them.
    pub(super) fn needed(mut self, seq: u64, came: &Window) -> Self {
        for copy in &mut self.found {
            let needed =
                |back: u8| seq.checked_sub(u64::from(back)).is_some_and(|earlier| came.is_fresh(earlier));
            copy.take_if(|(back, _)| !needed(*back));
        }
        self
    }
}

/// The frame in an opened packet, and what came along.
///
/// # Errors
/// [`Drop::Malformed`] for anything but the form that we send: copies last as long as the frame, and are whole frames
/// earlier.
pub(super) fn parts(payload: Payload, plain: &[u8]) -> Result<(OpusFrame, Copies), Drop> {
    if payload != Payload::Copies {
        let frame = if plain.is_empty() { Err(Drop::Malformed) } else { copied(plain) };
        return Ok((frame?, Copies::default()));
    }
    let read = WithCopies::decode(plain).ok_or(Drop::Malformed)?;
    let lasts = duration(read.frame).ok_or(Drop::Malformed)?;
    let samples = u32::try_from(samples(lasts)).map_err(|_| Drop::Malformed)?;
    let mut copies = Copies { found: Earlier::default(), reach: 0, samples };
    for (place, earlier) in copies.found.iter_mut().zip(read.copies()) {
        let offset = u32::from(earlier.offset);
        if duration(earlier.opus) != Some(lasts) || !offset.is_multiple_of(samples) {
            return Err(Drop::Malformed);
        }
        let back = u8::try_from(offset / samples).map_err(|_| Drop::Malformed)?;
        copies.reach = copies.reach.max(back);
        *place = Some((back, copied(earlier.opus)?));
    }
    Ok((copied(read.frame)?, copies))
}

fn copied(opus: &[u8]) -> Result<OpusFrame, Drop> {
    OpusFrame::copy_of(opus).ok_or(Drop::Oversized)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::copies::EarlierFrame;
    use proptest::prelude::*;

    /// 20 and 10 ms of Opus (RFC 6716 section 3.1: configurations 31 and 30).
    const LONG: [u8; 2] = [31 << 3, 1];
    const SHORT: [u8; 2] = [30 << 3, 1];

    fn plain(copies: &[(u16, [u8; 2])], frame: [u8; 2]) -> Vec<u8> {
        let copies: Vec<_> =
            copies.iter().map(|(offset, opus)| EarlierFrame { offset: *offset, opus }).collect();
        let mut out = [0; 64];
        let len = WithCopies::encode(&copies, &frame, &mut out).unwrap();
        out[..len].to_vec()
    }

    #[test]
    fn copies_are_numbered_by_whole_frames() {
        let (frame, copies) = parts(Payload::Copies, &plain(&[(3_840, LONG), (1_920, LONG)], LONG)).unwrap();
        let found: Vec<_> = copies.found.iter().flatten().map(|(back, _)| *back).collect();
        assert_eq!((&frame[..], found, copies.reach, copies.samples), (&LONG[..], vec![4, 2], 4, 960));
    }

    #[test]
    fn what_does_not_fit_the_frame_is_malformed() {
        for (copies, frame) in [
            (&[(961, LONG)][..], LONG),
            (&[(960, SHORT)], LONG),
            (&[(480, LONG)], SHORT),
            (&[(480, LONG)], LONG),
            (&[(1_920, LONG), (961, LONG)], LONG),
            (&[(960, [3, 0])], LONG),
            (&[(960, LONG)], [3, 0]),
        ] {
            assert_eq!(
                parts(Payload::Copies, &plain(copies, frame)).err(),
                Some(Drop::Malformed),
                "{copies:?}"
            );
        }
        assert_eq!(parts(Payload::Copies, &LONG).err(), Some(Drop::Malformed));
        assert_eq!(parts(Payload::Voice, &[]).err(), Some(Drop::Malformed));
    }

    #[test]
    fn only_what_did_not_come_is_needed() {
        let mut came = Window::default();
        let needed = |came: &Window| {
            let (_, copies) = parts(Payload::Copies, &plain(&[(1_920, LONG), (960, LONG)], LONG)).unwrap();
            let copies = copies.needed(1_000, came);
            assert_eq!(copies.reach, 2, "what is carried counts, needed or not");
            copies.found.iter().flatten().map(|(back, _)| *back).collect::<Vec<_>>()
        };
        came.mark(1_000);
        assert_eq!(needed(&came), [2, 1]);
        came.mark(998);
        assert_eq!(needed(&came), [1]);
        came.mark(999);
        assert!(needed(&came).is_empty());
    }

    proptest! {
        #[test]
        fn junk_is_named(junk in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok((frame, copies)) = parts(Payload::Copies, &junk) {
                prop_assert!(!frame.is_empty() && copies.found.iter().flatten().all(|(back, _)| *back <= copies.reach));
            }
        }
    }
}
