//! The door of seed A: padded frames in, padded frames out, 30 ms apart, and its five faults for what cannot be done
//! (seeds, "Our server, dialect A").

use crate::drop::Drop;
use crate::hub::door::pace::{Pace, Word};
use crate::hub::door::{Asked, Re};
use crate::hub::refusal::Refusal;
use crate::id::Name;
use crate::limits::{GUEST_FRAME_GAP, PLAIN_FRAME_BYTES};
use crate::time::Time;
use crate::wire::plain::{Fault, PlainSplitter, decode_plain_request, encode_fault, encode_plain_reply};
use crate::wire::record::Why;
use crate::wire::{Frame, Reply, Request, code};

#[derive(Debug)]
pub(in crate::hub) struct Binary {
    splitter: PlainSplitter,
    pub(super) pace: Pace,
}

impl Binary {
    pub(super) const fn new(now: Time) -> Self {
        Self { splitter: PlainSplitter::new(), pace: Pace::new(GUEST_FRAME_GAP, now) }
    }

    pub(super) fn next(&mut self, input: &mut &[u8], is_user: bool) -> Result<Option<Asked>, Drop> {
        let Some(frame) = self.splitter.next(input).map_err(|e| e.reason())? else { return Ok(None) };
        if matches!(frame.code, code::ACCEPT_CALL | code::REJECT_CALL) {
            self.pace.release();
        }
        Ok(Some(read(&frame, is_user)))
    }

    pub(super) fn say(&mut self, reply: &Reply) {
        let rings = matches!(reply, Reply::CallRequest(_));
        if rings {
            // One call rings at a time, so another that waits to be told is over.
            self.pace.drop_rings();
        }
        for frame in encode_plain_reply(reply) {
            self.push(frame, rings);
        }
    }

    pub(super) fn refuse(&mut self, code: i32, name: Option<&Name>, refusal: &Refusal) {
        let fault = fault_of(code, refusal.why);
        let text = match (fault, name) {
            (Fault::AlreadyLogged, Some(name)) => name.as_str(),
            (
                Fault::BadRequest
                | Fault::AlreadyLogged
                | Fault::NotAuthorized
                | Fault::NotFound
                | Fault::Internal,
                _,
            ) => known_text(code, refusal.why).unwrap_or(&refusal.text),
        };
        self.push(encode_fault(fault, text), false);
    }

    pub(super) fn put_out(&mut self, name: &Name) {
        self.pace.release();
        self.push(encode_fault(Fault::AlreadyLogged, name.as_str()), false);
    }

    fn push(&mut self, mut frame: Vec<u8>, rings: bool) {
        let end = frame.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        frame.truncate(end);
        frame.shrink_to_fit();
        self.pace.push(Word { bytes: frame, padded: PLAIN_FRAME_BYTES, rings });
    }
}

/// Before login there is 000 only. What 101 to 103 carry is no handle on anything (A7), so it is not looked at.
fn read(frame: &Frame, is_user: bool) -> Asked {
    let request = decode_plain_request(frame.code, &frame.payload);
    let name = match &request {
        Ok(Request::Login(name)) => Some(name.clone()),
        Ok(_) | Err(_) => None,
    };
    let request = match request {
        _ if !is_user && frame.code != code::LOGIN => Err((Drop::OutOfTurn, Refusal::stranger())),
        Ok(Request::Login(_)) if is_user => {
            Err((Drop::OutOfTurn, Refusal::new(Why::LoggedIn, "you are logged in already")))
        }
        Ok(Request::AcceptCall(_)) => Ok(Request::AcceptCall(None)),
        Ok(Request::RejectCall(_)) => Ok(Request::RejectCall(None)),
        Ok(Request::HangUp(_)) => Ok(Request::HangUp(None)),
        Ok(request) => Ok(request),
        Err(error) => Err((Drop::Malformed, error.into())),
    };
    Asked { re: Re::Code(frame.code, name), request }
}

/// A19 and A22: 403 for strangers, for another's list and for a name with a key; 404 for an unknown code; 400 for
/// everything else that is wrong.
const fn fault_of(code: i32, why: Why) -> Fault {
    match why {
        Why::NotLoggedIn | Why::NameTaken => Fault::NotAuthorized,
        Why::Other if code == code::LIST => Fault::NotAuthorized,
        Why::LoggedIn => Fault::AlreadyLogged,
        Why::UnknownCode => Fault::NotFound,
        Why::Internal => Fault::Internal,
        Why::Other
        | Why::BadRequest
        | Why::Version
        | Why::InviteNeeded
        | Why::BadToken
        | Why::NotRegistered
        | Why::BadSignature
        | Why::Revoked
        | Why::NoSuchUser
        | Why::Oneself
        | Why::Already
        | Why::NoRequest
        | Why::NotContact
        | Why::Limit
        | Why::TooFast
        | Why::NoCall
        | Why::InCall
        | Why::NobodyRung
        | Why::Unsupported => Fault::BadRequest,
    }
}

/// The three texts by which the original client knows that its 001 failed, misspelt as they are. A name that cannot
/// exist is one that nobody has.
fn known_text(code: i32, why: Why) -> Option<&'static str> {
    if code != code::ADD {
        return None;
    }
    match why {
        Why::NoSuchUser | Why::BadRequest => Some("Doesn't exists"),
        Why::Oneself => Some("Impossible to add yourself as contact"),
        Why::Already => Some("Request or Contact already exist"),
        Why::Other
        | Why::NotLoggedIn
        | Why::LoggedIn
        | Why::UnknownCode
        | Why::Version
        | Why::NameTaken
        | Why::InviteNeeded
        | Why::BadToken
        | Why::NotRegistered
        | Why::BadSignature
        | Why::Revoked
        | Why::NoRequest
        | Why::NotContact
        | Why::Limit
        | Why::TooFast
        | Why::NoCall
        | Why::InCall
        | Why::NobodyRung
        | Why::Unsupported
        | Why::Internal => None,
    }
}

/// Where the next frame starts is not known any more.
pub(super) fn last_words(reason: Drop) -> Option<Vec<u8>> {
    let broken = matches!(reason, Drop::Malformed | Drop::Oversized);
    broken.then(|| encode_fault(Fault::BadRequest, "this is no frame of the binary protocol"))
}
