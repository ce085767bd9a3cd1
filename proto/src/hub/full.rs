//! While the store has no room for more (the server's disk is nearly full), what would make it grow is refused before
//! anything of it is done. Logins, calls, texts, and what answers, changes or deletes what is there go on.

use crate::hub::refusal::Refusal;
use crate::wire::Request;
use crate::wire::record::Why;

/// Whether the store grows by it.
pub(super) fn needs_room(request: &Request) -> bool {
    match request {
        Request::Add(_) | Request::NewInvite(_) | Request::Redeem(_) => true,
        // Of these only an account that is new does, see `login` and `plain`. To revoke a device must be possible. Prekeys
        // see there, too.
        Request::Register(_)
        | Request::Login(_)
        | Request::Accept(_)
        | Request::Reject(_)
        | Request::Remove(_)
        | Request::List(_)
        | Request::Call(_)
        | Request::AcceptCall(_)
        | Request::RejectCall(_)
        | Request::HangUp(_)
        | Request::Hello(_)
        | Request::Prekeys(_)
        | Request::Auth(_)
        | Request::WantDevices(_)
        | Request::WantPrekey(_)
        | Request::Mail(_)
        | Request::CallMail(_)
        | Request::Rejoin(_)
        | Request::Renew(_)
        | Request::Ping => false,
    }
}

/// Read by people, who cannot mend it: of a limit, clients try again by themselves and say nothing.
pub(super) fn no_room() -> Refusal {
    Refusal::new(Why::Other, "the server's disk is full; tell its operator, and try again later")
}
