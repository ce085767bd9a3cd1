//! What a connection speaks: bytes become requests here, and replies bytes, so that the hub proper does not know by
//! which door somebody came in. A native door writes at once; the plain ones have a [`pace`], because the programs
//! at their other ends take what arrives together for one.

use core::net::SocketAddr;

use crate::drop::Drop;
use crate::hub::Dialect;
use crate::hub::refusal::Refusal;
use crate::id::Name;
use crate::time::Time;
use crate::wire::text::FromServer;
use crate::wire::{Reply, Request, Splitter, code, decode_request};

mod binary;
mod pace;
mod text;

use binary::Binary;
use pace::Pace;
use text::Text;

#[derive(Debug)]
pub(super) enum Door {
    Native(Native),
    Binary(Binary),
    Text(Text),
}

/// One thing asked: what it is if that could be read, and how a no to it is said.
pub(super) struct Asked {
    pub(super) re: Re,
    pub(super) request: Result<Request, (Drop, Refusal)>,
}

/// What an answer is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Re {
    /// The number of a native frame.
    Frame(u32),
    /// The code of a frame of seed A, and the name in it.
    Code(i32, Option<Name>),
    /// The packet that says no in seed B; most of its requests have none.
    Packet(Option<FromServer>),
}

#[derive(Debug)]
pub(super) struct Native {
    splitter: Splitter,
    frames: u32,
}

impl Door {
    pub(super) const fn new(dialect: Dialect, now: Time) -> Self {
        match dialect {
            Dialect::Native => Self::Native(Native { splitter: Splitter::stranger(), frames: 0 }),
            Dialect::Binary => Self::Binary(Binary::new(now)),
            Dialect::Text => Self::Text(Text::new(now)),
        }
    }

    /// Whether users of this door are guests.
    pub(super) const fn is_plain(&self) -> bool {
        match self {
            Self::Native(_) => false,
            Self::Binary(_) | Self::Text(_) => true,
        }
    }

    /// Whether this protocol can be told of a call.
    pub(super) const fn rings(&self) -> bool {
        match self {
            Self::Native(_) | Self::Binary(_) => true,
            Self::Text(_) => false,
        }
    }

    /// Takes the next request from the front of `input`; none while it is not whole.
    ///
    /// # Errors
    /// The connection must be closed.
    pub(super) fn next(&mut self, input: &mut &[u8], is_user: bool) -> Result<Option<Asked>, Drop> {
        match self {
            Self::Native(native) => native.next(input),
            Self::Binary(binary) => binary.next(input, is_user),
            Self::Text(text) => Ok(text.next(input, is_user)),
        }
    }

    /// Somebody logged in.
    pub(super) fn admit(&mut self) {
        match self {
            Self::Native(native) => native.splitter.admit(),
            Self::Binary(_) => {}
            Self::Text(text) => text.admit(),
        }
    }

    /// Queues what a plain protocol has for `reply`; `meeting` is where the friend of a 352 can be called.
    pub(super) fn say(&mut self, reply: &Reply, meeting: Option<SocketAddr>) {
        match self {
            Self::Native(_) => {}
            Self::Binary(binary) => binary.say(reply),
            Self::Text(text) => text.say(reply, meeting),
        }
    }

    /// Queues a plain protocol's no.
    pub(super) fn refuse(&mut self, re: &Re, refusal: &Refusal) {
        match (self, re) {
            (Self::Binary(binary), Re::Code(code, name)) => binary.refuse(*code, name.as_ref(), refusal),
            (Self::Text(text), Re::Packet(no)) => text.refuse(no.as_ref(), refusal),
            (Self::Native(_) | Self::Binary(_) | Self::Text(_), _) => {}
        }
    }

    /// Queues that somebody else has the name now.
    pub(super) fn put_out(&mut self, name: &Name) {
        match self {
            Self::Native(_) => {}
            Self::Binary(binary) => binary.put_out(name),
            Self::Text(text) => text.put_out(),
        }
    }

    /// Whoever can ask this is not being asked about a call, unless one rings.
    pub(super) fn asked_unasked(&mut self, re: &Re) {
        match (self, re) {
            (Self::Binary(binary), Re::Code(code::CALL | code::HANG_UP, _)) => binary.pace.release(),
            (Self::Native(_) | Self::Binary(_) | Self::Text(_), _) => {}
        }
    }

    /// What is written at once before the connection is closed for `reason`.
    pub(super) fn last_words(&self, reason: Drop) -> Option<Vec<u8>> {
        match self {
            Self::Binary(_) => binary::last_words(reason),
            Self::Native(_) | Self::Text(_) => None,
        }
    }

    pub(super) const fn pace(&self) -> Option<&Pace> {
        match self {
            Self::Native(_) => None,
            Self::Binary(binary) => Some(&binary.pace),
            Self::Text(text) => Some(&text.pace),
        }
    }

    pub(super) const fn pace_mut(&mut self) -> Option<&mut Pace> {
        match self {
            Self::Native(_) => None,
            Self::Binary(binary) => Some(&mut binary.pace),
            Self::Text(text) => Some(&mut text.pace),
        }
    }

    /// The port on which a client of seed B listens for callers; none if it said none.
    pub(super) const fn call_port(&self) -> Option<u16> {
        match self {
            Self::Native(_) | Self::Binary(_) => None,
            Self::Text(text) => text.call_port,
        }
    }

    /// Whether this is not a client at all, but a call that took the server for somebody.
    pub(super) const fn is_a_call(&self) -> bool {
        match self {
            Self::Native(_) | Self::Binary(_) => false,
            Self::Text(text) => text.is_a_call,
        }
    }
}

impl Native {
    fn next(&mut self, input: &mut &[u8]) -> Result<Option<Asked>, Drop> {
        let Some(frame) = self.splitter.next(input).map_err(|e| e.reason())? else { return Ok(None) };
        let re = Re::Frame(self.frames);
        self.frames = self.frames.wrapping_add(1);
        let request =
            decode_request(frame.code, &frame.payload).map_err(|error| (Drop::Malformed, error.into()));
        Ok(Some(Asked { re, request }))
    }
}
