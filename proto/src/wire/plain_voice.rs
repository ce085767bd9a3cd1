//! Voice of the two plain protocols: one Opus packet of exactly 10 ms in each datagram, mono or stereo, not sealed.
//!
//! ```text
//! seed A  272  i32le 4269 | Opus 256, zeros behind | i32le its length, 1 to 256 | u64le ms since 1970
//!              behind up to 248 bytes of Opus, in the last 8: "tin1" | u32le stream, or zeros as the originals
//! seed B       "14 " and base64 of 1 to 381 bytes of Opus: at most 511
//! ```
//!
//! An original of seed A looks at neither magic nor length, and dies of a wrong length as of sound that its decoder
//! refuses or that lasts longer than 10 ms. So nothing else is written here, and nothing else is read. Seed B's programs never sent sound: its form is
//! ours, in the words of its document.

use core::time::Duration;

use data_encoding::BASE64;

use crate::drop::Drop;
use crate::id::Ssrc;
use crate::limits::{PLAIN_OPUS_BYTES_MAX, PLAIN_VOICE_BYTES, TEXT_OPUS_BYTES_MAX, TEXT_VOICE_BYTES_MAX};
use crate::wire::datagram::Inline;
use crate::wire::opus::{duration, is_whole};
use crate::wire::reader::{Malformed, Reader};

/// One voice datagram of seed A.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PlainVoice<'a> {
    /// One Opus packet of 10 ms, 1 to [`PLAIN_OPUS_BYTES_MAX`] bytes.
    pub opus: &'a [u8],
    /// When it was sent by its sender's clock, milliseconds since 1970. Nobody has to believe it.
    pub sent_ms: u64,
}

impl<'a> PlainVoice<'a> {
    /// The datagram; none when the sound would harm who gets it.
    pub fn encode(&self) -> Option<[u8; PLAIN_VOICE_BYTES]> {
        if !is_frame(self.opus, PLAIN_OPUS_BYTES_MAX) {
            return None;
        }
        let mut out = [0; PLAIN_VOICE_BYTES];
        out[..OPUS_AT].copy_from_slice(&VOICE_MAGIC.to_le_bytes());
        out[OPUS_AT..OPUS_AT + self.opus.len()].copy_from_slice(self.opus);
        out[LEN_AT..SENT_AT].copy_from_slice(&u32::try_from(self.opus.len()).ok()?.to_le_bytes());
        out[SENT_AT..].copy_from_slice(&self.sent_ms.to_le_bytes());
        Some(out)
    }

    /// The same, and behind the sound, where the originals do not look, whose it is: a server has one address for all
    /// it speaks for. Where there is no room for it, it is not said.
    pub fn encode_of(&self, stream: Ssrc) -> Option<[u8; PLAIN_VOICE_BYTES]> {
        let mut out = self.encode()?;
        if OPUS_AT + self.opus.len() <= STREAM_AT {
            out[STREAM_AT..STREAM_AT + 4].copy_from_slice(STREAM_MAGIC);
            out[STREAM_AT + 4..LEN_AT].copy_from_slice(&stream.0.to_le_bytes());
        }
        Some(out)
    }

    /// Whose it says it is. What [`Self::decode`] read; nobody has to believe it.
    pub fn stream(datagram: &[u8]) -> Option<Ssrc> {
        let (_, field, len, _) = parts(datagram).ok()?;
        let (_, rest) = field.split_at_checked(usize::try_from(len).ok()?)?;
        let (magic, stream) = rest.last_chunk::<8>()?.split_at(4);
        (magic == STREAM_MAGIC).then_some(Ssrc(u32::from_le_bytes(stream.try_into().ok()?)))
    }

    /// Reads a datagram. What stands behind the Opus packet in its field is not looked at.
    ///
    /// # Errors
    /// It is longer than such a datagram, or not one in any other way.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Drop> {
        if bytes.len() > PLAIN_VOICE_BYTES {
            return Err(Drop::Oversized);
        }
        let (magic, field, len, sent_ms) = parts(bytes).map_err(|_| Drop::Malformed)?;
        let len = usize::try_from(len).map_err(|_| Drop::Malformed)?;
        let opus = field.get(..len).filter(|opus| is_frame(opus, PLAIN_OPUS_BYTES_MAX));
        let opus = opus.filter(|_| magic == VOICE_MAGIC).ok_or(Drop::Malformed)?;
        Ok(Self { opus, sent_ms })
    }
}

impl core::fmt::Debug for PlainVoice<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PlainVoice({} bytes, {} ms)", self.opus.len(), self.sent_ms)
    }
}

fn parts(bytes: &[u8]) -> Result<(i32, &[u8], i32, u64), Malformed> {
    let mut reader = Reader::new(bytes);
    let magic = reader.i32_le("magic")?;
    let field = reader.take(PLAIN_OPUS_BYTES_MAX, "opus")?;
    Ok((magic, field, reader.i32_le("length")?, reader.u64_le("sent")?))
}

/// The Opus packet of a voice datagram of seed B.
pub type OpusBytes = Inline<TEXT_OPUS_BYTES_MAX>;

/// The voice datagram of seed B; none when `opus` is not one packet of 10 ms that fits.
pub fn encode_text_voice(opus: &[u8]) -> Option<Inline<TEXT_VOICE_BYTES_MAX>> {
    if !is_frame(opus, TEXT_OPUS_BYTES_MAX) {
        return None;
    }
    Inline::build(|out| {
        let len = TEXT_DATA.len() + BASE64.encode_len(opus.len());
        let (code, data) = out.get_mut(..len)?.split_at_mut(TEXT_DATA.len());
        code.copy_from_slice(TEXT_DATA);
        BASE64.encode_mut(opus, data);
        Some(len)
    })
}

/// Reads a voice datagram of seed B. Its code may be padded, as all of that protocol's.
///
/// # Errors
/// It is longer than such a datagram, or not one in any other way.
pub fn decode_text_voice(bytes: &[u8]) -> Result<OpusBytes, Drop> {
    if bytes.len() > TEXT_VOICE_BYTES_MAX + 1 {
        return Err(Drop::Oversized);
    }
    let code = bytes.strip_prefix(b"0").unwrap_or(bytes);
    let data = code.strip_prefix(TEXT_DATA).ok_or(Drop::Malformed)?;
    let mut room = [0; TEXT_OPUS_BYTES_MAX];
    let decoded = BASE64.decode_len(data.len()).ok().and_then(|len| room.get_mut(..len));
    let len = BASE64.decode_mut(data, decoded.ok_or(Drop::Malformed)?).map_err(|_| Drop::Malformed)?;
    text_opus(room.get(..len).ok_or(Drop::Malformed)?)
}

/// The Opus packet of a 014, however it came.
///
/// # Errors
/// It is longer than such a packet, or not one whole Opus packet of 10 ms.
pub fn text_opus(opus: &[u8]) -> Result<OpusBytes, Drop> {
    let bytes = OpusBytes::copy_of(opus).ok_or(Drop::Oversized)?;
    if is_frame(opus, TEXT_OPUS_BYTES_MAX) { Ok(bytes) } else { Err(Drop::Malformed) }
}

/// One whole Opus packet of 10 ms that is no longer than its field.
fn is_frame(opus: &[u8], bytes_max: usize) -> bool {
    opus.len() <= bytes_max && duration(opus) == Some(FRAME) && is_whole(opus)
}

/// What both protocols send at once.
const FRAME: Duration = Duration::from_millis(10);
/// `ad 10 00 00`.
const VOICE_MAGIC: i32 = 4_269;
const OPUS_AT: usize = 4;
const LEN_AT: usize = OPUS_AT + PLAIN_OPUS_BYTES_MAX;
const SENT_AT: usize = LEN_AT + 4;
const STREAM_AT: usize = LEN_AT - 8;
const STREAM_MAGIC: &[u8; 4] = b"tin1";
const TEXT_DATA: &[u8] = b"14 ";

const _: () = assert!(SENT_AT + 8 == PLAIN_VOICE_BYTES);

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    /// 10 ms of silence, full band: mono as ours says it, and stereo as an original does.
    const MONO: &[u8] = &[0xf0, 0xff, 0xfe];
    const STEREO: &[u8] = &[0xf4, 0xff, 0xfe];

    fn voice(opus: &[u8], sent_ms: u64) -> [u8; PLAIN_VOICE_BYTES] {
        PlainVoice { opus, sent_ms }.encode().unwrap()
    }

    #[test]
    fn the_datagram_is_the_one_the_original_programs_sent() {
        let sent = voice(STEREO, 0x0102_0304_0506_0708);
        assert_eq!(HEXLOWER.encode(&sent[..8]), "ad100000f4fffe00");
        assert!(sent[7..260].iter().all(|b| *b == 0));
        assert_eq!(HEXLOWER.encode(&sent[260..]), "030000000807060504030201");
        assert_eq!(
            PlainVoice::decode(&sent),
            Ok(PlainVoice { opus: STEREO, sent_ms: 0x0102_0304_0506_0708 })
        );
        assert_eq!(encode_text_voice(MONO).unwrap()[..], *b"14 8P/+");
        assert_eq!(decode_text_voice(b"14 8P/+").unwrap()[..], *MONO);
        assert_eq!(decode_text_voice(b"014 8P/+").unwrap()[..], *MONO);
    }

    #[test]
    fn whose_it_is_stands_where_the_originals_do_not_look() {
        let (plain, voice) = (voice(STEREO, 7), PlainVoice { opus: STEREO, sent_ms: 7 });
        let named = voice.encode_of(Ssrc(0x0102_0304)).unwrap();
        assert_eq!(HEXLOWER.encode(&named[252..260]), "74696e3104030201");
        assert_eq!((&named[..252], &named[260..]), (&plain[..252], &plain[260..]));
        assert_eq!(PlainVoice::decode(&named), Ok(voice));
        assert_eq!((PlainVoice::stream(&named), PlainVoice::stream(&plain)), (Some(Ssrc(0x0102_0304)), None));
        for (len, told) in [(248, true), (249, false), (256, false)] {
            // The sound itself ends as a name would begin.
            let opus = [&[0xf0], &vec![b't'; len - 1][..]].concat();
            let sent = PlainVoice { opus: &opus, sent_ms: 0 }.encode_of(Ssrc(5)).unwrap();
            assert_eq!(PlainVoice::decode(&sent).unwrap().opus, opus);
            assert_eq!(PlainVoice::stream(&sent), told.then_some(Ssrc(5)), "{len}");
        }
        assert_eq!(PlainVoice::stream(&named[..271]), None);
    }

    #[test]
    fn a_length_outside_the_field_is_neither_written_nor_read() {
        let longest = [&[0xf0], [0; 255].as_slice()].concat();
        assert_eq!(PlainVoice::decode(&voice(&longest, 0)).unwrap().opus, longest);
        for opus in [&b""[..], &[0xf0; 257]] {
            assert!(PlainVoice { opus, sent_ms: 0 }.encode().is_none());
        }
        for len in [0, 257, 272, i32::MAX, -1, i32::MIN] {
            let mut sent = voice(MONO, 0);
            sent[LEN_AT..SENT_AT].copy_from_slice(&len.to_le_bytes());
            assert_eq!(PlainVoice::decode(&sent), Err(Drop::Malformed), "{len}");
        }
    }

    #[test]
    fn sound_of_another_length_than_10_ms_is_neither_written_nor_read() {
        // 20 ms and 5 ms of CELT, two frames of 10 ms, 60 ms of SILK, and code 3 without its count.
        for toc in [31 << 3, 29 << 3, 30 << 3 | 1, 3 << 3, 30 << 3 | 3] {
            let opus = [toc];
            assert!(PlainVoice { opus: &opus, sent_ms: 0 }.encode().is_none(), "{toc:#x}");
            assert!(encode_text_voice(&opus).is_none());
            let mut sent = voice(&[0xf0], 0);
            sent[OPUS_AT] = toc;
            assert_eq!(PlainVoice::decode(&sent), Err(Drop::Malformed));
            let text = format!("14 {}", BASE64.encode(&opus));
            assert_eq!(decode_text_voice(text.as_bytes()), Err(Drop::Malformed));
        }
        // Two frames of 5 ms are 10 ms, if they are two.
        assert!(PlainVoice { opus: &[29 << 3 | 1, 0, 0], sent_ms: 0 }.encode().is_some());
        assert!(PlainVoice { opus: &[29 << 3 | 1, 0], sent_ms: 0 }.encode().is_none());
    }

    #[test]
    fn one_byte_more_or_less_and_another_magic_are_no_voice() {
        let sent = voice(MONO, 7);
        assert_eq!(PlainVoice::decode(&sent[..271]), Err(Drop::Malformed));
        assert_eq!(PlainVoice::decode(&[&sent[..], &[0]].concat()), Err(Drop::Oversized));
        assert_eq!(PlainVoice::decode(&[]), Err(Drop::Malformed));
        let mut other = sent;
        other[0] ^= 1;
        assert_eq!(PlainVoice::decode(&other), Err(Drop::Malformed));
        let mut dirty = sent;
        dirty[100] = 9;
        assert_eq!(PlainVoice::decode(&dirty).unwrap().opus, MONO, "its field's rest is not looked at");
    }

    #[test]
    fn text_that_is_not_strictly_base64_is_no_voice() {
        for text in
            ["14 8P/", "14 8P/+\n", "14  8P/+", "14 8P-_", "14 ", "14", "15 8P/+", "0014 8P/+", "", "14 8P=="]
        {
            assert_eq!(decode_text_voice(text.as_bytes()), Err(Drop::Malformed), "{text:?}");
        }
        assert_eq!(decode_text_voice(&[b'1'; 513]), Err(Drop::Oversized));
        let longest = [&[0xf0], [1; 380].as_slice()].concat();
        let sent = encode_text_voice(&longest).unwrap();
        assert_eq!((sent.len(), decode_text_voice(&sent).unwrap()[..] == longest), (511, true));
        assert!(encode_text_voice(&[&longest[..], &[0]].concat()).is_none());
        let over = format!("14 {}", BASE64.encode(&[0xf0; 384]));
        assert_eq!(decode_text_voice(&over.as_bytes()[..512]), Err(Drop::Malformed));
    }

    proptest! {
        #[test]
        fn sound_survives_both_wires(body in prop::collection::vec(any::<u8>(), 0..=380), sent_ms in any::<u64>(),
                                     toc in prop::sample::select(vec![0x00_u8, 0x04, 0xf0, 0xf4, 0x60, 0xd4])) {
            let opus = [&[toc], body.as_slice()].concat();
            let text = encode_text_voice(&opus).unwrap();
            prop_assert_eq!(&decode_text_voice(&text).unwrap()[..], opus.as_slice());
            let sent = PlainVoice { opus: &opus, sent_ms }.encode();
            prop_assert_eq!(sent.is_some(), opus.len() <= PLAIN_OPUS_BYTES_MAX);
            if let Some(sent) = sent {
                prop_assert_eq!(PlainVoice::decode(&sent), Ok(PlainVoice { opus: &opus, sent_ms }));
            }
        }

        #[test]
        fn what_is_read_can_be_sent_on(junk in prop::collection::vec(any::<u8>(), 272), len in 0..300_i32) {
            let mut junk = junk;
            junk[..4].copy_from_slice(&VOICE_MAGIC.to_le_bytes());
            junk[LEN_AT..SENT_AT].copy_from_slice(&len.to_le_bytes());
            if let Ok(voice) = PlainVoice::decode(&junk) {
                prop_assert!(voice.encode().is_some());
            }
        }

        #[test]
        fn junk_is_read_without_a_panic(junk in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = PlainVoice::stream(&junk);
            let _ = (PlainVoice::decode(&junk).is_ok(), decode_text_voice(&junk).is_ok());
            let _ = decode_text_voice(&[b"14 ", junk.as_slice()].concat()).is_ok();
        }
    }
}
