//! The voice path allocates nothing: not to seal a frame, open one, report, forward, or refuse a stranger. Counted
//! by an allocator that notes each call of its own thread. (What the C library of the ciphers does is its own.)

#![expect(
    unsafe_code,
    reason = "GlobalAlloc is an unsafe trait; each call goes to the system's allocator unchanged"
)]
#![expect(clippy::unwrap_used, reason = "what a test cannot unwrap is its failure")]

use core::cell::Cell;
use core::net::SocketAddr;
use core::time::Duration;
use std::alloc::{GlobalAlloc, Layout, System};

use proto::crypto::mac;
use proto::id::{CallId, RelayId, Ssrc};
use proto::media::{CallCommand, CallEvent, DirectForm, Media, MediaInput, MediaOutput, Packet, Place};
use proto::relay::{Change, Input, Output, Relay, RelayLimits};
use proto::wire::datagram::{Bind, Cookie, Payload, PlainVoice, Rtp, encode_text_voice};
use proto::{Drop, Now, Rng, Time, Wall};

struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn note() {
    // A thread that is ending has no counter any more.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: every call is passed on as it came; the counter neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's promises are those the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note();
        // SAFETY: the pointer came from the system's allocator, above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: the pointer came from the system's allocator, above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn calls_in(act: impl FnOnce()) -> u64 {
    let before = CALLS.with(Cell::get);
    act();
    CALLS.with(Cell::get) - before
}

const KEY: [u8; 32] = [8; 32];
const ROOM: RelayId = RelayId(1);
const CALL: CallId = CallId([3; 16]);
const EXPIRY: u32 = 600;

fn ssrc(end: usize) -> Ssrc {
    Ssrc(u32::try_from(end).unwrap() + 1)
}

fn address(end: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 5_000 + u16::try_from(end).unwrap()))
}

/// Ends whose datagrams take no time.
struct Line {
    relay: Relay,
    ends: Vec<Media>,
    now: Time,
    played: Vec<u64>,
    /// Played frames that came with later ones.
    copies: u64,
    /// Each so-manieth datagram is lost; none when 0.
    lost: u64,
    carried: u64,
    keys: Vec<Option<CallEvent>>,
}

impl Line {
    fn of(count: usize) -> Self {
        let mut rng = Rng::new([1; 32]);
        let ends = (0..count).map(|_| Media::new(rng.child("media"), Time::ZERO)).collect();
        let relay = Relay::new(KEY, rng.child("relay"), RelayLimits::default());
        let mut line = Self {
            relay,
            ends,
            now: Time::ZERO,
            played: vec![0; count],
            copies: 0,
            lost: 0,
            carried: 0,
            keys: vec![None; count],
        };
        for end in 0..count {
            let ticket = mac::ticket(&KEY, ROOM, ssrc(end), EXPIRY);
            let (relay_addr, ssrc) = (relay_addr(), ssrc(end));
            let place = Place { call: CALL, relay_addr, relay: ROOM, ssrc, expiry: EXPIRY, ticket };
            line.give(end, MediaInput::Command(CallCommand::Bind(place)));
        }
        line
    }

    /// Everybody is in, and has everybody's key.
    fn sealed(count: usize) -> Self {
        let mut line = Self::of(count);
        (0..count).for_each(|end| line.give(end, MediaInput::Command(CallCommand::Open(CALL))));
        (0..count).for_each(|end| line.tell_key(end));
        line
    }

    /// Everybody is in, and hears everybody.
    fn plain(count: usize) -> Self {
        let mut line = Self::of(count);
        for end in 0..count {
            line.give(end, MediaInput::Command(CallCommand::OpenPlain(CALL)));
            for other in (0..count).filter(|other| *other != end) {
                let listen = CallCommand::ListenPlain { call: CALL, ssrc: ssrc(other) };
                line.give(end, MediaInput::Command(listen));
            }
        }
        line.played.fill(0);
        line
    }

    fn tell_key(&mut self, from: usize) {
        let Some(CallEvent::Key { generation, step, base_key, .. }) = self.keys[from].clone() else {
            panic!("no key")
        };
        for to in (0..self.ends.len()).filter(|to| *to != from) {
            let (ssrc, base_key) = (ssrc(from), base_key.clone());
            let listen = CallCommand::Listen { call: CALL, ssrc, generation, step, base_key };
            self.give(to, MediaInput::Command(listen));
        }
    }

    fn give(&mut self, end: usize, input: MediaInput<'_>) {
        self.ends[end].handle(input, self.now);
        while let Some(out) = self.ends[end].poll() {
            match out {
                MediaOutput::Datagram { bytes, .. } => self.carry(end, &bytes),
                MediaOutput::Play { copy, .. } => {
                    self.played[end] += 1;
                    self.copies += u64::from(copy);
                }
                MediaOutput::Event(event @ CallEvent::Key { .. }) => self.keys[end] = Some(event),
                MediaOutput::Event(_)
                | MediaOutput::Member(_)
                | MediaOutput::Encode(_)
                | MediaOutput::OpenDevices
                | MediaOutput::CloseDevices => {}
                // While the others still open, what a plain call hears of them has nobody to be told to.
                MediaOutput::Drop(drop) => assert!(drop == Drop::Forged || drop == Drop::Stranger, "{drop}"),
            }
        }
    }

    fn carry(&mut self, from: usize, bytes: &Packet) {
        self.carried += 1;
        if self.lost > 0 && self.carried.is_multiple_of(self.lost) {
            return;
        }
        self.relay.handle(Input::Datagram(address(from), bytes), Now::at(self.now, Wall(0)));
        match self.relay.poll() {
            Some(Output::Fan) => {
                for to in (0..self.ends.len()).filter(|to| *to != from) {
                    self.give(to, MediaInput::Datagram(relay_addr(), bytes));
                }
            }
            Some(Output::Reply { bytes, .. }) => self.give(from, MediaInput::Datagram(relay_addr(), &bytes)),
            Some(Output::ToGuests | Output::OfGuest) => panic!("no guest is seated here"),
            Some(Output::Drop(drop)) => panic!("dropped: {drop}"),
            None => {}
        }
    }

    fn second_of_voice(&mut self) {
        let frame = Duration::from_millis(10);
        for _ in 0..100 {
            self.now += frame;
            for end in 0..self.ends.len() {
                self.give(end, MediaInput::Frame { opus: &[30 << 3; 80], duration: frame });
                self.give(end, MediaInput::Timeout);
            }
        }
    }
}

fn relay_addr() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], 8_462))
}

#[test]
fn voice_and_strangers_cost_no_allocation() {
    let mut line = Line::sealed(2);
    assert!(calls_in(|| drop(core::hint::black_box(vec![1; 9]))) > 0, "the counter counts");
    assert_eq!(calls_in(|| line.second_of_voice()), 0, "from the first frame on");
    assert_eq!(calls_in(|| (0..5).for_each(|_| line.second_of_voice())), 0);
    assert_eq!(line.played[..], [600, 600]);

    let ticket = mac::ticket(&KEY, ROOM, Ssrc(9), EXPIRY);
    let bind = Bind { relay: ROOM, ssrc: Ssrc(9), expiry: EXPIRY, proof: [0; 16] };
    let honest = bind.encode(|over| mac::bind_mac(&ticket, over));
    let forged = bind.encode(|_| [0; 32]);
    let now = Now::at(line.now, Wall(0));
    let strangers = calls_in(|| {
        for n in 0..10_000u16 {
            for bytes in [&honest, &forged] {
                line.relay.handle(Input::Datagram(SocketAddr::from(([203, 0, 113, 5], n)), bytes), now);
                assert!(line.relay.poll().is_some());
            }
        }
    });
    assert_eq!(strangers, 0);
}

#[test]
fn loss_and_the_copies_against_it_cost_no_allocation() {
    let mut line = Line::sealed(2);
    line.second_of_voice();
    line.lost = 7;
    assert_eq!(calls_in(|| (0..20).for_each(|_| line.second_of_voice())), 0, "while loss comes");
    assert!(line.copies > 300, "only {} copies were used", line.copies);
    line.lost = 0;
    assert_eq!(calls_in(|| (0..20).for_each(|_| line.second_of_voice())), 0, "and while it goes");
}

#[test]
fn voice_of_and_to_guests_costs_no_allocation() {
    let mut relay = Relay::new(KEY, Rng::new([1; 32]), RelayLimits::default());
    let at = |ms: u64| Now::at(Time::ms(ms), Wall(ms));
    let native = address(0);
    let ticket = mac::ticket(&KEY, ROOM, ssrc(0), EXPIRY);
    let mut bind = Bind { relay: ROOM, ssrc: ssrc(0), expiry: EXPIRY, proof: [0; 16] };
    relay.handle(Input::Datagram(native, &bind.encode(|over| mac::bind_mac(&ticket, over))), at(0));
    let Some(Output::Reply { bytes, .. }) = relay.poll() else { panic!("no cookie") };
    bind.proof = Cookie::decode(&bytes).unwrap().cookie;
    relay.handle(Input::Datagram(native, &bind.encode_second(|over| mac::bind_mac(&ticket, over))), at(0));
    let guests = [7_u8, 8].map(|n| SocketAddr::from(([198, 51, 100, n], 8_085)));
    for (ssrc, guest) in (7..).zip(guests) {
        let seat = Change::Seat { relay: ROOM, ssrc: Ssrc(ssrc), address: guest.ip(), expiry: EXPIRY };
        relay.handle(Input::Change(seat), at(0));
    }
    let opus = [0xf4; 80];
    let rtp = Rtp { payload: Payload::PlainVoice, seq: 0, timestamp: 0, ssrc: ssrc(0) };
    let packet = [&rtp.encode()[..], &opus].concat();
    let spent = calls_in(|| {
        for n in 1..1_000 {
            relay.handle(Input::Datagram(native, &packet), at(10 * n));
            assert_eq!((relay.poll(), relay.plain_targets().len()), (Some(Output::ToGuests), 2));
            let datagram = PlainVoice { opus: &opus, sent_ms: 10 * n }.encode().unwrap();
            relay.handle(Input::Plain(guests[0], &datagram), at(10 * n));
            assert_eq!((relay.poll(), relay.targets().len()), (Some(Output::OfGuest), 1));
            relay.handle(Input::Plain(guests[0], &datagram), at(10 * n));
            assert!(matches!(relay.poll(), Some(Output::Drop(_))), "a copy");
            relay.handle(Input::Plain(address(9), &datagram), at(10 * n));
            assert!(matches!(relay.poll(), Some(Output::Drop(_))), "a stranger");
        }
    });
    assert_eq!(spent, 0);
}

#[test]
fn a_call_of_five_costs_no_allocation_through_a_step_and_a_renewal() {
    let mut line = Line::sealed(5);
    assert_eq!(calls_in(|| line.second_of_voice()), 0);
    // The commands may allocate; that the new keys come into use, and the old are forgotten, may not.
    for command in [CallCommand::Step(CALL), CallCommand::Renew(CALL)] {
        (0..5).for_each(|end| line.give(end, MediaInput::Command(command.clone())));
        if command == CallCommand::Renew(CALL) {
            (0..5).for_each(|end| line.tell_key(end));
        }
        assert_eq!(calls_in(|| (0..7).for_each(|_| line.second_of_voice())), 0, "{command:?}");
    }
    assert_eq!(line.played[..], [15 * 100 * 4; 5]);
}

#[test]
fn plain_voice_costs_no_allocation_either() {
    let mut line = Line::plain(3);
    assert_eq!(calls_in(|| (0..5).for_each(|_| line.second_of_voice())), 0);
    assert_eq!(line.played[..], [500 * 2; 3]);

    let mut media = Media::new(Rng::new([1; 32]), Time::ZERO);
    let mut give = |input: MediaInput<'_>, now: Time| {
        media.handle(input, now);
        core::iter::from_fn(|| media.poll()).filter(|out| !matches!(out, MediaOutput::Drop(_))).count()
    };
    for (form, call) in [(DirectForm::Binary, CallId([4; 16])), (DirectForm::Text, CallId([5; 16]))] {
        give(MediaInput::Command(CallCommand::OpenDirect { call, form, local: address(0) }), Time::ZERO);
        let meet = CallCommand::Meet { call, ssrc: ssrc(1), at: address(1) };
        give(MediaInput::Command(meet), Time::ZERO);
        let datagram = match form {
            DirectForm::Binary => |opus: &[u8], sent_ms| {
                Packet::copy_of(&PlainVoice { opus, sent_ms }.encode().unwrap()).unwrap()
            },
            DirectForm::Text => |opus: &[u8], _| Packet::copy_of(&encode_text_voice(opus).unwrap()).unwrap(),
        };
        let mut out = 0;
        let calls = calls_in(|| {
            for n in 0..500 {
                let now = Time::ms(10 * n);
                out += give(
                    MediaInput::Frame { opus: &[30 << 3; 80], duration: Duration::from_millis(10) },
                    now,
                );
                out += give(MediaInput::Datagram(address(1), &datagram(&[30 << 3; 80], n * 10)), now);
            }
        });
        assert_eq!(calls, 0, "{form:?}");
        assert_eq!(out, 500 + 500 + 1, "sent, played, and heard for the first time");
        give(MediaInput::Command(CallCommand::Close(call)), Time::secs(5));
    }
}
