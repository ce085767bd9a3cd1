//! Ogg with one logical stream of Opus (RFC 3533, RFC 7845), written page by page: what is on the disk is a valid file
//! up to its last page, whatever happens to the program. Pure: bytes come out, whoever wants them writes them.
//!
//! ```text
//! OggS 0 flags granule(8) serial(4) number(4) crc(4) segments(1) lacing.. packets..
//! page 0: OpusHead        page 1: OpusTags        then audio, a page a second, the last one marked
//! ```

use crate::frame::SAMPLE_RATE;

/// Flags of a page.
const BEGIN: u8 = 0x02;
const END: u8 = 0x04;
/// Lacing values in one page.
const SEGMENTS_MAX: usize = 255;
/// Bytes before the lacing values.
const HEADER: usize = 27;
/// Where the checksum stands.
const CRC: std::ops::Range<usize> = 22..26;
/// Bytes of all comments together: a page takes them whole.
const TAGS_BYTES_MAX: usize = 16_000;

/// What a player is told of the stream.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// Samples to be thrown away at the start: what the encoder looked ahead.
    pub pre_skip: u16,
    /// Who made it.
    pub vendor: &'a str,
    /// `NAME=value`, each.
    pub comments: &'a [String],
}

/// Makes pages of two mono streams in one: the left and the right channel of a file (channel mapping family 1), each
/// with an encoder of its own, so that nothing of one leaks into the other.
pub struct Pages {
    serial: u32,
    number: u32,
    /// Samples in all packets so far, those to be skipped included.
    granule: u64,
    lacing: Vec<u8>,
    body: Vec<u8>,
    page: Vec<u8>,
    crc: [u32; 256],
}

impl Pages {
    /// Begins a stream. `serial` is any number.
    pub fn new(serial: u32) -> Self {
        let crc = std::array::from_fn(|byte| {
            (0..8).fold((byte as u32) << 24, |crc, _| {
                if crc & 0x8000_0000 == 0 { crc << 1 } else { (crc << 1) ^ 0x04c1_1db7 }
            })
        });
        let (lacing, body) = (Vec::with_capacity(SEGMENTS_MAX), Vec::with_capacity(SEGMENTS_MAX * 255));
        Self { serial, number: 0, granule: 0, lacing, body, page: Vec::new(), crc }
    }

    /// The two pages of headers.
    pub fn head(&mut self, head: &Head<'_>) -> Vec<u8> {
        let mut packet = b"OpusHead\x01\x02".to_vec();
        packet.extend(head.pre_skip.to_le_bytes());
        packet.extend(SAMPLE_RATE.to_le_bytes());
        // No gain; family 1: stream 0 is left, stream 1 is right, none of them coupled.
        packet.extend([0, 0, 1, 2, 0, 0, 1]);
        self.add(&packet, 0);
        let mut pages = self.take(BEGIN, 0).to_vec();

        let mut packet = b"OpusTags".to_vec();
        let text = |packet: &mut Vec<u8>, text: &str| {
            packet.extend(u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
            packet.extend(text.as_bytes());
        };
        text(&mut packet, head.vendor);
        let mut room = TAGS_BYTES_MAX;
        let fits = |comment: &&String| {
            let fits = comment.len() <= room;
            room -= if fits { comment.len() } else { 0 };
            fits
        };
        let comments: Vec<&String> = head.comments.iter().filter(fits).collect();
        packet.extend(u32::try_from(comments.len()).unwrap_or(0).to_le_bytes());
        comments.iter().for_each(|comment| text(&mut packet, comment));
        self.add(&packet, 0);
        pages.extend_from_slice(self.take(0, 0));
        pages
    }

    /// Adds a packet of so many samples; gives the page that had to be closed to make room for it.
    pub fn packet(&mut self, packet: &[u8], samples: usize) -> Option<&[u8]> {
        let full = self.lacing.len() + packet.len() / 255 + 1 > SEGMENTS_MAX;
        if full {
            let granule = self.granule;
            self.take(0, granule);
        }
        self.add(packet, samples);
        full.then_some(&*self.page)
    }

    /// Closes the page that is being filled, if there is anything in it.
    pub fn flush(&mut self) -> Option<&[u8]> {
        let granule = self.granule;
        (!self.lacing.is_empty()).then(|| self.take(0, granule))
    }

    /// The last page. `samples` is where the sound ends, those to be skipped included: what the last packet holds after
    /// it is not played.
    pub fn end(&mut self, samples: u64) -> &[u8] {
        self.take(END, samples.min(self.granule))
    }

    fn add(&mut self, packet: &[u8], samples: usize) {
        self.lacing.extend(std::iter::repeat_n(255, packet.len() / 255));
        self.lacing.push((packet.len() % 255) as u8);
        self.body.extend_from_slice(packet);
        self.granule += samples as u64;
    }

    fn take(&mut self, flags: u8, granule: u64) -> &[u8] {
        let page = &mut self.page;
        page.clear();
        page.extend(b"OggS\0");
        page.push(flags);
        page.extend(granule.to_le_bytes());
        page.extend(self.serial.to_le_bytes());
        page.extend(self.number.to_le_bytes());
        page.extend([0; 4]);
        page.push(self.lacing.len() as u8);
        debug_assert_eq!(page.len(), HEADER);
        page.append(&mut self.lacing);
        page.append(&mut self.body);
        let crc =
            page.iter().fold(0u32, |crc, byte| (crc << 8) ^ self.crc[usize::from((crc >> 24) as u8 ^ byte)]);
        page[CRC].copy_from_slice(&crc.to_le_bytes());
        self.number += 1;
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of the RFC's form, with the checksum that another program gave it: the beginning of a file by opusenc.
    #[test]
    fn the_checksum_is_that_of_other_programs() {
        let mut pages = Pages::new(0);
        let crc = |pages: &Pages, bytes: &[u8]| {
            bytes.iter().fold(0u32, |crc, byte| (crc << 8) ^ pages.crc[usize::from((crc >> 24) as u8 ^ byte)])
        };
        // CRC-32 of this polynomial, not reflected, from zero, without a final xor.
        assert_eq!(crc(&pages, b"123456789"), 0x89a1_897f);
        assert!(pages.flush().is_none());
    }

    #[test]
    fn packets_of_every_length_are_laced_as_the_rfc_says() {
        for (length, lacing) in [
            (0usize, vec![0u8]),
            (1, vec![1]),
            (254, vec![254]),
            (255, vec![255, 0]),
            (600, vec![255, 255, 90]),
        ] {
            let mut pages = Pages::new(7);
            assert!(pages.packet(&vec![9; length], 960).is_none());
            let page = pages.flush().unwrap();
            assert_eq!(usize::from(page[26]), lacing.len());
            assert_eq!(page[27..27 + lacing.len()], lacing);
            assert_eq!(page.len(), 27 + lacing.len() + length);
            assert_eq!(page[6..14], 960u64.to_le_bytes());
        }
    }

    #[test]
    fn a_page_that_is_full_is_closed_before_the_packet_that_has_no_room() {
        let mut pages = Pages::new(7);
        let mut closed = Vec::new();
        for _ in 0..200 {
            closed.extend(pages.packet(&[1; 300], 960).map(<[u8]>::to_vec));
        }
        assert_eq!(closed.len(), 1, "127 packets of two lacing values each are a page");
        assert_eq!(closed[0][6..14], (127u64 * 960).to_le_bytes());
        let last = pages.end(190_000).to_vec();
        assert_eq!((last[5], &last[6..14]), (END, &190_000u64.to_le_bytes()[..]));
    }

    #[test]
    fn comments_beyond_reason_are_left_out() {
        let comments = ["A=b".to_owned(), format!("LONG={}", "x".repeat(100_000)), "C=d".to_owned()];
        let mut pages = Pages::new(7);
        let head = pages.head(&Head { pre_skip: 312, vendor: "tincan", comments: &comments });
        let text = String::from_utf8_lossy(&head).into_owned();
        assert!(text.contains("A=b") && text.contains("C=d") && !text.contains("LONG"));
    }
}
