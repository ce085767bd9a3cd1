//! What goes out to the network while somebody speaks and while nobody does: sealed datagrams of one size, whichever plan
//! the network asks for. Whoever counts their bytes does not learn when somebody speaks.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use proto::Rng;
use proto::id::{CallId, RelayId};
use proto::media::{BaseKey, CallCommand, CallEvent, DelayMode, Media, MediaInput, MediaOutput, Place};

use super::*;

const CALL: CallId = CallId([3; 16]);
const US: Ssrc = Ssrc(1);
const THEM: Ssrc = Ssrc(2);
/// RTP payload types of sealed voice, without copies and with them.
const VOICE: u8 = 96;
const COPIES: u8 = 100;

/// Our instruments and our media machine, one member who hears us, and the way there.
struct Call {
    side: Side,
    us: Media,
    them: Media,
    /// Each fifth packet of voice is lost on the way.
    lossy: bool,
    said: u64,
    /// Payload types and bytes of the voice that left.
    left: BTreeSet<(u8, usize)>,
}

impl Call {
    /// Of so many others only the first says anything.
    fn new(input: &Path, others: u32, lossy: bool, delay: DelayMode) -> Self {
        let media = |seed| Media::new(Rng::new([seed; 32]), Time::ZERO);
        let side = Side::new(&format!("wav:{},", input.display()));
        let (us, them) = (media(1), media(2));
        let mut call = Self { side, us, them, lossy, said: 0, left: BTreeSet::new() };
        call.us.handle(MediaInput::Delay(delay), Time::ZERO);
        for (media, ssrc) in [(&mut call.us, US), (&mut call.them, THEM)] {
            media.handle(MediaInput::Command(CallCommand::Bind(place(ssrc))), Time::ZERO);
            media.handle(MediaInput::Command(CallCommand::Open(CALL)), Time::ZERO);
        }
        for silent in 1..others {
            listen(&mut call.us, Ssrc(100 + silent), (0, 0, BaseKey::new([9; 32])), Time::ZERO);
        }
        call.carry(Time::ZERO);
        call.side.instruments.open(Time::ZERO);
        call.side.until(Time::ZERO, speaker_open);
        call
    }

    fn run(&mut self, milliseconds: std::ops::Range<u64>) {
        for now in milliseconds.step_by(5).map(Time::ms) {
            while self.side.instruments.turn(now) {}
            while let Some(frame) = self.side.instruments.next_frame() {
                let duration = Duration::from_millis(self.side.instruments.encoder().frame.ms().into());
                self.us.handle(MediaInput::Frame { opus: frame.bytes(), duration }, now);
                self.carry(now);
            }
            self.us.handle(MediaInput::Timeout, now);
            self.them.handle(MediaInput::Timeout, now);
            self.carry(now);
        }
    }

    /// Brings each what the other has sent, and the instruments what was decided.
    fn carry(&mut self, now: Time) {
        while let Some(output) = self.us.poll() {
            match output {
                MediaOutput::Datagram { bytes, .. } => {
                    if let [0x80, kind @ (VOICE | COPIES), ..] = bytes[..] {
                        self.left.insert((kind, bytes.len()));
                        self.said += 1;
                        if self.lossy && self.said.is_multiple_of(5) {
                            continue;
                        }
                    }
                    self.them.handle(MediaInput::Datagram(relay(), &bytes), now);
                }
                MediaOutput::Encode(plan) => self.side.instruments.follow(plan).unwrap(),
                MediaOutput::Event(CallEvent::Key { generation, step, base_key, .. }) => {
                    listen(&mut self.them, US, (generation, step, base_key), now);
                }
                MediaOutput::Event(_)
                | MediaOutput::Play { .. }
                | MediaOutput::OpenDevices
                | MediaOutput::CloseDevices
                | MediaOutput::Member(_)
                | MediaOutput::Drop(_) => {}
            }
        }
        while let Some(output) = self.them.poll() {
            match output {
                MediaOutput::Datagram { bytes, .. } => {
                    self.us.handle(MediaInput::Datagram(relay(), &bytes), now);
                }
                MediaOutput::Event(CallEvent::Key { generation, step, base_key, .. }) => {
                    listen(&mut self.us, THEM, (generation, step, base_key), now);
                }
                MediaOutput::Event(_)
                | MediaOutput::Encode(_)
                | MediaOutput::Play { .. }
                | MediaOutput::OpenDevices
                | MediaOutput::CloseDevices
                | MediaOutput::Member(_)
                | MediaOutput::Drop(_) => {}
            }
        }
    }
}

fn relay() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 8_462))
}

fn place(ssrc: Ssrc) -> Place {
    let (relay_addr, relay) = (relay(), RelayId(1));
    Place { call: CALL, relay_addr, relay, ssrc, expiry: 600, ticket: [0; 32] }
}

fn listen(media: &mut Media, ssrc: Ssrc, (generation, step, base_key): (u8, u8, BaseKey), now: Time) {
    let listen = CallCommand::Listen { call: CALL, ssrc, generation, step, base_key };
    media.handle(MediaInput::Command(listen), now);
}

#[test]
fn a_pause_in_the_speech_cannot_be_told_from_the_size_of_what_goes_out() {
    let scratch = Scratch::new("sizes");
    let input = scratch.file("in.wav");
    let mut speech = crate::testing::voice(23 * 48_000);
    speech.chunks_mut(48_000).skip(1).step_by(2).for_each(|pause| pause.fill(0.0));
    WavOut::create(&input).unwrap().write(&speech);
    // 12 bytes of RTP, 3 of SFrame from the 256th packet on, and 16 of its tag.
    let around = 12 + 3 + 16;
    for (others, lossy, delay, wanted, coarse) in [
        (1, false, DelayMode::Ordinary, (VOICE, around + 42), false),
        (1, false, DelayMode::Low, (VOICE, around + 40), false),
        // Two copies of 75 bytes each, one, and none but Opus's own.
        (1, true, DelayMode::Ordinary, (COPIES, around + 3 * 75 + 9), false),
        (4, true, DelayMode::Ordinary, (COPIES, around + 2 * 75 + 5), false),
        (9, true, DelayMode::Ordinary, (VOICE, around + 80), true),
    ] {
        let mut call = Call::new(&input, others, lossy, delay);
        // Until then the plan may still change.
        call.run(0..15_000);
        call.left.clear();
        let said = call.said;
        call.run(15_000..23_000);
        assert!(call.said - said >= 390, "a packet for each frame, also of silence: {}", call.said - said);
        let left: Vec<_> = call.left.into_iter().collect();
        assert_eq!(left, [wanted], "{others} others, {delay:?}");
        assert_eq!(call.side.instruments.encoder().loss_percent > 0, coarse, "{others} others");
    }
}
