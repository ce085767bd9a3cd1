//! What a client may ask: one vocabulary, whatever dialect it was asked in. The codes in the comments are those of
//! seed A and of our extension (native.md section 2).

use crate::id::{CallId, Name};
use crate::wire::record::{
    Auth, CallMail, Grant, Hello, Mail, NewInvite, Prekeys, Redeem, Register, Renew, WantDevices, WantPrekey,
};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// 000 by a guest of a plain door; refused on the native port.
    Login(Name),
    /// 001: ask somebody to be a contact.
    Add(Name),
    /// 002: accept their request.
    Accept(Name),
    /// 003: dismiss it.
    Reject(Name),
    /// 004: remove a contact, or take one's own request back.
    Remove(Name),
    /// 005: the contact list; the name, if any, must be one's own.
    List(Option<Name>),
    /// 100: call somebody. Several names are a call of many.
    Call(Vec<Name>),
    /// 101: accept the ringing call, or this one.
    AcceptCall(Option<CallId>),
    /// 102: reject it.
    RejectCall(Option<CallId>),
    /// 103: leave the current call, or this one.
    HangUp(Option<CallId>),
    /// 300
    Hello(Hello),
    /// 301
    Register(Box<Register>),
    /// 302
    Auth(Box<Auth>),
    /// 303
    Prekeys(Prekeys),
    /// 304
    WantDevices(WantDevices),
    /// 305
    WantPrekey(WantPrekey),
    /// 306
    Mail(Mail),
    /// 308
    CallMail(CallMail),
    /// 309
    Rejoin(Box<Grant>),
    /// 310
    Renew(Renew),
    /// 311
    NewInvite(NewInvite),
    /// 312
    Redeem(Redeem),
    /// 313
    Ping,
}
