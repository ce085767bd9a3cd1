//! PROTOCOL.md holds bytes that a stranger may build on, so they are made here and compared. A block that starts with
//! three backquotes and `hex NAME` must hold exactly the bytes of that name; every example must be in the document.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "this test reads the document, and may fail"
)]

use std::collections::BTreeMap;
use std::path::Path;

use data_encoding::HEXLOWER;
use minicbor::bytes::ByteArray;
use proto::Wall;
use proto::crypto::envelope::{Body, End, Envelope, Heads};
use proto::crypto::mac;
use proto::crypto::safety;
use proto::crypto::sframe::{HEADER_BYTES_MAX, SenderKey, TAG_BYTES};
use proto::id::{CallId, DeviceId, Fingerprint, MsgId, Name, Principal, RelayId, Ssrc};
use proto::limits;
use proto::wire::copies::{EarlierFrame, WithCopies};
use proto::wire::datagram::{Bind, Payload, PlainVoice, Rtp, encode_text_voice};
use proto::wire::plain::{Fault, encode_fault, encode_plain_reply, encode_plain_request};
use proto::wire::record::{
    CallState, Claim, Contact, DeviceAct, DeviceEntry, Grant, Hello, Member, MemberState, Presence, Refused,
    ServerHello, Standing, Why,
};
use proto::wire::report::{Heard, REPORT_BYTES_MAX, Report, ReportFlags};
use proto::wire::stun;
use proto::wire::text::{Between, FromServer, ToServer};
use proto::wire::{Party, Reply, Request, encode_reply, encode_request};

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn request(request: &Request) -> Vec<u8> {
    let mut out = Vec::new();
    encode_request(request, &mut out);
    out
}

fn reply(reply: &Reply) -> Vec<u8> {
    let mut out = Vec::new();
    encode_reply(reply, &mut out);
    out
}

fn counting<const N: usize>(from: u8) -> [u8; N] {
    core::array::from_fn(|i| from.wrapping_add(i as u8))
}

const CALL: CallId = CallId([0xca; 16]);

fn grant() -> Grant {
    let relay = mac::relay_id(CALL);
    let (ssrc, expiry) = (Ssrc(0x0102_0304), 1_800_000_600);
    Grant {
        call: CALL,
        relay,
        ssrc,
        expiry,
        ticket: mac::ticket(&[0x5a; 32], relay, ssrc, expiry).into(),
        members: vec![Member {
            principal: Principal::Key(Fingerprint([0xb0; 32])),
            name: name("bob"),
            ssrc: Ssrc(0x0506_0708),
            device: Some(DeviceId([0xbd; 16])),
        }],
        plain: false,
    }
}

fn voice() -> Vec<u8> {
    let mut key = SenderKey::new(&counting::<32>(0), 0, 0);
    let opus = b"one Opus packet";
    let mut packet = vec![0; 12 + HEADER_BYTES_MAX + opus.len() + TAG_BYTES];
    packet[..12].copy_from_slice(&[0x80, 96, 0x10, 0x00, 0, 0, 0x20, 0x00, 1, 2, 3, 4]);
    let at = key.plaintext_at();
    packet[at..at + opus.len()].copy_from_slice(opus);
    let len = key.seal(&mut packet, opus.len()).unwrap();
    packet.truncate(len);
    packet
}

fn bind(relay: RelayId) -> Bind {
    Bind { relay, ssrc: Ssrc(0x0102_0304), expiry: 1_800_000_600, proof: counting(0x40) }
}

fn guest_voice() -> Vec<u8> {
    let (seq, timestamp, ssrc) = (0x1000, 0x2000, Ssrc(0x0506_0708));
    let rtp = Rtp { payload: Payload::PlainVoice, seq, timestamp, ssrc };
    [&rtp.encode()[..], &[0xf4, 0xff, 0xfe]].concat()
}

fn copies() -> Vec<u8> {
    let earlier = [
        EarlierFrame { offset: 1_920, opus: &[0xf8, 0x01, 0x02] },
        EarlierFrame { offset: 960, opus: &[0xf8, 0x03, 0x04] },
    ];
    let mut out = vec![0; 64];
    let len = WithCopies::encode(&earlier, &[0xf8, 0x05, 0x06], &mut out).unwrap();
    out.truncate(len);
    out
}

fn report() -> Vec<u8> {
    let heard = Heard {
        ssrc: Ssrc(0x0506_0708),
        highest: 0x200,
        opened: 0x180,
        lost: 0x1999,
        jitter: 1_500,
        echo: 0x0011_2233,
        held: 250,
        burst: 20,
        concealed: 0,
        depth: 600,
        returns_voice: false,
    };
    let flags = ReportFlags { reads_copies: true, muted: true, ..ReportFlags::default() };
    let mut out = vec![0; REPORT_BYTES_MAX];
    let len = Report::encode(flags, 0x0044_5566, [heard].into_iter(), &mut out);
    out.truncate(len);
    out
}

/// A padded frame up to its last byte that is not zero, and never less than its header.
fn start(frame: &[u8]) -> Vec<u8> {
    assert_eq!(frame.len(), limits::PLAIN_FRAME_BYTES);
    let end = frame.iter().rposition(|b| *b != 0).unwrap() + 1;
    frame[..end.max(limits::FRAME_HEADER_BYTES)].to_vec()
}

fn binary_request(request: &Request) -> Vec<u8> {
    start(&encode_plain_request(request).unwrap())
}

fn binary_reply(reply: &Reply) -> Vec<u8> {
    start(&encode_plain_reply(reply)[0])
}

fn plain_examples() -> BTreeMap<&'static str, Vec<u8>> {
    let party = |who, address: &str| Party { name: name(who), address: address.into() };
    let members = vec![party("alice", "127.0.0.2"), party("bob", "127.0.0.3")];
    let friend =
        FromServer::Friend { address: "127.0.0.1".parse().unwrap(), port: 4001, name: name("alice") };
    let voice = PlainVoice { opus: &[0xf4, 0xff, 0xfe], sent_ms: 1_800_000_000_000 };
    BTreeMap::from([
        ("binary 200", binary_reply(&Reply::Welcome("127.0.0.1".into()))),
        ("binary 000", binary_request(&Request::Login(name("alice")))),
        ("binary 100", binary_request(&Request::Call(vec![name("bob"), name("carol")]))),
        ("binary 101", binary_request(&Request::AcceptCall(None))),
        ("binary 209", binary_reply(&Reply::CallAccepted(members))),
        ("binary 400", start(&encode_fault(Fault::BadRequest, "Doesn't exists"))),
        ("binary voice", voice.encode().unwrap().to_vec()),
        ("text 000", ToServer::Hello(Some(2298)).encode()),
        ("text 001", ToServer::Login(name("alice")).encode()),
        ("text 007", ToServer::Invite(name("bob")).encode()),
        ("text 008", FromServer::Invited(Some(name("bob"))).encode()),
        ("text 013", friend.encode()),
        ("text 004", Between::Call(name("alice")).encode()),
        ("text 014", encode_text_voice(&[0xf0, 0xff, 0xfe]).unwrap().to_vec()),
    ])
}

fn examples() -> BTreeMap<&'static str, Vec<u8>> {
    let head = ByteArray::from([0xaa; 32]);
    let ticket: [u8; 32] = grant().ticket.into();
    let entry = DeviceEntry {
        seq: 0,
        previous: [0; 32].into(),
        act: DeviceAct::Add,
        ed25519: [0xed; 32].into(),
        curve25519: [0xc2; 32].into(),
        created_ms: 1_800_000_000_000,
    };
    let contact = Contact {
        principal: Principal::Key(Fingerprint([0xb0; 32])),
        name: name("bob"),
        standing: Standing::Mutual,
        presence: Presence::Online,
        list_head: Some(head),
        via_token: None,
    };
    let envelope = Envelope {
        msg: MsgId([0x31; 16]),
        from: End { account: Fingerprint([0xa0; 32]), device: DeviceId([0xad; 16]) },
        to: End { account: Fingerprint([0xb0; 32]), device: DeviceId([0xbd; 16]) },
        seq: 1,
        sent: Wall(1_800_000_000_000),
        heads: Heads { from: head, to: [0xbb; 32].into() },
        body: Body::Text("hello".into()),
    };
    let hello = Hello { versions: vec![1], software: "tincan 0.1.0".into() };
    let server_hello = ServerHello {
        version: 1,
        software: "tincand 0.1.0".into(),
        udp_port: 8462,
        payload_max: 65_536,
        invite_only: true,
    };
    let greeting = Envelope { body: Body::Greeting("we met".into()), ..envelope };
    let refused = Refused { re: 3, why: Why::NoSuchUser, text: "nobody here is called bob".into() };
    let state = CallState { call: CALL, name: name("bob"), state: MemberState::Ringing, device: None };
    let (here, there) = (envelope.from, envelope.to);
    let promise = safety::promise(CALL, &here, &there, &[0x17; 32]);
    let words = safety::words(CALL, (&here, &[0x17; 32]), (&there, &[0x18; 32])).join(" ");
    let mut all = plain_examples();
    all.extend([
        ("safety-number", safety::number(&here.account, &there.account).into_bytes()),
        ("promise", promise.to_vec()),
        ("words", words.into_bytes()),
    ]);
    all.extend([
        ("200", reply(&Reply::Welcome("127.0.0.1".into()))),
        ("001", request(&Request::Add(name("bob")))),
        ("100", request(&Request::Call(vec![name("bob")]))),
        ("101", request(&Request::AcceptCall(Some(CALL)))),
        ("300", request(&Request::Hello(hello))),
        ("313", request(&Request::Ping)),
        ("350", reply(&Reply::Hello(server_hello))),
        ("352", reply(&Reply::Contact(Box::new(contact)))),
        ("358", reply(&Reply::Grant(Box::new(grant())))),
        ("359", reply(&Reply::CallState(state))),
        ("360", reply(&Reply::Refused(refused))),
        ("device entry", minicbor::to_vec(&entry).unwrap()),
        ("claim", minicbor::to_vec(Claim { server: Fingerprint([0x77; 32]), name: name("alice") }).unwrap()),
        ("envelope", envelope.encode().unwrap().to_vec()),
        ("greeting", greeting.encode().unwrap().to_vec()),
        ("ticket", ticket.to_vec()),
        ("BIND", bind(mac::relay_id(CALL)).encode(|b| mac::bind_mac(&ticket, b)).to_vec()),
        ("question", stun::Question { id: *b"tincan asks." }.encode().to_vec()),
        ("answer", heard().encode().to_vec()),
        ("voice", voice()),
        ("guest voice", guest_voice()),
        ("report", report()),
        ("copies", copies()),
    ]);
    all
}

fn heard() -> stun::Answer {
    let source = "192.0.2.1:32853".parse().unwrap();
    stun::Answer { id: *b"tincan asks.", source, time: Some(Wall(1_800_000_000_000)) }
}

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../PROTOCOL.md");
    std::fs::read_to_string(path).unwrap()
}

/// The bytes of every `hex NAME` block.
fn blocks(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("```hex ") else { continue };
        let hex: String = lines.by_ref().take_while(|l| *l != "```").collect();
        found.insert(name.to_owned(), hex.replace(' ', ""));
    }
    found
}

#[test]
fn every_example_in_the_document_is_what_the_code_makes() {
    let found = blocks(&document());
    let wrong: String = examples()
        .iter()
        .filter(|(name, bytes)| found.get(**name) != Some(&HEXLOWER.encode(bytes)))
        .map(|(name, bytes)| format!("```hex {name}\n{}\n```\n", wrapped(bytes)))
        .collect();
    assert!(wrong.is_empty(), "the document must hold\n{wrong}");
    let known: Vec<_> = examples().into_keys().collect();
    assert!(found.keys().all(|name| known.contains(&name.as_str())), "a block nobody makes: {found:?}");
}

/// As the document has it: 32 bytes a line, in groups of four.
fn wrapped(bytes: &[u8]) -> String {
    let group = |b: &[u8]| b.chunks(4).map(|c| HEXLOWER.encode(c)).collect::<Vec<_>>().join(" ");
    bytes.chunks(32).map(group).collect::<Vec<_>>().join("\n")
}

/// The limits table names constants of `limits.rs` and their values.
#[test]
fn every_limit_in_the_document_is_the_one_in_the_code() {
    let text = document();
    let row = |what: &str, value: String| {
        let found = text.lines().any(|l| l.starts_with(&format!("| {what} |")) && l.contains(&value));
        assert!(found, "the limits table needs: | {what} | {value} |");
    };
    row("payload before login", format!("{} bytes", limits::FRAME_PAYLOAD_STRANGER_MAX));
    row("payload after login", format!("{} bytes", limits::FRAME_PAYLOAD_MAX));
    row("text", format!("{} bytes", limits::TEXT_BYTES_MAX));
    row("message with a request", format!("{} characters", limits::GREETING_CHARS_MAX));
    row("name", format!("{} characters", limits::NAME_CHARS_MAX));
    row("login", format!("{} s", limits::LOGIN_TIME_MAX.as_secs()));
    row("ringing", format!("{} s", limits::RING_TIME_MAX.as_secs()));
    row("member away", format!("{} s", limits::MEMBER_AWAY_MAX.as_secs()));
    row("media silence", format!("{} s", limits::MEDIA_SILENCE_MAX.as_secs()));
    row("hold", format!("{} s", limits::HOLD_MAX.as_secs()));
    row("ticket", format!("{} s", limits::TICKET_LIFE.as_secs()));
    row("binding", format!("{} s", limits::BINDING_LIFE.as_secs()));
    row("datagram", format!("{} bytes", limits::DATAGRAM_BYTES_MAX));
    row("Opus packet", format!("{} bytes", limits::OPUS_BYTES_MAX));
    row("plain binary frame", format!("{} bytes", limits::PLAIN_FRAME_BYTES));
    row("plain binary frame", format!("payload {} bytes", limits::PLAIN_PAYLOAD_MAX));
    row("plain binary voice", format!("{} bytes", limits::PLAIN_VOICE_BYTES));
    row("plain binary voice", format!("Opus {} bytes", limits::PLAIN_OPUS_BYTES_MAX));
    row("plain text packet", format!("{} bytes", limits::TEXT_PACKET_BYTES_MAX));
    row("plain text voice", format!("{} bytes", limits::TEXT_VOICE_BYTES_MAX));
    row("plain text voice", format!("Opus {} bytes", limits::TEXT_OPUS_BYTES_MAX));
    row("devices of an account", limits::DEVICES_MAX.to_string());
    row("contacts of an account", limits::CONTACTS_MAX.to_string());
    row("list items", limits::LIST_ITEMS_MAX.to_string());
    row("one-time keys of a device", limits::PREKEYS_MAX.to_string());
    let days = |time: std::time::Duration| time.as_secs() / (24 * 3600);
    row("published keys of a device", format!("{} days", days(limits::PREKEYS_LIFE)));
    row("published keys of a device", format!("{} days more", days(limits::OLD_PREKEYS_LIFE)));
    let rate = |b: limits::Bucket| format!("{}, then {}/s", b.burst, b.per_second);
    let limits::Trickle { burst, every } = limits::PREKEYS_PER_CONTACT;
    row("one-time keys of a device for one contact", format!("{burst}, then 1 in {} s", every.as_secs()));
    row("requests of a connection", rate(limits::REQUESTS_PER_CONNECTION));
    row("requests before login", rate(limits::REQUESTS_PER_STRANGER));
    row("device entry and its signature", format!("{} bytes", limits::ENTRY_BYTES_MAX));
    row("requests that one account has pending", limits::REQUESTS_PENDING_MAX.to_string());
    row("requests that wait for one account", limits::REQUESTS_WAITING_MAX.to_string());
    row("links of an account that are valid at once", limits::TOKENS_PER_ACCOUNT_MAX.to_string());
    let hours = |life: core::time::Duration| life.as_secs() / 3600;
    row("life of a link", format!("{} to {} h", hours(limits::TOKEN_LIFE_MIN), hours(limits::TOKEN_LIFE)));
    row("connections of a network", rate(limits::CONNECTS_PER_PREFIX));
    row("connections of a network without a login", limits::STRANGERS_PER_PREFIX_MAX.to_string());
    row("new accounts of a network", rate(limits::REGISTRATIONS_PER_PREFIX));
    row("contact requests and links used by an account", rate(limits::ASKS_PER_ACCOUNT));
    row("waiting to be written to a connection", format!("{} bytes", limits::OUT_QUEUE_BYTES_MAX));
    row("presence of an account", format!("every {} ms", limits::PRESENCE_EVERY.as_millis()));
    row("sealed messages of an account", rate(limits::MAIL_PER_ACCOUNT));
    row("sealed words about calls of an account", rate(limits::CALL_MAIL_PER_ACCOUNT));
    row("sealed words about a call, padded", format!("{} bytes", limits::CALL_ENVELOPE_BYTES_MAX));
    row("calls started by an account", rate(limits::CALLS_PER_ACCOUNT));
    row("datagrams of a member", rate(limits::DATAGRAMS_PER_MEMBER));
    row("datagrams of a stranger", rate(limits::DATAGRAMS_PER_STRANGER));
}
