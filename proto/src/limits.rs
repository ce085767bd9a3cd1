//! Every bound of the house, with its unit and its reason. Nothing grows that is not listed here; the operator's
//! ones are defaults that the server's configuration can move.

use core::time::Duration;

// --- names and text -------------------------------------------------------------------------------------------

/// Characters of a name. Both seeds accept this much, and a contact list stays a list.
pub const NAME_CHARS_MAX: usize = 32;
/// Bytes of one chat message as typed. Its sealed envelope fits one padding bucket of 4 KiB.
pub const TEXT_BYTES_MAX: usize = 3_600;
/// Bytes of a short text from the other side (software names, reasons).
pub const PHRASE_BYTES_MAX: usize = 256;
/// Characters (Unicode scalar values) of the message that goes with a contact request: room for who one is, not for a
/// conversation.
pub const GREETING_CHARS_MAX: usize = 140;
/// The same in bytes of UTF-8.
pub const GREETING_BYTES_MAX: usize = 4 * GREETING_CHARS_MAX;
/// The largest envelope, padded, with such a message in it, bytes.
pub const GREETING_ENVELOPE_BYTES_MAX: usize = 1_024;
/// Messages of those who ask that are said to a device at once. The device asks for the list of whoever each is from, and
/// both this many of them and as many of the longest lists are less than may wait for one connection.
pub const GREETINGS_AT_ONCE_MAX: usize = 16;
/// Combining marks kept on one base character: more is an attack on the line above.
pub const MARKS_PER_GRAPHEME_MAX: usize = 4;
/// Bytes one terminal cell may hold.
pub const CELL_BYTES_MAX: usize = 32;

// --- frames (TCP) ---------------------------------------------------------------------------------------------

/// Bytes of the seed A frame header: magic, code, payload size.
pub const FRAME_HEADER_BYTES: usize = 16;
/// Payload bytes of one native frame after login.
pub const FRAME_PAYLOAD_MAX: usize = 64 << 10;
/// Payload bytes of one native frame before login: a stranger buys no memory. Registration is the largest.
pub const FRAME_PAYLOAD_STRANGER_MAX: usize = 1 << 10;
/// Elements of any list in a CBOR record.
pub const LIST_ITEMS_MAX: usize = 256;
/// Nesting of a CBOR record, which none of ours needs more of.
pub const CBOR_DEPTH_MAX: usize = 6;

// --- the plain protocols ----------------------------------------------------------------------------------------

/// Bytes of every frame of seed A's own wire: the header and 2048 of data, whatever the payload (seeds, "Frame").
pub const PLAIN_FRAME_BYTES: usize = 2_064;
/// Payload bytes of such a frame: its readers want a NUL behind the payload.
pub const PLAIN_PAYLOAD_MAX: usize = 2_047;
/// Bytes of one packet of seed B: what its programs read at once.
pub const TEXT_PACKET_BYTES_MAX: usize = 512;
/// Bytes of one voice datagram of seed A, always.
pub const PLAIN_VOICE_BYTES: usize = 272;
/// Bytes of the Opus packet in it.
pub const PLAIN_OPUS_BYTES_MAX: usize = 256;
/// Bytes of one voice datagram of seed B: one less than its programs read.
pub const TEXT_VOICE_BYTES_MAX: usize = 511;
/// Bytes of the Opus packet in it: base64 makes 508 of them, and `14 ` goes before.
pub const TEXT_OPUS_BYTES_MAX: usize = 381;

// --- our client on the plain protocols --------------------------------------------------------------------------

/// Two packets of ours to one end of a plain protocol are at least this far apart: the originals take one read for
/// one packet, and a padded frame of seed A is two segments (seeds, "Reading behaviour").
pub const PLAIN_GAP: Duration = Duration::from_millis(100);
/// Packets that wait for their turn at one end: six seconds of a person in a hurry.
pub const PLAIN_QUEUE_MAX: usize = 64;
/// Requests to a server of seed A that its next refusal may be about.
pub const PLAIN_WISHES_MAX: usize = 64;
/// Times our own name may be taken when we come back: the server may not know yet that our old connection is dead, but
/// after so many waits, some five minutes, somebody else has it.
pub const PLAIN_NAME_TRIES_MAX: u32 = 24;
/// A request to such a server that was not refused within this was done: its servers answer many with silence.
pub const PLAIN_WISH_TIME_MAX: Duration = Duration::from_secs(5);
/// A client of seed B logs in when the server has said hello, or after this (seeds, B4).
pub const TEXT_HELLO_WAIT: Duration = Duration::from_millis(200);
/// Bytes of seed B that come this far apart are different packets. Much less than the 50 ms of our own server.
pub const TEXT_PAUSE: Duration = Duration::from_millis(15);
/// Bytes of seed B that come without a pause.
pub const TEXT_GATHERED_BYTES_MAX: usize = 4 << 10;
/// Connections of callers at once, whoever they are: one call and a few who are told that we are busy.
pub const TEXT_PEERS_MAX: usize = 8;
/// A friend's program answers a connection within this, or is not there.
pub const TEXT_DIAL_TIME_MAX: Duration = Duration::from_secs(5);
/// Sound that a friend sends by TCP goes ahead of the clock by no more than this: what a stalled connection delivers at
/// once. More would only be late, and fill the way to the agent.
pub const TEXT_VOICE_AHEAD_MAX: Duration = Duration::from_millis(320);
/// The connection of a call is closed so long after 6 was said (seeds, B8).
pub const TEXT_CLOSE_AFTER: Duration = Duration::from_millis(200);

// --- guests at our doors ----------------------------------------------------------------------------------------

/// Frames to one seed A client are at least this far apart: its programs take two that arrive together for one and
/// stay one behind for good.
pub const GUEST_FRAME_GAP: Duration = Duration::from_millis(30);
/// The same for packets to a seed B client, which have no end mark at all.
pub const GUEST_PACKET_GAP: Duration = Duration::from_millis(50);
/// A seed A client reads nothing while it asks its user about a call; what is said to it waits for the answer so long.
pub const RING_HOLD_MAX: Duration = Duration::from_secs(60);
/// Frames or packets waiting for one plain client: every request and every friend there can be at its login.
pub const GUEST_QUEUE_MAX: usize = 1_280;
/// A seed B client that calls the server for somebody hears no, and is closed after this.
pub const STRAY_CALL_TIME: Duration = Duration::from_millis(200);
/// Names of plain users remembered with their contacts. Beyond them, names without contacts make room.
pub const GUEST_ACCOUNTS_MAX: usize = 10_000;

// --- connections ----------------------------------------------------------------------------------------------

/// From accept to a finished login.
pub const LOGIN_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of one side of a TLS handshake: a hybrid hello is about 1.7 KiB, and a stranger buys no memory.
pub const HANDSHAKE_BYTES_MAX: usize = 16 << 10;
/// Bytes waiting to be written to one connection: two seconds of a bad uplink, then it is closed as too slow.
pub const OUT_QUEUE_BYTES_MAX: usize = 256 << 10;
/// Connections at once, logged in or not (operator).
pub const CONNECTIONS_MAX: usize = 4_096;

/// Bytes of the disk that a server keeps free: below, its store takes nothing new. What goes on writes some MiB: the
/// store's log, keys that are given out, contacts that are answered; and to start anew takes as much again.
pub const DISK_FREE_BYTES_MIN: u64 = 64 << 20;
/// Of a disk so small that this is more than such a part of it, the part stays free.
pub const DISK_FREE_PART_MIN: u64 = 8;
/// Senders of datagrams of whom the server keeps to which of its addresses they send: four times the connections that it
/// takes by itself, and who is in a call has one; under 2 MiB. Forged senders that fill it cost others no more than the wait
/// for their own next datagram.
pub const WAYS_MAX: usize = 4 * CONNECTIONS_MAX;
/// Connections not yet logged in at once; beyond it the oldest stranger makes room for the newest (operator).
pub const STRANGERS_MAX: usize = 1_024;
/// Connections not yet logged in from one prefix (/24, /48); beyond it the prefix's own oldest stranger makes room for its
/// newest (operator).
pub const STRANGERS_PER_PREFIX_MAX: usize = 4;
/// Connections from one prefix at the plain doors, logged in or not: a classroom of machines, and an eighth of the places
/// there. A name costs nothing and may sit for ever, so one host could take them all (operator).
pub const PLAIN_PER_PREFIX_MAX: usize = 128;
/// New connections from one prefix: bucket size and refill per second (operator).
pub const CONNECTS_PER_PREFIX: Bucket = Bucket { burst: 32, per_second: 4 };
/// Source prefixes remembered in a rate table; the oldest goes first.
pub const PREFIXES_MAX: usize = 16_384;
/// Requests of one logged-in connection.
pub const REQUESTS_PER_CONNECTION: Bucket = Bucket { burst: 256, per_second: 40 };
/// Questions of one client for others' device lists and keys: it paces them itself, well below what the server takes,
/// so that a long contact list leaves room for what its user wants.
pub const PEER_QUESTIONS: Bucket = Bucket { burst: 64, per_second: 20 };
/// Requests of one connection before it is logged in: enough for hello, register, login and one retry.
pub const REQUESTS_PER_STRANGER: Bucket = Bucket { burst: 8, per_second: 1 };
/// Sealed messages of one account.
pub const MAIL_PER_ACCOUNT: Bucket = Bucket { burst: 120, per_second: 10 };
/// Sealed words about calls of one account, over all its devices: in a call of 32 everybody says a new key to 31 others
/// whenever somebody leaves, at most once in 800 ms, and may have asked as many for theirs just before. The house is free.
pub const CALL_MAIL_PER_ACCOUNT: Bucket = Bucket { burst: 256, per_second: 40 };
/// Calls started by one account.
pub const CALLS_PER_ACCOUNT: Bucket = Bucket { burst: 10, per_second: 1 };
/// Contact requests and invites redeemed of one account: whoever asks, withdraws and asks again rings a bell at the
/// other end each time.
pub const ASKS_PER_ACCOUNT: Bucket = Bucket { burst: 60, per_second: 1 };
/// Accounts created from one prefix.
pub const REGISTRATIONS_PER_PREFIX: Bucket = Bucket { burst: 16, per_second: 1 };
/// New names of plain users from one prefix: they are no accounts with keys, and must not keep those from being made.
pub const GUEST_NAMES_PER_PREFIX: Bucket = Bucket { burst: 32, per_second: 1 };
/// Accounts whose buckets are remembered; the one not seen for longest goes first.
pub const ACCOUNTS_METERED_MAX: usize = 16_384;
/// Changes of one account's presence are told at least this far apart.
pub const PRESENCE_EVERY: Duration = Duration::from_millis(500);
/// The client pings when it has heard nothing for so long.
pub const PING_AFTER: Duration = Duration::from_secs(30);
/// The same while a call is up, when a dead connection matters sooner.
pub const PING_AFTER_IN_CALL: Duration = Duration::from_secs(5);
/// A connection that has said nothing for so long is dead.
pub const SILENT_AFTER: Duration = Duration::from_secs(75);
/// First wait before reconnecting; doubles, with full jitter.
pub const RECONNECT_FIRST: Duration = Duration::from_millis(250);
/// Longest wait before reconnecting.
pub const RECONNECT_MAX: Duration = Duration::from_secs(30);
/// Longest wait before reconnecting while a call is up: the server may be back at any moment.
pub const RECONNECT_MAX_IN_CALL: Duration = Duration::from_secs(1);

/// Port of seed A, TCP (the original's default).
pub const PLAIN_BINARY_PORT: u16 = 9_999;
/// Port of seed B, TCP (fixed in the original).
pub const PLAIN_TEXT_PORT: u16 = 2_000;
/// Port of seed A's voice, UDP, at both ends (fixed in the original).
pub const PLAIN_VOICE_PORT: u16 = 8_085;
/// From accept to a login on a plain door: the originals connect first and ask their user for a name then.
pub const PLAIN_LOGIN_TIME_MAX: Duration = Duration::from_secs(300);

// --- accounts, contacts, devices ------------------------------------------------------------------------------

/// Accounts of one server: an invite that went too far fills no disk (operator). About 10 KiB each.
pub const ACCOUNTS_MAX: usize = 100_000;
/// Contacts and requests of one account.
pub const CONTACTS_MAX: usize = 1_000;
/// Requests one account has pending with others at once.
pub const REQUESTS_PENDING_MAX: usize = 100;
/// Requests waiting for one account.
pub const REQUESTS_WAITING_MAX: usize = 200;
/// Devices of one account, revoked ones included.
pub const DEVICES_MAX: usize = 16;
/// Bytes of one signed device entry, with its signature.
pub const ENTRY_BYTES_MAX: usize = 512;
/// One-time keys a device has published at once; vodozemac keeps 50 (security.md section 3).
pub const PREKEYS_MAX: usize = 50;
/// A device publishes its fallback key and its one-time keys for so long; then new ones (security.md section 3).
pub const PREKEYS_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// The ones before still open what was sealed to them for so long: a sender may have been away meanwhile.
pub const OLD_PREKEYS_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// A clock on the wall that shows an earlier time is wrong: the first second of 2025, ms since 1970.
pub const WALL_MIN_MS: u64 = 1_735_689_600_000;
/// Such sets of keys kept at once; the oldest goes first.
pub const OLD_PREKEYS_MAX: usize = 5;
/// A 303 is sent so long after the last one of the same connection, so that keys that are due are replaced.
pub const PREKEYS_AGAIN_AFTER: Duration = Duration::from_secs(24 * 3600);
/// Sessions kept with one device: both sides may start one at once, and a lost state starts another.
pub const SESSIONS_PER_DEVICE_MAX: usize = 4;
/// Names of sessions remembered per device, so that a replayed first message makes no second one.
pub const SESSION_NAMES_PER_DEVICE_MAX: usize = 64;
/// The same of all devices that were forgotten, in the row of the device's own keys: 40 bytes each. The oldest goes first.
pub const FORGOTTEN_NAMES_MAX: usize = 1_024;
/// One-time keys of one device that are given to one contact; beyond them it gets the fallback key, so that nobody uses
/// them all up.
pub const PREKEYS_PER_CONTACT: Trickle = Trickle { burst: 3, every: Duration::from_secs(3600) };
/// Contacts and devices for which that is counted; whoever did not ask for longest goes first.
pub const PREKEY_ASKERS_MAX: usize = 16_384;
/// Invite tokens of one account that are valid at once.
pub const TOKENS_PER_ACCOUNT_MAX: usize = 16;
/// Shortest life of a user's invite: shorter ones would only pile up.
pub const TOKEN_LIFE_MIN: Duration = Duration::from_secs(3600);
/// Longest life of a user's invite.
pub const TOKEN_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

// --- messages -------------------------------------------------------------------------------------------------

/// Plaintext bytes of one sealed envelope, padding included.
pub const ENVELOPE_BYTES_MAX: usize = 16 << 10;
/// The same of what is said about a call: an offer and a key take 512, and version 1 says nothing larger.
pub const CALL_ENVELOPE_BYTES_MAX: usize = 1_024;
/// Sizes envelopes are padded to, so that sizes tell little.
pub const PADDING_BUCKETS: [usize; 9] = [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384];
/// Messages waiting in one client's outbox for one friend.
pub const OUTBOX_PER_FRIEND_MAX: usize = 500;
/// Message ids remembered to recognise a repeat, per friend.
pub const SEEN_IDS_PER_FRIEND_MAX: usize = 2_048;
/// A sent message without a receipt is sent again after this, while both are online.
pub const RESEND_AFTER: Duration = Duration::from_secs(5);
/// A call or text waits so long for a session with the friend's devices.
pub const SESSION_WAIT_MAX: Duration = Duration::from_secs(5);

/// Sends of the same sealed bytes without a receipt before the session is taken for broken.
pub const RESEAL_AFTER_TRIES: u32 = 3;
/// A session with one device is made anew at most so often, whatever cannot be opened.
pub const SESSION_RENEW_AFTER: Duration = Duration::from_secs(60);
/// A device that had published no keys is asked for again after this, while a session is wanted.
pub const PREKEY_RETRY_AFTER: Duration = Duration::from_secs(1);
/// Times a device without keys is asked before the next sign of life of its owner.
pub const PREKEY_TRIES_MAX: u32 = 10;
/// Pre-key messages opened since the last 303 after which a new one is sent.
pub const PREKEYS_RENEW_AFTER: usize = 25;
/// Sealed messages that wait for their sender's device list.
pub const HELD_MAIL_MAX: usize = 16;
/// Requests of a client that a 360 can still be about.
pub const ASKED_MAX: usize = 256;

// --- calls ----------------------------------------------------------------------------------------------------

/// Ringing ends after this.
pub const RING_TIME_MAX: Duration = Duration::from_secs(45);
/// The server answers a 100 within this, or the call failed.
pub const PLACE_TIME_MAX: Duration = Duration::from_secs(10);
/// An ACCEPT without a KEY is sent again after this: the same sealed bytes.
pub const CALL_RESEND_AFTER: Duration = Duration::from_secs(2);
/// Calls announced to one client at once, and call messages of its own that it remembers.
pub const ANNOUNCED_MAX: usize = 8;
/// Sealed call messages remembered to recognise a repeat: an answer and a few keys of every member.
pub const CALL_MAIL_SEEN_MAX: usize = 256;
/// A member whose connection dropped stays a member so long.
pub const MEMBER_AWAY_MAX: Duration = Duration::from_secs(30);
/// A call ends when no packet of the other side was opened for so long.
pub const MEDIA_SILENCE_MAX: Duration = Duration::from_secs(15);
/// The same of whoever said that they are on hold. The server keeps their place about as long: their connection is taken
/// for dead after [`SILENT_AFTER`], and the place is theirs for [`MEMBER_AWAY_MAX`] more.
pub const HOLD_MAX: Duration = Duration::from_secs(90);
/// Reports at once that say that one is on hold: nothing comes after them, which would say it again.
pub const HOLD_REPORTS: u8 = 3;
/// Calls of one account at once; the echo friend has its own, larger, figure.
pub const CALLS_PER_ACCOUNT_MAX: usize = 1;
/// Calls of the echo friend at once, over all its devices.
pub const ECHO_CALLS_MAX: usize = 8;
/// Members of one call.
pub const MEMBERS_MAX: usize = 32;
/// The media machine answers a question for our key at once; after so long it is asked anew.
pub const KEY_ANSWER_MAX: Duration = Duration::from_secs(2);
/// A sender key is used for so long (security.md section 4).
pub const SENDER_KEY_LIFE: Duration = Duration::from_secs(3600);
/// Former members of one call who may still be told that it went on without them.
pub const PAST_MEMBERS_MAX: usize = 64;
/// Calls remembered to be over, so that nobody comes back into one; the oldest goes first.
pub const ENDED_CALLS_MAX: usize = 4_096;
/// Calls on one server at once (operator).
pub const CALLS_MAX: usize = 4_096;

// --- media ----------------------------------------------------------------------------------------------------

/// Bytes of one datagram of ours, RTP header included: below every path MTU in use (IPv6 minimum less headers).
pub const DATAGRAM_BYTES_MAX: usize = 1_200;
/// Bytes of one Opus frame that we send or accept.
pub const OPUS_BYTES_MAX: usize = 960;
/// Copies of earlier frames in one voice packet: a third would cost more than it saves (voice.md section 3).
pub const COPIES_MAX: usize = 2;
/// Frame counters an SFrame replay window looks back over.
pub const REPLAY_WINDOW: u64 = 128;
/// Sealed packets of one SSRC that wait for their key.
pub const KEYLESS_PACKETS_MAX: usize = 8;
/// Senders whose packets wait for a key at once.
pub const KEYLESS_SENDERS_MAX: usize = 4;
/// How long what such a packet says may be worth hearing; then it makes room for others.
pub const KEYLESS_LIFE: Duration = Duration::from_secs(2);
/// A new generation of our sender key is sent with so long after it was told: by then the others have it.
pub const RENEW_SWITCH_AFTER: Duration = Duration::from_millis(800);
/// The latest a new generation is sent with, however many leave meanwhile: who left hears no longer than this.
pub const RENEW_SWITCH_MAX: Duration = Duration::from_millis(950);
/// The least time the others have for a generation that replaced one before it was sent with, within
/// [`RENEW_SWITCH_MAX`].
pub const RENEW_LEAD_MIN: Duration = Duration::from_millis(150);
/// A key still opens late packets for so long after a newer one was first used; then it is forgotten.
pub const OLD_KEY_LIFE: Duration = Duration::from_secs(5);
/// Generations of one speaker's key known at once: the one in use, the one to come, and those of members who left in
/// quick succession.
pub const GENERATIONS_KEPT_MAX: usize = 4;
/// Generations of one speaker's key that are known again when they are told once more, and not taken for new: all
/// numbers twice.
pub const GENERATIONS_REMEMBERED_MAX: usize = 64;
/// Datagrams of one member of a call without relay that are known again when they come twice.
pub const DIRECT_REPEATS_KEPT: usize = 8;
/// A sender emits a sealed packet at least so often, muted or not.
pub const REPORT_EVERY: Duration = Duration::from_millis(200);
/// Nothing opened for so long: bind again.
pub const REBIND_AFTER: Duration = Duration::from_millis(600);
/// First interval between BINDs; backs off to [`BIND_EVERY_MAX`].
pub const BIND_EVERY: Duration = Duration::from_millis(250);
/// Longest interval between BINDs.
pub const BIND_EVERY_MAX: Duration = Duration::from_secs(1);
/// A bound address is kept warm so often when nothing else is sent.
pub const RELAY_KEEPALIVE: Duration = Duration::from_secs(15);
/// A relay binding without traffic lapses after this.
pub const BINDING_LIFE: Duration = Duration::from_secs(30);
/// A relay ticket admits for so long and is renewed at half of it.
pub const TICKET_LIFE: Duration = Duration::from_secs(600);
/// Rooms of one relay at once.
pub const RELAY_ROOMS_MAX: usize = 4_096;
/// Revocations remembered until their tickets expire.
pub const REVOCATIONS_MAX: usize = 8_192;
/// Datagrams of one bound member per second: 200 frames of 5 ms, with as many copies and reports to spare.
pub const DATAGRAMS_PER_MEMBER: Bucket = Bucket { burst: 400, per_second: 600 };
/// Voice frames of one guest of seed A, copies not counted: one each 10 ms, a second's burst after a stall, and a clock
/// that runs fast.
pub const FRAMES_PER_GUEST: Bucket = Bucket { burst: 100, per_second: 110 };
/// Datagrams of one source that is not bound: a handful of binds.
pub const DATAGRAMS_PER_STRANGER: Bucket = Bucket { burst: 16, per_second: 8 };
/// Unbound sources the relay remembers, in a fixed table; the oldest goes first.
pub const STRANGER_SOURCES_MAX: usize = 4_096;

/// How long a comparison of words waits for the other end.
pub const COMPARE_TIME_MAX: Duration = Duration::from_secs(20);
/// Comparisons with one end in one call, whoever begins them: whoever stands between has as many tries at 32 bits.
pub const COMPARE_TRIES_MAX: u32 = 5;
/// Principals one blocks.
pub const BANNED_MAX: usize = 1_000;

/// A token bucket: how many at once, and how many come back each second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Tokens of a full bucket.
    pub burst: u32,
    /// Tokens regained each second.
    pub per_second: u32,
}

/// A token bucket that fills slowly: how many at once, and after how long one comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trickle {
    /// Tokens of a full bucket.
    pub burst: u32,
    /// Time after which one more is there.
    pub every: Duration,
}

const _: () = assert!(FRAME_PAYLOAD_STRANGER_MAX <= FRAME_PAYLOAD_MAX);
const _: () = assert!(OLD_PREKEYS_MAX as u64 * PREKEYS_LIFE.as_secs() >= OLD_PREKEYS_LIFE.as_secs());
const _: () = assert!(PREKEYS_AGAIN_AFTER.as_secs() < PREKEYS_LIFE.as_secs());
const _: () = assert!((PREKEYS_PER_CONTACT.burst as usize) < PREKEYS_MAX);
const _: () = assert!(FRAME_PAYLOAD_MAX + FRAME_HEADER_BYTES < OUT_QUEUE_BYTES_MAX);
const _: () = assert!(
    GREETINGS_AT_ONCE_MAX * (DEVICES_MAX * ENTRY_BYTES_MAX + 2 * GREETING_ENVELOPE_BYTES_MAX)
        < OUT_QUEUE_BYTES_MAX
);
const _: () = assert!(TEXT_BYTES_MAX < ENVELOPE_BYTES_MAX && ENVELOPE_BYTES_MAX < FRAME_PAYLOAD_MAX);
const _: () = assert!(OPUS_BYTES_MAX + 12 + 17 + 16 <= DATAGRAM_BYTES_MAX);
const _: () = assert!(RENEW_SWITCH_AFTER.as_millis() < RENEW_SWITCH_MAX.as_millis());
const _: () = assert!(RENEW_SWITCH_MAX.as_millis() < 1_000, "who left is out within a second");
const _: () = assert!(PEER_QUESTIONS.burst * 2 <= REQUESTS_PER_CONNECTION.burst);
const _: () = assert!(PEER_QUESTIONS.per_second * 2 <= REQUESTS_PER_CONNECTION.per_second);
const _: () = assert!(STRANGERS_MAX < CONNECTIONS_MAX);
const _: () = assert!(
    CALL_MAIL_PER_ACCOUNT.per_second as u128 * RENEW_SWITCH_AFTER.as_millis()
        >= (MEMBERS_MAX as u128 - 1) * 1_000
);
const _: () = assert!(PLAIN_PAYLOAD_MAX + 1 + FRAME_HEADER_BYTES == PLAIN_FRAME_BYTES);
const _: () =
    assert!(MEMBERS_MAX * (NAME_CHARS_MAX + 1) <= PLAIN_PAYLOAD_MAX, "the callees of 100 are one frame");
const _: () = assert!(TEXT_OPUS_BYTES_MAX.div_ceil(3) * 4 + 3 == TEXT_VOICE_BYTES_MAX);
const _: () = assert!(TEXT_VOICE_BYTES_MAX < TEXT_PACKET_BYTES_MAX && PLAIN_OPUS_BYTES_MAX < OPUS_BYTES_MAX);
const _: () = assert!(TEXT_PACKET_BYTES_MAX <= TEXT_GATHERED_BYTES_MAX);
const _: () = assert!(TEXT_PAUSE.as_millis() < PLAIN_GAP.as_millis());
const _: () = assert!(TEXT_PAUSE.as_millis() < GUEST_PACKET_GAP.as_millis());
const _: () =
    assert!(GUEST_QUEUE_MAX > CONTACTS_MAX + REQUESTS_WAITING_MAX && GUEST_ACCOUNTS_MAX < ACCOUNTS_MAX);
const _: () = assert!(CELL_BYTES_MAX >= 4 * (1 + MARKS_PER_GRAPHEME_MAX));
