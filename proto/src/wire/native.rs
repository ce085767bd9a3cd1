//! The native dialect: seed A's codes and ours in seed A's frame without padding, as one pair of functions for each
//! direction. Every variant of the vocabulary is written here and read here, side by side.

use core::fmt;

use crate::wire::binary as text;
use crate::wire::code;
use crate::wire::extension::{read_record, write_record};
use crate::wire::frame::write_frame;
use crate::wire::reader::Malformed;
use crate::wire::reply::Reply;
use crate::wire::request::Request;

/// Why a frame's payload could not be read. The frame was whole, so the connection can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The payload is none of this code's.
    Malformed(Malformed),
    /// Nothing has this code in this direction.
    UnknownCode(i32),
}

impl From<Malformed> for DecodeError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::UnknownCode(code) => write!(f, "there is no code {code}"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// Appends the whole frame of `request` to `out`.
pub fn encode_request(request: &Request, out: &mut Vec<u8>) {
    write_frame(out, |out| write_request(request, out));
}

/// Appends the payload of `request` and says under which code it goes.
pub(super) fn write_request(request: &Request, out: &mut Vec<u8>) -> i32 {
    let name = |code, name, out| {
        text::write_name(name, out);
        code
    };
    let call = |code, call: &Option<_>, out| {
        text::write_call(*call, out);
        code
    };
    match request {
        Request::Login(who) => name(code::LOGIN, who, out),
        Request::Add(who) => name(code::ADD, who, out),
        Request::Accept(who) => name(code::ACCEPT, who, out),
        Request::Reject(who) => name(code::REJECT, who, out),
        Request::Remove(who) => name(code::REMOVE, who, out),
        Request::List(Some(who)) => name(code::LIST, who, out),
        Request::List(None) => code::LIST,
        Request::Call(names) => {
            text::write_names(names, out);
            code::CALL
        }
        Request::AcceptCall(id) => call(code::ACCEPT_CALL, id, out),
        Request::RejectCall(id) => call(code::REJECT_CALL, id, out),
        Request::HangUp(id) => call(code::HANG_UP, id, out),
        Request::Hello(r) => record(code::HELLO, r, out),
        Request::Register(r) => record(code::REGISTER, r, out),
        Request::Auth(r) => record(code::AUTH, r, out),
        Request::Prekeys(r) => record(code::PREKEYS, r, out),
        Request::WantDevices(r) => record(code::WANT_DEVICES, r, out),
        Request::WantPrekey(r) => record(code::WANT_PREKEY, r, out),
        Request::Mail(r) => record(code::MAIL, r, out),
        Request::CallMail(r) => record(code::CALL_MAIL, r, out),
        Request::Rejoin(r) => record(code::REJOIN, r, out),
        Request::Renew(r) => record(code::RENEW, r, out),
        Request::NewInvite(r) => record(code::NEW_INVITE, r, out),
        Request::Redeem(r) => record(code::REDEEM, r, out),
        Request::Ping => code::PING,
    }
}

/// Reads a client's frame.
///
/// # Errors
/// See [`DecodeError`].
pub fn decode_request(code: i32, payload: &[u8]) -> Result<Request, DecodeError> {
    Ok(match code {
        code::LOGIN => Request::Login(text::read_name(payload)?),
        code::ADD => Request::Add(text::read_name(payload)?),
        code::ACCEPT => Request::Accept(text::read_name(payload)?),
        code::REJECT => Request::Reject(text::read_name(payload)?),
        code::REMOVE => Request::Remove(text::read_name(payload)?),
        code::LIST => Request::List(text::read_name_or_none(payload)?),
        code::CALL => Request::Call(text::read_callees(payload)?),
        code::ACCEPT_CALL => Request::AcceptCall(text::read_call(payload)?),
        code::REJECT_CALL => Request::RejectCall(text::read_call(payload)?),
        code::HANG_UP => Request::HangUp(text::read_call(payload)?),
        code::HELLO => Request::Hello(read_record(payload, "hello")?),
        code::REGISTER => Request::Register(read_record(payload, "register")?),
        code::AUTH => Request::Auth(read_record(payload, "auth")?),
        code::PREKEYS => Request::Prekeys(read_record(payload, "prekeys")?),
        code::WANT_DEVICES => Request::WantDevices(read_record(payload, "devices?")?),
        code::WANT_PREKEY => Request::WantPrekey(read_record(payload, "prekey?")?),
        code::MAIL => Request::Mail(read_record(payload, "mail")?),
        code::CALL_MAIL => Request::CallMail(read_record(payload, "call_mail")?),
        code::REJOIN => Request::Rejoin(read_record(payload, "rejoin")?),
        code::RENEW => Request::Renew(read_record(payload, "renew")?),
        code::NEW_INVITE => Request::NewInvite(read_record(payload, "invite")?),
        code::REDEEM => Request::Redeem(read_record(payload, "redeem")?),
        code::PING => text::read_nothing(payload).map(|()| Request::Ping)?,
        unknown => return Err(DecodeError::UnknownCode(unknown)),
    })
}

/// Appends the whole frame of `reply` to `out`.
pub fn encode_reply(reply: &Reply, out: &mut Vec<u8>) {
    write_frame(out, |out| write_reply(reply, out));
}

/// Appends the payload of `reply` and says under which code it goes.
pub(super) fn write_reply(reply: &Reply, out: &mut Vec<u8>) -> i32 {
    let name = |code, name, out| {
        text::write_name(name, out);
        code
    };
    let party = |code, party, out| {
        text::write_party(party, out);
        code
    };
    match reply {
        Reply::Welcome(address) => {
            out.extend_from_slice(address.as_bytes());
            code::WELCOME
        }
        Reply::LoggedIn(who) => name(code::LOGGED_IN, who, out),
        Reply::RequestAccepted(who) => name(code::REQUEST_ACCEPTED, who, out),
        Reply::RequestDismissed(who) => name(code::REQUEST_DISMISSED, who, out),
        Reply::RequestSent(who) => name(code::REQUEST_SENT, who, out),
        Reply::Contacts(names) => {
            text::write_names(names, out);
            code::CONTACTS
        }
        Reply::RequestFrom(who) => name(code::REQUEST_FROM, who, out),
        Reply::CallTaken => code::CALL_TAKEN,
        Reply::CallAccepted(parties) => {
            text::write_parties(parties, out);
            code::CALL_ACCEPTED
        }
        Reply::CallJoined(who) => party(code::CALL_JOINED, who, out),
        Reply::CallRequest(who) => party(code::CALL_REQUEST, who, out),
        Reply::Hello(r) => record(code::SERVER_HELLO, r, out),
        Reply::Contact(r) => record(code::CONTACT, r, out),
        Reply::Devices(r) => record(code::DEVICES, r, out),
        Reply::Prekey(r) => record(code::PREKEY, r, out),
        Reply::Mail(r) => record(code::MAIL_FROM, r, out),
        Reply::MailResult(r) => record(code::MAIL_RESULT, r, out),
        Reply::CallMail(r) => record(code::CALL_MAIL_FROM, r, out),
        Reply::Grant(r) => record(code::GRANT, r, out),
        Reply::CallState(r) => record(code::CALL_STATE, r, out),
        Reply::Refused(r) => record(code::REFUSED, r, out),
        Reply::Invite(r) => record(code::INVITE, r, out),
        Reply::Goaway(r) => record(code::GOAWAY, r, out),
        Reply::Pong => code::PONG,
    }
}

/// Reads a server's frame.
///
/// # Errors
/// See [`DecodeError`].
pub fn decode_reply(code: i32, payload: &[u8]) -> Result<Reply, DecodeError> {
    Ok(match code {
        code::WELCOME => Reply::Welcome(text::read_address_or_none(payload)?),
        code::LOGGED_IN => Reply::LoggedIn(text::read_name(payload)?),
        code::REQUEST_ACCEPTED => Reply::RequestAccepted(text::read_name(payload)?),
        code::REQUEST_DISMISSED => Reply::RequestDismissed(text::read_name(payload)?),
        code::REQUEST_SENT => Reply::RequestSent(text::read_name(payload)?),
        code::CONTACTS => Reply::Contacts(text::read_contacts(payload)?),
        code::REQUEST_FROM => Reply::RequestFrom(text::read_name(payload)?),
        code::CALL_TAKEN => text::read_nothing(payload).map(|()| Reply::CallTaken)?,
        code::CALL_ACCEPTED => Reply::CallAccepted(text::read_parties(payload)?),
        code::CALL_JOINED => Reply::CallJoined(text::read_party(payload)?),
        code::CALL_REQUEST => Reply::CallRequest(text::read_party(payload)?),
        code::SERVER_HELLO => Reply::Hello(read_record(payload, "hello")?),
        code::CONTACT => Reply::Contact(read_record(payload, "contact")?),
        code::DEVICES => Reply::Devices(read_record(payload, "devices")?),
        code::PREKEY => Reply::Prekey(read_record(payload, "prekey")?),
        code::MAIL_FROM => Reply::Mail(read_record(payload, "mail")?),
        code::MAIL_RESULT => Reply::MailResult(read_record(payload, "mail_result")?),
        code::CALL_MAIL_FROM => Reply::CallMail(read_record(payload, "call_mail")?),
        code::GRANT => Reply::Grant(read_record(payload, "grant")?),
        code::CALL_STATE => Reply::CallState(read_record(payload, "call_state")?),
        code::REFUSED => Reply::Refused(read_record(payload, "refused")?),
        code::INVITE => Reply::Invite(read_record(payload, "invite")?),
        code::GOAWAY => Reply::Goaway(read_record(payload, "goaway")?),
        code::PONG => text::read_nothing(payload).map(|()| Reply::Pong)?,
        unknown => return Err(DecodeError::UnknownCode(unknown)),
    })
}

fn record<T: minicbor::Encode<()>>(code: i32, record: &T, out: &mut Vec<u8>) -> i32 {
    write_record(record, out);
    code
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{CallId, Fingerprint, Name, Principal};
    use crate::wire::arbitrary;
    use crate::wire::frame::{Frame, Splitter};
    use crate::wire::record::{Contact, Goaway, Hello, Presence, Refused, Standing, Why};
    use crate::wire::reply::Party;
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    fn one_frame(bytes: &[u8]) -> Frame {
        let mut input = bytes;
        let frame = Splitter::full().next(&mut input).unwrap().expect("the frame is whole");
        assert!(input.is_empty());
        frame
    }

    fn request_hex(request: &Request) -> String {
        let mut out = Vec::new();
        encode_request(request, &mut out);
        HEXLOWER.encode(&out)
    }

    fn reply_hex(reply: &Reply) -> String {
        let mut out = Vec::new();
        encode_reply(reply, &mut out);
        HEXLOWER.encode(&out)
    }

    /// What the protocol document shows: header, then payload.
    #[test]
    fn golden_requests() {
        let name = |n| Name::parse(n).unwrap();
        let golden = [
            (Request::Add(name("bob")), "077e0b00010000000300000000000000", "626f62"),
            (Request::List(None), "077e0b00050000000000000000000000", ""),
            (Request::Call(vec![name("bob")]), "077e0b00640000000400000000000000", "626f623b"),
            (
                Request::AcceptCall(Some(CallId([0x11; 16]))),
                "077e0b00650000002000000000000000",
                "3131313131313131313131313131313131313131313131313131313131313131",
            ),
            (
                Request::Hello(Hello { versions: vec![1], software: "tincan 0.1".into() }),
                "077e0b002c0100001000000000000000",
                "a2008101016a74696e63616e20302e31",
            ),
            (Request::Ping, "077e0b00390100000000000000000000", ""),
        ];
        for (request, header, payload) in golden {
            assert_eq!(request_hex(&request), [header, payload].concat(), "{request:?}");
        }
    }

    #[test]
    fn golden_replies() {
        let name = |n| Name::parse(n).unwrap();
        let party = |n, address: &str| Party { name: name(n), address: address.into() };
        let contact = Contact {
            principal: Principal::Key(Fingerprint([0xaa; 32])),
            name: name("bob"),
            standing: Standing::Mutual,
            presence: Presence::Online,
            list_head: None,
            via_token: None,
        };
        let refused = Refused { re: 3, why: Why::NoSuchUser, text: "no".into() };
        let golden = [
            (
                Reply::Welcome("127.0.0.1".into()),
                "077e0b00c80000000900000000000000",
                "3132372e302e302e31".to_owned(),
            ),
            (
                Reply::CallAccepted(vec![party("a", "::1"), party("b", "1.2.3.4")]),
                "077e0b00d10000000f00000000000000",
                "613a3a3a313b623a312e322e332e34".to_owned(),
            ),
            (
                Reply::Contact(Box::new(contact)),
                "077e0b00600100002d00000000000000",
                format!("a4005820{}0163626f6202030301", "aa".repeat(32)),
            ),
            (Reply::Refused(refused), "077e0b00680100000900000000000000", "a30003010c02626e6f".to_owned()),
            (
                Reply::Goaway(Goaway { retry_ms: 500 }),
                "077e0b006a0100000500000000000000",
                "a1001901f4".to_owned(),
            ),
        ];
        for (reply, header, payload) in golden {
            assert_eq!(reply_hex(&reply), [header, &payload].concat(), "{reply:?}");
        }
    }

    #[test]
    fn a_code_of_the_other_direction_is_unknown() {
        assert_eq!(decode_request(201, b"bob"), Err(DecodeError::UnknownCode(201)));
        assert_eq!(decode_reply(1, b"bob"), Err(DecodeError::UnknownCode(1)));
        assert_eq!(decode_request(i32::MIN, b""), Err(DecodeError::UnknownCode(i32::MIN)));
    }

    proptest! {
        #[test]
        fn requests_survive_the_wire(request in arbitrary::request()) {
            let mut out = Vec::new();
            encode_request(&request, &mut out);
            let frame = one_frame(&out);
            prop_assert_eq!(decode_request(frame.code, &frame.payload), Ok(request));
        }

        #[test]
        fn replies_survive_the_wire(reply in arbitrary::reply()) {
            let mut out = Vec::new();
            encode_reply(&reply, &mut out);
            let frame = one_frame(&out);
            prop_assert_eq!(decode_reply(frame.code, &frame.payload), Ok(reply));
        }

        #[test]
        fn no_payload_panics(code in arbitrary::code(), payload in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (decode_request(code, &payload).is_err(), decode_reply(code, &payload).is_err());
        }

        #[test]
        fn a_damaged_frame_never_panics(
            request in arbitrary::request(),
            at in any::<prop::sample::Index>(),
            with in any::<u8>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut out = Vec::new();
            encode_request(&request, &mut out);
            let mut frame = one_frame(&out);
            if !frame.payload.is_empty() {
                let at = at.index(frame.payload.len());
                frame.payload[at] = with;
                frame.payload.truncate(cut.index(frame.payload.len()) + 1);
            }
            let _ = decode_request(frame.code, &frame.payload).is_err();
        }
    }
}
