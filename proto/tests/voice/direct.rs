//! Calls of the plain protocols, which have no relay: whom a machine speaks to, whom it hears, and what it never sends.

use core::net::SocketAddr;
use core::time::Duration;

use proto::id::{CallId, Ssrc};
use proto::limits::MEDIA_SILENCE_MAX;
use proto::media::{
    CallCommand, CallEvent, DirectForm, EncoderPlan, Media, MediaInput, MediaOutput, Statistics,
};
use proto::wire::datagram::{PlainVoice, decode_text_voice, encode_text_voice};
use proto::{Drop, Now, Rng, Time, Wall};

use crate::voice_net::{CALL, place};

const EPOCH: Wall = Wall(1_700_000_000_000);
const FRAME: Duration = Duration::from_millis(10);
/// 10 ms of Opus, stereo, as an original says it.
const SOUND: [u8; 4] = [30 << 3 | 4, 1, 2, 3];

fn home(n: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, n], 8_085))
}

fn ssrc(n: u8) -> Ssrc {
    Ssrc(u32::from(n))
}

/// What came out of a machine.
#[derive(Default)]
struct Out {
    sent: Vec<(SocketAddr, Vec<u8>)>,
    played: Vec<(Ssrc, u64, Vec<u8>)>,
    events: Vec<CallEvent>,
    drops: Vec<Drop>,
    devices: bool,
}

struct End {
    media: Media,
    now: Time,
    out: Out,
}

impl End {
    fn new(form: DirectForm) -> Self {
        let mut media = Media::new(Rng::new([1; 32]), Time::ZERO);
        media.set_wall(Now::at(Time::ZERO, EPOCH));
        let mut end = Self { media, now: Time::secs(9), out: Out::default() };
        end.command(CallCommand::OpenDirect { call: CALL, form, local: home(1) });
        assert!(end.out.devices && end.out.sent.is_empty(), "nobody was met, so nothing is said");
        end
    }

    fn command(&mut self, command: CallCommand) {
        self.handle(MediaInput::Command(command));
    }

    fn meet(&mut self, n: u8) {
        self.command(CallCommand::Meet { call: CALL, ssrc: ssrc(n), at: home(n) });
    }

    fn says(&mut self, opus: &[u8]) {
        self.handle(MediaInput::Frame { opus, duration: FRAME });
    }

    fn hears(&mut self, from: SocketAddr, bytes: &[u8]) -> Option<Drop> {
        let before = self.out.drops.len();
        self.handle(MediaInput::Datagram(from, bytes));
        self.out.drops.get(before).copied()
    }

    fn handle(&mut self, input: MediaInput<'_>) {
        self.media.handle(input, self.now);
        while let Some(out) = self.media.poll() {
            match out {
                MediaOutput::Datagram { to, bytes } => self.out.sent.push((to, bytes.to_vec())),
                MediaOutput::Play { speaker, seq, timestamp, frame, .. } => {
                    assert_eq!(u64::from(timestamp), seq * 480);
                    self.out.played.push((speaker, seq, frame.to_vec()));
                }
                MediaOutput::OpenDevices => self.out.devices = true,
                MediaOutput::CloseDevices => self.out.devices = false,
                MediaOutput::Event(event) => self.out.events.push(event),
                MediaOutput::Drop(drop) => self.out.drops.push(drop),
                MediaOutput::Member(_) => panic!("nobody reports here"),
                MediaOutput::Encode(plan) => assert_eq!(plan, EncoderPlan::default()),
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.media.deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.handle(MediaInput::Timeout);
            assert!(
                self.media.deadline().is_none_or(|at| at > self.now),
                "a deadline in the past would spin"
            );
        }
        self.now = until;
    }
}

fn original(n: u64) -> [u8; 272] {
    let opus = [&SOUND[..], &n.to_be_bytes()].concat();
    PlainVoice { opus: &opus, sent_ms: EPOCH.0 + n * 10 }.encode().unwrap()
}

#[test]
fn voice_goes_to_each_address_once_as_the_original_sends_it() {
    let mut end = End::new(DirectForm::Binary);
    end.meet(2);
    end.meet(3);
    end.command(CallCommand::Meet { call: CALL, ssrc: ssrc(4), at: home(3) });
    end.wait(Duration::from_millis(50));
    end.out.sent.clear();
    end.says(&SOUND);
    let to: Vec<_> = end.out.sent.iter().map(|(to, _)| *to).collect();
    assert_eq!(to, [home(2), home(3)], "two members at one address get one copy");
    for (_, bytes) in &end.out.sent {
        assert_eq!(bytes.len(), 272);
        let voice = PlainVoice::decode(bytes).unwrap();
        assert_eq!((voice.opus, voice.sent_ms), (&SOUND[..], EPOCH.0 + 9_050));
    }
}

#[test]
fn several_behind_one_address_are_told_apart_by_what_their_datagrams_say() {
    let mut end = End::new(DirectForm::Binary);
    for n in [4, 5] {
        end.command(CallCommand::Meet { call: CALL, ssrc: ssrc(n), at: home(3) });
    }
    end.meet(6);
    let of = |stream: u8, n: u64| {
        let opus = [&SOUND[..], &[stream], &n.to_be_bytes()].concat();
        PlainVoice { opus: &opus, sent_ms: EPOCH.0 + n * 10 }.encode_of(ssrc(stream)).unwrap()
    };
    for n in 0..20 {
        for stream in [4, 5] {
            assert_eq!(end.hears(home(3), &of(stream, n)), None);
        }
    }
    let numbers = |of: u8| -> Vec<u64> {
        end.out.played.iter().filter(|(who, ..)| *who == ssrc(of)).map(|(_, seq, _)| *seq).collect()
    };
    let all: Vec<u64> = (0..20).collect();
    assert_eq!((numbers(4), numbers(5)), (all.clone(), all), "each is a stream of its own, without a gap");
    assert!(end.out.played.iter().all(|(who, _, opus)| *who == ssrc(opus[4])));
    let before = end.out.played.len();
    assert_eq!(end.hears(home(3), &of(6, 30)), None);
    assert_eq!(end.out.played[before].0, ssrc(4), "whose host is another is not spoken for");
}

#[test]
fn nothing_leaves_that_kills_an_original_or_goes_to_who_was_not_met() {
    let mut end = End::new(DirectForm::Binary);
    end.says(&SOUND);
    assert!(end.out.sent.is_empty(), "nobody was met");
    end.meet(2);
    end.meet(3);
    end.command(CallCommand::Deafen { call: CALL, ssrc: ssrc(3) });
    end.wait(Duration::from_millis(50));
    end.out.sent.clear();
    for bad in [&[31 << 3, 1][..], &[28 << 3, 1], &[30 << 3 | 1, 1, 2], &[30 << 3; 257], &[]] {
        end.says(bad);
    }
    assert!(end.out.sent.is_empty(), "20 ms, 2.5 ms, two frames, too long, nothing");
    assert_eq!(end.hears(home(3), &original(1)), Some(Drop::Stranger), "out is out");
    end.says(&SOUND);
    assert!(end.out.sent.iter().all(|(to, _)| *to == home(2)));
    end.command(CallCommand::Close(CALL));
    end.out.sent.clear();
    end.says(&SOUND);
    end.wait(Duration::from_secs(1));
    assert!(
        end.out.sent.is_empty() && !end.out.devices,
        "and after the end nothing is said, not even goodbye"
    );
    assert_eq!(end.hears(home(2), &original(2)), Some(Drop::NoCall));
}

#[test]
fn each_member_is_told_by_its_host_and_heard_apart() {
    let mut end = End::new(DirectForm::Binary);
    end.meet(2);
    end.meet(3);
    let (other_port, stranger) = (SocketAddr::from(([127, 0, 0, 2], 50_000)), home(9));
    let mapped: SocketAddr = "[::ffff:127.0.0.3]:8085".parse().unwrap();
    for n in 0..5 {
        assert_eq!(end.hears(other_port, &original(n)), None);
        assert_eq!(end.hears(other_port, &original(n)), Some(Drop::Replay), "a repeat");
        assert_eq!(end.hears(mapped, &original(n)), None);
        assert_eq!(end.hears(stranger, &original(n)), Some(Drop::Stranger));
    }
    for n in [2, 3] {
        let of_them = end.out.played.iter().filter(|(who, ..)| *who == ssrc(n));
        assert_eq!(of_them.map(|(_, seq, _)| *seq).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        let heard = CallEvent::Heard { call: CALL, ssrc: ssrc(n) };
        assert_eq!(end.out.events.iter().filter(|event| **event == heard).count(), 1);
    }
    let mut figures = Statistics::default();
    end.hears(home(2), &original(7));
    end.wait(Duration::from_millis(120));
    end.hears(home(2), &original(8));
    end.media.fill(&mut figures, end.now);
    assert_eq!((figures.opened, figures.lost), (12, 2), "the clock shows what did not come");
}

#[test]
fn datagrams_that_kill_an_original_are_named_and_dropped() {
    let mut end = End::new(DirectForm::Binary);
    end.meet(2);
    let good = original(1);
    let with = |at: usize, bytes: &[u8]| {
        let mut bad = good;
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        bad
    };
    for bad in [
        with(0, &[0; 4]),
        with(260, &0i32.to_le_bytes()),
        with(260, &257i32.to_le_bytes()),
        with(260, &(-1i32).to_le_bytes()),
        with(4, &[31 << 3]),
    ] {
        assert_eq!(end.hears(home(2), &bad), Some(Drop::Malformed));
    }
    assert_eq!(end.hears(home(2), &good[..271]), Some(Drop::Malformed));
    assert_eq!(end.hears(home(2), &[good.as_slice(), &[0]].concat()), Some(Drop::Oversized));
    assert_eq!(end.hears(home(2), &[0; 1_300]), Some(Drop::Oversized));
    assert_eq!(end.hears(home(2), &good), None);
    assert_eq!(end.out.played.len(), 1);
}

#[test]
fn a_muted_member_is_alive_and_a_gone_one_is_quiet() {
    let (mut one, mut two) = (End::new(DirectForm::Binary), End::new(DirectForm::Binary));
    one.meet(2);
    two.meet(1);
    for _ in 0..200 {
        one.wait(Duration::from_millis(100));
        for (_, bytes) in core::mem::take(&mut one.out.sent) {
            assert_eq!(PlainVoice::decode(&bytes).unwrap().opus, [0xf0, 0xff, 0xfe]);
            assert_eq!(two.hears(home(1), &bytes), None);
        }
        two.wait(Duration::from_millis(100));
    }
    assert_eq!(two.out.events, [CallEvent::Heard { call: CALL, ssrc: ssrc(1) }], "20 s of nothing but life");
    assert!(two.out.played.is_empty());
    two.wait(MEDIA_SILENCE_MAX);
    let gone = [CallEvent::Quiet { call: CALL, ssrc: ssrc(1) }, CallEvent::Silent(CALL)];
    assert_eq!(two.out.events[1..], gone);
}

#[test]
fn the_text_form_says_the_same_in_base64() {
    let mut end = End::new(DirectForm::Text);
    end.meet(2);
    end.says(&SOUND);
    let (to, bytes) = end.out.sent.last().unwrap().clone();
    assert_eq!((to, &bytes[..3]), (home(2), &b"14 "[..]));
    assert_eq!(decode_text_voice(&bytes).unwrap()[..], SOUND);
    let said = encode_text_voice(&SOUND).unwrap();
    for _ in 0..3 {
        assert_eq!(end.hears(home(2), &said), None, "without a clock equal frames are no repeats");
    }
    assert_eq!(end.out.played.iter().map(|(_, seq, _)| *seq).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(end.hears(home(2), b"14 ????"), Some(Drop::Malformed));
    assert_eq!(end.hears(home(2), &original(1)), Some(Drop::Malformed), "the other form");
}

#[test]
fn what_came_by_tcp_is_played_among_what_came_by_udp() {
    let arrived =
        |n: u8, opus: &[u8]| CallCommand::Arrived { call: CALL, ssrc: ssrc(n), opus: opus.to_vec() };
    let mut end = End::new(DirectForm::Text);
    end.meet(2);
    end.command(arrived(2, &SOUND));
    assert_eq!(end.out.events, [CallEvent::Heard { call: CALL, ssrc: ssrc(2) }]);
    assert_eq!(end.hears(home(2), &encode_text_voice(&SOUND).unwrap()), None);
    end.command(arrived(2, &SOUND));
    let expected: Vec<_> = (0..3).map(|seq| (ssrc(2), seq, SOUND.to_vec())).collect();
    assert_eq!(end.out.played, expected);
    // It is a sign of life, too.
    for _ in 0..20 {
        end.wait(MEDIA_SILENCE_MAX / 2);
        end.command(arrived(2, &SOUND));
    }
    assert_eq!(end.out.events.len(), 1, "{:?}", end.out.events);

    let twenty_ms = [31 << 3, 1, 2];
    for (command, why) in [
        (arrived(3, &SOUND), Drop::Stranger),
        (arrived(2, &[]), Drop::Malformed),
        (arrived(2, &twenty_ms), Drop::Malformed),
        (arrived(2, &[30 << 3; 382]), Drop::Oversized),
        (CallCommand::Arrived { call: CallId([9; 16]), ssrc: ssrc(2), opus: SOUND.to_vec() }, Drop::NoCall),
    ] {
        let shown = format!("{command:?}");
        end.command(command);
        assert_eq!(end.out.drops.pop(), Some(why), "{shown}");
    }
    assert_eq!((end.out.played.len(), end.out.drops.len()), (23, 0));
    end.command(CallCommand::Deafen { call: CALL, ssrc: ssrc(2) });
    end.command(arrived(2, &SOUND));
    assert_eq!(end.out.drops, [Drop::Stranger], "they are out");
    let mut other = End::new(DirectForm::Binary);
    other.meet(2);
    other.command(arrived(2, &SOUND));
    assert_eq!(other.out.drops, [Drop::OutOfTurn], "seed A has no such packet");
}

#[test]
fn commands_of_the_other_kinds_of_call_are_out_of_turn() {
    let mut end = End::new(DirectForm::Binary);
    end.command(CallCommand::OpenDirect { call: CALL, form: DirectForm::Text, local: home(1) });
    end.command(CallCommand::Bind(place(0)));
    for command in [CallCommand::Open(CALL), CallCommand::OpenPlain(CALL), CallCommand::Step(CALL)] {
        end.command(command);
    }
    end.command(CallCommand::ListenPlain { call: CALL, ssrc: ssrc(2) });
    assert_eq!(end.out.drops, [Drop::OutOfTurn; 6]);
    end.command(CallCommand::Meet { call: CALL, ssrc: ssrc(2), at: SocketAddr::from(([0, 0, 0, 0], 8_085)) });
    end.command(CallCommand::Meet { call: CALL, ssrc: ssrc(2), at: SocketAddr::from(([127, 0, 0, 2], 0)) });
    assert_eq!(end.out.drops[6..], [Drop::Malformed; 2]);
    (0..32).for_each(|n| end.meet(n + 2));
    end.meet(99);
    assert_eq!(end.out.drops[8..], [Drop::Full]);
}
