//! How much sound an Opus packet holds and whether its frames are whole (RFC 6716 sections 3.1 and 3.2), for those
//! who pass packets on without decoding them.

use core::time::Duration;

/// The duration of an Opus packet; none when it has no valid beginning or would last over 120 ms.
pub fn duration(packet: &[u8]) -> Option<Duration> {
    let toc = *packet.first()?;
    let micros: u64 = match toc >> 3 {
        config @ 0..12 => [10_000, 20_000, 40_000, 60_000][usize::from(config % 4)],
        config @ 12..16 => [10_000, 20_000][usize::from(config % 2)],
        config => [2_500, 5_000, 10_000, 20_000][usize::from(config % 4)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(packet.get(1)? & 63),
    };
    let whole = Duration::from_micros(micros * frames);
    (!whole.is_zero() && whole <= Duration::from_millis(120)).then_some(whole)
}

/// Whether the frames of a packet have the lengths it says, so that no decoder stumbles over it. What is in them
/// cannot be wrong: every bit string is some sound.
pub fn is_whole(packet: &[u8]) -> bool {
    let Some((toc, frames)) = packet.split_first() else { return false };
    match toc & 3 {
        0 => equal_frames(frames, 1),
        1 => equal_frames(frames, 2),
        2 => frames_of_length(frames, 2),
        _ => counted_frames(frames).unwrap_or(false),
    }
}

/// Code 3: a byte of count and flags, how much padding there is at the end, then the frames.
fn counted_frames(packet: &[u8]) -> Option<bool> {
    let (head, mut rest) = packet.split_first()?;
    let count = usize::from(head & 63);
    let mut padding = 0;
    let mut goes_on = head & PADDED != 0;
    while goes_on {
        let (more, after) = rest.split_first()?;
        goes_on = *more == 255;
        padding += usize::from(*more).min(254);
        rest = after;
    }
    let frames = rest.get(..rest.len().checked_sub(padding)?)?;
    let of_own_length = head & VARIABLE != 0;
    Some(
        count > 0
            && if of_own_length { frames_of_length(frames, count) } else { equal_frames(frames, count) },
    )
}

const fn equal_frames(frames: &[u8], count: usize) -> bool {
    frames.len().is_multiple_of(count) && frames.len() / count <= FRAME_BYTES_MAX
}

/// All lengths but the last stand before the frames; the last frame is what is left.
fn frames_of_length(mut rest: &[u8], count: usize) -> bool {
    let mut before_last = 0;
    for _ in 1..count {
        let (length, after) = match *rest {
            [short @ 0..252, ref after @ ..] => (usize::from(short), after),
            [low, high, ref after @ ..] => (usize::from(low) + 4 * usize::from(high), after),
            _ => return false,
        };
        before_last += length;
        rest = after;
    }
    rest.len().checked_sub(before_last).is_some_and(|last| last <= FRAME_BYTES_MAX)
}

/// RFC 6716 section 3.2.1.
const FRAME_BYTES_MAX: usize = 1_275;
const VARIABLE: u8 = 0x80;
const PADDED: u8 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_are_whole_when_their_lengths_fit() {
        let whole: [&[u8]; 8] = [
            &[0xf0],
            &[0xf0, 0xff, 0xfe],
            &[0xf1, 1, 2],
            &[0xf2, 1, 9],
            &[0xf3, 2, 7, 7],
            &[0xf3, 0x82, 2, 7, 7],
            &[0xf3, 0x41, 1, 7, 0],
            &[0xf3, 0xc3, 2, 0, 1, 7, 0, 0],
        ];
        let broken: [&[u8]; 11] = [
            &[],
            &[0xf1, 1],
            &[0xf2],
            &[0xf2, 2, 9],
            &[0xf2, 252],
            &[0xf2, 252, 0],
            &[0xf3],
            &[0xf3, 0],
            &[0xf3, 2, 7],
            &[0xf3, 0x41, 2, 7],
            &[0xf3, 0x83, 1, 255],
        ];
        assert!(whole.iter().all(|packet| is_whole(packet)));
        assert!(broken.iter().all(|packet| !is_whole(packet)));
        assert!(is_whole(&[[0xf0].as_slice(), &[0; 1_275]].concat()));
        assert!(!is_whole(&[[0xf0].as_slice(), &[0; 1_276]].concat()));
        let long = [[0xf2, 253, 1].as_slice(), &[0; 257]].concat();
        assert!(is_whole(&long) && !is_whole(&long[..259]));
        let padded = [[0xf3, 0x41, 255, 0].as_slice(), &[0; 254]].concat();
        assert!(is_whole(&padded) && !is_whole(&padded[..257]));
    }

    proptest! {
        #[test]
        fn no_packet_panics(packet in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = (duration(&packet), is_whole(&packet));
        }
    }

    #[test]
    fn durations_are_those_of_the_table() {
        let micros = |packet: &[u8]| duration(packet).map(|whole| whole.as_micros());
        assert_eq!(micros(&[3 << 3]), Some(60_000), "SILK, narrow band");
        assert_eq!(micros(&[15 << 3]), Some(20_000), "hybrid, full band");
        assert_eq!(micros(&[28 << 3]), Some(2_500), "CELT, full band");
        assert_eq!(micros(&[30 << 3 | 1]), Some(20_000), "two of 10 ms");
        assert_eq!(micros(&[31 << 3 | 3, 3]), Some(60_000), "three of 20 ms");
        assert_eq!(micros(&[3 << 3 | 3, 3]), None, "180 ms");
        assert_eq!((micros(&[]), micros(&[3]), micros(&[3, 0])), (None, None, None));
    }
}
