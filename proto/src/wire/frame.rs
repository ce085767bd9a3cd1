//! Seed A's frame, `i32le magic | i32le code | u64le payload size | payload`, cut out of a stream that arrives in
//! any pieces (DESIGN section 3). The native form has no padding.
//!
//! A length is believed only after it was compared with the cap, and memory is taken as bytes arrive, never as a
//! header promises.

use core::fmt;

use crate::drop::Drop;
use crate::limits::{FRAME_HEADER_BYTES, FRAME_PAYLOAD_MAX, FRAME_PAYLOAD_STRANGER_MAX};
use crate::wire::reader::Reader;
use crate::wire::writer::Writer;

/// The first four bytes of every frame, little-endian: `07 7e 0b 00`.
pub const MAGIC: i32 = 753_159;

/// One frame as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// See [`crate::wire::code`].
    pub code: i32,
    /// At most the cap.
    pub payload: Vec<u8>,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({}, {} bytes)", self.code, self.payload.len())
    }
}

/// Why a stream cannot go on: where the next frame starts is no longer known, so the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The first four bytes are not [`MAGIC`].
    Magic,
    /// The payload is beyond the cap of this moment.
    Oversized,
}

impl FrameError {
    /// The counter it goes to.
    pub const fn reason(self) -> Drop {
        match self {
            Self::Magic => Drop::Malformed,
            Self::Oversized => Drop::Oversized,
        }
    }
}

/// Cuts a stream into frames.
#[derive(Debug)]
pub struct Splitter {
    payload_max: usize,
    header: Vec<u8>,
    /// Code and full size of the frame under way.
    body: Option<(i32, usize)>,
    payload: Vec<u8>,
    broken: Option<FrameError>,
}

impl Splitter {
    /// A splitter with the cap for somebody not logged in yet ([`FRAME_PAYLOAD_STRANGER_MAX`]).
    pub const fn stranger() -> Self {
        Self::new(FRAME_PAYLOAD_STRANGER_MAX)
    }

    /// A splitter with the full cap ([`FRAME_PAYLOAD_MAX`]): for a client, which knows its server, and after login.
    pub const fn full() -> Self {
        Self::new(FRAME_PAYLOAD_MAX)
    }

    const fn new(payload_max: usize) -> Self {
        Self { payload_max, header: Vec::new(), body: None, payload: Vec::new(), broken: None }
    }

    /// Lifts the cap: the other side has logged in. Holds from the next header on.
    pub const fn admit(&mut self) {
        self.payload_max = FRAME_PAYLOAD_MAX;
    }

    /// Takes what one frame needs from the front of `input` and returns the frame when it is whole. Call until
    /// `None`; the caller may act on a frame (and [`Splitter::admit`]) before the next is looked at.
    ///
    /// # Errors
    /// The stream is broken, now and for ever.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let (code, size) = match self.body {
            Some(body) => body,
            None => {
                fill(&mut self.header, FRAME_HEADER_BYTES, input);
                if self.header.len() < FRAME_HEADER_BYTES {
                    return Ok(None);
                }
                let header = core::mem::take(&mut self.header);
                let body = read_header(&header, self.payload_max).inspect_err(|e| self.broken = Some(*e))?;
                self.body = Some(body);
                body
            }
        };
        fill(&mut self.payload, size, input);
        if self.payload.len() < size {
            return Ok(None);
        }
        self.body = None;
        Ok(Some(Frame { code, payload: core::mem::take(&mut self.payload) }))
    }
}

/// Code and payload size of a whole header.
pub(super) fn read_header(header: &[u8], payload_max: usize) -> Result<(i32, usize), FrameError> {
    let mut reader = Reader::new(header);
    if reader.i32_le("magic") != Ok(MAGIC) {
        return Err(FrameError::Magic);
    }
    let (Ok(code), Ok(size)) = (reader.i32_le("code"), reader.u64_le("size")) else {
        return Err(FrameError::Magic);
    };
    match usize::try_from(size) {
        Ok(size) if size <= payload_max => Ok((code, size)),
        Ok(_) | Err(_) => Err(FrameError::Oversized),
    }
}

/// Moves bytes from the front of `input` until `buffer` holds `size`, or nothing is left.
pub(super) fn fill(buffer: &mut Vec<u8>, size: usize, input: &mut &[u8]) {
    let (head, tail) = input.split_at(input.len().min(size - buffer.len()));
    buffer.extend_from_slice(head);
    *input = tail;
}

/// Appends a frame whose payload `write` appends, and which says under which code.
pub(crate) fn write_frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> i32) {
    let start = out.len();
    out.resize(start + FRAME_HEADER_BYTES, 0);
    let code = write(out);
    let size = out.len() - start - FRAME_HEADER_BYTES;
    let mut header = Vec::with_capacity(FRAME_HEADER_BYTES);
    Writer::new(&mut header).i32_le(MAGIC).i32_le(code).u64_le(size as u64);
    out[start..start + FRAME_HEADER_BYTES].copy_from_slice(&header);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(splitter: &mut Splitter, mut input: &[u8]) -> Result<Vec<(i32, Vec<u8>)>, FrameError> {
        let mut out = Vec::new();
        while let Some(frame) = splitter.next(&mut input)? {
            out.push((frame.code, frame.payload));
        }
        assert!(input.is_empty(), "a splitter that wants more has taken all");
        Ok(out)
    }

    fn frame(code: i32, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_frame(&mut out, |out| {
            out.extend_from_slice(payload);
            code
        });
        out
    }

    #[test]
    fn the_header_is_seed_a_s() {
        let hex = data_encoding::HEXLOWER.encode(&frame(200, b"127.0.0.1"));
        assert_eq!(hex, "077e0b00c80000000900000000000000".to_owned() + "3132372e302e302e31");
    }

    #[test]
    fn a_wrong_magic_breaks_the_stream_for_good() {
        let mut splitter = Splitter::full();
        assert_eq!(splitter.next(&mut [b'G'; 16].as_slice()), Err(FrameError::Magic));
        assert_eq!(splitter.next(&mut frame(0, b"a").as_slice()), Err(FrameError::Magic));
    }

    #[test]
    fn strangers_get_less_and_the_cap_is_checked_on_the_header_alone() {
        let big = frame(306, &[0; FRAME_PAYLOAD_STRANGER_MAX + 1]);
        let mut splitter = Splitter::stranger();
        assert_eq!(splitter.next(&mut &big[..16]), Err(FrameError::Oversized));
        let mut splitter = Splitter::stranger();
        splitter.admit();
        assert_eq!(frames(&mut splitter, &big).unwrap().len(), 1);
        let mut endless = big[..8].to_vec();
        endless.extend([0xff; 8]);
        assert_eq!(Splitter::full().next(&mut endless.as_slice()), Err(FrameError::Oversized));
    }

    #[test]
    fn the_cap_rises_between_two_frames_of_one_read() {
        let both = [frame(302, b"auth"), frame(303, &[0; 2000])].concat();
        let mut input = both.as_slice();
        let mut splitter = Splitter::stranger();
        assert_eq!(splitter.next(&mut input).unwrap().unwrap().code, 302);
        splitter.admit();
        assert_eq!(splitter.next(&mut input).unwrap().unwrap().payload.len(), 2000);
    }

    #[test]
    fn memory_follows_bytes_not_promises() {
        let mut splitter = Splitter::full();
        let mut header = Vec::new();
        Writer::new(&mut header).i32_le(MAGIC).i32_le(0).u64_le(FRAME_PAYLOAD_MAX as u64);
        assert_eq!(splitter.next(&mut header.as_slice()), Ok(None));
        assert!(splitter.payload.capacity() < 64);
    }

    proptest! {
        #[test]
        fn any_segmentation_gives_the_same_frames(
            all in prop::collection::vec((any::<i32>(), prop::collection::vec(any::<u8>(), 0..80)), 0..8),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        ) {
            let stream: Vec<u8> = all.iter().flat_map(|(code, payload)| frame(*code, payload)).collect();
            let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let mut splitter = Splitter::full();
            let mut seen = Vec::new();
            for pair in cuts.windows(2) {
                seen.extend(frames(&mut splitter, &stream[pair[0]..pair[1]]).unwrap());
            }
            prop_assert_eq!(seen, all);
        }

        #[test]
        fn junk_never_panics(junk in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = frames(&mut Splitter::stranger(), &junk).is_err();
        }
    }
}
