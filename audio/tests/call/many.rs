//! Whole agents in calls of many, in calls that are not encrypted, and in calls without a relay.

use std::net::SocketAddr;

use proto::id::Ssrc;
use proto::media::{AgentEvent, BaseKey, CallCommand, CallEvent, DirectForm, HalfState, SoundEvent};

use super::line::{CALL, Line, Party, alike, voice};
use super::{Scratch, read, write};

/// The pitch of each, in hertz, and one that nobody has.
const PITCHES: [f32; 3] = [500.0, 800.0, 1_300.0];
const NOBODYS: f32 = 2_100.0;

fn tone(hertz: f32, seconds: usize) -> Vec<f32> {
    let turn = hertz * std::f32::consts::TAU / 48_000.0;
    (0..seconds * 48_000).map(|n| 0.2 * (n as f32 * turn).sin()).collect()
}

/// How much of `hertz` there is, as the amplitude of a sine.
fn amount(hertz: f32, samples: &[f32]) -> f32 {
    let turn = f64::from(hertz) * std::f64::consts::TAU / 48_000.0;
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        re += f64::from(*sample) * (turn * n as f64).cos();
        im += f64::from(*sample) * (turn * n as f64).sin();
    }
    (2.0 * re.hypot(im) / samples.len() as f64) as f32
}

/// The most of `hertz` in any fifth of a second.
fn most(hertz: f32, samples: &[f32]) -> f32 {
    samples.chunks_exact(9_600).map(|piece| amount(hertz, piece)).fold(0.0, f32::max)
}

/// One that says a file of its own and records what it hears.
fn party(scratch: &Scratch, n: u32, said: &[f32]) -> Party {
    let file = |kind: &str| scratch.0.join(format!("{kind}-{n}.wav"));
    write(&file("in"), said);
    Party::new(&format!("wav:{},{}", file("in").display(), file("out").display()), 10 + n)
}

fn heard(scratch: &Scratch, n: u32) -> Vec<f32> {
    read(&scratch.0.join(format!("out-{n}.wav")))
}

fn key(party: &mut Party) -> (u8, u8, BaseKey) {
    party.until_call("Key", |event| match event {
        CallEvent::Key { generation, step, base_key, .. } => Some((*generation, *step, base_key.clone())),
        CallEvent::Bound(_)
        | CallEvent::Heard { .. }
        | CallEvent::HungUp { .. }
        | CallEvent::Quiet { .. }
        | CallEvent::Silent(_)
        | CallEvent::Unbound { .. } => None,
    })
}

fn tell(to: &Party, from: Ssrc, key: &(u8, u8, BaseKey)) {
    let (generation, step, base_key) = key.clone();
    to.call(CallCommand::Listen { call: CALL, ssrc: from, generation, step, base_key });
}

fn every_ear_hears_the_others(scratch: &Scratch) {
    for n in 0..3 {
        let heard = heard(scratch, n);
        assert!(most(NOBODYS, &heard) < 0.01);
        for (m, pitch) in (0..).zip(PITCHES) {
            let there = most(pitch, &heard);
            assert!(if n == m { there < 0.01 } else { there > 0.1 }, "{pitch} Hz at {n}: {there}");
        }
    }
}

#[test]
fn three_tones_cross_and_the_third_joins_by_a_step_and_a_renewal_follows() {
    let scratch = Scratch::new("three");
    let line = Line::new();
    let mut parties: Vec<_> =
        (0..).zip(PITCHES).map(|(n, hertz)| party(&scratch, n, &tone(hertz, 4))).collect();
    parties.iter_mut().for_each(|party| line.bind(party));
    let mut keys = Vec::new();
    for party in &mut parties[..2] {
        party.call(CallCommand::Open(CALL));
        keys.push(key(party));
    }
    tell(&parties[0], parties[1].ssrc, &keys[1]);
    tell(&parties[1], parties[0].ssrc, &keys[0]);
    parties[0].until_opened(50);
    // The third comes: it tells its key, and gets the stepped ones.
    parties[2].call(CallCommand::Open(CALL));
    let third = key(&mut parties[2]);
    for n in 0..2 {
        let ssrc = parties[2].ssrc;
        tell(&parties[n], ssrc, &third);
        parties[n].call(CallCommand::Step(CALL));
        let stepped = key(&mut parties[n]);
        assert_eq!((stepped.0, stepped.1), (0, 1));
        let ssrc = parties[n].ssrc;
        tell(&parties[2], ssrc, &stepped);
    }
    parties[2].until_opened(200);
    // Everybody renews, as after somebody left.
    for n in 0..3 {
        parties[n].call(CallCommand::Renew(CALL));
        let renewed = key(&mut parties[n]);
        assert_eq!((renewed.0, renewed.1), (1, 0));
        let ssrc = parties[n].ssrc;
        (0..3).filter(|to| *to != n).for_each(|to| tell(&parties[to], ssrc, &renewed));
    }
    for party in &mut parties {
        party.until_opened(500);
        let lost = party.figures().lost;
        assert!(lost < 20, "{lost} lost on loopback");
    }
    drop(parties);
    every_ear_hears_the_others(&scratch);
}

#[test]
fn three_tones_cross_in_a_call_that_is_not_encrypted() {
    let scratch = Scratch::new("plain");
    let line = Line::new();
    let mut parties: Vec<_> =
        (0..).zip(PITCHES).map(|(n, hertz)| party(&scratch, n, &tone(hertz, 3))).collect();
    parties.iter_mut().for_each(|party| line.bind(party));
    for (n, party) in parties.iter().enumerate() {
        party.call(CallCommand::OpenPlain(CALL));
        for other in parties.iter().enumerate().filter(|(m, _)| *m != n).map(|(_, other)| other.ssrc) {
            party.call(CallCommand::ListenPlain { call: CALL, ssrc: other });
        }
    }
    for party in &mut parties {
        party.until_opened(400);
    }
    parties[0].call(CallCommand::Close(CALL));
    let gone = CallEvent::HungUp { call: CALL, ssrc: parties[0].ssrc };
    parties[1].until_call("HungUp", |event| (*event == gone).then_some(()));
    drop(parties);
    every_ear_hears_the_others(&scratch);
}

/// Two addresses of this host that nobody uses, with one port.
fn homes(n: u8) -> [SocketAddr; 2] {
    #[expect(clippy::disallowed_types, reason = "this asks the system for a free port")]
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    [1, 2].map(|host| SocketAddr::from(([127, 77, n, host], free)))
}

fn meet(one: &Party, two: &Party, homes: [SocketAddr; 2], form: DirectForm) {
    for (party, other, here, there) in [(one, two, homes[0], homes[1]), (two, one, homes[1], homes[0])] {
        party.call(CallCommand::OpenDirect { call: CALL, form, local: here });
        party.call(CallCommand::Meet { call: CALL, ssrc: other.ssrc, at: there });
    }
}

#[test]
fn two_voices_cross_without_a_relay_in_either_form() {
    for (n, form) in [(2, DirectForm::Binary), (3, DirectForm::Text)] {
        let scratch = Scratch::new(&format!("direct-{n}"));
        let one_said = voice(2 * 48_000);
        let two_said: Vec<f32> = one_said.iter().rev().copied().collect();
        let (mut one, mut two) = (party(&scratch, 0, &one_said), party(&scratch, 1, &two_said));
        meet(&one, &two, homes(n), form);
        one.until_opened(250);
        two.until_opened(250);
        drop((one, two));
        for (said, heard) in [(&one_said, heard(&scratch, 1)), (&two_said, heard(&scratch, 0))] {
            let (likeness, level) = alike(said, &heard);
            assert!(likeness > 0.75, "{form:?}: likeness {likeness}");
            assert!(level.abs() < 3.0, "{form:?}: {level} dB");
        }
    }
}

#[test]
fn an_address_that_is_taken_is_told_and_after_the_call_it_is_free() {
    let homes = homes(4);
    let (mut one, mut two) = (Party::new("null", 11), Party::new("null", 22));
    meet(&one, &two, homes, DirectForm::Binary);
    one.until_opened(1);
    let mut third = Party::new("null", 33);
    third.call(CallCommand::OpenDirect { call: CALL, form: DirectForm::Binary, local: homes[0] });
    third.until_call("the failure", |event| {
        let CallEvent::Unbound { call: CALL, why } = event else { return None };
        why.as_str().contains(&homes[0].to_string()).then_some(())
    });
    one.call(CallCommand::Close(CALL));
    one.until("the end", |event| {
        matches!(event, AgentEvent::Sound(SoundEvent::Speaker(HalfState::Closed))).then_some(())
    });
    third.call(CallCommand::OpenDirect { call: CALL, form: DirectForm::Binary, local: homes[0] });
    third.call(CallCommand::Meet { call: CALL, ssrc: two.ssrc, at: homes[1] });
    let heard = CallEvent::Heard { call: CALL, ssrc: two.ssrc };
    third.until_call("the second", |event| (*event == heard).then_some(()));
    two.until_call("anybody", |event| matches!(event, CallEvent::Heard { .. }).then_some(()));
}
