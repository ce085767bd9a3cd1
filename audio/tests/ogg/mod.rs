//! An independent reader of what the recorder writes: pages by RFC 3533, headers by RFC 7845, and packets of two
//! streams by appendix B of RFC 6716. It shares no line with the writer, and trusts nothing it reads.

use audio::codec::{Decode as _, Decoder};

/// A recording, taken apart.
pub(crate) struct Recording {
    pub(crate) pre_skip: usize,
    pub(crate) tags: Vec<String>,
    /// The last page said that it is the last.
    pub(crate) complete: bool,
    pub(crate) pages: usize,
    /// Left and right, as a player would play them.
    pub(crate) tracks: [Vec<f32>; 2],
}

struct Page<'a> {
    flags: u8,
    granule: u64,
    serial: u32,
    number: u32,
    packets: Vec<&'a [u8]>,
}

fn le(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Bit by bit, as the RFC puts it in words.
fn checksum(page: &[u8]) -> u32 {
    let mut rest = 0u32;
    for (at, byte) in page.iter().enumerate() {
        let byte = if (22..26).contains(&at) { 0 } else { *byte };
        for bit in (0..8).rev() {
            let high = rest >> 31;
            rest = rest << 1 | u32::from(byte >> bit & 1);
            if high == 1 {
                rest ^= 0x04c1_1db7;
            }
        }
    }
    // The message is followed by 32 zero bits.
    (0..32).fold(rest, |rest, _| if rest >> 31 == 1 { rest << 1 ^ 0x04c1_1db7 } else { rest << 1 })
}

/// Every whole page; what is cut off at the end is left out.
fn pages(bytes: &[u8]) -> Vec<Page<'_>> {
    let (mut pages, mut at) = (Vec::new(), 0);
    while bytes.len() >= at + 27 {
        let head = &bytes[at..at + 27];
        assert_eq!((&head[..4], head[4]), (&b"OggS"[..], 0), "a page begins at {at}");
        let count = usize::from(head[26]);
        let Some(lacing) = bytes.get(at + 27..at + 27 + count) else { break };
        let length: usize = lacing.iter().map(|value| usize::from(*value)).sum();
        let begin = at + 27 + count;
        let Some(body) = bytes.get(begin..begin + length) else { break };
        assert_eq!(
            u64::from(checksum(&bytes[at..begin + length])),
            le(&head[22..26]),
            "page {}",
            pages.len()
        );
        let (mut packets, mut from, mut to) = (Vec::new(), 0, 0);
        for value in lacing {
            to += usize::from(*value);
            if *value < 255 {
                packets.push(&body[from..to]);
                from = to;
            }
        }
        assert_eq!(from, to, "no packet goes on in the next page");
        pages.push(Page {
            flags: head[5],
            granule: le(&head[6..14]),
            serial: le(&head[14..18]) as u32,
            number: le(&head[18..22]) as u32,
            packets,
        });
        at = begin + length;
    }
    pages
}

/// The two packets in one of two streams: the first carries its own length.
fn split(packet: &[u8]) -> [Vec<u8>; 2] {
    let (toc, rest) = packet.split_first().expect("a packet has a first byte");
    assert_eq!(toc & 3, 0, "one frame");
    let (length, rest) = match rest {
        [first @ 252..=255, second, rest @ ..] => (usize::from(*first) + 4 * usize::from(*second), rest),
        [first, rest @ ..] => (usize::from(*first), rest),
        [] => panic!("a length follows"),
    };
    let left = [&[*toc], &rest[..length]].concat();
    [left, rest[length..].to_vec()]
}

/// Reads it whole.
pub(crate) fn read(bytes: &[u8]) -> Recording {
    let pages = pages(bytes);
    let [head, tags, audio @ ..] = &pages[..] else { panic!("two pages of headers") };
    assert_eq!((head.flags, head.granule, head.packets.len()), (2, 0, 1));
    let opus = head.packets[0];
    assert_eq!((&opus[..8], opus[8], opus[9], opus.len()), (&b"OpusHead"[..], 1, 2, 23));
    assert_eq!((le(&opus[12..16]), &opus[16..]), (48_000, &[0, 0, 1, 2, 0, 0, 1][..]));
    let pre_skip = le(&opus[10..12]) as usize;
    assert_eq!((tags.flags, tags.granule, tags.packets.len()), (0, 0, 1));

    let mut decoders = [Decoder::new().expect("a decoder"), Decoder::new().expect("a decoder")];
    let mut tracks = [Vec::new(), Vec::new()];
    let (mut granule, mut complete) = (0, false);
    for (number, page) in pages.iter().enumerate() {
        assert_eq!((page.serial, page.number as usize), (head.serial, number));
    }
    for page in audio {
        assert!(!complete, "nothing follows the last page");
        assert!(!page.packets.is_empty(), "a page holds something");
        complete = page.flags & 4 != 0;
        for packet in &page.packets {
            for ((packet, decoder), track) in split(packet).iter().zip(&mut decoders).zip(&mut tracks) {
                let mut out = [0.0; 960];
                let count = decoder.decode(packet, &mut out).expect("an Opus packet");
                track.extend_from_slice(&out[..count]);
            }
        }
        if complete {
            assert!(page.granule <= tracks[0].len() as u64 && page.granule >= granule);
            tracks.iter_mut().for_each(|track| track.truncate(page.granule as usize));
        } else {
            assert_eq!(page.granule, tracks[0].len() as u64, "the samples up to here");
        }
        granule = page.granule;
    }
    for track in &mut tracks {
        track.drain(..pre_skip.min(track.len()));
    }
    Recording { pre_skip, tags: comments(tags.packets[0]), complete, pages: pages.len(), tracks }
}

fn comments(packet: &[u8]) -> Vec<String> {
    assert_eq!(&packet[..8], b"OpusTags");
    let mut at = 8;
    let mut text = |bytes: &[u8]| {
        let length = le(&bytes[at..at + 4]) as usize;
        at += 4 + length;
        String::from_utf8(bytes[at - length..at].to_vec()).expect("UTF-8")
    };
    let vendor = text(packet);
    let count_at = 8 + 4 + vendor.len();
    let count = le(&packet[count_at..count_at + 4]) as usize;
    let rest = &packet[count_at + 4..];
    at = 0;
    let mut text = |bytes: &[u8]| {
        let length = le(&bytes[at..at + 4]) as usize;
        at += 4 + length;
        String::from_utf8(bytes[at - length..at].to_vec()).expect("UTF-8")
    };
    (0..count).map(|_| text(rest)).collect()
}
