//! Calls as stories in the world: what people at both ends see, and what never happens.

#[expect(
    dead_code,
    unreachable_pub,
    clippy::print_stderr,
    reason = "two tests share the world and use different parts of it; a loud run is read by a person"
)]
mod world;

use core::time::Duration;

use proto::client::Command;
use world::net::Weather;
use world::user::Chair;
use world::{Plan, World};

const PATIENCE: Duration = Duration::from_secs(20);

/// Two contacts on a clear day, 20 ms from the server each.
fn friends() -> World {
    let mut world = World::new(1, Plan::STORY);
    world.set_weather(Weather::CLEAR);
    assert!(world.run_till(PATIENCE, |w| online(w, 0) && online(w, 1)), "both log in");
    let (alice, bob) = (world.users[0].name.clone(), world.users[1].name.clone());
    world.tell(0, Command::Add(bob));
    assert!(world.run_till(PATIENCE, |w| !machine(w, 1).requests.is_empty()), "bob is asked");
    world.tell(1, Command::Accept(alice));
    assert!(world.run_till(PATIENCE, |w| befriended(w, 0) && befriended(w, 1)), "both are contacts");
    world.run_until(world.now().mono + Duration::from_secs(2));
    world
}

fn machine(w: &World, i: usize) -> &world::user::Machine {
    w.users[i].machine.as_ref().expect("the machine runs")
}

fn online(w: &World, i: usize) -> bool {
    w.users[i].machine.as_ref().is_some_and(|m| m.online)
}

fn befriended(w: &World, i: usize) -> bool {
    !machine(w, i).friends.is_empty()
}

fn ringing(w: &World, i: usize) -> bool {
    matches!(w.chair(i), Some(Chair::Ringing(_)))
}

fn live(w: &World, i: usize) -> bool {
    matches!(w.chair(i), Some(Chair::Live(_)))
}

fn idle(w: &World, i: usize) -> bool {
    w.chair(i) == Some(&Chair::Idle)
}

fn in_call() -> World {
    let mut world = friends();
    let bob = world.users[1].name.clone();
    world.tell(0, Command::Call(vec![bob]));
    assert!(world.run_till(PATIENCE, |w| ringing(w, 1)), "bob rings");
    world.tell(1, Command::Answer);
    assert!(world.run_till(PATIENCE, |w| live(w, 0) && live(w, 1)), "the call is up");
    world
}

#[test]
fn one_round_trip_stands_between_accept_and_the_first_sound() {
    let mut world = friends();
    let bob = world.users[1].name.clone();
    world.tell(0, Command::Call(vec![bob]));
    assert!(world.run_till(PATIENCE, |w| ringing(w, 1)));
    // The bell has rung for a second: both relay bindings are up by now.
    world.run_until(world.now().mono + Duration::from_secs(1));
    assert_eq!(world.oracle.frames_heard, 0);
    let accepted = world.now().mono;
    world.tell(1, Command::Answer);
    assert!(world.run_till(PATIENCE, |w| w.oracle.hears(0) && w.oracle.hears(1)), "both hear");
    // Bob to the server to Alice is 40 ms, and back again; a frame is 20 ms.
    let took = world.now().mono - accepted;
    assert!(took <= Duration::from_millis(80 + 20 + 1), "{took:?} from Accept to sound at both ends");
}

#[test]
fn ringing_opens_no_microphone_and_sends_no_sound() {
    let mut world = friends();
    let bob = world.users[1].name.clone();
    world.tell(0, Command::Call(vec![bob]));
    assert!(world.run_till(PATIENCE, |w| ringing(w, 1)));
    for _ in 0..100 {
        world.run_until(world.now().mono + Duration::from_millis(100));
        assert!(!machine(&world, 0).devices_open && !machine(&world, 1).devices_open);
    }
    assert_eq!(world.oracle.media_sent, 0, "only bindings travel while it rings");
}

#[test]
fn nobody_answers() {
    let mut world = friends();
    let bob = world.users[1].name.clone();
    world.tell(0, Command::Call(vec![bob]));
    assert!(world.run_till(PATIENCE, |w| ringing(w, 1)));
    assert!(world.run_till(Duration::from_secs(50), |w| idle(w, 0) && idle(w, 1)), "the bell stops");
}

#[test]
fn a_declined_call_is_over_at_both_ends() {
    let mut world = friends();
    let bob = world.users[1].name.clone();
    world.tell(0, Command::Call(vec![bob]));
    assert!(world.run_till(PATIENCE, |w| ringing(w, 1)));
    world.tell(1, Command::Decline);
    assert!(world.run_till(PATIENCE, |w| idle(w, 0) && idle(w, 1)));
    assert_eq!(world.oracle.frames_heard, 0);
}

#[test]
fn two_who_call_each_other_talk() {
    let mut world = friends();
    let (alice, bob) = (world.users[0].name.clone(), world.users[1].name.clone());
    world.tell(0, Command::Call(vec![bob]));
    world.tell(1, Command::Call(vec![alice]));
    assert!(world.run_till(PATIENCE, |w| live(w, 0) && live(w, 1)), "one call comes of it");
    assert!(world.run_till(PATIENCE, |w| w.oracle.hears(0) && w.oracle.hears(1)));
}

#[test]
fn a_call_survives_its_signalling() {
    let mut world = in_call();
    world.break_link(0);
    world.break_link(1);
    let before = world.oracle.frames_heard;
    world.run_until(world.now().mono + Duration::from_secs(40));
    assert!(live(&world, 0) && live(&world, 1), "the call goes on");
    // 40 s of 50 frames each way, and none was lost on a clear day.
    let heard = world.oracle.frames_heard - before;
    assert!(heard >= 2 * 50 * 39, "{heard} frames in 40 s; dropped: {:?}", world.drops);
}

#[test]
fn a_call_survives_the_restart_of_the_server() {
    let mut world = in_call();
    world.server_crash();
    world.run_until(world.now().mono + Duration::from_secs(60));
    assert!(live(&world, 0) && live(&world, 1), "the call goes on");
    let before = world.oracle.frames_heard;
    world.run_until(world.now().mono + Duration::from_secs(10));
    let heard = world.oracle.frames_heard - before;
    assert!(heard >= 2 * 50 * 9, "{heard} frames in 10 s; dropped: {:?}", world.drops);
    world.tell(0, Command::HangUp);
    assert!(world.run_till(PATIENCE, |w| idle(w, 0) && idle(w, 1)), "and ends at both ends");
}

#[test]
fn a_call_outlasts_its_first_ticket() {
    let mut world = in_call();
    world.run_until(world.now().mono + proto::limits::TICKET_LIFE * 2);
    assert!(live(&world, 0) && live(&world, 1));
    let before = world.oracle.frames_heard;
    world.run_until(world.now().mono + Duration::from_secs(10));
    let heard = world.oracle.frames_heard - before;
    assert!(heard >= 2 * 50 * 9, "{heard} frames in 10 s; dropped: {:?}", world.drops);
}

/// Five people of whom only the first knows all, and the devices of all are known.
fn circle() -> World {
    let mut world = World::new(1, Plan { users: 5, ..Plan::STORY });
    world.set_weather(Weather::CLEAR);
    assert!(world.run_till(PATIENCE, |w| (0..5).all(|i| online(w, i))), "all log in");
    for other in 1..5 {
        let (alice, name) = (world.users[0].name.clone(), world.users[other].name.clone());
        world.tell(0, Command::Add(name));
        assert!(world.run_till(PATIENCE, |w| !machine(w, other).requests.is_empty()));
        world.tell(other, Command::Accept(alice));
        assert!(world.run_till(PATIENCE, |w| befriended(w, other)));
    }
    world.run_until(world.now().mono + Duration::from_secs(2));
    world
}

fn all_joined(w: &World, members: &[usize]) -> bool {
    let joined = |i: usize| machine(w, i).joined.len() == members.len() - 1;
    members.iter().all(|i| joined(*i) && machine(w, *i).devices_open)
}

/// How many frames these hear in five seconds, in all.
fn heard_in_five_seconds(world: &mut World) -> u64 {
    let before = world.oracle.frames_heard;
    world.run_until(world.now().mono + Duration::from_secs(5));
    world.oracle.frames_heard - before
}

#[test]
fn five_talk_one_comes_late_one_leaves_and_each_hears_what_is_theirs() {
    let mut world = circle();
    let others: Vec<_> = world.users[1..].iter().map(|u| u.name.clone()).collect();
    world.tell(0, Command::Call(others));
    assert!(world.run_till(PATIENCE, |w| (1..5).all(|i| ringing(w, i))), "four ring");
    for i in 1..4 {
        world.tell(i, Command::Answer);
    }
    assert!(world.run_till(PATIENCE, |w| all_joined(w, &[0, 1, 2, 3])), "four talk");
    // 250 frames of each at the ears of three others; the fifth only rings.
    let heard = heard_in_five_seconds(&mut world);
    assert!((2_900..=3_100).contains(&heard), "{heard} frames; dropped: {:?}", world.drops);
    assert!(!world.oracle.hears(4));

    // The oracle sees to it that the late one hears nothing spoken before her yes.
    world.tell(4, Command::Answer);
    assert!(world.run_till(PATIENCE, |w| all_joined(w, &[0, 1, 2, 3, 4])), "five talk");
    let heard = heard_in_five_seconds(&mut world);
    assert!((4_900..=5_100).contains(&heard), "{heard} frames; dropped: {:?}", world.drops);

    // And that nobody hears one who is out, nor one who is out anybody.
    world.tell(2, Command::HangUp);
    assert!(world.run_till(PATIENCE, |w| all_joined(w, &[0, 1, 3, 4])), "four talk on");
    world.run_until(world.now().mono + Duration::from_secs(2));
    let heard = heard_in_five_seconds(&mut world);
    assert!((2_900..=3_100).contains(&heard), "{heard} frames; dropped: {:?}", world.drops);
    assert!(idle(&world, 2));

    // The caller leaves as well, and the rest go on until one is left.
    for i in [0, 1] {
        world.tell(i, Command::HangUp);
    }
    assert!(world.run_till(PATIENCE, |w| all_joined(w, &[3, 4])));
    world.tell(3, Command::HangUp);
    assert!(world.run_till(PATIENCE, |w| (0..5).all(|i| idle(w, i))), "over for all");
}

#[test]
fn a_call_of_many_survives_the_restart_of_the_server_and_a_leaver_after_it() {
    let mut world = circle();
    let others: Vec<_> = world.users[1..4].iter().map(|u| u.name.clone()).collect();
    world.tell(0, Command::Call(others));
    assert!(world.run_till(PATIENCE, |w| (1..4).all(|i| ringing(w, i))));
    for i in 1..4 {
        world.tell(i, Command::Answer);
    }
    assert!(world.run_till(PATIENCE, |w| all_joined(w, &[0, 1, 2, 3])));
    world.server_crash();
    world.run_until(world.now().mono + Duration::from_secs(40));
    assert!(all_joined(&world, &[0, 1, 2, 3]), "all are still in");
    world.break_link(1);
    world.tell(3, Command::HangUp);
    world.run_until(world.now().mono + Duration::from_secs(20));
    assert!(all_joined(&world, &[0, 1, 2]), "and three after one left, though one was cut off meanwhile");
    let heard = heard_in_five_seconds(&mut world);
    assert!((1_450..=1_550).contains(&heard), "{heard} frames; dropped: {:?}", world.drops);
}

#[test]
fn a_text_waits_for_its_reader() {
    let mut world = friends();
    world.power_off(1);
    world.say(0, 1);
    world.run_until(world.now().mono + Duration::from_secs(30));
    assert!(world.users[1].shown.is_empty() && world.users[0].delivered.is_empty());
    world.power_on(1);
    assert!(world.run_till(PATIENCE, |w| w.users[0].delivered.len() == 1), "it is delivered at last");
    assert_eq!(world.users[1].shown.len(), 1);
}
