//! Pages of what people are told about a call: figures, blame, who is muted or records, echoes; and that they stand
//! still and cost little.

use core::net::SocketAddr;

use proto::media::appraise::{Appraisal, MemberAppraisal};
use proto::media::blame::{Fault, Hop};
use proto::media::quality::MouthToEar;
use proto::media::{MemberState, MemberStatistics, Path};

use super::*;

/// The figures of a calm call with the streams 1, 2, ... (7 if there is but one), at these round trips.
pub(super) fn figures(round_trips: &[u64]) -> Statistics {
    let ms = Duration::from_millis;
    let relay: SocketAddr = "203.0.113.9:8462".parse().unwrap();
    let streams = if round_trips.len() == 1 { vec![7] } else { (1..).take(round_trips.len()).collect() };
    let member = |(ssrc, trip): (u32, &u64)| MemberStatistics {
        told: true,
        path: Some(Path::Relay(relay)),
        round_trip: Some(ms(*trip)),
        loss_in: 0.003,
        loss_out: 0.001,
        jitter_in: ms(6),
        buffer_in: ms(40),
        ..MemberStatistics::of(Ssrc(ssrc))
    };
    let members: Vec<MemberStatistics> = streams.into_iter().zip(round_trips).map(member).collect();
    let appraised = |of: &MemberStatistics| MemberAppraisal {
        ssrc: of.ssrc,
        mos_in: Some(4.2),
        mos_out: Some(4.1),
        mouth_to_ear: Some(MouthToEar {
            capture: ms(5),
            frame: ms(10),
            look_ahead: Duration::from_micros(6_500),
            network: of.round_trip.unwrap_or_default() / 2,
            buffer: ms(40),
            speaker: ms(8),
        }),
        round_trip_p95: Some(ms(58)),
    };
    let appraisal = Appraisal {
        mos: Some(4.2),
        round_trip_p95: Some(ms(58)),
        members: members.iter().map(appraised).collect(),
        ..Appraisal::default()
    };
    Statistics {
        round_trip: members.iter().filter_map(|member| member.round_trip).max(),
        loss_in: 0.003,
        loss_out: 0.001,
        jitter: ms(6),
        buffer: ms(40),
        bitrate: 32_000,
        frame: ms(10),
        fec: true,
        payload: 32_000,
        wire: (61_000, 60_000),
        local: Some("10.0.0.7:40000".parse().unwrap()),
        members,
        appraisal,
        ..Statistics::default()
    }
}

/// Every page of a call of which something is to be said.
pub(super) fn pages(look: Look) -> Vec<(&'static str, Story)> {
    let mut list = Vec::new();
    let mut page = |name, story: Story| list.push((name, story));

    let mut story = Story::in_call(look);
    story.keys("^g - -");
    let mut lossy = figures(&[42]);
    lossy.members[0].loss_in = 0.05;
    lossy.members[0].concealed_in = 0.004;
    lossy.copies = [2, 4];
    lossy.frame = Duration::from_millis(20);
    lossy.appraisal = Appraisal {
        hop: Hop::FromThem(Ssrc(7)),
        lost: 0.05,
        heard: 0.004,
        mos: Some(3.7),
        ..lossy.appraisal
    };
    story.hear(SoundEvent::Statistics(Box::new(lossy)));
    page("call_blamed", story);

    let mut story = Story::in_call(look);
    story.keys("^g");
    let leaking = Statistics { dtx: true, copies: [2, 4], ..figures(&[42]) };
    story.hear(SoundEvent::Statistics(Box::new(leaking)));
    page("call_dtx", story);

    // Beside the chat, or above the line in which one writes.
    let mut story = Story::in_call(look);
    story.hear(SoundEvent::Statistics(Box::new(Statistics { dtx: true, ..figures(&[42]) })));
    page("call_dtx_bar", story);

    for (name, keys) in [("group_dtx", "^g"), ("group_dtx_bar", "")] {
        let mut story = Story::group_told(look);
        let leaking = Statistics { dtx: true, ..figures(&[42, 61, 88, 35]) };
        story.hear(SoundEvent::Statistics(Box::new(leaking)));
        story.keys(keys);
        page(name, story);
    }

    let mut story = Story::morning(look);
    story.keys(", Tab Down Down Down Down Enter");
    story.model.notice = None;
    page("settings_dtx", story);

    for (name, keys) in [("call_recorded", "^g"), ("call_recorded_bar", "")] {
        let mut story = Story::in_call(look);
        story.hear(SoundEvent::Member(MemberState {
            ssrc: Ssrc(7),
            muted: true,
            recording: true,
            on_hold: false,
        }));
        story.model.notice = None;
        story.keys(keys);
        page(name, story);
    }

    let mut story = Story::in_call(look);
    story.keys("^g");
    let mut echo = figures(&[42]);
    echo.members[0].echo_from_us = true;
    story.hear(SoundEvent::Statistics(Box::new(echo)));
    page("call_echo", story);

    let mut story = Story::group_told(look);
    story.keys("^g j - -");
    page("group_blamed", story);

    let mut story = Story::in_call(look);
    story.keys("^g");
    for _ in 0..10 {
        story.hear(SoundEvent::Statistics(Box::new(figures(&[42]))));
    }
    story.tell(Event::Ended { with: vec![name("bob")], reason: EndReason::HungUp });
    page("call_summed_up", story);
    list
}

impl Story {
    /// Four others: carol is muted, dave loses, erin is nobody we know.
    fn group_told(look: Look) -> Self {
        let mut story = Self::morning(look);
        let to = "bob carol dave heidi".split(' ').map(name).collect();
        story.tell(Event::Calling { to, plain: false });
        for (ssrc, who) in (1..).zip(["bob", "carol", "dave", "heidi"]) {
            story.tell(Event::Joined { who: name(who), ssrc: Ssrc(ssrc), plain: false });
            story.tell(Event::Heard(name(who)));
        }
        story.hear(SoundEvent::Microphone(open("USB Headset")));
        story.hear(SoundEvent::Speaker(open("USB Headset")));
        story.wait(Duration::from_secs(192));
        story.hear(SoundEvent::Member(MemberState {
            ssrc: Ssrc(2),
            muted: true,
            recording: false,
            on_hold: false,
        }));
        let speakers = vec![(Ssrc(1), -21.0), (Ssrc(3), -40.0)];
        story.hear(SoundEvent::Levels(Levels { microphone: -9.0, speakers }));
        let mut lossy = figures(&[42, 61, 88, 35]);
        lossy.members[2].loss_in = 0.019;
        lossy.members[2].concealed_in = 0.002;
        let hop = Hop::TheirUplink(Ssrc(3));
        lossy.appraisal = Appraisal { hop, lost: 0.019, heard: 0.002, ..lossy.appraisal };
        story.hear(SoundEvent::Statistics(Box::new(lossy)));
        story.model.notice = None;
        story
    }
}

#[test]
fn who_records_is_seen_wherever_the_call_is() {
    for look in [UNICODE, ASCII] {
        let recorded = pages(look).into_iter().filter(|(page, _)| page.starts_with("call_recorded"));
        let recorded: Vec<_> = recorded.collect();
        assert!(!recorded.is_empty());
        for (page, story) in recorded {
            for (width, height) in [(120, 40), (80, 24), (60, 15), (50, 12), (40, 10), (39, 9)] {
                let (buffer, _) = story.buffer(width, height);
                let drawn = picture(&buffer);
                assert!(drawn.contains("REC bob"), "{page} at {width}x{height}:\n{drawn}");
                // What was heard before they muted themselves is over.
                let speaks = drawn.lines().any(|line| line.contains("muted") && line.contains("speaking"));
                assert!(!speaks, "{page} at {width}x{height}:\n{drawn}");
            }
        }
    }
}

/// Also while the other side records, which is said first.
#[test]
fn that_silence_leaks_is_seen_wherever_the_call_is() {
    for look in [UNICODE, ASCII] {
        for (page, mut story) in pages(look).into_iter().filter(|(page, _)| page.contains("_dtx")) {
            if story.model.call.is_none() {
                continue;
            }
            for recording in [false, true] {
                let ssrc = if page.starts_with("group") { Ssrc(1) } else { Ssrc(7) };
                story.hear(SoundEvent::Member(MemberState { ssrc, muted: false, recording, on_hold: false }));
                story.model.notice = None;
                for (width, height) in [(120, 40), (80, 24), (60, 15), (50, 12), (40, 10)] {
                    let drawn = picture(&story.buffer(width, height).0);
                    assert!(drawn.contains("DTX leaks"), "{page} at {width}x{height}:\n{drawn}");
                    assert_eq!(drawn.contains("REC bob"), recording, "{page} at {width}x{height}:\n{drawn}");
                }
            }
            // Among the figures, too, of which the panel has room for a few words.
            let drawn = picture(&story.buffer(120, 40).0);
            let row = if page.ends_with("_bar") { "Opus      DTX: leaks\n" } else { "DTX on: leaks\n" };
            assert!(page == "group_dtx" || drawn.contains(row), "{page}:\n{drawn}");
            story.hear(SoundEvent::Statistics(Box::new(figures(&[42]))));
            for (width, height) in [(120, 40), (80, 24), (40, 10)] {
                assert!(!picture(&story.buffer(width, height).0).contains("leaks"), "{page} after it");
            }
        }
    }
}

#[test]
fn nothing_is_blamed_on_a_microphone_that_is_shut_or_does_not_work() {
    let failed = HalfState::Failed { why: Safe::line("it is unplugged") };
    for broken in [None, Some(failed)] {
        let mut story = Story::in_call(UNICODE);
        story.keys("^g");
        let mut loud = figures(&[42]);
        loud.members[0].echo_from_us = true;
        loud.appraisal = Appraisal { hop: Hop::MyMicrophone(Fault::Clips), ..loud.appraisal };
        story.hear(SoundEvent::Statistics(Box::new(loud)));
        let says = |story: &Story, words: &str| picture(&story.buffer(80, 24).0).contains(words);
        assert!(says(&story, "too loud for your microphone") && says(&story, "bob hears an echo"));
        match broken {
            Some(half) => story.hear(SoundEvent::Microphone(half)),
            None => story.keys("t"),
        }
        assert!(!says(&story, "too loud") && !says(&story, "hears an echo"));
    }
}

#[test]
fn on_the_smallest_screen_what_is_wrong_is_not_cut() {
    let echo = "bob hears an echo of themselves from you: use headphones, or turn down.";
    let blame = "bob's uplink or your downlink loses 5.0 %: 0.4 % could be heard.";
    let mut all = super::pages(UNICODE);
    let mut both = Story::in_call(UNICODE);
    both.keys("^g");
    let mut told = figures(&[42]);
    told.members[0].echo_from_us = true;
    let hop = Hop::FromThem(Ssrc(7));
    told.appraisal = Appraisal { hop, lost: 0.05, heard: 0.004, ..told.appraisal };
    both.hear(SoundEvent::Statistics(Box::new(told)));
    all.push(("both", both));
    for (page, whole) in [
        ("no_sound", vec!["No microphone and no speaker work: d chooses others."]),
        ("call_echo", vec![echo]),
        ("call_blamed", vec![blame]),
        ("both", vec!["bob hears themselves: turn down.", blame]),
        ("plain_view", vec!["The server and the network can hear this call."]),
        ("group_blamed", vec!["dave's uplink loses 1.9 %: 0.2 % could be heard."]),
    ] {
        let (_, story) = all.iter().find(|(name, _)| *name == page).expect("it is one of the pages");
        let drawn = picture(&story.buffer(40, 10).0);
        let rows: Vec<&str> = drawn.lines().skip(6).take(3).map(str::trim).collect();
        assert!(rows.join(" ").contains(&whole.join(" ")), "{page}: {whole:?} in\n{drawn}");
    }
}

#[test]
fn recording_is_said_at_once_and_again_when_it_ends() {
    let mut story = Story::in_call(UNICODE);
    let said = |story: &Story| story.model.notice.as_ref().map(|notice| notice.text.clone());
    let state = |recording| {
        SoundEvent::Member(MemberState { ssrc: Ssrc(7), muted: false, recording, on_hold: false })
    };
    story.hear(state(true));
    assert_eq!(said(&story).as_deref(), Some("bob records this call."));
    story.hear(state(false));
    assert_eq!(said(&story).as_deref(), Some("bob stopped recording."));
    let (buffer, _) = story.buffer(80, 24);
    assert!(!picture(&buffer).contains("REC"));
}

#[test]
fn whoever_is_on_hold_is_not_merely_muted() {
    for (keys, width, height) in [("^g", 80, 24), ("^g", 50, 12), ("", 120, 40)] {
        let mut story = Story::in_call(UNICODE);
        let mut told = |on_hold| {
            let state = MemberState { ssrc: Ssrc(7), muted: true, recording: false, on_hold };
            story.hear(SoundEvent::Member(state));
            if on_hold {
                story.keys(keys);
            }
            let (buffer, _) = story.buffer(width, height);
            picture(&buffer).contains("on hold")
        };
        assert!(told(true), "{width}x{height}");
        assert!(!told(false), "{width}x{height}");
    }
}

/// Figures that waver as those of a good call do.
fn wavering(second: u64) -> Statistics {
    let mut told = figures(&[42 + second % 3]);
    told.jitter = Duration::from_micros(6_000 + second % 2 * 900);
    told.payload = 32_000 + u32::try_from(second % 5).unwrap() * 100;
    told
}

#[test]
fn a_steady_call_costs_nothing_but_its_clock() {
    let (mut tty, mut story) = (Tty::new(), Story::in_call(UNICODE));
    story.keys("^g");
    story.hear(SoundEvent::Statistics(Box::new(wavering(0))));
    tty.show(&story);
    for second in 1..60 {
        story.wait(Duration::from_secs(1));
        story.hear(SoundEvent::Statistics(Box::new(wavering(second))));
        let bytes = tty.show(&story).len();
        assert!(bytes <= 24, "{bytes} bytes in a second in which nothing visible changed");
    }
}

/// The full view of a call in trouble: every figure is another every second, and the meters move.
#[test]
fn a_bad_call_over_a_network_is_at_most_500_bytes_a_second() {
    let (mut tty, mut story) = (Tty::new(), Story::in_call(UNICODE));
    story.keys("^g");
    tty.show(&story);
    let mut bytes = 0;
    for tick in 0..40u16 {
        let loud = |n: u16| -6.0 - f32::from((tick * n) % 40);
        story.wait(Duration::from_millis(250));
        story.hear(SoundEvent::Levels(Levels { microphone: loud(7), speakers: vec![(Ssrc(7), loud(11))] }));
        if tick % 4 == 0 {
            let mut told = figures(&[40 + u64::from(tick) * 13 % 97]);
            let wild = f32::from(tick * 7 % 31) / 100.0;
            (told.members[0].loss_in, told.members[0].concealed_in) = (wild, wild / 3.0);
            (told.jitter, told.buffer) =
                (Duration::from_millis(tick.into()), Duration::from_millis(tick as u64 * 3));
            told.wire = (60_000 + u32::from(tick) * 1_000, 60_000);
            told.appraisal.hop = Hop::FromThem(Ssrc(7));
            told.appraisal.lost = wild;
            told.appraisal.mos = Some(4.0 - wild * 5.0);
            story.hear(SoundEvent::Statistics(Box::new(told)));
        }
        bytes += tty.show(&story).len();
    }
    assert!(bytes / 10 <= 500, "{} bytes a second", bytes / 10);
}

#[test]
fn what_a_protocol_cannot_tell_is_not_promised_for_later() {
    let shown = |story: &Story| {
        let (buffer, _) = story.buffer(80, 24);
        picture(&buffer)
    };
    let mute = || {
        let mut told = figures(&[42]);
        told.round_trip = None;
        let path = Some(Path::Direct("127.0.0.2:8085".parse().unwrap()));
        told.members = vec![MemberStatistics { path, ..MemberStatistics::of(Ssrc(7)) }];
        told.appraisal = Appraisal::default();
        SoundEvent::Statistics(Box::new(told))
    };
    let mut story = Story::morning(UNICODE);
    story.model.settings.plain_server = Some("binary");
    story.tell(Event::Calling { to: vec![name("bob")], plain: true });
    story.tell(Event::Joined { who: name("bob"), ssrc: Ssrc(7), plain: true });
    story.tell(Event::Heard(name("bob")));
    story.keys("^g");
    story.hear(mute());
    let drawn = shown(&story);
    assert!(drawn.contains("their program does not say") && !drawn.contains("not known yet"), "{drawn}");
    story.model.settings.plain_server = Some("text");
    let drawn = shown(&story);
    assert!(drawn.contains("loss           their program does not say"), "{drawn}");
    let mut story = Story::in_call(UNICODE);
    story.keys("^g");
    story.model.call.as_mut().unwrap().figures = Default::default();
    story.hear(mute());
    assert!(shown(&story).contains("not known yet"));
}
