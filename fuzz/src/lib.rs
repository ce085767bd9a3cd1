//! What the fuzzer feeds, one function per parser that strangers can reach. `cargo fuzz run NAME` explores;
//! `proto/tests/corpus.rs` replays the committed corpora with the same functions on every test run.

use proto::crypto::envelope::Envelope;
use proto::crypto::sframe::{ReceiverKey, Sealed, SenderKey, TAG_BYTES, generation_and_step, kid, ratchet};
use proto::id::{CallId, RelayId, Ssrc};
use proto::invite::Invite;
use proto::limits::{COPIES_MAX, OPUS_BYTES_MAX};
use proto::media::{BaseKey, CallCommand, Media, MediaInput, MediaOutput, OpusFrame, Place};
use proto::wire::copies::WithCopies;
use proto::wire::datagram::{
    Bind, Bound, Cookie, Kind, Payload, PlainVoice, RTP_BYTES, Rtp, decode_text_voice, encode_text_voice,
};
use proto::wire::plain::{
    PlainReply, PlainSplitter, decode_plain_reply, decode_plain_request, encode_fault, encode_plain_reply,
    encode_plain_request,
};
use proto::wire::report::{REPORT_BYTES_MAX, Report};
use proto::wire::stun::{Answer, Question};
use proto::wire::text::{Between, FromServer, ToServer, answer};
use proto::wire::{Frame, Splitter, decode_reply, decode_request, encode_reply, encode_request};
use proto::{Rng, Safe, Time};

/// Feeds one parser.
pub type Target = fn(&[u8]);

/// A target's name and its function.
pub const TARGETS: &[(&str, Target)] = &[
    ("frame", frame),
    ("request", request),
    ("reply", reply),
    ("datagram", datagram),
    ("report", report),
    ("copies", copies),
    ("envelope", envelope),
    ("text", text),
    ("plain", plain),
    ("packets", packets),
    ("plain_voice", plain_voice),
    ("media", media),
];

/// A call with one member, whose stream and base key (00 01 .. 1f) are those of the voice packet of PROTOCOL.md.
const CALL: CallId = CallId([3; 16]);
const MEMBER: Ssrc = Ssrc(0x0102_0304);
const RELAY: ([u8; 4], u16) = ([192, 0, 2, 1], 8_462);

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
    let _ = Question::decode(data, std::net::SocketAddr::from(([192, 0, 2, 1], 1)));
    if let Some(answer) = Answer::decode(data) {
        assert_eq!(Answer::decode(&answer.encode()).map(|again| again.source), Some(answer.source));
    }
}

/// A frame with copies: what can be read can be written, and is the same.
pub fn copies(data: &[u8]) {
    let Some(read) = WithCopies::decode(data) else { return };
    let copies: Vec<_> = read.copies().collect();
    let mut again = vec![0; data.len()];
    let len = WithCopies::encode(&copies, read.frame, &mut again).expect("what can be read can be written");
    assert_eq!(&again[..len], data);
}

/// A report: what can be read can be written, and reads the same.
pub fn report(data: &[u8]) {
    let Some(report) = Report::decode(data) else { return };
    let mut again = [0; REPORT_BYTES_MAX];
    let len = Report::encode(report.flags, report.sent, report.heard(), &mut again);
    let again = Report::decode(&again[..len]).expect("our own report");
    assert_eq!((again.flags, again.sent), (report.flags, report.sent));
    assert!(again.heard().eq(report.heard()));
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

/// The padded frames of the plain binary protocol: the first byte says how the rest is cut, as with [`frame`]. What
/// can be read of a frame can be written, and reads the same.
pub fn plain(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else { return };
    let frames = |piece: usize| {
        let mut splitter = PlainSplitter::new();
        let mut found = Vec::new();
        for mut chunk in bytes.chunks(piece) {
            while let Ok(Some(frame)) = splitter.next(&mut chunk) {
                found.push(frame);
            }
        }
        found
    };
    let found = frames(bytes.len().max(1));
    assert_eq!(found, frames(usize::from(cut) + 1));
    found.iter().for_each(plain_frame);
}

fn plain_frame(frame: &Frame) {
    if let Ok(request) = decode_plain_request(frame.code, &frame.payload) {
        let again = whole(&encode_plain_request(&request).expect("what can be read can be written"));
        assert_eq!(decode_plain_request(again.code, &again.payload), Ok(request));
    }
    let again = match decode_plain_reply(frame.code, &frame.payload) {
        Ok(PlainReply::Said(reply)) => encode_plain_reply(&reply),
        Ok(PlainReply::Failed { fault, text }) => vec![encode_fault(fault, &text)],
        Ok(PlainReply::LeftCall) | Err(_) => return,
    };
    // A list that came without its last semicolon may need one frame more.
    if let [again] = again.as_slice() {
        let again = whole(again);
        let read = |frame: &Frame| decode_plain_reply(frame.code, &frame.payload);
        assert_eq!(read(&again), read(frame));
    }
}

fn whole(bytes: &[u8]) -> Frame {
    let mut input = bytes;
    PlainSplitter::new().next(&mut input).expect("our header is right").expect("our frame is whole")
}

/// One receive of the text protocol, by everybody who may get it; the first byte says whether its sender is logged
/// in.
pub fn packets(data: &[u8]) {
    let Some((&first, bytes)) = data.split_first() else { return };
    for packet in proto::wire::text::packets(bytes, first & 1 == 1) {
        match packet {
            Ok(said) => assert_eq!(ToServer::decode(&said.encode()), Ok(said)),
            Err(malformed) => {
                let _ = answer(malformed).map(|said| said.encode());
            }
        }
    }
    if let Ok(said) = FromServer::decode(bytes) {
        assert_eq!(FromServer::decode(&said.encode()), Ok(said));
    }
    if let Ok(said) = Between::decode(bytes) {
        assert_eq!(Between::decode(&said.encode()), Ok(said));
    }
}

/// Voice of both plain protocols: what is read can be sent on, and is the same.
pub fn plain_voice(data: &[u8]) {
    if let Ok(voice) = PlainVoice::decode(data) {
        let again = voice.encode().expect("what can be read can be written");
        assert!(PlainVoice::decode(&again) == Ok(voice));
    }
    if let Ok(opus) = decode_text_voice(data) {
        let again = encode_text_voice(&opus).expect("what can be read can be written");
        assert!(data.ends_with(&again));
    }
}

/// A datagram of a sealed call. Anybody may send it, so its header is read before anything of it is known; and a member
/// may, so the same bytes are also sealed as theirs, and what was opened is believed as little.
pub fn media(data: &[u8]) {
    let base_key = member_key();
    if let Some(sealed) = Sealed::read(data) {
        if let Some((generation, step)) = generation_and_step(sealed.kid) {
            assert_eq!(kid(generation, step), sealed.kid);
        }
        let mut packet = data.to_vec();
        if let Ok(plain) = ReceiverKey::new(&base_key, 0, 0).open(&sealed, &mut packet) {
            assert!(RTP_BYTES + plain.len() + TAG_BYTES < data.len());
        }
    }
    let mut call = call_with_member();
    assert!(hear(&mut call, data).len() <= COPIES_MAX + 1);
    // One step on, so that the counters are not those of what came by itself.
    let mut key = SenderKey::new(&ratchet(&base_key), 0, 1);
    let with_copies = hear(&mut call, &sealed(&mut key, Payload::Copies, data));
    if let Some((frame, copies)) = with_copies.split_last() {
        let read = WithCopies::decode(data).expect("nothing else is played");
        assert_eq!(&frame[..], read.frame);
        assert!(copies.iter().all(|copy| read.copies().any(|earlier| earlier.opus == &copy[..])));
    }
    let voice = hear(&mut call, &sealed(&mut key, Payload::Voice, data));
    let is_frame = (1..=OPUS_BYTES_MAX).contains(&data.len());
    assert!(if is_frame { matches!(&voice[..], [frame] if &frame[..] == data) } else { voice.is_empty() });
    let report = hear(&mut call, &sealed(&mut key, Payload::Report, data));
    assert!(report.is_empty(), "a report is no voice");
}

fn member_key() -> [u8; 32] {
    core::array::from_fn(|n| u8::try_from(n).expect("there are few"))
}

/// An open call in which the member may be heard.
fn call_with_member() -> Media {
    let place = Place {
        call: CALL,
        relay_addr: RELAY.into(),
        relay: RelayId(1),
        ssrc: Ssrc(1),
        expiry: 600,
        ticket: [0; 32],
    };
    let base_key = BaseKey::new(member_key());
    let listen = CallCommand::Listen { call: CALL, ssrc: MEMBER, generation: 0, step: 0, base_key };
    let mut call = Media::new(Rng::new([1; 32]), Time::ZERO);
    for command in [CallCommand::Bind(place), CallCommand::Open(CALL), listen] {
        call.handle(MediaInput::Command(command), Time::ZERO);
    }
    while call.poll().is_some() {}
    call
}

/// What is played of a datagram: copies of earlier frames, the oldest first, and then its own.
fn hear(call: &mut Media, datagram: &[u8]) -> Vec<OpusFrame> {
    call.handle(MediaInput::Datagram(RELAY.into(), datagram), Time::ZERO);
    let (mut played, mut heard) = (Vec::new(), Vec::new());
    while let Some(output) = call.poll() {
        if let MediaOutput::Play { speaker, seq, frame, copy, reach, .. } = output {
            assert!(speaker == MEMBER && !frame.is_empty());
            played.push((seq, copy, reach));
            heard.push(frame);
        }
    }
    if let Some(((seq, copy, reach), earlier)) = played.split_last() {
        assert!(!copy && earlier.iter().all(|(_, copy, _)| *copy));
        assert!(played.windows(2).all(|two| two[0].0 < two[1].0));
        assert!(earlier.iter().all(|(before, ..)| seq - before <= u64::from(*reach)));
    }
    heard
}

/// What the member sends with `plain` in it.
fn sealed(key: &mut SenderKey, payload: Payload, plain: &[u8]) -> Vec<u8> {
    let at = key.plaintext_at();
    let mut packet = vec![0; at + plain.len() + TAG_BYTES];
    let header = Rtp { payload, seq: 7, timestamp: 960, ssrc: MEMBER };
    packet[..RTP_BYTES].copy_from_slice(&header.encode());
    packet[at..at + plain.len()].copy_from_slice(plain);
    assert_eq!(key.seal(&mut packet, plain.len()), Some(packet.len()));
    packet
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
