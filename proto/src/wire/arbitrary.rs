//! Any request and any reply, for property tests of everything that reads or writes them.

use core::net::IpAddr;

use minicbor::bytes::{ByteArray, ByteVec};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::id::{CallId, DeviceId, Fingerprint, MsgId, Name, Principal, RelayId, Ssrc};
use crate::wire::record::*;
use crate::wire::{Party, Reply, Request};

/// Codes near those in use.
pub(crate) fn code() -> impl Strategy<Value = i32> {
    prop_oneof![0..6, 100..104, 200..214, 300..315, 350..365, 400..405, Just(500), any::<i32>()]
}

pub(crate) fn name() -> impl Strategy<Value = Name> {
    ("[A-Za-z]", "[A-Za-z0-9_-]{0,31}").prop_map(|(a, b)| Name::parse(&(a + &b)).unwrap())
}

fn bytes<const N: usize>() -> impl Strategy<Value = ByteArray<N>> {
    any::<[u8; N]>().prop_map(ByteArray::from)
}

/// Arrays of 64 have no strategy of their own.
fn signature() -> impl Strategy<Value = ByteArray<64>> {
    (any::<[u8; 32]>(), any::<[u8; 32]>()).prop_map(|(a, b)| {
        let mut out = [0; 64];
        out[..32].copy_from_slice(&a);
        out[32..].copy_from_slice(&b);
        ByteArray::from(out)
    })
}

fn blob() -> impl Strategy<Value = ByteVec> {
    vec(any::<u8>(), 0..200).prop_map(ByteVec::from)
}

fn phrase() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|s| s.chars().take(40).collect())
}

fn fingerprint() -> impl Strategy<Value = Fingerprint> {
    any::<[u8; 32]>().prop_map(Fingerprint)
}

fn device() -> impl Strategy<Value = DeviceId> {
    any::<[u8; 16]>().prop_map(DeviceId)
}

fn message() -> impl Strategy<Value = MsgId> {
    any::<[u8; 16]>().prop_map(MsgId)
}

fn call() -> impl Strategy<Value = CallId> {
    any::<[u8; 16]>().prop_map(CallId)
}

fn principal() -> impl Strategy<Value = Principal> {
    prop_oneof![fingerprint().prop_map(Principal::Key), name().prop_map(Principal::Guest)]
}

fn signed() -> impl Strategy<Value = Signed> {
    (blob(), blob()).prop_map(|(bytes, sshsig)| Signed { bytes, sshsig })
}

fn sealed() -> impl Strategy<Value = Sealed> {
    (any::<u8>(), blob()).prop_map(|(kind, bytes)| Sealed { kind, bytes })
}

fn prekey() -> impl Strategy<Value = Prekey> {
    (bytes(), signature()).prop_map(|(key, signature)| Prekey { key, signature })
}

fn grant() -> impl Strategy<Value = Grant> {
    let member = (principal(), name(), any::<u32>(), option::of(device()))
        .prop_map(|(principal, name, ssrc, device)| Member { principal, name, ssrc: Ssrc(ssrc), device });
    (call(), any::<u64>(), any::<u32>(), any::<u32>(), bytes(), vec(member, 0..4), any::<bool>()).prop_map(
        |(call, relay, ssrc, expiry, ticket, members, plain)| Grant {
            call,
            relay: RelayId(relay),
            ssrc: Ssrc(ssrc),
            expiry,
            ticket,
            members,
            plain,
        },
    )
}

/// Any request.
pub(crate) fn request() -> impl Strategy<Value = Request> {
    prop_oneof![seed_request(), login_request(), other_request()]
}

fn seed_request() -> impl Strategy<Value = Request> {
    prop_oneof![
        name().prop_map(Request::Login),
        name().prop_map(Request::Add),
        name().prop_map(Request::Accept),
        name().prop_map(Request::Reject),
        name().prop_map(Request::Remove),
        option::of(name()).prop_map(Request::List),
        vec(name(), 0..6).prop_map(Request::Call),
        option::of(call()).prop_map(Request::AcceptCall),
        option::of(call()).prop_map(Request::RejectCall),
        option::of(call()).prop_map(Request::HangUp),
    ]
}

fn login_request() -> impl Strategy<Value = Request> {
    prop_oneof![
        (vec(any::<u16>(), 0..4), phrase())
            .prop_map(|(versions, software)| Request::Hello(Hello { versions, software })),
        (signed(), signed(), option::of(bytes()))
            .prop_map(|(entry, claim, token)| Request::Register(Box::new(Register { entry, claim, token }))),
        (name(), fingerprint(), device(), bytes(), signature()).prop_map(
            |(name, account, device, list_head, signature)| {
                Request::Auth(Box::new(Auth { name, account, device, list_head, signature }))
            }
        ),
        (vec(prekey(), 0..5), prekey())
            .prop_map(|(one_time, fallback)| Request::Prekeys(Prekeys { one_time, fallback })),
    ]
}

fn other_request() -> impl Strategy<Value = Request> {
    let copy = (device(), sealed()).prop_map(|(device, sealed)| Copy { device, sealed });
    prop_oneof![
        principal().prop_map(|principal| Request::WantDevices(WantDevices { principal })),
        (principal(), device())
            .prop_map(|(principal, device)| Request::WantPrekey(WantPrekey { principal, device })),
        (message(), principal(), vec(copy, 0..4)).prop_map(|(id, to, copies)| Request::Mail(Mail {
            id,
            to,
            copies
        })),
        (call(), principal(), device(), sealed())
            .prop_map(|(call, to, device, sealed)| Request::CallMail(CallMail { call, to, device, sealed })),
        grant().prop_map(|g| Request::Rejoin(Box::new(g))),
        call().prop_map(|call| Request::Renew(Renew { call })),
        (bytes(), any::<u32>())
            .prop_map(|(token_hash, life_secs)| Request::NewInvite(NewInvite { token_hash, life_secs })),
        bytes().prop_map(|token| Request::Redeem(Redeem { token })),
        Just(Request::Ping),
    ]
}

/// Any reply.
pub(crate) fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![seed_reply(), people_reply(), mail_reply(), other_reply()]
}

fn party() -> impl Strategy<Value = Party> {
    (name(), any::<IpAddr>()).prop_map(|(name, address)| Party { name, address: address.to_string() })
}

fn seed_reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        option::of(any::<IpAddr>()).prop_map(|a| Reply::Welcome(a.map_or(String::new(), |a| a.to_string()))),
        name().prop_map(Reply::LoggedIn),
        name().prop_map(Reply::RequestAccepted),
        name().prop_map(Reply::RequestDismissed),
        name().prop_map(Reply::RequestSent),
        vec(name(), 0..6).prop_map(Reply::Contacts),
        name().prop_map(Reply::RequestFrom),
        Just(Reply::CallTaken),
        vec(party(), 0..6).prop_map(Reply::CallAccepted),
        party().prop_map(Reply::CallJoined),
        party().prop_map(Reply::CallRequest),
    ]
}

fn people_reply() -> impl Strategy<Value = Reply> {
    let standing =
        prop::sample::select(vec![Standing::None, Standing::Asked, Standing::Asking, Standing::Mutual]);
    let presence = prop::sample::select(vec![Presence::Offline, Presence::Online, Presence::InCall]);
    prop_oneof![
        (any::<u16>(), phrase(), any::<u16>(), any::<u32>(), any::<bool>()).prop_map(
            |(version, software, udp_port, payload_max, invite_only)| {
                Reply::Hello(ServerHello { version, software, udp_port, payload_max, invite_only })
            }
        ),
        (principal(), name(), standing, presence, option::of(bytes()), option::of(bytes())).prop_map(
            |(principal, name, standing, presence, list_head, via_token)| {
                Reply::Contact(Box::new(Contact {
                    principal,
                    name,
                    standing,
                    presence,
                    list_head,
                    via_token,
                }))
            }
        ),
        (principal(), vec(signed(), 0..4))
            .prop_map(|(principal, entries)| Reply::Devices(Devices { principal, entries })),
        (principal(), device(), option::of(prekey())).prop_map(|(principal, device, prekey)| {
            Reply::Prekey(PrekeyFor { principal, device, prekey })
        }),
    ]
}

fn mail_reply() -> impl Strategy<Value = Reply> {
    let fate =
        prop::sample::select(vec![MailFate::Forwarded, MailFate::Kept, MailFate::Gone, MailFate::Full]);
    prop_oneof![
        (message(), principal(), device(), sealed())
            .prop_map(|(id, from, device, sealed)| Reply::Mail(MailFrom { id, from, device, sealed })),
        (message(), device(), fate).prop_map(|(id, device, fate)| Reply::MailResult(MailResult {
            id,
            device,
            fate
        })),
        (call(), principal(), device(), sealed(), any::<u32>()).prop_map(
            |(call, from, device, sealed, held_ms)| {
                Reply::CallMail(CallMailFrom { call, from, device, sealed, held_ms })
            }
        ),
    ]
}

fn other_reply() -> impl Strategy<Value = Reply> {
    let state = prop::sample::select(vec![
        MemberState::Ringing,
        MemberState::Busy,
        MemberState::Declined,
        MemberState::NoAnswer,
        MemberState::Joined,
        MemberState::Left,
        MemberState::Gone,
        MemberState::Taken,
    ]);
    let why =
        prop::sample::select(vec![Why::Other, Why::NameTaken, Why::Limit, Why::Unsupported, Why::Internal]);
    prop_oneof![
        grant().prop_map(|g| Reply::Grant(Box::new(g))),
        (call(), name(), state, option::of(device())).prop_map(|(call, name, state, device)| {
            Reply::CallState(CallState { call, name, state, device })
        }),
        (any::<u32>(), why, phrase()).prop_map(|(re, why, text)| Reply::Refused(Refused { re, why, text })),
        (bytes(), phrase(), any::<u16>()).prop_map(|(token_hash, host, port)| Reply::Invite(InviteParts {
            token_hash,
            host,
            port
        })),
        any::<u32>().prop_map(|retry_ms| Reply::Goaway(Goaway { retry_ms })),
        Just(Reply::Pong),
    ]
}
