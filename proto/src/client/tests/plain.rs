//! Calls with guests, which are not encrypted: never without a human's yes, never a sealed word, never by a server's
//! wish alone.

use zeroize::Zeroizing;

use super::*;

fn guest(standing: Standing) -> Reply {
    Reply::Contact(Box::new(Contact {
        principal: Principal::Guest(name("gwen")),
        name: name("gwen"),
        standing,
        presence: Presence::Online,
        list_head: None,
        via_token: None,
    }))
}

fn member(who: &str, principal: Principal, ssrc: u32, device: Option<DeviceId>) -> Member {
    Member { principal, name: name(who), ssrc: Ssrc(ssrc), device }
}

impl Stage {
    /// Bob is a contact, and so is gwen, a guest.
    fn with_a_guest() -> Self {
        let mut stage = Self::with_bob();
        stage.input(Input::Command(Command::Add(name("gwen"))));
        for standing in [Standing::Asked, Standing::Mutual] {
            stage.hear(&guest(standing));
        }
        stage.forget();
        stage
    }

    fn hear_room(&mut self, who: &[&str], plain: bool) {
        self.hear_ticket(who, plain, [4; 32]);
    }

    /// The room of a call that rings and is not encrypted: the ticket comes with the yes.
    fn hear_ringing_room(&mut self, who: &[&str]) {
        self.hear_ticket(who, true, [0; 32]);
    }

    fn hear_ticket(&mut self, who: &[&str], plain: bool, ticket: [u8; 32]) {
        let Reply::Grant(mut grant) = self.grant() else { unreachable!() };
        grant.ticket = ticket.into();
        let (bob, device) = (self.bob.principal(), self.bob.end().device);
        let of = |who: &&str| match *who {
            "bob" => member("bob", bob.clone(), 2, Some(device)),
            other => member(other, Principal::Guest(name(other)), 3, None),
        };
        (grant.members, grant.plain) = (who.iter().map(of).collect(), plain);
        self.hear(&Reply::Grant(grant));
    }

    fn rung_by(&mut self, who: &str) {
        self.hear(&Reply::CallRequest(Party { name: name(who), address: "198.51.100.1".into() }));
    }

    fn state_of(&mut self, who: &str, state: MemberState) {
        let device = (who == "bob").then(|| self.bob.end().device);
        self.hear(&Reply::CallState(CallState { call: CALL, name: name(who), state, device }));
    }

    fn wishes(&mut self, command: Command) {
        self.input(Input::Command(command));
    }

    fn sealed_anything(&self) -> bool {
        self.asked.iter().any(|request| matches!(request, Request::CallMail(_)))
    }
}

#[test]
fn a_guest_is_called_after_a_yes_and_heard_when_they_are_in() {
    let mut stage = Stage::with_a_guest();
    let call = Command::Call(vec![name("gwen"), name("bob")]);
    stage.wishes(call.clone());
    assert_eq!(stage.events(), [Event::PlainUnconfirmed(vec![name("gwen")])]);
    assert!(stage.asked.is_empty(), "and nothing else happens");
    stage.wishes(Command::AllowPlain(name("gwen")));
    stage.forget();
    stage.wishes(call);
    stage.hear_room(&["bob", "gwen"], true);
    let to = vec![name("gwen"), name("bob")];
    assert_eq!(stage.events(), [Event::Calling { to, plain: true }]);
    assert!(matches!(stage.told_agent().as_slice(), [CallCommand::Bind(_)]), "no sound yet");
    stage.state_of("gwen", MemberState::Ringing);
    stage.state_of("gwen", MemberState::Joined);
    stage.state_of("bob", MemberState::Joined);
    let listen = |ssrc| CallCommand::ListenPlain { call: CALL, ssrc: Ssrc(ssrc) };
    assert_eq!(stage.told_agent()[1..], [CallCommand::OpenPlain(CALL), listen(3), listen(2)]);
    let joined = |who, ssrc| Event::Joined { who: name(who), ssrc: Ssrc(ssrc), plain: true };
    assert_eq!(stage.events()[1..], [Event::Ringing(name("gwen")), joined("gwen", 3), joined("bob", 2)]);
    stage.out.clear();
    stage.state_of("gwen", MemberState::Left);
    assert_eq!(stage.told_agent(), [CallCommand::Deafen { call: CALL, ssrc: Ssrc(3) }], "no keys to renew");
    stage.state_of("bob", MemberState::Left);
    assert_eq!(stage.told_agent().last(), Some(&CallCommand::Close(CALL)));
    assert!(!stage.sealed_anything(), "nothing sealed is said in it");
}

#[test]
fn a_yes_is_remembered_until_the_contact_is_gone_or_another() {
    let saved = |stage: &Stage, there: bool| {
        stage.out.iter().any(|o| {
            matches!(o, Output::Save(Save { kind: Kind::PlainYes, value, .. }) if value.is_some() == there)
        })
    };
    let key = Principal::Key(Fingerprint([9; 32]));
    let changes: [fn(&mut Stage, Principal); 2] = [
        |stage, _| stage.hear(&guest(Standing::None)),
        |stage, principal| {
            let Reply::Contact(mut contact) = guest(Standing::Mutual) else { unreachable!() };
            contact.principal = principal;
            stage.hear(&Reply::Contact(contact));
            assert!(stage.events().contains(&Event::IdentityChanged(name("gwen"))));
        },
    ];
    for change in changes {
        let mut stage = Stage::with_a_guest();
        stage.wishes(Command::AllowPlain(name("gwen")));
        assert!(saved(&stage, true));
        change(&mut stage, key.clone());
        assert!(saved(&stage, false));
        stage.forget();
        stage.wishes(Command::Call(vec![name("gwen")]));
        assert!(matches!(stage.events().as_slice(), [Event::Refused { .. }]));
        assert!(stage.asked.is_empty());
    }
}

#[test]
fn a_key_never_becomes_a_guest_under_its_name() {
    let mut stage = Stage::with_bob();
    let contact = Contact { principal: Principal::Guest(name("bob")), ..stage.bob.contact(Standing::Mutual) };
    stage.hear(&Reply::Contact(Box::new(contact)));
    assert!(stage.events().contains(&Event::IdentityChanged(name("bob"))));
    // Nor in a call's room.
    let mut stage = Stage::with_bob();
    let Reply::Grant(mut grant) = stage.grant() else { unreachable!() };
    grant.members = vec![member("bob", Principal::Guest(name("bob")), 2, None)];
    stage.rung_by("bob");
    stage.hear(&Reply::Grant(grant));
    assert_eq!((stage.drops(), stage.events()), (vec![Drop::Impostor], vec![]));
}

#[test]
fn a_guest_who_calls_rings_and_is_answered_after_a_yes() {
    let mut stage = Stage::with_a_guest();
    stage.rung_by("gwen");
    stage.hear_ringing_room(&["gwen"]);
    let guests = vec![name("gwen")];
    let incoming = Event::Incoming { from: name("gwen"), others: Vec::new(), guests, plain: true };
    assert_eq!(stage.events(), [incoming]);
    assert_eq!(stage.told_agent(), [], "there is nothing to bind with");
    stage.forget();
    for answer in [Command::Answer, Command::Call(vec![name("gwen")])] {
        stage.wishes(answer);
        assert_eq!(stage.events(), [Event::PlainUnconfirmed(vec![name("gwen")])]);
        assert!(stage.asked.is_empty() && stage.told_agent().is_empty());
        stage.forget();
    }
    stage.wishes(Command::AllowPlain(name("gwen")));
    stage.wishes(Command::Answer);
    assert!(matches!(stage.asked.as_slice(), [Request::AcceptCall(Some(CALL))]));
    assert_eq!(stage.told_agent(), []);
    stage.hear_room(&["gwen"], true);
    stage.state_of("gwen", MemberState::Joined);
    let told = stage.told_agent();
    let [CallCommand::Bind(place), open, listen] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((place.ticket, open), ([4; 32], &CallCommand::OpenPlain(CALL)));
    assert_eq!(listen, &CallCommand::ListenPlain { call: CALL, ssrc: Ssrc(3) });
    assert!(stage.events().contains(&Event::Joined { who: name("gwen"), ssrc: Ssrc(3), plain: true }));
}

#[test]
fn who_joins_between_our_yes_and_our_ticket_opens_no_sound_and_is_heard_afterwards() {
    let mut stage = Stage::with_a_guest();
    stage.wishes(Command::AllowPlain(name("gwen")));
    stage.rung_by("gwen");
    stage.hear_ringing_room(&["gwen", "bob"]);
    stage.wishes(Command::Answer);
    stage.state_of("bob", MemberState::Joined);
    assert_eq!(stage.told_agent(), [], "there is no place yet");
    stage.hear_room(&["gwen", "bob"], true);
    stage.state_of("gwen", MemberState::Joined);
    stage.state_of("bob", MemberState::Joined);
    let told = stage.told_agent();
    let [CallCommand::Bind(_), CallCommand::OpenPlain(CALL), heard @ ..] = told.as_slice() else {
        panic!("{told:?}")
    };
    let listen = |ssrc| CallCommand::ListenPlain { call: CALL, ssrc: Ssrc(ssrc) };
    assert_eq!(heard, [listen(3), listen(2)]);
}

#[test]
fn a_guest_of_somebody_else_is_agreed_to_for_one_call() {
    let mut stage = Stage::with_bob();
    for _ in 0..2 {
        stage.forget();
        stage.rung_by("bob");
        stage.hear_room(&["bob", "zoe"], true);
        stage.wishes(Command::Answer);
        assert_eq!(stage.events().last(), Some(&Event::PlainUnconfirmed(vec![name("zoe")])));
        stage.wishes(Command::AllowPlain(name("zoe")));
        stage.wishes(Command::Answer);
        stage.state_of("bob", MemberState::Joined);
        assert!(stage.told_agent().contains(&CallCommand::OpenPlain(CALL)));
        stage.wishes(Command::HangUp);
        assert!(!stage.sealed_anything());
        // The same call id does not come twice.
        stage.client.call = crate::call::Call::new(stage.own.fingerprint());
        let peer: SocketAddr = "198.51.100.1:8462".parse().unwrap();
        stage.client.call.handle(crate::call::Act::Online(peer), stage.now.mono);
    }
}

#[test]
fn a_guest_who_is_no_contact_does_not_ring() {
    let mut stage = Stage::with_bob();
    stage.rung_by("zoe");
    stage.hear_room(&["zoe", "bob"], true);
    assert_eq!(stage.events(), []);
}

#[test]
fn a_server_cannot_have_a_call_between_keys_unencrypted() {
    let mut stage = Stage::with_bob();
    stage.rung_by("bob");
    stage.hear_room(&["bob"], true);
    let offer = stage.offer();
    stage.bob_says(offer);
    assert!(matches!(stage.events().as_slice(), [Event::Refused { .. }]), "{:?}", stage.events());
    assert_eq!(stage.asked, [Request::RejectCall(Some(CALL))]);
    assert!(stage.told_agent().is_empty());

    let mut stage = Stage::with_bob();
    stage.wishes(Command::Call(vec![name("bob")]));
    stage.hear_room(&["bob"], true);
    let ended = Event::Ended { with: vec![name("bob")], reason: EndReason::Failed };
    assert_eq!(stage.events().last(), Some(&ended));
    assert!(!stage.sealed_anything() && stage.told_agent().is_empty());
}

#[test]
fn a_call_never_changes_from_sealed_to_plain() {
    let mut stage = Stage::ringing();
    stage.hear_room(&["bob", "zoe"], true);
    stage.wishes(Command::Answer);
    stage.state_of("zoe", MemberState::Joined);
    stage.hear_room(&["bob", "zoe"], true);
    stage.state_of("zoe", MemberState::Joined);
    let plain = |c: &CallCommand| matches!(c, CallCommand::OpenPlain(_) | CallCommand::ListenPlain { .. });
    assert!(!stage.told_agent().iter().any(plain));
    assert!(stage.told_agent().contains(&CallCommand::Open(CALL)));
}

#[test]
fn sealed_words_mean_nothing_in_a_plain_call() {
    let mut stage = Stage::with_a_guest();
    stage.wishes(Command::AllowPlain(name("gwen")));
    stage.wishes(Command::Call(vec![name("bob"), name("gwen")]));
    stage.hear_room(&["bob", "gwen"], true);
    stage.state_of("bob", MemberState::Joined);
    stage.forget();
    let base_key = Zeroizing::new([1; 32]);
    let (generation, step, codec) = (0, 0, CODEC_OPUS);
    stage.bob_says(Body::Ringing(CALL));
    stage.bob_says(Body::Accept { call: CALL, base_key: base_key.clone(), codec, generation, step });
    stage.bob_says(Body::Key { call: CALL, generation, step, base_key });
    stage.bob_says(Body::HangUp(CALL));
    assert!(stage.told_agent().is_empty() && stage.events().is_empty() && !stage.sealed_anything());
    assert_eq!(stage.drops().len(), 4, "{:?}", stage.drops());
}

#[test]
fn texts_to_guests_are_refused_with_a_reason() {
    let mut stage = Stage::with_a_guest();
    stage.wishes(Command::Say { to: name("gwen"), text: "hi".into(), echo: 1 });
    let told = stage.events();
    let [Event::Refused { text, .. }] = told.as_slice() else { panic!("{told:?}") };
    assert!(text.as_str().contains("guests"), "{text}");
}

#[test]
fn without_a_guest_who_can_be_rung_the_others_are_called_encrypted() {
    let mut stage = Stage::with_a_guest();
    stage.wishes(Command::AllowPlain(name("gwen")));
    stage.wishes(Command::Call(vec![name("bob"), name("gwen")]));
    stage.state_of("gwen", MemberState::Gone);
    stage.hear_room(&["bob"], false);
    assert!(stage.events().iter().any(|e| matches!(e, Event::Calling { plain: false, .. })));
    assert!(stage.sealed_anything(), "the offer");
}
