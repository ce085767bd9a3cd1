//! Sealed words that do not fit together, and lists and keys that were tampered with.

use core::time::Duration;

use zeroize::Zeroizing;

use super::*;
use crate::limits::{HELD_MAIL_MAX, RING_TIME_MAX};

fn text() -> Body {
    Body::Text("psst".into())
}

#[test]
fn a_text_is_saved_then_shown_then_receipted() {
    let mut stage = Stage::with_bob();
    let mail = stage.envelope(1, text());
    let mail = stage.mail(&mail);
    stage.hear(&Reply::Mail(mail));
    let at = |what: fn(&Output) -> bool| stage.out.iter().rposition(what).expect("it happened");
    let seen = at(|o| matches!(o, Output::Save(Save { kind: Kind::Seen, .. })));
    let shown = at(|o| matches!(o, Output::Event(Event::Said { .. })));
    let opened = at(|o| matches!(o, Output::Save(Save { kind: Kind::Session, .. })));
    let sent = stage.out.iter().position(|o| matches!(o, Output::Stream(_))).expect("it happened");
    assert!(seen < shown && shown < sent && opened < sent);
    assert!(matches!(stage.asked.last(), Some(Request::Mail(mail)) if mail.to == stage.bob.principal()));
}

#[test]
fn a_repeated_text_is_receipted_again_and_not_shown() {
    let mut stage = Stage::with_bob();
    let mail = stage.envelope(1, text());
    let mail = stage.mail(&mail);
    stage.hear(&Reply::Mail(mail.clone()));
    stage.forget();
    stage.hear(&Reply::Mail(mail));
    assert_eq!(stage.drops(), [Drop::Replay]);
    assert!(stage.events().is_empty() && matches!(stage.asked.as_slice(), [Request::Mail(_)]));
}

#[test]
fn a_repeat_under_another_device_is_not_receipted_to_it() {
    let mut stage = Stage::with_bob();
    let mail = stage.envelope(1, text());
    let mail = stage.mail(&mail);
    stage.hear(&Reply::Mail(mail.clone()));
    // A device with which there is a session, but which is none of bob's.
    let mut carol = Friend::new(3);
    let (keys, prekey) = (carol.device.keys(), carol.device.prekeys().0[0].clone());
    stage.client.ratchet.start(carol.end().device, keys, &prekey.key).unwrap();
    stage.forget();
    stage.hear(&Reply::Mail(MailFrom { device: carol.end().device, ..mail }));
    assert!(matches!(stage.asked.as_slice(), [Request::WantDevices(_)]), "{:?}", stage.asked);
}

#[test]
fn all_four_identities_and_the_id_must_agree() {
    let forge: [fn(&mut Envelope); 5] = [
        |e| e.from.account = Fingerprint([9; 32]),
        |e| e.from.device = DeviceId([9; 16]),
        |e| e.to.account = Fingerprint([9; 32]),
        |e| e.to.device = DeviceId([9; 16]),
        |e| e.msg = MsgId([9; 16]),
    ];
    for change in forge {
        let mut stage = Stage::with_bob();
        let mut envelope = stage.envelope(1, text());
        change(&mut envelope);
        let mut mail = stage.mail(&envelope);
        mail.id = MsgId([1; 16]);
        stage.hear(&Reply::Mail(mail));
        assert_eq!(stage.drops(), [Drop::Impostor]);
        assert!(!stage.events().iter().any(|e| matches!(e, Event::Said { .. })));
    }
}

#[test]
fn words_in_the_wrong_place_are_dropped() {
    let mut stage = Stage::with_bob();
    let ringing = stage.envelope(1, Body::Ringing(CALL));
    let mail = stage.mail(&ringing);
    stage.hear(&Reply::Mail(mail));
    stage.bob_says(text());
    stage.bob_says(Body::Ringing(CallId([1; 16])));
    assert_eq!(stage.drops(), [Drop::Malformed, Drop::Impostor, Drop::Impostor]);
}

#[test]
fn who_is_no_contact_is_not_heard() {
    let mut stage = Stage::logged_in();
    stage.start_session();
    let mail = stage.envelope(1, text());
    let mail = stage.mail(&mail);
    stage.hear(&Reply::Mail(mail));
    assert_eq!(stage.drops(), [Drop::NotContact]);
}

#[test]
fn what_comes_before_the_device_list_waits_for_it() {
    let mut stage = Stage::logged_in();
    stage.befriend();
    stage.start_session();
    let mail = stage.envelope(1, text());
    let mail = stage.mail(&mail);
    stage.hear(&Reply::Mail(mail));
    assert!(!stage.events().iter().any(|e| matches!(e, Event::Said { .. })));
    let list = stage.bob.list();
    stage.hear(&list);
    assert!(stage.events().iter().any(|e| matches!(e, Event::Said { .. })));
}

#[test]
fn no_more_waits_for_a_device_list_than_there_is_room_for() {
    let mut stage = Stage::logged_in();
    stage.befriend();
    stage.start_session();
    for n in 0..=u8::try_from(HELD_MAIL_MAX).unwrap() {
        assert_eq!(stage.drops(), []);
        let mail = stage.envelope(n, text());
        let mail = stage.mail(&mail);
        stage.hear(&Reply::Mail(mail));
    }
    assert_eq!(stage.drops(), [Drop::Full]);
    let list = stage.bob.list();
    stage.hear(&list);
    let said = stage.events().into_iter().filter(|event| matches!(event, Event::Said { .. }));
    assert_eq!(said.count(), HELD_MAIL_MAX);
}

/// A server may hold a call back, and let it ring when nobody waits any more.
#[test]
fn an_offer_that_was_held_for_longer_than_a_call_rings_does_not_ring() {
    for (held, rings) in [(RING_TIME_MAX - Duration::from_millis(1), true), (RING_TIME_MAX, false)] {
        let mut stage = Stage::with_bob();
        let (rung, grant, offer) = (stage.rung(), stage.grant(), stage.offer());
        stage.hear(&rung);
        stage.hear(&grant);
        let mut mail = stage.call_mail(offer);
        mail.held_ms = held.as_millis().try_into().unwrap();
        stage.hear(&Reply::CallMail(mail));
        let told = stage.events().iter().any(|event| matches!(event, Event::Incoming { .. }));
        assert_eq!((told, stage.drops().contains(&Drop::Expired)), (rings, !rings));
    }
}

#[test]
fn a_changed_byte_does_not_open_and_asks_for_a_new_session_once() {
    let mut stage = Stage::with_bob();
    for n in 1..20 {
        let mail = stage.envelope(n, text());
        let mut mail = stage.mail(&mail);
        let last = mail.sealed.bytes.len() - 1;
        mail.sealed.bytes[last] ^= 1;
        stage.hear(&Reply::Mail(mail));
    }
    assert!(stage.drops().iter().all(|why| *why == Drop::Forged));
    let renewals = stage.asked.iter().filter(|r| matches!(r, Request::WantPrekey(_))).count();
    assert_eq!(renewals, 1);
}

#[test]
fn a_list_with_another_past_or_a_foreign_entry_is_not_believed() {
    let mallory = Friend::new(3);
    let bad: [fn(&Stage, &Friend) -> Vec<Signed>; 3] = [
        |_, _| Vec::new(),
        |_, mallory| mallory.entries.clone(),
        |stage, mallory| {
            let list = DeviceList::verify(stage.bob.key.fingerprint(), &stage.bob.entries).unwrap();
            let foreign = sign_entry(&mallory.key, &list, &mallory.device);
            [stage.bob.entries.clone(), vec![foreign]].concat()
        },
    ];
    for entries in bad {
        let mut stage = Stage::with_bob();
        // A newer head makes the client ask, so that the answer is not out of turn.
        let mut contact = stage.bob.contact(Standing::Mutual);
        contact.list_head = Some([8; 32].into());
        stage.hear(&Reply::Contact(Box::new(contact)));
        let entries = entries(&stage, &mallory);
        stage.hear(&Reply::Devices(Devices { principal: stage.bob.principal(), entries }));
        assert_eq!(stage.drops(), [Drop::Forged]);
        assert_eq!(stage.client.peers.devices(&stage.bob.key.fingerprint()), [stage.bob.end().device]);
    }
}

#[test]
fn a_swapped_prekey_makes_no_session() {
    let mut stage = Stage::logged_in();
    stage.befriend();
    let list = stage.bob.list();
    stage.hear(&list);
    let (mut one_time, _) = stage.bob.device.prekeys();
    let mut prekey = one_time.remove(0);
    prekey.key = [7; 32].into();
    let (principal, device) = (stage.bob.principal(), stage.bob.end().device);
    stage.hear(&Reply::Prekey(PrekeyFor { principal, device, prekey: Some(prekey) }));
    assert_eq!(stage.drops(), [Drop::Forged]);
    assert!(!stage.client.ratchet.has_session(device));
}

#[test]
fn an_offer_needs_its_room_its_roster_and_the_211() {
    let mut stage = Stage::with_bob();
    let offer = stage.offer();
    stage.bob_says(offer.clone());
    assert_eq!(stage.drops(), [Drop::NoCall], "no room of this call");
    let grant = stage.grant();
    stage.hear(&grant);
    let Body::Offer(mut other) = offer.clone() else { unreachable!() };
    other.roster = [1; 32].into();
    stage.bob_says(Body::Offer(other));
    assert_eq!(stage.drops().last(), Some(&Drop::Impostor), "another roster than the one we see");
    stage.bob_says(offer.clone());
    assert_eq!(stage.drops().last(), Some(&Drop::OutOfTurn), "nobody calls");
    let rung = stage.rung();
    stage.hear(&rung);
    assert!(stage.told_agent().is_empty() && stage.events().is_empty(), "it does not ring without an offer");
    stage.bob_says(offer.clone());
    assert!(matches!(stage.told_agent().as_slice(), [CallCommand::Bind(_)]));
    assert_eq!(
        stage.events(),
        [Event::Incoming { from: name("bob"), others: Vec::new(), guests: Vec::new(), plain: false }]
    );
    stage.bob_says(offer);
    assert_eq!(stage.drops().last(), Some(&Drop::NoCall));
}

#[test]
fn no_word_of_others_opens_a_ringing_microphone() {
    let mut stage = Stage::ringing();
    stage.forget();
    let key = Zeroizing::new([1; 32]);
    let party = Party { name: name("bob"), address: "198.51.100.1".into() };
    stage.bob_says(Body::Key { call: CALL, generation: 0, step: 0, base_key: key.clone() });
    stage.bob_says(Body::Accept {
        call: CALL,
        base_key: key.clone(),
        codec: CODEC_OPUS,
        generation: 0,
        step: 0,
    });
    stage.hear(&Reply::CallAccepted(vec![party.clone()]));
    stage.hear(&Reply::CallJoined(party));
    for who in ["alice", "bob"] {
        stage.hear(&Reply::CallState(CallState {
            call: CALL,
            name: name(who),
            state: MemberState::Joined,
            device: None,
        }));
    }
    stage.input(Input::Agent(CallEvent::Key { call: CALL, generation: 0, step: 0, base_key: key }));
    assert!(stage.told_agent().is_empty(), "{:?}", stage.told_agent());
    assert!(stage.asked.is_empty() && stage.events().is_empty());
    stage.input(Input::Command(Command::Answer));
    assert_eq!(stage.told_agent(), [CallCommand::Open(CALL)], "but a human does");
}

#[test]
fn nothing_is_listened_to_before_our_key_was_asked_for_and_theirs_is_sealed() {
    let mut stage = Stage::ringing();
    stage.input(Input::Command(Command::Answer));
    stage.input(Input::Agent(CallEvent::Key {
        call: CALL,
        generation: 0,
        step: 0,
        base_key: Zeroizing::new([1; 32]),
    }));
    assert!(matches!(stage.asked.last(), Some(Request::CallMail(_))), "the sealed ACCEPT");
    assert!(!stage.events().iter().any(|e| matches!(e, Event::Joined { .. })));
    stage.bob_says(Body::Key { call: CALL, generation: 0, step: 0, base_key: Zeroizing::new([2; 32]) });
    assert!(stage.events().contains(&Event::Joined { who: name("bob"), ssrc: Ssrc(2), plain: false }));
}

#[test]
fn an_accept_without_a_key_is_said_again_as_it_was() {
    let mut stage = Stage::ringing();
    stage.input(Input::Command(Command::Answer));
    stage.input(Input::Agent(CallEvent::Key {
        call: CALL,
        generation: 0,
        step: 0,
        base_key: Zeroizing::new([1; 32]),
    }));
    let accept = stage.asked.last().cloned();
    stage.forget();
    stage.wait(crate::limits::CALL_RESEND_AFTER);
    assert_eq!(stage.asked.last().cloned(), accept);
}

#[test]
fn who_is_there_but_cannot_be_called_is_not_said_to_be_away() {
    let mut stage = Stage::logged_in();
    stage.befriend();
    let re = u32::try_from(stage.asked.len()).unwrap();
    stage.input(Input::Command(Command::Call(vec![name("bob")])));
    stage.forget();
    for re in 0..=re + 8 {
        let text = "bob uses a program that cannot be called from here".into();
        stage.hear(&Reply::Refused(Refused { re, why: Why::NobodyRung, text }));
    }
    let told = stage.events();
    let at = told.iter().position(|e| matches!(e, Event::Ended { reason: EndReason::Failed, .. }));
    let after = at.and_then(|at| told.get(at + 1));
    let Some(Event::Refused { of: Matter::Call, why: Why::NobodyRung, text }) = after else {
        panic!("{told:?}")
    };
    assert!(text.as_str().contains("cannot be called from here"), "{text:?}");
}

#[test]
fn a_call_without_a_session_fails_in_time() {
    let mut stage = Stage::logged_in();
    stage.befriend();
    let list = stage.bob.list();
    stage.hear(&list);
    stage.input(Input::Command(Command::Call(vec![name("bob")])));
    let grant = stage.grant();
    stage.hear(&grant);
    stage.forget();
    stage.wait(SESSION_WAIT_MAX);
    let ended = Event::Ended { with: vec![name("bob")], reason: EndReason::Failed };
    assert!(stage.events().contains(&ended), "{:?}", stage.events());
}

#[test]
fn what_the_server_says_of_the_last_call_does_not_end_the_next() {
    let mut stage = Stage::ringing();
    stage.bob_says(Body::HangUp(CALL));
    assert!(matches!(stage.events().last(), Some(Event::Ended { .. })));
    stage.input(Input::Command(Command::Call(vec![name("bob")])));
    stage.forget();
    let state = |call, state| Reply::CallState(CallState { call, name: name("bob"), state, device: None });
    stage.hear(&state(CALL, MemberState::Left));
    assert_eq!(stage.events(), [], "bob left the call before");
    stage.hear(&state(CallId([9; 16]), MemberState::Gone));
    assert_eq!(stage.events(), [Event::Ended { with: vec![name("bob")], reason: EndReason::Gone }]);
}

#[test]
fn questions_about_a_long_list_of_contacts_are_paced_and_none_is_lost() {
    const PEOPLE: usize = 200;
    let mut stage = Stage::registering();
    for n in 0..PEOPLE {
        let key = AccountKey::from_seed(&[u8::try_from(n).unwrap(); 32], "friend");
        let (principal, name) = (Principal::Key(key.fingerprint()), name(&format!("friend-{n}")));
        let contact = Contact { principal, name, ..stage.bob.contact(Standing::Mutual) };
        stage.hear(&Reply::Contact(Box::new(contact)));
    }
    let lists = |stage: &Stage| -> Vec<Principal> {
        let of = |r: &Request| if let Request::WantDevices(w) = r { Some(w.principal.clone()) } else { None };
        stage.asked.iter().filter_map(of).collect()
    };
    let burst = usize::try_from(PEER_QUESTIONS.burst).unwrap();
    assert_eq!(lists(&stage).len(), burst);
    // Whoever is written to comes next; and what the server would not take is asked again.
    let last = Principal::Key(AccountKey::from_seed(&[199; 32], "friend").fingerprint());
    stage.input(Input::Command(Command::Say { to: name("friend-199"), text: "hi".into(), echo: 1 }));
    stage.wait(core::time::Duration::from_millis(50));
    assert_eq!(lists(&stage).last(), Some(&last));
    let re = u32::try_from(stage.asked.len() - 1).unwrap();
    stage.hear(&Reply::Refused(Refused { re, why: Why::TooFast, text: "slowly".into() }));
    let before = lists(&stage).len();
    stage.wait(core::time::Duration::from_millis(990));
    assert_eq!(lists(&stage).len(), before, "the server is given a moment");
    for _ in 0..400 {
        stage.wait(core::time::Duration::from_millis(50));
    }
    let asked = lists(&stage);
    assert_eq!((asked.len(), &asked[before]), (PEOPLE + 1, &last));
}

#[test]
fn a_key_counts_only_from_the_device_that_calls() {
    let mut stage = Stage::with_bob();
    let mut second = Standin::new([9; 32]);
    let list = DeviceList::verify(stage.bob.key.fingerprint(), &stage.bob.entries).unwrap();
    let entry = sign_entry(&stage.bob.key, &list, &second);
    stage.bob.entries.push(entry);
    let (contact, list) = (stage.bob.contact(Standing::Mutual), stage.bob.list());
    stage.hear(&Reply::Contact(Box::new(contact)));
    stage.hear(&list);
    let (rung, grant, offer) = (stage.rung(), stage.grant(), stage.offer());
    stage.hear(&rung);
    stage.hear(&grant);
    stage.bob_says(offer);
    stage.input(Input::Command(Command::Answer));
    stage.forget();
    let (keys, own) = (stage.client.ratchet.keys(), stage.own_end());
    second.start(own.device, keys, &stage.prekeys[1].key).unwrap();
    let device = device_id(&second.keys());
    let body = Body::Key { call: CALL, generation: 0, step: 0, base_key: Zeroizing::new([7; 32]) };
    let mut envelope = stage.envelope(0x78, body);
    envelope.from.device = device;
    let sealed = second.seal(own.device, &envelope.encode().unwrap()).unwrap();
    let from = stage.bob.principal();
    stage.hear(&Reply::CallMail(CallMailFrom { call: CALL, from, device, sealed, held_ms: 0 }));
    assert_eq!((stage.drops(), stage.told_agent()), (vec![Drop::OutOfTurn], vec![]));
}
