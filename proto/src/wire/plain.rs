//! Seed A as its own programs speak it: seed A's header, then 2048 bytes of data that hold the payload and zeros, so
//! that every frame has [`PLAIN_FRAME_BYTES`]. The vocabulary is the house's own; codes of our extension do not exist
//! here, and five faults do that the native dialect says with 360 (PROTOCOL.md, "The binary protocol").
//!
//! A payload has at most [`PLAIN_PAYLOAD_MAX`] bytes and no NUL, because the original programs read it up to the
//! first one. What stands behind the payload is not looked at: those programs pad with whatever was there.

use crate::id::Name;
use crate::limits::{FRAME_HEADER_BYTES, PHRASE_BYTES_MAX, PLAIN_FRAME_BYTES, PLAIN_PAYLOAD_MAX};
use crate::wire::binary;
use crate::wire::code;
use crate::wire::frame::{Frame, FrameError, MAGIC, fill, read_header};
use crate::wire::native::{self, DecodeError};
use crate::wire::reader::Malformed;
use crate::wire::reply::Reply;
use crate::wire::request::Request;
use crate::wire::writer::Writer;

/// Cuts a stream into padded frames, however it was segmented.
#[derive(Debug, Default)]
pub struct PlainSplitter {
    /// What has come of the frame under way.
    frame: Vec<u8>,
    broken: Option<FrameError>,
}

impl PlainSplitter {
    /// A splitter at the start of a stream.
    pub const fn new() -> Self {
        Self { frame: Vec::new(), broken: None }
    }

    /// Takes what one frame needs from the front of `input` and returns the frame when it is whole. Call until
    /// `None`. A wrong header is seen before its padding has come.
    ///
    /// # Errors
    /// The stream is broken, now and for ever.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        if self.frame.len() < FRAME_HEADER_BYTES {
            fill(&mut self.frame, FRAME_HEADER_BYTES, input);
        }
        if self.frame.len() < FRAME_HEADER_BYTES {
            return Ok(None);
        }
        let (code, size) = read_header(&self.frame[..FRAME_HEADER_BYTES], PLAIN_PAYLOAD_MAX)
            .inspect_err(|e| self.broken = Some(*e))?;
        fill(&mut self.frame, PLAIN_FRAME_BYTES, input);
        if self.frame.len() < PLAIN_FRAME_BYTES {
            return Ok(None);
        }
        let payload = self.frame[FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + size].to_vec();
        self.frame.clear();
        Ok(Some(Frame { code, payload }))
    }
}

/// What a server says when it does not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 400: anything wrong that the others do not name.
    BadRequest,
    /// 401: the name is in use, or this connection is logged in; the text is that name.
    AlreadyLogged,
    /// 403: not logged in, or not one's own.
    NotAuthorized,
    /// 404: no such code.
    NotFound,
    /// 500: the server failed.
    Internal,
}

impl Fault {
    /// Its number.
    pub const fn code(self) -> i32 {
        match self {
            Self::BadRequest => code::BAD_REQUEST,
            Self::AlreadyLogged => code::ALREADY_LOGGED,
            Self::NotAuthorized => code::NOT_AUTHORIZED,
            Self::NotFound => code::NOT_FOUND,
            Self::Internal => code::INTERNAL,
        }
    }

    const fn of(code: i32) -> Option<Self> {
        match code {
            code::BAD_REQUEST => Some(Self::BadRequest),
            code::ALREADY_LOGGED => Some(Self::AlreadyLogged),
            code::NOT_AUTHORIZED => Some(Self::NotAuthorized),
            code::NOT_FOUND => Some(Self::NotFound),
            code::INTERNAL => Some(Self::Internal),
            _ => None,
        }
    }
}

/// One thing a server of this protocol says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlainReply {
    /// What the house's vocabulary has a word for.
    Said(Reply),
    /// 400, 401, 403, 404 and 500.
    Failed {
        /// Which.
        fault: Fault,
        /// For people, except with 401: as it came, at most [`PHRASE_BYTES_MAX`] bytes.
        text: String,
    },
    /// 213: the original server's answer to 103; in no document.
    LeftCall,
}

/// The frame of `request`; none when this protocol has no word for it, or no room.
pub fn encode_plain_request(request: &Request) -> Option<Vec<u8>> {
    let mut payload = Vec::new();
    let code = native::write_request(request, &mut payload);
    if code >= code::HELLO { None } else { frame(code, &payload) }
}

/// The 102 that names the caller: the only handle on a call that this protocol gives to whom it rings (A7). The
/// original server reads no 102 without a payload.
pub fn encode_plain_reject(caller: &Name) -> Vec<u8> {
    let mut payload = Vec::new();
    binary::write_name(caller, &mut payload);
    frame(code::REJECT_CALL, &payload).expect("a name fits a frame")
}

/// Reads a client's frame. 101, 102 and 103 are about the ringing or the current call: whatever they carry is a call
/// id only if it looks like one.
///
/// # Errors
/// See [`DecodeError`]; codes of our extension are unknown here.
pub fn decode_plain_request(code: i32, payload: &[u8]) -> Result<Request, DecodeError> {
    let call = binary::read_call(payload).ok().flatten();
    match code {
        code::ACCEPT_CALL => Ok(Request::AcceptCall(call)),
        code::REJECT_CALL => Ok(Request::RejectCall(call)),
        code::HANG_UP => Ok(Request::HangUp(call)),
        code::HELLO.. => Err(DecodeError::UnknownCode(code)),
        _ => native::decode_request(code, without_nul(payload)?),
    }
}

/// The frames of `reply`, each to be written on its own: none when this protocol has no word for it, several when a
/// list is longer than one payload. Readers add what comes to what they have.
pub fn encode_plain_reply(reply: &Reply) -> Vec<Vec<u8>> {
    let mut payload = Vec::new();
    let code = native::write_reply(reply, &mut payload);
    if code >= code::SERVER_HELLO {
        return Vec::new();
    }
    let mut left = payload.as_slice();
    let mut frames = Vec::new();
    while left.len() > PLAIN_PAYLOAD_MAX {
        let Some(last) = left[..PLAIN_PAYLOAD_MAX].iter().rposition(|b| *b == b';') else {
            return Vec::new();
        };
        // Only the contact list ends with a semicolon: an item without a colon kills an original that reads 209.
        let end = if code == code::CONTACTS { last + 1 } else { last };
        frames.extend(frame(code, &left[..end]));
        left = &left[last + 1..];
    }
    frames.extend(frame(code, left));
    frames
}

/// The frame of a fault, with as much of `text` as may be sent.
pub fn encode_fault(fault: Fault, text: &str) -> Vec<u8> {
    let text: String = text.chars().filter(|c| *c != '\0').collect();
    let end = text.floor_char_boundary(PHRASE_BYTES_MAX);
    frame(fault.code(), &text.as_bytes()[..end]).expect("a phrase fits a frame")
}

/// Reads a server's frame.
///
/// # Errors
/// See [`DecodeError`]; codes of our extension are unknown here.
pub fn decode_plain_reply(code: i32, payload: &[u8]) -> Result<PlainReply, DecodeError> {
    if let Some(fault) = Fault::of(code) {
        let mut text = String::from_utf8_lossy(without_nul(payload)?).into_owned();
        text.truncate(text.floor_char_boundary(PHRASE_BYTES_MAX));
        return Ok(PlainReply::Failed { fault, text });
    }
    match code {
        code::LEFT_CALL => Ok(PlainReply::LeftCall),
        code::SERVER_HELLO.. => Err(DecodeError::UnknownCode(code)),
        _ => native::decode_reply(code, without_nul(payload)?).map(PlainReply::Said),
    }
}

fn without_nul(payload: &[u8]) -> Result<&[u8], Malformed> {
    if payload.contains(&0) { Err(Malformed { field: "nul" }) } else { Ok(payload) }
}

/// One whole frame; none when the payload may not be sent.
fn frame(code: i32, payload: &[u8]) -> Option<Vec<u8>> {
    if payload.len() > PLAIN_PAYLOAD_MAX || payload.contains(&0) {
        return None;
    }
    let mut out = Vec::with_capacity(PLAIN_FRAME_BYTES);
    Writer::new(&mut out).i32_le(MAGIC).i32_le(code).u64_le(payload.len() as u64).bytes(payload);
    out.resize(PLAIN_FRAME_BYTES, 0);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::CallId;
    use crate::limits::CONTACTS_MAX;
    use crate::wire::arbitrary;
    use crate::wire::reply::Party;
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn party(who: &str, address: &str) -> Party {
        Party { name: name(who), address: address.into() }
    }

    fn frames(splitter: &mut PlainSplitter, mut input: &[u8]) -> Result<Vec<Frame>, FrameError> {
        let mut out = Vec::new();
        while let Some(frame) = splitter.next(&mut input)? {
            out.push(frame);
        }
        assert!(input.is_empty(), "a splitter that wants more has taken all");
        Ok(out)
    }

    fn only(bytes: &[u8]) -> Frame {
        assert_eq!(bytes.len(), PLAIN_FRAME_BYTES);
        frames(&mut PlainSplitter::new(), bytes).unwrap().pop().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<PlainReply, DecodeError> {
        let frame = only(bytes);
        decode_plain_reply(frame.code, &frame.payload)
    }

    /// A header and the start of the data in hex, as seeds writes them; the rest is zeros.
    fn assert_golden(frame: &[u8], hex: &str) {
        let start = HEXLOWER.decode(hex.replace(' ', "").as_bytes()).unwrap();
        assert_eq!(HEXLOWER.encode(&frame[..start.len()]), HEXLOWER.encode(&start));
        assert!(frame.len() == PLAIN_FRAME_BYTES && frame[start.len()..].iter().all(|b| *b == 0));
    }

    #[test]
    fn the_frames_are_those_the_original_programs_sent() {
        let welcome = encode_plain_reply(&Reply::Welcome("127.0.0.1".into()));
        assert_golden(&welcome[0], "077e0b00 c8000000 0900000000000000 3132372e302e302e31");
        let login = encode_plain_request(&Request::Login(name("alice"))).unwrap();
        assert_golden(&login, "077e0b00 00000000 0500000000000000 616c696365");
        let accept = encode_plain_request(&Request::AcceptCall(None)).unwrap();
        assert_golden(&accept, "077e0b00 65000000 0000000000000000");
    }

    #[test]
    fn lists_end_as_the_original_programs_end_them() {
        let call = encode_plain_request(&Request::Call(vec![name("bob"), name("carol")])).unwrap();
        assert_eq!(only(&call).payload, b"bob;carol;");
        let contacts = encode_plain_reply(&Reply::Contacts(vec![name("bob"), name("carol")]));
        assert_eq!(only(&contacts[0]).payload, b"bob;carol;");
        let accepted =
            encode_plain_reply(&Reply::CallAccepted(vec![party("a", "1.2.3.4"), party("b", "::1")]));
        assert_eq!(only(&accepted[0]).payload, b"a:1.2.3.4;b:::1");
    }

    #[test]
    fn every_fault_has_its_code_and_its_text() {
        let golden = [
            (Fault::BadRequest, "90010000"),
            (Fault::AlreadyLogged, "91010000"),
            (Fault::NotAuthorized, "93010000"),
            (Fault::NotFound, "94010000"),
            (Fault::Internal, "f4010000"),
        ];
        for (fault, code) in golden {
            let frame = encode_fault(fault, "no");
            assert_golden(&frame, &format!("077e0b00 {code} 0200000000000000 6e6f"));
            assert_eq!(read(&frame), Ok(PlainReply::Failed { fault, text: "no".into() }));
        }
        let long = read(&encode_fault(Fault::BadRequest, &"\0é".repeat(5_000)));
        assert_eq!(
            long,
            Ok(PlainReply::Failed { fault: Fault::BadRequest, text: "é".repeat(PHRASE_BYTES_MAX / 2) })
        );
    }

    #[test]
    fn a_contact_list_of_any_length_goes_out_in_frames_of_whole_names() {
        let all: Vec<Name> = (0..CONTACTS_MAX).map(|n| name(&format!("{:a>32}", n))).collect();
        let sent = encode_plain_reply(&Reply::Contacts(all.clone()));
        assert_eq!(sent.len(), CONTACTS_MAX.div_ceil(PLAIN_PAYLOAD_MAX / 33));
        let mut seen = Vec::new();
        for frame in &sent {
            assert!(only(frame).payload.ends_with(b";"));
            let Ok(PlainReply::Said(Reply::Contacts(names))) = read(frame) else { panic!("not a 206") };
            seen.extend(names);
        }
        assert_eq!(seen, all);
        let nobody = encode_plain_reply(&Reply::Contacts(Vec::new()));
        assert_eq!((nobody.len(), only(&nobody[0]).payload.len()), (1, 0));
    }

    #[test]
    fn members_beyond_one_frame_go_on_in_the_next_without_an_empty_item() {
        let all = vec![party(&"m".repeat(32), "2001:db8:1111:2222:3333:4444:5555:6666"); 32];
        let sent = encode_plain_reply(&Reply::CallAccepted(all.clone()));
        assert_eq!(sent.len(), 2);
        assert!(sent.iter().all(|frame| !only(frame).payload.ends_with(b";")));
        let seen = sent.iter().flat_map(|frame| match read(frame) {
            Ok(PlainReply::Said(Reply::CallAccepted(parties))) => parties,
            other => panic!("{other:?} is not a 209"),
        });
        assert_eq!(seen.collect::<Vec<_>>(), all);
    }

    #[test]
    fn a_call_is_rejected_with_any_payload_or_none() {
        let reject = |payload: &[u8]| decode_plain_request(102, payload);
        for payload in [&b""[..], b"alice", b"7", b"\0\0\0\0", &[0xff; 2047]] {
            assert_eq!(reject(payload), Ok(Request::RejectCall(None)));
        }
        assert_eq!(reject("0a".repeat(16).as_bytes()), Ok(Request::RejectCall(Some(CallId([10; 16])))));
        let named = only(&encode_plain_reject(&name("alice")));
        assert_eq!((named.code, named.payload.as_slice()), (102, &b"alice"[..]));
        assert_eq!(decode_plain_request(101, b"x"), Ok(Request::AcceptCall(None)));
        assert_eq!(decode_plain_request(103, b"x"), Ok(Request::HangUp(None)));
    }

    #[test]
    fn what_an_original_server_says_beside_the_document_is_understood() {
        assert_eq!(decode_plain_reply(213, b""), Ok(PlainReply::LeftCall));
        assert_eq!(decode_plain_reply(200, b""), Ok(PlainReply::Said(Reply::Welcome(String::new()))));
        let joined = Reply::CallJoined(party("bob", "1.2.3.4"));
        assert_eq!(decode_plain_reply(210, b"bob:1.2.3.4"), Ok(PlainReply::Said(joined)));
    }

    #[test]
    fn what_this_protocol_has_no_word_for_is_neither_sent_nor_read() {
        assert_eq!(encode_plain_request(&Request::Ping), None);
        assert_eq!(encode_plain_request(&Request::Call(vec![name(&"a".repeat(32)); 63])), None);
        assert!(encode_plain_reply(&Reply::Pong).is_empty());
        for code in [-1, 6, 99, 104, 200, 202, 300, 313, 400, i32::MAX, i32::MIN] {
            assert_eq!(decode_plain_request(code, b"a"), Err(DecodeError::UnknownCode(code)));
        }
        for code in [0, 100, 202, 212, 350, 363, 402, 501, i32::MIN] {
            assert_eq!(decode_plain_reply(code, b"a"), Err(DecodeError::UnknownCode(code)));
        }
    }

    #[test]
    fn a_name_with_a_quote_a_nul_or_nothing_in_it_is_malformed() {
        for payload in [&b""[..], b"bob'", b"bob\0", b"b b", b"a;b", b"\xff"] {
            for code in 0..5 {
                assert!(matches!(decode_plain_request(code, payload), Err(DecodeError::Malformed(_))));
            }
        }
        let nul = Err(DecodeError::Malformed(Malformed { field: "nul" }));
        assert_eq!(decode_plain_request(100, b"bob;\0carol;"), nul);
    }

    #[test]
    fn a_wrong_header_ends_the_stream_before_its_padding_has_come() {
        let mut splitter = PlainSplitter::new();
        assert_eq!(splitter.next(&mut &b"GET / HTTP/1.1\r\n"[..]), Err(FrameError::Magic));
        let login = encode_plain_request(&Request::Login(name("a"))).unwrap();
        assert_eq!(splitter.next(&mut login.as_slice()), Err(FrameError::Magic));
        let mut long = login;
        long[8..10].copy_from_slice(&2_047_u16.to_le_bytes());
        assert_eq!(only(&long).payload.len(), 2_047);
        for size in [2_048_u64, u64::MAX] {
            long[8..16].copy_from_slice(&size.to_le_bytes());
            assert_eq!(PlainSplitter::new().next(&mut &long[..16]), Err(FrameError::Oversized));
        }
    }

    #[test]
    fn padding_is_not_looked_at() {
        let mut dirty = encode_plain_request(&Request::Login(name("al"))).unwrap();
        dirty[18..].fill(b'x');
        assert_eq!(only(&dirty).payload, b"al");
    }

    #[test]
    fn a_cut_at_every_single_byte_gives_the_same_frames() {
        let both: Vec<u8> = [Request::Login(name("al")), Request::List(None)]
            .iter()
            .flat_map(|request| encode_plain_request(request).unwrap())
            .collect();
        let whole = frames(&mut PlainSplitter::new(), &both).unwrap();
        assert_eq!(whole.len(), 2);
        for cut in 0..both.len() {
            let mut splitter = PlainSplitter::new();
            let mut seen = frames(&mut splitter, &both[..cut]).unwrap();
            seen.extend(frames(&mut splitter, &both[cut..]).unwrap());
            assert_eq!(seen, whole, "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn requests_survive_the_wire(request in arbitrary::request()) {
            let mut payload = Vec::new();
            let ours = native::write_request(&request, &mut payload) >= code::HELLO;
            let sent = encode_plain_request(&request);
            prop_assert_eq!(sent.is_none(), ours);
            if let Some(sent) = sent {
                let frame = only(&sent);
                prop_assert_eq!(decode_plain_request(frame.code, &frame.payload), Ok(request));
            }
        }

        #[test]
        fn replies_survive_the_wire(reply in arbitrary::reply()) {
            let mut payload = Vec::new();
            let ours = native::write_reply(&reply, &mut payload) >= code::SERVER_HELLO;
            let sent = encode_plain_reply(&reply);
            prop_assert_eq!(sent.len(), usize::from(!ours));
            if let [sent] = sent.as_slice() {
                prop_assert_eq!(read(sent), Ok(PlainReply::Said(reply)));
            }
        }

        #[test]
        fn faults_survive_the_wire(text in "[^\0]{0,60}", n in 0..5_usize) {
            let all =
                [Fault::BadRequest, Fault::AlreadyLogged, Fault::NotAuthorized, Fault::NotFound, Fault::Internal];
            prop_assert_eq!(read(&encode_fault(all[n], &text)), Ok(PlainReply::Failed { fault: all[n], text }));
        }

        #[test]
        fn any_segmentation_gives_the_same_frames(
            requests in prop::collection::vec(arbitrary::request(), 0..6),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        ) {
            let stream: Vec<u8> = requests.iter().filter_map(encode_plain_request).flatten().collect();
            let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let mut splitter = PlainSplitter::new();
            let mut seen = Vec::new();
            for pair in cuts.windows(2) {
                seen.extend(frames(&mut splitter, &stream[pair[0]..pair[1]]).unwrap());
            }
            prop_assert_eq!(seen, frames(&mut PlainSplitter::new(), &stream).unwrap());
        }

        #[test]
        fn no_payload_panics(code in arbitrary::code(), payload in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (decode_plain_request(code, &payload), decode_plain_reply(code, &payload));
        }

        #[test]
        fn no_stream_panics(junk in prop::collection::vec(any::<u8>(), 0..5_000), good in any::<bool>()) {
            let mut stream = if good { encode_plain_request(&Request::List(None)).unwrap() } else { Vec::new() };
            stream.extend(junk);
            let _ = frames(&mut PlainSplitter::new(), &stream).is_err();
        }
    }
}
