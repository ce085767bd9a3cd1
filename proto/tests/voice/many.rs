//! Calls of many: who can open what when somebody joins or leaves. The clients are played by a few lines here: they
//! pass keys on as sealed KEY messages would.

use core::time::Duration;

use proto::Drop;
use proto::id::Ssrc;
use proto::limits::{MEDIA_SILENCE_MAX, OLD_KEY_LIFE, RENEW_SWITCH_AFTER};
use proto::media::{BaseKey, CallCommand, CallEvent};

use crate::voice_net::{CALL, End, Net, ONE_WAY, place};

const SETTLED: Duration = Duration::from_millis(200);

/// The newest key an end told.
fn key_of(end: &End) -> (u8, u8, BaseKey) {
    let key = |event: &CallEvent| match event {
        CallEvent::Key { generation, step, base_key, .. } => Some((*generation, *step, base_key.clone())),
        CallEvent::Bound(_)
        | CallEvent::Heard { .. }
        | CallEvent::HungUp { .. }
        | CallEvent::Quiet { .. }
        | CallEvent::Silent(_)
        | CallEvent::Unbound { .. } => None,
    };
    end.events.iter().rev().find_map(key).expect("it opened")
}

/// `from` seals its newest key to `to`.
fn tell_key(net: &mut Net, from: usize, to: usize) {
    let (generation, step, base_key) = key_of(&net.ends[from]);
    net.command(to, CallCommand::Listen { call: CALL, ssrc: ssrc(from), generation, step, base_key });
}

fn ssrc(end: usize) -> Ssrc {
    place(end).ssrc
}

/// `count` ends at the relay, the first `members` of them in the call.
fn call_of(count: usize, members: usize) -> Net {
    let mut net = Net::of(3, count);
    net.bind_both();
    (0..members).for_each(|end| net.open(end));
    for from in 0..members {
        (0..members).filter(|to| *to != from).for_each(|to| tell_key(&mut net, from, to));
    }
    net.talk(SETTLED);
    net
}

/// `joiner` opens, tells everybody its key and gets each member's stepped one.
fn join(net: &mut Net, joiner: usize, members: &[usize]) {
    net.open(joiner);
    for member in members {
        tell_key(net, joiner, *member);
        net.command(*member, CallCommand::Step(CALL));
        tell_key(net, *member, joiner);
    }
}

/// `leaver` is out: those who stay renew. It stays on the line, and keeps all it knows.
fn leave(net: &mut Net, leaver: usize, staying: &[usize]) {
    for member in staying {
        net.command(*member, CallCommand::Deafen { call: CALL, ssrc: ssrc(leaver) });
        net.command(*member, CallCommand::Renew(CALL));
        staying.iter().filter(|to| *to != member).for_each(|to| tell_key(net, *member, *to));
    }
}

fn played_of(net: &Net, end: usize, from: usize) -> usize {
    net.ends[end].played_of.iter().filter(|who| **who == ssrc(from)).count()
}

/// The packets of `from` that an end's network has seen since the `seen`th.
fn on_the_wire(net: &Net, end: usize, from: usize, seen: usize) -> Vec<Vec<u8>> {
    let of_them = |bytes: &&Vec<u8>| bytes[0] == 0x80 && bytes[8..12] == ssrc(from).0.to_be_bytes();
    net.ends[end].received[seen..].iter().filter(of_them).cloned().collect()
}

#[test]
fn five_hear_each_other() {
    let mut net = call_of(5, 5);
    let before: Vec<_> = (0..5).map(|end| net.ends[end].played.len()).collect();
    net.talk(Duration::from_secs(1));
    net.run(ONE_WAY * 2);
    for (end, before) in (0..).zip(before) {
        assert!(net.ends[end].played.len() >= before + 4 * 50);
        for from in (0..5).filter(|from| *from != end) {
            assert!(played_of(&net, end, from) >= 50, "{end} hears {from}");
        }
    }
}

#[test]
fn a_joiner_opens_nothing_of_before_its_step_and_all_of_after() {
    let mut net = call_of(5, 4);
    let before: Vec<_> = (0..4).flat_map(|from| on_the_wire(&net, 4, from, 0)).collect();
    assert!(before.len() > 30, "the relay sends everything to a place that is bound: {}", before.len());
    let said: Vec<_> = (0..4).map(|end| net.ends[end].said).collect();
    join(&mut net, 4, &[0, 1, 2, 3]);
    let relay = net.relay_addr();
    net.talk(Duration::from_millis(500));
    net.run(ONE_WAY * 2);
    for (from, before) in (0..4).zip(said) {
        let after = usize::try_from(net.ends[from].said - before).unwrap();
        let late = played_of(&net, 4, from) - after;
        assert_eq!(late, 0, "frames of {from} from before the step were played");
        assert!(played_of(&net, from, 4) >= 25, "{from} hears who joined");
    }
    for packet in &before {
        assert_eq!(net.inject(4, relay, packet), Some(Drop::NoKey));
    }
}

#[test]
fn a_step_costs_the_others_no_frame() {
    let mut net = call_of(5, 4);
    net.run(ONE_WAY * 2);
    let played = net.ends[0].played.len();
    let said = net.ends[1].said;
    for _ in 0..3 {
        net.command(1, CallCommand::Step(CALL));
        net.talk(SETTLED);
    }
    net.run(ONE_WAY * 2);
    let of_one: Vec<_> = (played..net.ends[0].played.len())
        .filter(|at| net.ends[0].played_of[*at] == ssrc(1))
        .map(|at| net.ends[0].played[at].0)
        .collect();
    assert_eq!(of_one.len() as u64, net.ends[1].said - said);
    assert!(of_one.windows(2).all(|two| two[1] == two[0] + 1), "and the numbers go on: {of_one:?}");
}

#[test]
fn a_leaver_opens_nothing_after_the_switch_though_it_stays_on_the_line() {
    let mut net = call_of(5, 5);
    leave(&mut net, 4, &[0, 1, 2, 3]);
    let left = net.now;
    net.talk(RENEW_SWITCH_AFTER + Duration::from_millis(100));
    let seen = net.ends[4].received.len();
    let heard = net.ends[4].played.len();
    net.talk(Duration::from_secs(2));
    assert!(on_the_wire(&net, 4, 0, seen).len() >= 100, "everything still reaches it");
    assert_eq!(net.ends[4].played.len(), heard, "and none of it opens");
    let last = *net.ends[4].played_at.last().unwrap();
    assert!(last - left < Duration::from_secs(1), "out within a second: {:?}", last - left);
    for end in 0..4 {
        assert!(net.ends[end].longest_gap(left) <= Duration::from_millis(20), "the others miss nothing");
        let of_leaver = played_of(&net, end, 4);
        assert_eq!(of_leaver, 10, "and play nothing of who left");
    }
}

#[test]
fn packets_of_the_key_before_open_for_five_seconds() {
    let mut net = call_of(3, 3);
    let (late, later) = (net.fresh_from(0), net.fresh_from(0));
    leave(&mut net, 2, &[0, 1]);
    net.talk(RENEW_SWITCH_AFTER + SETTLED);
    let relay = net.relay_addr();
    let played = net.ends[1].played.len();
    assert_eq!(net.inject(1, relay, &late), None);
    assert_eq!(net.ends[1].played.len(), played + 1);
    assert_eq!(net.inject(1, relay, &late), Some(Drop::Replay));
    net.talk(OLD_KEY_LIFE);
    assert_eq!(net.inject(1, relay, &later), Some(Drop::NoKey), "and then it is forgotten");
}

#[test]
fn replays_are_refused_across_steps_and_generations() {
    let mut net = call_of(3, 2);
    let relay = net.relay_addr();
    join(&mut net, 2, &[0, 1]);
    net.talk(SETTLED);
    leave(&mut net, 2, &[0, 1]);
    net.talk(RENEW_SWITCH_AFTER + SETTLED);
    let packets = on_the_wire(&net, 1, 0, 0);
    assert!(packets.len() > 50);
    for packet in &packets {
        assert_eq!(net.inject(1, relay, packet), Some(Drop::Replay));
    }
}

#[test]
fn invented_keys_are_refused_and_displace_nothing() {
    let mut net = call_of(3, 3);
    let (genuine, relay) = (net.fresh_from(0), net.relay_addr());
    for kid in 1..=u8::MAX {
        let mut forged = genuine.clone();
        forged[12] = 0x80 | forged[12] & 15;
        forged.insert(13, kid);
        let why = net.inject(1, relay, &forged);
        assert!(matches!(why, None | Some(Drop::Forged | Drop::NoKey)), "{kid}: {why:?}");
    }
    let mut wide = genuine.clone();
    wide.splice(12..13, [0x90 | genuine[12] & 15, 1, 0]);
    assert_eq!(net.inject(1, relay, &wide), Some(Drop::Malformed), "no generation has this number");
    assert_eq!(net.inject(1, relay, &genuine), None);
    net.talk(Duration::from_secs(1));
    assert!(net.ends[1].longest_gap(net.now) <= Duration::from_millis(20));
}

#[test]
fn one_member_gone_is_quiet_and_only_all_of_them_are_silence() {
    let mut net = call_of(3, 3);
    net.command(2, CallCommand::Close(CALL));
    let from = net.now;
    net.talk(MEDIA_SILENCE_MAX + Duration::from_secs(1));
    let quiet = CallEvent::Quiet { call: CALL, ssrc: ssrc(2) };
    for end in [0, 1] {
        assert_eq!(net.ends[end].events.iter().filter(|event| **event == quiet).count(), 1);
        assert!(net.ends[end].told_at(&quiet) - from <= MEDIA_SILENCE_MAX + Duration::from_secs(1));
        assert!(!net.ends[end].events.contains(&CallEvent::Silent(CALL)));
    }
    net.down = true;
    net.run(MEDIA_SILENCE_MAX + Duration::from_secs(1));
    assert!(net.ends[0].events.contains(&CallEvent::Silent(CALL)));
}

#[test]
fn keys_and_members_are_changed_only_in_an_open_call() {
    let mut net = Net::of(3, 2);
    let commands = || [CallCommand::Step(CALL), CallCommand::Renew(CALL)];
    commands().into_iter().for_each(|command| net.command(0, command));
    assert_eq!(net.ends[0].dropped(Drop::NoCall), 2);
    net.bind_both();
    commands().into_iter().for_each(|command| net.command(0, command));
    assert_eq!(net.ends[0].dropped(Drop::OutOfTurn), 2);
    net.command(0, CallCommand::Deafen { call: CALL, ssrc: ssrc(1) });
    assert_eq!(net.ends[0].dropped(Drop::Stranger), 1);
    net.accept();
    net.command(0, CallCommand::Deafen { call: CALL, ssrc: ssrc(1) });
    net.talk(Duration::from_secs(1));
    assert_eq!(net.ends[0].played.len(), 0, "its key is forgotten");
    let base_key = BaseKey::new([1; 32]);
    for (generation, step) in [(32, 0), (0, 8)] {
        let base_key = base_key.clone();
        net.command(0, CallCommand::Listen { call: CALL, ssrc: ssrc(1), generation, step, base_key });
    }
    assert_eq!(net.ends[0].dropped(Drop::Malformed), 2);
}

#[test]
fn thirty_two_members_all_hear_all() {
    let mut net = call_of(32, 32);
    net.talk(SETTLED);
    net.run(ONE_WAY * 2);
    for end in 0..32 {
        for from in (0..32).filter(|from| *from != end) {
            assert!(played_of(&net, end, from) >= 10, "{end} hears {from}");
        }
    }
    assert!(net.ends.iter().all(|end| end.dropped(Drop::Full) + end.dropped(Drop::NoKey) == 0));
}
