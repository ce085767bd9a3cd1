//! What a server may say: one vocabulary, whatever dialect it is said in.

use crate::id::Name;
use crate::wire::record::{
    CallMailFrom, CallState, Contact, Devices, Goaway, Grant, InviteParts, MailFrom, MailResult, PrekeyFor,
    Refused, ServerHello,
};

/// A member as 209, 210 and 211 show it: `name:address`. To and about key-owned users the address is the
/// recipient connection's own view of the server, so that none leaks (native.md section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The name.
    pub name: Name,
    /// An address literal without port.
    pub address: String,
}

/// One thing a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// 200: connected; carries the client's address as the server sees it.
    Welcome(String),
    /// 201: logged in under this name.
    LoggedIn(Name),
    /// 203: they accepted.
    RequestAccepted(Name),
    /// 204: they dismissed.
    RequestDismissed(Name),
    /// 205: one's request is with them.
    RequestSent(Name),
    /// 206: the contact list.
    Contacts(Vec<Name>),
    /// 207: somebody asks.
    RequestFrom(Name),
    /// 208: the call is taken into account.
    CallTaken,
    /// 209: one is in; these are in already, the caller first.
    CallAccepted(Vec<Party>),
    /// 210: somebody joined one's call.
    CallJoined(Party),
    /// 211: somebody calls.
    CallRequest(Party),
    /// 350
    Hello(ServerHello),
    /// 352
    Contact(Box<Contact>),
    /// 353
    Devices(Devices),
    /// 354
    Prekey(PrekeyFor),
    /// 355
    Mail(MailFrom),
    /// 356
    MailResult(MailResult),
    /// 357
    CallMail(CallMailFrom),
    /// 358
    Grant(Box<Grant>),
    /// 359
    CallState(CallState),
    /// 360
    Refused(Refused),
    /// 361
    Invite(InviteParts),
    /// 362
    Goaway(Goaway),
    /// 363
    Pong,
}
