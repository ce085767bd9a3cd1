//! What the fuzzer feeds, one function per parser that strangers can reach. `cargo fuzz run NAME` explores;
//! `proto/tests/corpus.rs` replays the committed corpora with the same functions on every test run.

use proto::Safe;
use proto::crypto::envelope::Envelope;
use proto::invite::Invite;
use proto::wire::datagram::{Bind, Bound, Cookie, Kind, Report, Rtp};
use proto::wire::{Splitter, decode_reply, decode_request, encode_reply, encode_request};

/// Feeds one parser.
pub type Target = fn(&[u8]);

/// A target's name and its function.
pub const TARGETS: &[(&str, Target)] = &[
    ("frame", frame),
    ("request", request),
    ("reply", reply),
    ("datagram", datagram),
    ("envelope", envelope),
    ("text", text),
];

/// The first byte says how the rest is cut. Any cut gives the same frames.
pub fn frame(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else { return };
    let frames = |piece: usize| {
        let mut splitter = Splitter::stranger();
        let mut found = Vec::new();
        for mut chunk in bytes.chunks(piece) {
            loop {
                match splitter.next(&mut chunk) {
                    Ok(Some(frame)) => found.push((frame.code, frame.payload)),
                    Ok(None) => break,
                    Err(_) => return found,
                }
            }
        }
        found
    };
    assert_eq!(frames(bytes.len().max(1)), frames(usize::from(cut) + 1));
}

/// What can be read can be written, and reads the same.
pub fn request(data: &[u8]) {
    let Some((code, payload)) = split(data) else { return };
    let Ok(request) = decode_request(code, payload) else { return };
    let mut bytes = Vec::new();
    encode_request(&request, &mut bytes);
    let (code, payload) = unframe(&bytes);
    assert_eq!(decode_request(code, payload).as_ref(), Ok(&request));
}

/// The same for what a server says.
pub fn reply(data: &[u8]) {
    let Some((code, payload)) = split(data) else { return };
    let Ok(reply) = decode_reply(code, payload) else { return };
    let mut bytes = Vec::new();
    encode_reply(&reply, &mut bytes);
    let (code, payload) = unframe(&bytes);
    assert_eq!(decode_reply(code, payload).as_ref(), Ok(&reply));
}

/// Every kind of datagram, whatever the first byte claims.
pub fn datagram(data: &[u8]) {
    let _ = Kind::of(data);
    if let Some((bind, _)) = Bind::decode(data) {
        assert!(Bind::decode(&bind.encode(|_| [0; 32])).is_some());
    }
    if let Some((bind, _)) = Bind::decode_second(data) {
        assert!(Bind::decode_second(&bind.encode_second(|_| [0; 32])).is_some());
    }
    if let Some(cookie) = Cookie::decode(data) {
        assert_eq!(&cookie.encode()[..], data);
    }
    if let Some(bound) = Bound::decode(data) {
        assert_eq!(&bound.encode()[..], data);
    }
    if let Some(rtp) = Rtp::decode(data) {
        assert_eq!(&rtp.encode()[..], &data[..12]);
    }
    if let Some(report) = Report::decode(data) {
        assert!(report.heard().count() <= usize::from(u8::MAX));
    }
}

/// What was opened, before anybody believes it.
pub fn envelope(data: &[u8]) {
    let Ok(envelope) = Envelope::decode(data) else { return };
    let again = envelope.encode().expect("what can be read can be written");
    assert_eq!(Envelope::decode(&again).as_ref(), Ok(&envelope));
}

/// Text of others, and links.
pub fn text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let safe = Safe::text(&text, 300);
    assert!(safe.as_str().chars().all(|c| c == '\n' || !c.is_control()));
    assert_eq!(Safe::text(safe.as_str(), 300), safe);
    if let Ok(invite) = Invite::parse(&text) {
        assert_eq!(Invite::parse(&invite.to_string()).as_ref(), Ok(&invite));
    }
}

/// Two bytes of code (little-endian), then the payload.
fn split(data: &[u8]) -> Option<(i32, &[u8])> {
    let (code, payload) = data.split_first_chunk::<2>()?;
    Some((i32::from(u16::from_le_bytes(*code)), payload))
}

fn unframe(bytes: &[u8]) -> (i32, &[u8]) {
    let (header, payload) = bytes.split_at(16);
    let code = [header[4], header[5], header[6], header[7]];
    (i32::from_le_bytes(code), payload)
}
