//! A server that says anything: the contacts it cannot make or swap, and that nothing it says, in any order, makes
//! the client panic, grow, open a microphone or show a text.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::limits::REQUESTS_WAITING_MAX;
use crate::wire::arbitrary;

fn hear_contact(stage: &mut Stage, change: impl FnOnce(&mut Contact)) {
    let mut contact = stage.bob.contact(Standing::Mutual);
    change(&mut contact);
    stage.hear(&Reply::Contact(Box::new(contact)));
}

#[test]
fn a_server_cannot_make_a_contact() {
    let mut stage = Stage::logged_in();
    hear_contact(&mut stage, |_| {});
    assert!(stage.events().contains(&Event::Request(name("bob"))), "it is a request");
    assert!(stage.asked.is_empty(), "and no session is made");
    stage.input(Input::Command(Command::Accept(name("bob"))));
    assert!(matches!(stage.asked.as_slice(), [Request::WantDevices(_)]), "until we say so");
}

#[test]
fn a_server_cannot_say_that_we_asked() {
    let mut stage = Stage::logged_in();
    hear_contact(&mut stage, |c| c.standing = Standing::Asked);
    hear_contact(&mut stage, |_| {});
    assert!(stage.events().contains(&Event::Request(name("bob"))), "it is a request");
    assert!(!stage.events().contains(&Event::Accepted(name("bob"))) && stage.asked.is_empty());
}

#[test]
fn a_server_cannot_make_up_an_invite_of_ours() {
    let mut stage = Stage::logged_in();
    stage.input(Input::Command(Command::Invite));
    let hash = stage.asked.iter().find_map(|request| {
        if let Request::NewInvite(invite) = request { Some(*invite.token_hash) } else { None }
    });
    // What it was told of the invite is not what a guest would show it.
    let told = hash.expect("the invite is registered by its hash");
    for made_up in [[1; 16], told[..16].try_into().expect("half of a hash")] {
        hear_contact(&mut stage, |c| c.via_token = Some(made_up.into()));
    }
    assert!(stage.events().contains(&Event::Request(name("bob"))));
    assert!(!stage.events().contains(&Event::Accepted(name("bob"))));
}

#[test]
fn a_server_cannot_fill_the_list_with_requests() {
    let mut stage = Stage::logged_in();
    let asks = |stage: &mut Stage, n: usize| {
        let mut account = [0; 32];
        account[..8].copy_from_slice(&(n as u64 + 1).to_be_bytes());
        hear_contact(stage, |c| {
            c.principal = Principal::Key(Fingerprint(account));
            (c.name, c.standing) = (name(&format!("p{n}")), Standing::Asking);
        });
    };
    for n in 0..REQUESTS_WAITING_MAX {
        asks(&mut stage, n);
    }
    assert_eq!(stage.drops(), []);
    stage.forget();
    asks(&mut stage, REQUESTS_WAITING_MAX);
    assert_eq!((stage.drops(), stage.events()), (vec![Drop::Full], vec![]));
    stage.input(Input::Command(Command::Reject(name("p0"))));
    hear_contact(&mut stage, |c| {
        let mut account = [0; 32];
        account[7] = 1;
        c.principal = Principal::Key(Fingerprint(account));
        (c.name, c.standing) = (name("p0"), Standing::None);
    });
    stage.forget();
    asks(&mut stage, REQUESTS_WAITING_MAX);
    assert!(stage.events().contains(&Event::Request(name(&format!("p{REQUESTS_WAITING_MAX}")))));
}

#[test]
fn another_principal_behind_a_name_blocks_it_until_it_is_removed() {
    let mut stage = Stage::with_bob();
    hear_contact(&mut stage, |c| c.principal = Principal::Key(Fingerprint([9; 32])));
    assert!(stage.events().contains(&Event::IdentityChanged(name("bob"))));
    stage.forget();
    // Neither the old nor the new one is heard or written to.
    let mail = stage.envelope(1, Body::Text("psst".into()));
    let mail = stage.mail(&mail);
    stage.hear(&Reply::Mail(mail));
    assert_eq!(stage.drops(), [Drop::NotContact]);
    stage.input(Input::Command(Command::Say { to: name("bob"), text: "hi".into(), echo: 1 }));
    stage.input(Input::Command(Command::Call(vec![name("bob")])));
    assert!(stage.asked.is_empty());
    hear_contact(&mut stage, |_| {});
    assert!(!stage.events().iter().any(|e| matches!(e, Event::IdentityChanged(_))), "said once");
    stage.input(Input::Command(Command::Remove(name("bob"))));
    assert!(stage.events().contains(&Event::Gone(name("bob"))));
}

#[test]
fn one_principal_has_one_name() {
    let mut stage = Stage::with_bob();
    hear_contact(&mut stage, |c| c.name = name("robert"));
    assert_eq!(stage.drops(), [Drop::Impostor]);
}

#[test]
fn nothing_is_believed_before_the_login() {
    let mut stage = Stage::new();
    stage.input(Input::Command(Command::Join(name("alice"))));
    let peer: SocketAddr = "198.51.100.1:8462".parse().unwrap();
    stage.input(Input::LinkUp(LinkUp { exporter: [3; 32], server_key: SERVER, peer }));
    stage.forget();
    hear_contact(&mut stage, |_| {});
    stage.hear(&Reply::LoggedIn(name("mallory")));
    assert_eq!(stage.drops(), [Drop::OutOfTurn, Drop::Impostor]);
    assert!(stage.events().is_empty());
}

/// What may happen to a client.
#[derive(Clone, Debug)]
enum Step {
    Hear(Box<Reply>),
    /// About the friend and the call that exist, so that deep places are reached.
    About(u8),
    /// Bob says something sealed, whatever it is worth.
    Sealed(u8),
    Media(u8),
    Junk(Vec<u8>),
    Wait(u16),
    Wish(u8),
    Down,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => arbitrary::reply().prop_map(|r| Step::Hear(Box::new(r))),
        4 => any::<u8>().prop_map(Step::About),
        1 => vec(any::<u8>(), 0..40).prop_map(Step::Junk),
        2 => any::<u16>().prop_map(Step::Wait),
        2 => any::<u8>().prop_map(Step::Wish),
        1 => Just(Step::Down),
    ]
}

fn about(stage: &Stage, n: u8) -> Reply {
    let states = [
        MemberState::Ringing,
        MemberState::Busy,
        MemberState::Declined,
        MemberState::NoAnswer,
        MemberState::Joined,
        MemberState::Left,
        MemberState::Gone,
        MemberState::Taken,
    ];
    let standings = [Standing::None, Standing::Asked, Standing::Asking, Standing::Mutual];
    match n % 8 {
        0 if n >= 128 => crowded_grant(stage, n),
        0 => stage.grant(),
        1 => stage.rung(),
        2 | 3 => {
            let (who, state) = (["alice", "bob"][usize::from(n & 1)], states[usize::from(n >> 5)]);
            let device = (n & 16 != 0).then(|| stage.bob.end().device);
            Reply::CallState(CallState { call: CALL, name: name(who), state, device })
        }
        4 => Reply::Contact(Box::new(stage.bob.contact(standings[usize::from(n >> 6)]))),
        5 => stage.bob.list(),
        6 => Reply::RequestDismissed(name("bob")),
        _ => Reply::LoggedIn(name("alice")),
    }
}

/// What happens in and around calls, by a server and a contact who say anything in any order.
fn call_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u8>().prop_map(|n| Step::About(n & !4)),
        4 => any::<u8>().prop_map(Step::Sealed),
        2 => any::<u8>().prop_map(Step::Media),
        1 => (0..2_000_u16).prop_map(Step::Wait),
        2 => prop_oneof![Just(3), Just(5), Just(8), Just(9)].prop_map(Step::Wish),
    ]
}

/// A room with somebody else beside bob, a guest or a key, with or without the word that it is plain.
fn crowded_grant(stage: &Stage, n: u8) -> Reply {
    let Reply::Grant(mut grant) = stage.grant() else { unreachable!() };
    let (principal, device) = if n & 8 == 0 {
        (Principal::Guest(name("zoe")), None)
    } else {
        (Principal::Key(Fingerprint([0x2e; 32])), Some(DeviceId([0x2e; 16])))
    };
    grant.members.push(Member { principal, name: name("zoe"), ssrc: Ssrc(3), device });
    grant.plain = n & 16 != 0;
    Reply::Grant(grant)
}

/// A sealed word of bob's about the call, in any order with the rest.
fn sealed(stage: &Stage, n: u8) -> Body {
    let (base_key, codec) = (zeroize::Zeroizing::new([n; 32]), CODEC_OPUS);
    let (generation, step) = (n >> 6, n & 7);
    match n % 6 {
        0 => stage.offer(),
        1 => Body::Ringing(CALL),
        2 => Body::Accept { call: CALL, base_key, codec, generation, step },
        3 => Body::Key { call: CALL, generation, step, base_key },
        4 => Body::Taken(CALL),
        _ => Body::HangUp(CALL),
    }
}

fn media(n: u8) -> CallEvent {
    let (call, ssrc) = (CALL, Ssrc(u32::from(n & 3)));
    match n % 5 {
        0 => {
            let base_key = zeroize::Zeroizing::new([n; 32]);
            CallEvent::Key { call, generation: n >> 6, step: n & 7, base_key }
        }
        1 => CallEvent::Heard { call, ssrc },
        2 => CallEvent::HungUp { call, ssrc },
        3 => CallEvent::Quiet { call, ssrc },
        _ => CallEvent::Silent(CALL),
    }
}

fn wish(n: u8) -> Command {
    match n % 10 {
        8 => Command::Answer,
        9 => Command::Call(vec![name("bob"), name("gwen")]),
        0 => Command::Add(name("bob")),
        1 => Command::Accept(name("bob")),
        2 => Command::Remove(name("bob")),
        3 => Command::Call(vec![name("bob")]),
        4 => Command::Say { to: name("bob"), text: "hello".into(), echo: n.into() },
        5 => Command::HangUp,
        6 => Command::Invite,
        _ => Command::Reconnect,
    }
}

fn take(stage: &mut Stage, step: &Step) {
    match step {
        Step::Hear(reply) => stage.hear(reply),
        Step::About(n) => {
            let reply = about(stage, *n);
            stage.hear(&reply);
        }
        Step::Sealed(n) => {
            let body = sealed(stage, *n);
            stage.bob_says(body);
        }
        Step::Media(n) => stage.input(Input::Agent(media(*n))),
        Step::Junk(bytes) => stage.input(Input::Bytes(bytes)),
        Step::Wait(ms) => stage.wait(core::time::Duration::from_millis(u64::from(*ms))),
        Step::Wish(n) => stage.input(Input::Command(wish(*n))),
        Step::Down => {
            stage.input(Input::LinkDown);
            let peer: SocketAddr = "198.51.100.1:8462".parse().unwrap();
            stage.splitter = Splitter::full();
            stage.input(Input::LinkUp(LinkUp { exporter: [5; 32], server_key: SERVER, peer }));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_a_server_says_opens_nothing_and_shows_nothing(
        ringing: bool,
        steps in vec(step(), 1..120),
    ) {
        let mut stage = if ringing { Stage::ringing() } else { Stage::with_bob() };
        for step in &steps {
            stage.forget();
            take(&mut stage, step);
            // A question for a key is asked anew without an answer, and opens nothing.
            let opened = |c: &CallCommand| {
                !matches!(
                    c,
                    CallCommand::Bind(_) | CallCommand::Close(_) | CallCommand::Step(_) | CallCommand::Renew(_)
                )
            };
            // To call somebody who rings is to answer: the wishes that may open sound.
            let answers =
                matches!(step, Step::Wish(n) if matches!(wish(*n), Command::Call(_) | Command::Answer));
            prop_assert!(answers || !stage.told_agent().iter().any(opened), "{step:?} opened sound");
            let shown = |e: &Event| matches!(e, Event::Said { .. } | Event::Joined { .. });
            prop_assert!(!stage.events().iter().any(shown), "{step:?} showed something");
            prop_assert!(stage.out.len() < 4_000, "{step:?} was answered by {} outputs", stage.out.len());
        }
    }

    #[test]
    fn no_order_of_words_opens_sound_without_a_yes(steps in vec(call_step(), 1..80)) {
        let mut stage = Stage::with_bob();
        let mut yes = false;
        for step in &steps {
            stage.forget();
            take(&mut stage, step);
            let not_done = |e: &Event| matches!(e, Event::Refused { .. } | Event::PlainUnconfirmed(_));
            let wished = matches!(step, Step::Wish(n) if *n != 5);
            yes |= wished && !stage.events().iter().any(not_done);
            let sound = |c: &CallCommand| !matches!(c, CallCommand::Bind(_) | CallCommand::Close(_));
            prop_assert!(yes || !stage.told_agent().iter().any(sound), "{step:?} opened sound");
            let plain = |c: &CallCommand| {
                matches!(c, CallCommand::OpenPlain(_) | CallCommand::ListenPlain { .. })
            };
            prop_assert!(!stage.told_agent().iter().any(plain), "{step:?} opened plain sound without a yes to that");
            // What was agreed to is that one call.
            yes &= !stage.events().iter().any(|e| matches!(e, Event::Ended { .. }));
        }
    }
}
