//! Calls of many against a server that says what a test wants: who opens what for whom, and when.

use zeroize::Zeroizing;

use super::*;

mod keys;
mod repeats;
mod strangers;

use crate::limits::{CALL_RESEND_AFTER, MEDIA_SILENCE_MAX, RING_TIME_MAX, SENDER_KEY_LIFE};

/// Alice's client with bob as a contact, and carol: a contact too when alice calls, a stranger when bob does.
struct Crowd {
    stage: Stage,
    carol: Friend,
}

const CAROL: u8 = 3;

fn key(n: u8) -> Zeroizing<[u8; 32]> {
    Zeroizing::new([n; 32])
}

fn accept(n: u8) -> Body {
    Body::Accept { call: CALL, base_key: key(n), codec: CODEC_OPUS, generation: 0, step: 0 }
}

fn keyed(generation: u8, step: u8, n: u8) -> Body {
    Body::Key { call: CALL, generation, step, base_key: key(n) }
}

impl Crowd {
    fn new() -> Self {
        Self { stage: Stage::with_bob(), carol: Friend::new(CAROL) }
    }

    /// The devices of carol's and a session with hers, answered to whatever was asked.
    fn meet_carol(&mut self) {
        let list = Reply::Devices(Devices {
            principal: self.carol.principal(),
            entries: self.carol.entries.clone(),
        });
        self.stage.hear(&list);
        let (one_time, _) = self.carol.device.prekeys();
        let (principal, device) = (self.carol.principal(), self.carol.end().device);
        self.stage.hear(&Reply::Prekey(PrekeyFor { principal, device, prekey: one_time.first().cloned() }));
    }

    fn befriend_carol(&mut self) {
        self.stage.input(Input::Command(Command::Add(name("carol"))));
        for standing in [Standing::Asked, Standing::Mutual] {
            let contact = Contact {
                principal: self.carol.principal(),
                name: name("carol"),
                list_head: self.carol.entries.last().map(|entry| entry_hash(entry).into()),
                ..self.stage.bob.contact(standing)
            };
            self.stage.hear(&Reply::Contact(Box::new(contact)));
        }
        self.meet_carol();
        self.start_carols_session();
    }

    fn start_carols_session(&mut self) {
        let keys = self.stage.client.ratchet.keys();
        let prekey = &self.stage.prekeys[2].key;
        self.carol.device.start(self.stage.own_end().device, keys, prekey).unwrap();
    }

    fn member(&self, who: &str) -> Member {
        let (friend, ssrc) = if who == "bob" { (&self.stage.bob, 2) } else { (&self.carol, 3) };
        Member {
            principal: friend.principal(),
            name: name(who),
            ssrc: Ssrc(ssrc),
            device: Some(friend.end().device),
        }
    }

    fn hear_grant(&mut self) {
        let Reply::Grant(mut grant) = self.stage.grant() else { unreachable!() };
        grant.members = vec![self.member("bob"), self.member("carol")];
        self.stage.hear(&Reply::Grant(grant));
    }

    fn state(&mut self, who: &str, state: MemberState) {
        let device = if who == "bob" { self.stage.bob.end().device } else { self.carol.end().device };
        let told = CallState { call: CALL, name: name(who), state, device: Some(device) };
        self.stage.hear(&Reply::CallState(told));
    }

    fn carol_says(&mut self, body: Body) {
        let mail = self.carol_mail(body);
        self.stage.hear(&Reply::CallMail(mail));
    }

    fn carol_mail(&mut self, body: Body) -> CallMailFrom {
        let (from, to) = (self.carol.end(), self.stage.own_end());
        let envelope = Envelope { from, ..self.stage.envelope(0x79, body) };
        let sealed = self.carol.device.seal(to.device, &envelope.encode().unwrap()).unwrap();
        let (from, device) = (self.carol.principal(), from.device);
        CallMailFrom { call: CALL, from, device, sealed, held_ms: 0 }
    }

    fn agent_key(&mut self, generation: u8, step: u8) {
        let base_key = key(0xa0 + step);
        self.stage.input(Input::Agent(CallEvent::Key { call: CALL, generation, step, base_key }));
    }

    /// What was sealed for whom since the last look, opened by them.
    fn sealed(&mut self) -> Vec<(&'static str, Body)> {
        let mut out = Vec::new();
        let (own, own_keys) = (self.stage.own_end(), self.stage.client.ratchet.keys());
        for request in core::mem::take(&mut self.stage.asked) {
            let Request::CallMail(mail) = request else { continue };
            let (who, friend) = if mail.device == self.carol.end().device {
                ("carol", &mut self.carol)
            } else {
                ("bob", &mut self.stage.bob)
            };
            let plain = friend.device.open(own.device, own_keys, &mail.sealed).unwrap();
            out.push((who, Envelope::decode(&plain).unwrap().body));
        }
        out
    }

    fn told(&mut self) -> Vec<CallCommand> {
        let told = self.stage.told_agent();
        self.stage.out.clear();
        told
    }

    /// Time passes, and the connection stays.
    fn pass(&mut self, span: core::time::Duration) {
        let end = self.stage.now.mono + span;
        while self.stage.now.mono < end {
            let step = core::time::Duration::from_secs(1).min(end - self.stage.now.mono);
            self.stage.wait(step);
            self.stage.hear(&Reply::Pong);
        }
    }

    /// Alice calls both, who are contacts; their rooms are there.
    fn calling() -> Self {
        let mut crowd = Self::new();
        crowd.befriend_carol();
        crowd.stage.forget();
        crowd.stage.input(Input::Command(Command::Call(vec![name("bob"), name("carol")])));
        crowd.hear_grant();
        crowd
    }

    /// Bob calls alice and carol, whom alice does not know; it rings.
    fn ringing() -> Self {
        let mut crowd = Self::new();
        let rung = crowd.stage.rung();
        crowd.stage.hear(&rung);
        crowd.hear_grant();
        let offer = crowd.offer();
        crowd.stage.bob_says(offer);
        crowd
    }

    fn offer(&self) -> Body {
        let accounts =
            [self.stage.own.fingerprint(), self.stage.bob.key.fingerprint(), self.carol.key.fingerprint()];
        let roster = roster_hash(CALL, &accounts);
        Body::Offer(Offer { call: CALL, codecs: vec![CODEC_OPUS], frames_ms: vec![20], roster })
    }

    /// Alice said yes to bob's call and hears him.
    fn answered() -> Self {
        let mut crowd = Self::ringing();
        crowd.stage.input(Input::Command(Command::Answer));
        crowd.agent_key(0, 0);
        crowd.stage.bob_says(keyed(0, 0, 1));
        crowd.sealed();
        crowd.told();
        crowd
    }

    /// And carol, who was in before, too.
    fn of_three() -> Self {
        let mut crowd = Self::answered();
        crowd.state("carol", MemberState::Joined);
        let party = |who: &str| Party { name: name(who), address: "198.51.100.1".into() };
        crowd.stage.hear(&Reply::CallAccepted(vec![party("bob"), party("carol")]));
        crowd.meet_carol();
        crowd.agent_key(0, 1);
        crowd.start_carols_session();
        crowd.carol_says(keyed(0, 1, 2));
        crowd
    }
}

fn listens(told: &[CallCommand]) -> Vec<(u32, u8, u8)> {
    let listen = |c: &CallCommand| {
        if let CallCommand::Listen { ssrc, generation, step, .. } = c {
            return Some((ssrc.0, *generation, *step));
        }
        None
    };
    told.iter().filter_map(listen).collect()
}

#[test]
fn the_first_who_accepts_opens_the_callers_sound_and_the_next_gets_a_stepped_key() {
    let mut crowd = Crowd::calling();
    let offers = crowd.sealed();
    assert!(matches!(offers.as_slice(), [("bob", Body::Offer(b)), ("carol", Body::Offer(c))] if b == c));
    assert!(matches!(crowd.told().as_slice(), [CallCommand::Bind(_)]));
    crowd.state("bob", MemberState::Joined);
    assert_eq!(crowd.told(), [], "a word of the server's opens nothing");
    crowd.stage.bob_says(accept(1));
    assert!(crowd.stage.events().contains(&Event::Joined { who: name("bob"), ssrc: Ssrc(2), plain: false }));
    let told = crowd.told();
    assert_eq!((&told[0], listens(&told)), (&CallCommand::Open(CALL), vec![(2, 0, 0)]));
    crowd.agent_key(0, 0);
    assert_eq!(crowd.sealed(), [("bob", keyed(0, 0, 0xa0))], "nothing for carol, who only rings");

    crowd.carol_says(accept(2));
    assert!(crowd.stage.events().contains(&Event::Joined {
        who: name("carol"),
        ssrc: Ssrc(3),
        plain: false
    }));
    let told = crowd.told();
    assert_eq!((told.last(), listens(&told)), (Some(&CallCommand::Step(CALL)), vec![(3, 0, 0)]));
    crowd.agent_key(0, 1);
    assert_eq!(crowd.sealed(), [("carol", keyed(0, 1, 0xa1))], "bob steps by himself");
}

#[test]
fn a_member_who_is_no_contact_is_met_and_given_a_stepped_key() {
    let mut crowd = Crowd::ringing();
    let incoming =
        Event::Incoming { from: name("bob"), others: vec![name("carol")], guests: Vec::new(), plain: false };
    assert!(crowd.stage.events().contains(&incoming));
    crowd.stage.input(Input::Command(Command::Answer));
    crowd.agent_key(0, 0);
    assert_eq!(crowd.sealed().last(), Some(&("bob", accept(0xa0))));
    crowd.stage.bob_says(keyed(0, 0, 1));
    crowd.stage.forget();
    let party = |who: &str| Party { name: name(who), address: "198.51.100.1".into() };
    crowd.stage.hear(&Reply::CallAccepted(vec![party("bob"), party("carol")]));
    crowd.state("carol", MemberState::Joined);
    assert!(matches!(crowd.stage.asked.as_slice(), [Request::WantDevices(_)]), "{:?}", crowd.stage.asked);
    crowd.meet_carol();
    assert_eq!(crowd.told(), [CallCommand::Step(CALL)], "a key is asked for when there is a session");
    crowd.agent_key(0, 1);
    let yes = Body::Accept { call: CALL, base_key: key(0xa1), codec: CODEC_OPUS, generation: 0, step: 1 };
    assert_eq!(crowd.sealed(), [("carol", yes)]);
    crowd.start_carols_session();
    crowd.carol_says(keyed(2, 3, 2));
    assert_eq!(listens(&crowd.stage.told_agent()), [(3, 2, 3)]);
    assert!(crowd.stage.events().contains(&Event::Joined {
        who: name("carol"),
        ssrc: Ssrc(3),
        plain: false
    }));

    // A text of hers is refused as ever, and after the call she is a stranger of whom nothing is kept.
    crowd.stage.forget();
    let (from, to) = (crowd.carol.end(), crowd.stage.own_end());
    let envelope = Envelope { from, ..crowd.stage.envelope(0x7a, Body::Text("psst".into())) };
    let sealed = crowd.carol.device.seal(to.device, &envelope.encode().unwrap()).unwrap();
    let (principal, device) = (crowd.carol.principal(), from.device);
    crowd.stage.hear(&Reply::Mail(MailFrom { id: envelope.msg, from: principal, device, sealed }));
    assert_eq!(crowd.stage.drops(), [Drop::NotContact]);
    crowd.stage.input(Input::Command(Command::HangUp));
    assert!(!crowd.stage.client.ratchet.has_session(device));
    assert_eq!(crowd.stage.client.peers.accounts(), [crowd.stage.bob.key.fingerprint()]);
    crowd.stage.forget();
    crowd.carol_says(Body::HangUp(CALL));
    assert_eq!(crowd.stage.drops(), [Drop::NotContact]);
}

#[test]
fn who_comes_later_says_the_yes_and_is_answered_with_a_stepped_key() {
    let mut crowd = Crowd::answered();
    crowd.state("carol", MemberState::Joined);
    assert!(crowd.told().is_empty() && crowd.sealed().is_empty(), "she speaks first");
    crowd.start_carols_session();
    crowd.carol_says(accept(2));
    assert!(matches!(crowd.stage.asked.as_slice(), [Request::WantDevices(_)]), "held until her list is here");
    crowd.meet_carol();
    let told = crowd.told();
    assert_eq!((listens(&told), told.last()), (vec![(3, 0, 0)], Some(&CallCommand::Step(CALL))));
    crowd.agent_key(0, 1);
    assert_eq!(crowd.sealed(), [("carol", keyed(0, 1, 0xa1))]);
}

#[test]
fn who_was_to_speak_first_and_does_not_is_spoken_to() {
    let mut crowd = Crowd::answered();
    crowd.state("carol", MemberState::Joined);
    crowd.stage.wait(CALL_RESEND_AFTER);
    crowd.meet_carol();
    assert_eq!(crowd.told(), [CallCommand::Step(CALL)]);
    crowd.agent_key(0, 1);
    assert!(matches!(crowd.sealed().as_slice(), [("carol", Body::Accept { step: 1, .. })]));
}

#[test]
fn who_is_not_met_in_time_is_out_and_the_call_goes_on() {
    let mut crowd = Crowd::answered();
    crowd.state("carol", MemberState::Joined);
    crowd.pass(MEDIA_SILENCE_MAX);
    let parted = Event::Parted { who: name("carol"), reason: EndReason::Failed };
    assert!(crowd.stage.events().contains(&parted), "{:?}", crowd.stage.events());
    assert!(!crowd.stage.events().iter().any(|e| matches!(e, Event::Ended { .. })));
}

#[test]
fn a_leaver_makes_a_new_generation_for_those_who_stay() {
    for goodbye in 0..3 {
        let mut crowd = Crowd::of_three();
        crowd.sealed();
        crowd.told();
        match goodbye {
            0 => crowd.state("carol", MemberState::Left),
            1 => crowd.carol_says(Body::HangUp(CALL)),
            _ => crowd.stage.input(Input::Agent(CallEvent::HungUp { call: CALL, ssrc: Ssrc(3) })),
        }
        let parted = Event::Parted { who: name("carol"), reason: EndReason::TheyHungUp };
        assert!(crowd.stage.events().contains(&parted));
        assert_eq!(
            crowd.told(),
            [CallCommand::Deafen { call: CALL, ssrc: Ssrc(3) }, CallCommand::Renew(CALL)]
        );
        crowd.agent_key(1, 0);
        assert_eq!(crowd.sealed(), [("bob", keyed(1, 0, 0xa0))]);
        // What she still says is not heard, and the second to leave ends it.
        crowd.carol_says(keyed(1, 0, 9));
        assert_eq!(crowd.told(), []);
        crowd.state("bob", MemberState::Left);
        let with = vec![name("bob"), name("carol")];
        assert_eq!(crowd.stage.events(), [Event::Ended { with, reason: EndReason::TheyHungUp }]);
        assert_eq!(crowd.told(), [CallCommand::Close(CALL)]);
    }
}

#[test]
fn a_member_who_falls_silent_is_out_and_told_so() {
    let mut crowd = Crowd::of_three();
    crowd.sealed();
    crowd.stage.input(Input::Agent(CallEvent::Quiet { call: CALL, ssrc: Ssrc(3) }));
    let parted = Event::Parted { who: name("carol"), reason: EndReason::Lost };
    assert!(crowd.stage.events().contains(&parted));
    assert_eq!(crowd.sealed(), [("carol", Body::HangUp(CALL))]);
    crowd.stage.input(Input::Agent(CallEvent::Quiet { call: CALL, ssrc: Ssrc(2) }));
    let with = vec![name("bob"), name("carol")];
    assert!(crowd.stage.events().contains(&Event::Ended { with, reason: EndReason::Lost }));
}

#[test]
fn a_repeated_yes_is_answered_with_what_was_sealed_for_that_device() {
    let mut crowd = Crowd::answered();
    crowd.start_carols_session();
    crowd.state("carol", MemberState::Joined);
    let mail = crowd.carol_mail(accept(2));
    let device = mail.device;
    crowd.stage.hear(&Reply::CallMail(mail.clone()));
    crowd.meet_carol();
    crowd.agent_key(0, 1);
    let answer = crowd.stage.asked.last().cloned();
    assert!(matches!(&answer, Some(Request::CallMail(mail)) if mail.device == device));
    crowd.stage.forget();
    crowd.stage.hear(&Reply::CallMail(mail.clone()));
    assert_eq!(crowd.stage.asked, [], "it was only just said");
    crowd.stage.wait(CALL_RESEND_AFTER);
    crowd.stage.forget();
    crowd.stage.hear(&Reply::CallMail(mail));
    assert_eq!(crowd.stage.asked.last().cloned(), answer);
    assert_eq!(crowd.stage.asked.len(), 1, "and nothing to bob");
}

#[test]
fn some_decline_and_some_never_answer() {
    let mut crowd = Crowd::calling();
    crowd.stage.forget();
    crowd.state("bob", MemberState::Declined);
    assert_eq!(
        crowd.stage.events(),
        [Event::Parted { who: name("bob"), reason: EndReason::Declined }],
        "carol still rings"
    );
    crowd.pass(RING_TIME_MAX);
    let with = vec![name("bob"), name("carol")];
    assert_eq!(crowd.stage.events().last(), Some(&Event::Ended { with, reason: EndReason::NoAnswer }));
    assert!(crowd.sealed().contains(&("carol", Body::HangUp(CALL))), "her bell stops");
}

#[test]
fn who_is_busy_before_there_is_a_room_is_named_and_the_others_ring() {
    let mut crowd = Crowd::new();
    crowd.befriend_carol();
    crowd.stage.forget();
    crowd.stage.input(Input::Command(Command::Call(vec![name("bob"), name("carol")])));
    crowd.state("carol", MemberState::Busy);
    let grant = crowd.stage.grant();
    crowd.stage.hear(&grant);
    let to = vec![name("bob"), name("carol")];
    assert_eq!(
        crowd.stage.events(),
        [
            Event::Calling { to: to.clone(), plain: false },
            Event::Parted { who: name("carol"), reason: EndReason::Busy }
        ]
    );
    crowd.state("bob", MemberState::NoAnswer);
    assert_eq!(crowd.stage.events().last(), Some(&Event::Ended { with: to, reason: EndReason::NoAnswer }));
}

#[test]
fn a_caller_who_leaves_lets_the_others_ring_on() {
    let mut crowd = Crowd::ringing();
    crowd.state("carol", MemberState::Joined);
    crowd.state("bob", MemberState::Left);
    assert!(!crowd.stage.events().iter().any(|e| matches!(e, Event::Ended { .. })));
    crowd.stage.forget();
    crowd.stage.input(Input::Command(Command::Answer));
    assert_eq!(crowd.told(), [CallCommand::Open(CALL)]);
    crowd.agent_key(0, 0);
    assert_eq!(crowd.sealed(), [], "there is nobody yet to have it");
    let party = Party { name: name("carol"), address: "198.51.100.1".into() };
    crowd.stage.hear(&Reply::CallAccepted(vec![party]));
    crowd.state("carol", MemberState::Joined);
    crowd.meet_carol();
    crowd.agent_key(0, 1);
    assert!(matches!(crowd.sealed().as_slice(), [("carol", Body::Accept { .. })]));
    // And when she leaves as well, before they have met, it is over.
    crowd.state("carol", MemberState::Left);
    assert!(crowd.stage.events().iter().any(|e| matches!(e, Event::Ended { .. })));
}
